"""The chip or grid of a run on the page: wells, blocks, shots, patterns."""

from __future__ import annotations

from recorder.records.scan_report import (
    BlockCounts,
    PatternHint,
    ScanReport,
    ShotCounts,
)
from recorder.reports.html.drawings import bar
from recorder.reports.html.elements import Child, Element, el, pairs, table
from recorder.reports.html.numbers import count, rate, value

MOST_ACROSS = 40
"""Blocks beside each other that are drawn: narrower ones have no room for a number.
Chosen, not tuned."""
_BLOCK_WIDE, _BLOCK_HIGH = 60, 34
"""Size of a block (px) before the drawing is fitted to the page."""
_DEEPEST = 0.5
"""Opacity of the block with the highest rate: the number in it stays readable in both
themes."""
_BY = {
    "position": "by the captured positions of the stage",
    "trigger": "by the triggers of the images",
    "image_id": "by the count of images",
    "nothing": "not known: triggers are missing, and nothing tells which",
}


def chip(scan: ScanReport | None) -> tuple[Element, ...]:
    """All that the report says of it; nothing without a scan."""
    if scan is None:
        return ()
    patterns = [_pattern(hint) for hint in scan.hints]
    return (
        _wells(scan),
        _card(scan),
        el("ul", *patterns) if patterns else Element(""),
        _blocks(scan),
        _shots(scan),
    )


def _pattern(hint: PatternHint) -> Element:
    rates = f"{100 * hint.rate:.1f} % of the wells have a hit"
    rates += f", {100 * hint.elsewhere:.1f} % elsewhere (z {hint.z:+.1f})"
    return el("li", el("strong", f"{hint.where}: "), f"{hint.text}: {rates}")


def _wells(scan: ScanReport) -> Element:
    wells = scan.wells
    return bar(
        (
            ("indexed", wells.indexed, "one"),
            ("non-indexed hits", wells.non_indexed_hits, "two"),
            ("non-hits", wells.non_hits, "three"),
            ("lost, unclassified or unknown", _without(scan), "four"),
            ("unseen", wells.unseen, "five"),
        )
    )


def _without(scan: ScanReport) -> int:
    wells = scan.wells
    return wells.lost + wells.unclassified + wells.unknown


def _card(scan: ScanReport) -> Element:
    down, across = scan.blocks
    size = f"{count(down * scan.rows)} x {count(across * scan.columns)}"
    blocks = f"{down} x {across} of {scan.rows} x {scan.columns}"
    return pairs(
        (
            ("wells, down x across", size),
            ("blocks", blocks if down * across > 1 else None),
            ("wells to be seen", count(scan.wells.total)),
            (
                "wells skipped",
                count(scan.wells.skipped) if scan.wells.skipped else None,
            ),
            ("shots per position", count(scan.shots_per_position)),
            ("well of an image", _BY.get(scan.placed_by, scan.placed_by)),
            ("images with a well", count(scan.placed)),
            ("images without", _some(scan.unplaced)),
            ("images beyond the walk", _some(scan.beyond)),
            ("images at another well than announced", _some(scan.moved)),
        )
    )


def _some(number: int) -> str | None:
    return count(number) if number else None


def hits_of(item: BlockCounts | ShotCounts) -> tuple[int, int]:
    """Hits, and images with a class."""
    hits = item.indexed + item.non_indexed_hits
    return hits, hits + item.non_hits


def _blocks(scan: ScanReport) -> Element:
    """The hit rate of each block, where it lies."""
    down, across = scan.blocks
    listed = scan.by_block[: down * across]
    if len(listed) < 2 or across > MOST_ACROSS:
        return Element("")
    rates = [hits / whole if whole else None for hits, whole in map(hits_of, listed)]
    top = max((known for known in rates if known is not None), default=0.0)
    drawn = [
        piece
        for n, known in enumerate(rates)
        for piece in _block(n, known, top, across)
    ]
    rows = -(-len(listed) // across)
    wide, high = across * _BLOCK_WIDE, rows * _BLOCK_HIGH
    picture = el(
        "svg",
        *drawn,
        viewBox=f"0 0 {wide} {high}",
        width=wide,
        role="img",
        aria_label=f"hit rate of {len(listed)} blocks, at most {100 * top:.1f} %",
        class_="blocks",
    )
    told = "hit rate of each block, as it lies on the chip"
    if len(listed) < down * across:
        told += f"; the first {len(listed)} of {count(down * across)}"
    return el("figure", picture, el("figcaption", told))


def _block(n: int, known: float | None, top: float, across: int) -> tuple[Child, ...]:
    row, column = divmod(n, across)
    x, y = column * _BLOCK_WIDE, row * _BLOCK_HIGH
    deep = 0.0 if known is None or not top else _DEEPEST * known / top
    box = {"x": x, "y": y, "width": _BLOCK_WIDE, "height": _BLOCK_HIGH}
    text = "no image" if known is None else f"{100 * known:.1f} %"
    place = {"x": x + _BLOCK_WIDE / 2, "y": y + _BLOCK_HIGH / 2 + 4}
    return (
        el("rect", **box, class_="block", fill_opacity=f"{deep:.3f}"),
        el("text", text, **place, text_anchor="middle"),
    )


def _shots(scan: ScanReport) -> Element:
    """Each shot number, where a well has several."""
    if len(scan.by_shot) < 2:
        return Element("")
    rows = []
    for item in scan.by_shot:
        hits, whole = hits_of(item)
        limit = value(item.resolution, "Å", 4) or ""
        cells = (count(item.shot), count(item.images), rate(hits, whole))
        rows.append((*cells, rate(item.indexed, whole), limit))
    head = ("shot at a well", "images", "hit rate", "indexed of images")
    return table((*head, "median resolution limit"), rows)
