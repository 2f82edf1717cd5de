"""Hit rate over the images of a run, with its interval, as SVG."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from recorder.records.image_report import LineReport
from recorder.reports.html.elements import Element, el
from recorder.reports.html.numbers import count
from recorder.ssx.alarms.wilson import wilson

_WIDE, _HIGH, _FOOT = 600, 120, 16
"""Size of the drawing and of the line of labels below it (px), fitted to the page."""
Point = tuple[float, float, float, float]
"""Place, rate, lower and upper bound."""


def over_run(line: LineReport) -> Element:
    """The line, with a band of 95 %; a gap where nothing was classified."""
    if len(line.hits) != len(line.classified):
        return Element("")
    pieces = [piece for piece in _pieces(line) if piece]
    if not pieces:
        return Element("")
    top = max(high for piece in pieces for _, _, _, high in piece)
    drawn = [shape for piece in pieces for shape in _drawn(piece, top)]
    images = len(line.classified) * line.step
    foot = {"y": _HIGH + 13}
    picture = el(
        "svg",
        *drawn,
        el("line", x1=0, x2=_WIDE, y1=_HIGH, y2=_HIGH, class_="axis"),
        el("text", "image 0", x=0, **foot),
        el("text", count(images), x=_WIDE, text_anchor="end", **foot),
        el("text", f"{100 * top:.1f} %", x=0, y=11),
        viewBox=f"0 0 {_WIDE} {_HIGH + _FOOT}",
        role="img",
        aria_label=f"hit rate over {images} images, at most {100 * top:.1f} %",
    )
    told = f"hit rate with its 95 % interval, {count(line.step)} images a point"
    return el("figure", picture, el("figcaption", told))


def _pieces(line: LineReport) -> Iterator[list[Point]]:
    """Points that follow each other."""
    piece: list[Point] = []
    wide = _WIDE / max(1, len(line.classified))
    for n, (hits, whole) in enumerate(zip(line.hits, line.classified, strict=True)):
        bounds = wilson(hits, whole) if 0 <= hits <= whole else None
        if bounds is None:
            yield piece
            piece = []
        else:
            piece.append(((n + 0.5) * wide, hits / whole, *bounds))
    yield piece


def _drawn(piece: Sequence[Point], top: float) -> tuple[Element, Element]:
    """The band and the line of one piece; a single point is a short line."""
    if len(piece) == 1:
        ((x, rate, low, high),) = piece
        piece = [(x - 1, rate, low, high), (x + 1, rate, low, high)]
    above = [_place(x, high, top) for x, _, _, high in piece]
    below = [_place(x, low, top) for x, _, low, _ in reversed(piece)]
    middle = [_place(x, rate, top) for x, rate, _, _ in piece]
    return (
        el("polygon", points=" ".join((*above, *below))),
        el("polyline", points=" ".join(middle)),
    )


def _place(x: float, rate: float, top: float) -> str:
    return f"{x:.1f},{_HIGH * (1 - rate / top):.1f}"
