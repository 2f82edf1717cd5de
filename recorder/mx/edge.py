"""Inflection and peak of an energy scan, with their errors: a check of a result.

The counts are smoothed by a spline that knows their errors. The inflection is where it
rises most steeply, the peak is its maximum behind that. Without a white line the
maximum is anywhere on a plateau: then there is no peak. f' and f'' are not worked out:
from a short scan f' is wrong by some electrons.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recorder.mx.smoothing import Floats, SmoothingSpline, smoothing_spline

LEAST_POINTS = 12
"""Fewer points have no edge that could be told from chance. Chosen, not tuned."""
MOST_POINTS = 300
"""Of more points neighbours are averaged: the spline takes the cube of their number,
some 30 ms of 300."""
SURE = 5.0
"""The step, and a white line above what follows it, are believed from so many standard
deviations on. Chosen, not tuned: with fewer, one of 40 scans without a white line at
200 counts had a peak."""
WHITE = 0.05
"""A white line is at least so much of the step above what follows it: below that the
maximum is one of the ripples that all edges have. Chosen, not tuned."""
STEEP = 2.5
"""The steepest rise is so many times the mean one over the range. Chosen, not tuned: a
background that slopes has at most 2, an edge in the middle of 20 eV nearly 5."""
BEHIND_EV = 30.0
"""So far (eV) behind the inflection the peak is looked for: white lines are within 10.
Chosen, not tuned."""
DOUBT = 2.5
"""Neighbours differ by so much more or less (as variances) than the errors say before
these are not believed: of 40 points by chance never. Chosen, not tuned."""
_MEDIAN_CHI2 = 0.455
"""Median of the square of a normal deviate."""
_FINE_EV = 0.02
"""Between two places (eV) that are looked at: a tenth of the error of a good scan."""
ALIKE_EV = 1e-3
"""Energies (eV) within the same step of so much are one: a monochromator moves by 0.01
eV at best. Chosen, not tuned."""
_DRAWS = 100
"""Scans that are drawn with the counting errors, for the errors of what is found."""


@dataclass(frozen=True, slots=True)
class Edge:
    """What a scan shows; energies in eV."""

    inflection: float | None = None
    inflection_error: float | None = None
    peak: float | None = None
    peak_error: float | None = None
    white_line: bool = False
    why: str = ""
    """Why there is no inflection; empty if there is one."""


def find_edge(energy: Floats, signal: Floats, error: Floats) -> Edge:
    """Inflection and peak of a scan.

    Args:
        energy: (n,) eV, in any order.
        signal: (n,), counts, or counts by monitor.
        error: (n,), standard deviation of each.
    """
    x, y, sigma = prepared(energy, signal, error)
    sigma = sigma * _true_scale(y, sigma)
    if x.size < LEAST_POINTS:
        return Edge(why=f"{x.size} different energies: an edge needs {LEAST_POINTS}")
    spline = smoothing_spline(x, y, sigma)
    fine = _fine(x)
    slopes = spline.at(fine, spline.values, 1)
    at = int(slopes.argmax())
    quarter = max(3, x.size // 4)
    step = float(y[-quarter:].mean() - y[:quarter].mean())
    spread = float(np.hypot(sigma[-quarter:].mean(), sigma[:quarter].mean()))
    if step < SURE * spread / np.sqrt(quarter):
        return Edge(why="the counts do not rise: there is no edge in this range")
    if at in (0, fine.size - 1):
        return Edge(why="the counts rise most at the end of the range")
    mean = float(np.ptp(spline.values)) / float(x[-1] - x[0])
    if slopes[at] < STEEP * mean:
        return Edge(why="the counts rise evenly: there is no edge in this range")
    drawn = _drawn(spline, sigma)
    near = np.abs(fine - fine[at]) <= BEHIND_EV / 2
    spots = fine[near]
    found = spots[spline.at(spots, drawn, 1).argmax(axis=0)]
    grain = _grain(x, fine[at])
    peak, peak_error = _peak(spline, drawn, fine, at, step)
    return Edge(
        inflection=round(float(fine[at]), 3),
        inflection_error=_error(found, grain),
        peak=peak,
        peak_error=None if peak is None else round(max(peak_error, grain), 3),
        white_line=peak is not None,
    )


def prepared(
    energy: Floats, signal: Floats, error: Floats
) -> tuple[Floats, Floats, Floats]:
    """Ascending, each energy once, at most MOST_POINTS, with errors above 0."""
    good = np.isfinite(energy) & np.isfinite(signal) & np.isfinite(error) & (error > 0)
    order = np.argsort(energy[good], kind="stable")
    x, y, weight = (values[good][order] for values in (energy, signal, error**-2.0))
    _, first = np.unique(np.floor(x / ALIKE_EV), return_index=True)
    x, y, weight = _averaged(x, y, weight, first)
    together = -(-x.size // MOST_POINTS)
    if together > 1:
        x, y, weight = _averaged(x, y, weight, np.arange(0, x.size, together))
    return x, y, weight**-0.5


def _true_scale(y: Floats, sigma: Floats) -> float:
    """By how much the errors are too small or too large, as neighbours show it.

    Rates and normalised counts do not have the errors of counts. Near to 1 it is 1:
    neighbours tell it from some dozens of points only roughly.
    """
    if y.size < LEAST_POINTS:
        return 1.0
    apart = y[1:-1] - (y[:-2] + y[2:]) / 2
    variance = sigma[1:-1] ** 2 + (sigma[:-2] ** 2 + sigma[2:] ** 2) / 4
    ratio = float(np.median(apart**2 / variance)) / _MEDIAN_CHI2
    if 1 / DOUBT <= ratio <= DOUBT:
        return 1.0
    return float(np.sqrt(max(ratio, 1e-6)))


def _averaged(
    x: Floats, y: Floats, weight: Floats, first: NDArray[np.int64]
) -> tuple[Floats, Floats, Floats]:
    """Neighbours as one, each as much as it is sure."""
    if not x.size:
        return x, y, weight
    total = np.add.reduceat(weight, first)
    return (
        np.add.reduceat(weight * x, first) / total,
        np.add.reduceat(weight * y, first) / total,
        total,
    )


def _fine(x: Floats) -> Floats:
    count = int(min(max((x[-1] - x[0]) / _FINE_EV, 200), 20_000)) + 1
    return np.linspace(x[0], x[-1], count)


def _drawn(spline: SmoothingSpline, sigma: Floats) -> Floats:
    """(n, k) smoothed values of scans that differ from it by the errors; repeatable."""
    draws = np.random.default_rng(1).normal(size=(sigma.size, _DRAWS))
    made: Floats = spline.smoother @ (spline.values[:, None] + sigma[:, None] * draws)
    return made


def _grain(x: Floats, place: float) -> float:
    """What a step says of a place within it: a twelfth's root of it."""
    right = int(np.clip(np.searchsorted(x, place), 1, x.size - 1))
    return float((x[right] - x[right - 1]) / np.sqrt(12) / 2)


def _error(found: Floats, grain: float) -> float:
    return round(float(np.hypot(found.std(), grain)), 3)


def _peak(
    spline: SmoothingSpline, drawn: Floats, fine: Floats, at: int, step: float
) -> tuple[float | None, float]:
    """The maximum behind the inflection, if it stands out of what follows it."""
    behind = (fine > fine[at]) & (fine <= fine[at] + BEHIND_EV)
    places = fine[behind]
    if places.size < 2:
        return None, 0.0
    values = spline.at(places, spline.values)
    top = int(values.argmax())
    after = fine[fine > places[top]]
    if top == places.size - 1 or after.size < 2:
        return None, 0.0
    rest = after[after.size // 3 :]
    height = float(values[top] - spline.at(rest, spline.values).mean())
    heights = spline.at(places[top : top + 1], drawn)[0]
    heights = heights - spline.at(rest[:: max(1, rest.size // 50)], drawn).mean(axis=0)
    if height < max(SURE * float(heights.std()), WHITE * step):
        return None, 0.0
    found = places[spline.at(places, drawn).argmax(axis=0)]
    return round(float(places[top]), 3), _error(found, 0.0)
