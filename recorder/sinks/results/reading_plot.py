"""A small picture of a curve, without any package: axes, numbers, and the curve."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recorder.ssx.preview.png import png

WIDTH, HEIGHT = 900, 540
"""Pixels of the picture: it fits beside text on a page."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 110, 30, 25, 60
"""Pixels between the frame and the picture's edges: the numbers stand there."""
_TICKS = 5
"""Numbers along each axis, about."""
_SCALE = 3
"""Pixels of a dot of a digit."""
_INK, _QUIET = 255, 90
"""Of the curve and the frame, and of the lines at the numbers: from white to black."""
_FONT = {
    "0": ("111", "101", "101", "101", "111"),
    "1": ("010", "110", "010", "010", "111"),
    "2": ("111", "001", "111", "100", "111"),
    "3": ("111", "001", "111", "001", "111"),
    "4": ("101", "101", "111", "001", "001"),
    "5": ("111", "100", "111", "001", "111"),
    "6": ("111", "100", "111", "101", "111"),
    "7": ("111", "001", "010", "010", "010"),
    "8": ("111", "101", "111", "101", "111"),
    "9": ("111", "101", "111", "001", "111"),
    ".": ("000", "000", "000", "000", "010"),
    "-": ("000", "000", "111", "000", "000"),
    "+": ("000", "010", "111", "010", "000"),
    "e": ("000", "111", "111", "100", "111"),
}
"""Digits of three by five dots."""
Floats = NDArray[np.float64]


def curve_png(x: Floats, y: Floats) -> bytes:
    """A curve as a PNG file.

    Args:
        x: (n,), ascending or not; finite.
        y: (n,); NaN where nothing is known: the curve has a gap there.
    """
    page = np.zeros((HEIGHT, WIDTH), np.uint8)
    good = np.isfinite(x) & np.isfinite(y)
    if good.any():
        spans = (_span(x[good]), _span(np.append(y[good], 0.0)))
        _axes(page, *spans)
        _draw(page, x, y, *spans)
    return png(np.maximum(page, 1))


def _span(values: Floats) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    apart = max(0.5, abs(low) * 1e-6)  # that far a double tells numbers apart
    return (low, high) if high > low else (low - apart, low + apart)


def ticks(low: float, high: float) -> Floats:
    """Round numbers between two."""
    rough = (high - low) / _TICKS
    power = 10.0 ** np.floor(np.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * 0.999)
    first = np.ceil(low / step) * step
    found: Floats = first + step * np.arange(int((high - first) / step + 1e-9) + 1)
    return found


def _across(values: Floats, span: tuple[float, float]) -> NDArray[np.int64]:
    part = (values - span[0]) / (span[1] - span[0])
    return np.rint(_LEFT + part * (WIDTH - _LEFT - _RIGHT - 1)).astype(np.int64)


def _down(values: Floats, span: tuple[float, float]) -> NDArray[np.int64]:
    part = (values - span[0]) / (span[1] - span[0])
    found = HEIGHT - _BOTTOM - 1 - part * (HEIGHT - _TOP - _BOTTOM - 1)
    return np.rint(found).astype(np.int64)


def _axes(
    page: NDArray[np.uint8], xs: tuple[float, float], ys: tuple[float, float]
) -> None:
    """The frame, and numbers with a line at each."""
    bottom, right = HEIGHT - _BOTTOM, WIDTH - _RIGHT
    for value, place in zip(ticks(*xs), _across(ticks(*xs), xs), strict=True):
        page[_TOP:bottom, place] = _QUIET
        text = _number(value)
        _write(page, text, int(place) - _wide(text) // 2, bottom + 12)
    for value, place in zip(ticks(*ys), _down(ticks(*ys), ys), strict=True):
        page[place, _LEFT:right] = _QUIET
        text = _number(value)
        _write(page, text, _LEFT - 10 - _wide(text), int(place) - 7)
    page[[_TOP, bottom - 1], _LEFT:right] = _INK
    page[_TOP:bottom, [_LEFT, right - 1]] = _INK


def _number(value: float) -> str:
    return f"{value:.6g}".replace("e+0", "e").replace("e+", "e").replace("e-0", "e-")


def _wide(text: str) -> int:
    return 4 * _SCALE * len(text)


def _write(page: NDArray[np.uint8], text: str, x: int, y: int) -> None:
    for place, letter in enumerate(text):
        dots = np.array([[int(c) for c in row] for row in _FONT[letter]], np.uint8)
        big = (dots * _INK).repeat(_SCALE, axis=0).repeat(_SCALE, axis=1)
        left = x + 4 * _SCALE * place
        if 0 <= left and left + big.shape[1] <= WIDTH and y + big.shape[0] <= HEIGHT:
            corner = page[y : y + big.shape[0], left : left + big.shape[1]]
            np.maximum(corner, big, out=corner)


def _draw(
    page: NDArray[np.uint8],
    x: Floats,
    y: Floats,
    xs: tuple[float, float],
    ys: tuple[float, float],
) -> None:
    """Straight lines from point to point, two pixels wide."""
    good = np.isfinite(x) & np.isfinite(y)
    across, down = (
        _across(np.where(good, x, xs[0]), xs),
        _down(np.where(good, y, ys[0]), ys),
    )
    for n in np.flatnonzero(good):
        m = n + 1 if n + 1 < x.size and good[n + 1] else n
        steps = int(max(abs(across[m] - across[n]), abs(down[m] - down[n]))) + 1
        columns = np.rint(np.linspace(across[n], across[m], steps)).astype(np.int64)
        rows = np.rint(np.linspace(down[n], down[m], steps)).astype(np.int64)
        for dy in (0, 1):
            page[np.clip(rows + dy, 0, HEIGHT - 1), columns] = _INK
