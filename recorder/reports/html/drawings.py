"""Drawings of the page, as SVG whose colours follow the page's theme."""

from __future__ import annotations

from collections.abc import Sequence

from recorder.reports.html.elements import Element, el
from recorder.reports.html.numbers import count, share

_WIDE, _HIGH = 600, 28
"""Size of the bar (px) before it is fitted to the page."""
_CELL_WIDE, _CELL_HIGH = 220, 90
"""Size of a histogram (px), fitted likewise."""
_FOOT = 16
"""Height of the line of labels below a histogram (px)."""
THREE = (("indexed", "one"), ("non-indexed hits", "two"), ("skipped", "three"))
"""Pieces of the bar of three, and their classes in the style."""


def bar_of_three(indexed: int, non_indexed_hits: int, skipped: int) -> Element:
    """Classes of images as one bar, and in words below it."""
    numbers = (indexed, non_indexed_hits, max(0, skipped))
    return bar(
        [(name, n, style) for n, (name, style) in zip(numbers, THREE, strict=True)]
    )


def bar(pieces: Sequence[tuple[str, int, str]]) -> Element:
    """Parts of a whole as one bar, and in words below it.

    Args:
        pieces: Name, count and class of the style of each; the first three are always
            told, others where there are some.
    """
    shown = [one for n, one in enumerate(pieces) if n < len(THREE) or one[1] > 0]
    whole = sum(number for _, number, _ in shown)
    drawn, at = [], 0.0
    for _, number, style in shown:
        wide = _WIDE * number / whole if whole else 0.0
        box = {"x": f"{at:.2f}", "y": 0, "width": f"{wide:.2f}", "height": _HIGH}
        drawn.append(el("rect", **box, class_=style))
        at += wide
    told = [
        el("li", f"{count(number)} {name} {share(number, whole)}", class_=style)
        for name, number, style in shown
    ]
    picture = el(
        "svg",
        *drawn,
        viewBox=f"0 0 {_WIDE} {_HIGH}",
        preserveAspectRatio="none",
        class_="bar",
        role="img",
        aria_label=", ".join(f"{number} {name}" for name, number, _ in shown),
    )
    return el("div", picture, el("ul", *told, class_="legend"))


def histogram(
    title: str,
    counts: Sequence[int],
    first: float,
    last: float,
    marks: Sequence[tuple[str, float | None]] = (),
) -> Element:
    """Counts between evenly spaced edges, and values marked among them.

    Args:
        title: What is counted.
        counts: Of each bin.
        first: Lowest edge.
        last: Highest edge.
        marks: Classes of the style and values, such as the median.
    """
    top, wide = max(counts, default=0), _CELL_WIDE / max(1, len(counts))
    pieces = [
        el(
            "rect",
            x=f"{n * wide:.2f}",
            y=f"{_CELL_HIGH * (1 - number / top):.2f}",
            width=f"{max(0.5, wide - 0.5):.2f}",
            height=f"{_CELL_HIGH * number / top:.2f}",
            class_="one",
        )
        for n, number in enumerate(counts)
        if number > 0
    ]
    pieces += [
        _mark(style, (at - first) / (last - first))
        for style, at in marks
        if at is not None and first <= at <= last and last > first
    ]
    low = el("text", f"{first:.4g}", x=0, y=_CELL_HIGH + 13)
    high = {"x": _CELL_WIDE, "y": _CELL_HIGH + 13, "text_anchor": "end"}
    picture = el(
        "svg",
        *pieces,
        el("line", x1=0, x2=_CELL_WIDE, y1=_CELL_HIGH, y2=_CELL_HIGH, class_="axis"),
        low,
        el("text", f"{last:.4g}", **high),
        viewBox=f"0 0 {_CELL_WIDE} {_CELL_HIGH + _FOOT}",
        role="img",
        aria_label=f"{title}: {sum(counts)} counted, from {first:.4g} to {last:.4g}",
    )
    return el("figure", picture, el("figcaption", title))


def _mark(style: str, place: float) -> Element:
    x = f"{_CELL_WIDE * place:.2f}"
    return el("line", x1=x, x2=x, y1=0, y2=_CELL_HIGH, class_=style)
