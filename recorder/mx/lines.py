"""Lines of a fluorescence spectrum, and which elements they may be of: a hint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recorder.mx.xray_table import TableLine, XrayTable

Floats = NDArray[np.float64]
SURE = 6.0
"""A line stands out of what is beside it by so many standard deviations. Chosen, not
tuned: in 40 spectra of noise alone on a sloping background there is none."""
MOST_LINES = 20
"""Lines that are looked for, the strongest."""
LEAST_EV = 900.0
"""Below that (eV) windows and noise of detectors make what looks like lines."""
_NOISE_EV = 60.0
"""What the electronics of a silicon detector add to the width of a line, eV."""
_FANO = 2.355**2 * 0.115 * 3.85
"""The square of the width of a line of a silicon detector, eV² for each eV of its
energy: by Fano's factor and the energy of a pair."""
_REST_EV = 510_999.0
"""Of an electron: for Compton scattering."""
_NAMED = 3
"""Names that a line has at most."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a spectrum."""

    energy: float
    """eV."""
    counts: float
    """Above what is beside it."""
    names: tuple[str, ...] = ()


def width(energy: Floats | float) -> Floats:
    """Full width at half maximum (eV) of a line of a silicon detector."""
    found: Floats = np.sqrt(_NOISE_EV**2 + _FANO * np.maximum(energy, 0.0))
    return found


def find_lines(energy: Floats, counts: Floats) -> list[Line]:
    """Lines that stand out of their surroundings, strongest first, without names.

    Args:
        energy: (n,) eV, ascending, of the channels.
        counts: (n,); NaN counts as none.
    """
    counts = np.nan_to_num(counts)
    if counts.size < 8:
        return []
    total = np.concatenate(([0.0], np.cumsum(counts)))
    half = width(energy) / 2
    inner = _window(energy, energy - half, energy + half)
    left = _window(energy, energy - 3 * half, energy - half)
    right = _window(energy, energy + half, energy + 3 * half)
    size = inner[1] - inner[0]
    beside = np.zeros(counts.size)
    spread = np.zeros(counts.size)
    whole = (energy - 3 * half >= energy[0]) & (energy + 3 * half <= energy[-1])
    for low, high in (left, right):
        share = size / np.maximum(high - low, 1) / 2
        beside += share * (total[high] - total[low])
        spread += share**2 * (total[high] - total[low])
        whole &= high > low
    within = total[inner[1]] - total[inner[0]]
    height = within - beside
    sure = height / np.sqrt(np.maximum(within + spread, 1.0))
    usable = whole & (energy >= LEAST_EV)
    found: list[Line] = []
    for place in np.argsort(-np.where(usable, sure, -1.0), kind="stable"):
        if not usable[place] or sure[place] < SURE or len(found) == MOST_LINES:
            break
        if any(abs(one.energy - energy[place]) < 2 * half[place] for one in found):
            continue
        mine = slice(inner[0][place], inner[1][place])
        above = np.maximum(counts[mine] - beside[place] / max(size[place], 1), 0.0)
        weight = float(above.sum())
        if weight <= 0:
            continue
        centre = float((above * energy[mine]).sum()) / weight
        found.append(Line(round(centre, 1), round(float(height[place]), 1)))
    return sorted(found, key=lambda line: -line.counts)


def _window(
    energy: Floats, low: Floats, high: Floats
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    return np.searchsorted(energy, low), np.searchsorted(energy, high)


def named(
    lines: Sequence[Line], table: XrayTable, beam: float | None
) -> tuple[list[Line], list[str]]:
    """The lines with names, and the elements that explain them, strongest first.

    An element is named by its main line, if its second line is there as well or would
    not stand out. Each line is explained once, by the element that fits best.

    Args:
        lines: Strongest first.
        table: Lines of all elements.
        beam: eV; None: unknown, then anything may be excited.
    """
    groups = _groups(table, beam)
    names: dict[int, list[str]] = {n: [] for n in range(len(lines))}
    for place, line in enumerate(lines):
        names[place] += _scattered(line, beam)
    elements: list[str] = []
    for place in range(len(lines)):
        if names[place]:
            continue
        fits = sorted(
            (cost, n)
            for n, group in enumerate(groups)
            if (cost := _cost(group, place, lines)) is not None
        )
        for _, number in fits[:_NAMED]:
            names[place].append(_name(groups[number][0]))
        if not fits:
            continue
        best = groups[fits[0][1]]
        if best[0].element not in elements:
            elements.append(best[0].element)
        for other in best[1:]:
            if (found := _at(other, lines)) is not None and not names[found]:
                names[found].append(_name(other))
    made = [
        Line(line.energy, line.counts, tuple(names[n][:_NAMED]))
        for n, line in enumerate(lines)
    ]
    return made, elements


def _name(line: TableLine) -> str:
    return f"{line.element} {line.name}"


def _groups(table: XrayTable, beam: float | None) -> list[list[TableLine]]:
    """Lines by element and shell, the main one first."""
    found: dict[tuple[str, str], list[TableLine]] = {}
    for line in table.lines:
        if line.energy >= LEAST_EV and (beam is None or line.edge < beam):
            found.setdefault((line.element, line.name[0]), []).append(line)
    return [sorted(group, key=lambda line: -line.share) for group in found.values()]


def _at(wanted: TableLine, lines: Sequence[Line]) -> int | None:
    """The line that one of the table may be, nearest first."""
    near = [
        (abs(line.energy - wanted.energy), n)
        for n, line in enumerate(lines)
        if abs(line.energy - wanted.energy) <= float(width(wanted.energy)) / 2
    ]
    return min(near)[1] if near else None


def _cost(
    group: Sequence[TableLine], place: int, lines: Sequence[Line]
) -> float | None:
    """How badly a group explains a line as its main one; None: not at all."""
    main, line = group[0], lines[place]
    reach = float(width(main.energy)) / 2
    apart = abs(line.energy - main.energy) / reach
    if apart > 1:
        return None
    weakest = min(one.counts for one in lines)
    cost = apart
    for other in group[1:]:
        expected = line.counts * other.share / main.share
        if _at(other, lines) is None and expected > 3 * weakest:
            if abs(other.energy - main.energy) > 2 * reach:
                cost += 2.0
    return cost


def _scattered(line: Line, beam: float | None) -> list[str]:
    """Whether it is the beam itself, scattered."""
    if beam is None:
        return []
    if abs(line.energy - beam) <= float(width(beam)) / 2:
        return ["elastic"]
    compton = beam / (1 + beam / _REST_EV)
    lowest = beam / (1 + 2 * beam / _REST_EV)
    if lowest - float(width(beam)) / 2 <= line.energy <= max(compton, beam):
        return ["Compton"]
    return []
