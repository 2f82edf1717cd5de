"""A curve with what is marked on it: an energy scan, a spectrum."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from recorder.reports.html.elements import Element, el

_WIDE, _HIGH = 640, 220
"""Size of a curve (px) before it is fitted to the page."""
_FOOT = 30
"""Height of the line of labels below it (px)."""
_TICKS = 6
"""Labels below it, at most. Chosen, not tuned."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A place on the x axis, with its uncertainty."""

    name: str
    at: float
    style: str
    """Class of the style sheet."""
    error: float | None = None
    """Drawn as a band to both sides."""


def curve(
    title: str,
    unit: str,
    points: Sequence[tuple[float, float]],
    marks: Sequence[Mark] = (),
) -> Element:
    """Points joined in the order of their x; nothing with fewer than two.

    Args:
        title: What is drawn.
        unit: Of x.
        points: (x, y); what is no number is left out.
        marks: Those outside the points are in the legend only.
    """
    known = sorted((x, y) for x, y in points if math.isfinite(x) and math.isfinite(y))
    if len(known) < 2 or known[0][0] == known[-1][0]:
        return Element("")
    low, high = known[0][0], known[-1][0]
    top = max(y for _, y in known)
    bottom = min(0.0, *(y for _, y in known))
    tall = (top - bottom) or 1.0
    told = " ".join(
        f"{_x(x, low, high):.2f},{_HIGH * (1 - (y - bottom) / tall):.2f}"
        for x, y in known
    )
    inside = [mark for mark in marks if low <= mark.at <= high]
    picture = el(
        "svg",
        *(_band(mark, low, high) for mark in inside if mark.error),
        el("line", x1=0, x2=_WIDE, y1=_HIGH, y2=_HIGH, class_="axis"),
        el("polyline", points=told),
        *(_line(mark, low, high) for mark in inside),
        *_labels(low, high, unit),
        el("text", f"{top:,.6g}", x=2, y=11),
        viewBox=f"0 0 {_WIDE} {_HIGH + _FOOT}",
        role="img",
        aria_label=f"{title}: {len(known)} points from {low:.7g} to {high:.7g} {unit}",
        class_="curve",
    )
    legend = [el("li", mark.name, class_=mark.style) for mark in marks]
    return el(
        "figure",
        picture,
        el("ul", *legend, class_="legend") if legend else None,
        el("figcaption", title),
    )


def _x(value: float, low: float, high: float) -> float:
    return _WIDE * (value - low) / (high - low)


def _line(mark: Mark, low: float, high: float) -> Element:
    at = f"{_x(mark.at, low, high):.2f}"
    return el("line", x1=at, x2=at, y1=0, y2=_HIGH, class_=f"mark {mark.style}")


def _band(mark: Mark, low: float, high: float) -> Element:
    error = mark.error or 0.0
    left = max(0.0, _x(mark.at - error, low, high))
    right = min(float(_WIDE), _x(mark.at + error, low, high))
    box = {"x": f"{left:.2f}", "width": f"{max(0.5, right - left):.2f}"}
    return el("rect", **box, y=0, height=_HIGH, class_="error")


def _labels(low: float, high: float, unit: str) -> list[Element]:
    step = 10 ** math.floor(math.log10((high - low) / _TICKS))
    step = next(step * n for n in (1, 2, 5, 10) if (high - low) / (step * n) <= _TICKS)
    first = math.ceil(low / step - 1e-9)
    found = []
    for n in range(first, math.floor(high / step + 1e-9) + 1):
        at = _x(n * step, low, high)
        anchor = "start" if at < 30 else "end" if at > _WIDE - 60 else "middle"
        place = {"x": f"{at:.2f}", "y": _HIGH + 14, "text_anchor": anchor}
        found.append(el("text", f"{n * step:.8g}", **place))
    return [*found, el("text", unit, x=_WIDE, y=_HIGH + 27, text_anchor="end")]
