"""Powder rings of any substance: too many spots that share one resolution.

Whether a shell of |q| holds too many is judged by the list itself: by the spots in the
shells around it and by how much of the detector lies in each. No substance need be
known. A crystal's own spots share a shell where it has equivalent reflections: few of
them reflect at once, but at low angles, where all those of a plane do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recorder.records import Geometry
from recorder.ssx.arrays import BoolArray, FloatArray
from recorder.ssx.detector.geometry import scattering_vectors
from recorder.ssx.spots.chance import log10_tail_bound

_WIDTHS = (0.0015, 0.003, 0.006)
"""Shells in |q|, 1/Å: a sharp ring, one of a strained powder, one with the beam centre
off by some pixels."""
_AROUND = 0.03
"""Shells on either side that tell what is usual, 1/Å."""
_LEAST = 8
"""Fewer spots are not judged: they make no hit."""
_EQUIVALENT = 9
"""Spots of a shell, at least. A plane of a cubic lattice has up to 8 equivalent
reflections."""
_MAX_NFA = -4.0
"""log10 of how often chance makes so full a shell, among all that are tried."""
_FURTHER, _FURTHER_NFA = 4, -1.0
"""The same two where a ring was found: a powder has several."""
_TAILS = 4.0
"""Standard deviations of a ring's spots to which it reaches. With the shell alone the
tails of seven rings of ice make a hit of 8 of 20 blanks (`make bench-quality`,
Spots)."""
_MOST_RINGS = 12
"""Rings that are looked for one after the other."""
_GAPS = (0.0006, 0.0015, 0.003)
"""Spots so near in |q| (1/Å) share a ring, where each ring has only some."""
_CURVED = 0.2
"""1/Å from which the sphere of reflection leaves the planes of the lattice so far that
equivalent reflections do not reflect at once."""
_NEAR = 8
"""Spots on either side that tell the density of a short list."""
_FEW = 40
"""Lists of more spots are not judged by gaps: many have a neighbour by chance."""
_SPARSE = 10_000
"""Places of the detector that tell how much of it lies in a shell."""


@dataclass(frozen=True, slots=True, eq=False)
class Shells:
    """How much of a detector lies in shells of |q|."""

    norm: FloatArray
    """(n,) ascending |q| of places spread evenly over the good pixels, 1/Å."""

    def between(self, low: FloatArray, high: FloatArray) -> FloatArray:
        """Share of the detector in shells, never 0."""
        first = np.searchsorted(self.norm, low)
        last = np.searchsorted(self.norm, high)
        return (last - first + 0.5) / max(len(self.norm), 1)


def shells_of(detector: Geometry, good: NDArray[np.bool_]) -> Shells:
    """Shells of a detector and its mask (slow, fast)."""
    step = max(1, int(np.sqrt(good.size / _SPARSE)))
    y, x = np.nonzero(good[::step, ::step])
    q = scattering_vectors(detector, x * step + 0.5, y * step + 0.5)
    norm = np.linalg.norm(q, axis=1)
    return Shells(np.sort(norm[np.isfinite(norm)]))


def on_rings(norm: FloatArray, share: float, shells: Shells) -> BoolArray:
    """Which spots lie on powder rings.

    A shell that holds more spots than chance allows is a ring; its spots are taken out
    and the rest is judged again.

    Args:
        norm: (n,) |q| of the spots, 1/Å.
        share: Share of a short list that lies together on rings of few spots each,
            above which those are rings; 0 to 1.
        shells: Of the detector.

    Returns:
        (n,) True for spots on rings.
    """
    ring = np.zeros(len(norm), np.bool_)
    for _ in range(_MOST_RINGS):
        rest = np.flatnonzero(~ring)
        if len(rest) < _LEAST:
            return ring
        inside = _fullest(norm[rest], shells, further=bool(ring.any()))
        if not inside.any():
            inside = _together(norm[rest], share, shells, further=bool(ring.any()))
        if not inside.any():
            return ring
        ring[rest[inside]] = True
    return ring


def _fullest(norm: FloatArray, shells: Shells, *, further: bool) -> BoolArray:
    """Members of the shell that chance makes least often; none if it is chance."""
    q = np.sort(norm)
    least, best = (_FURTHER, _FURTHER_NFA) if further else (_EQUIVALENT, _MAX_NFA)
    limits = (0.0, -1.0)
    tried = np.log10(len(q) * len(_WIDTHS))
    for width in _WIDTHS:
        count = np.searchsorted(q, q + width, side="right") - np.arange(len(q))
        many = count >= least
        if not many.any():
            continue
        count, low = count[many], q[many]
        high = low + width
        first = np.searchsorted(q, low - _AROUND)
        last = np.searchsorted(q, high + _AROUND, side="right")
        part = shells.between(low, high)
        p = part / np.maximum(shells.between(low - _AROUND, high + _AROUND), part)
        # the spot at its beginning does not count: it is why the shell is looked at
        chance = log10_tail_bound(count - 1, last - first - 1, p) + tried
        at = int(np.argmin(chance))
        if chance[at] < best:
            best, limits = float(chance[at]), (float(low[at]), float(high[at]))
    if limits[1] < limits[0]:
        return np.zeros(len(norm), np.bool_)
    inside = q[(q >= limits[0]) & (q <= limits[1])]
    middle, reach = float(inside.mean()), _TAILS * float(inside.std())
    lowest, highest = min(limits[0], middle - reach), max(limits[1], middle + reach)
    return np.asarray((norm >= lowest) & (norm <= highest))


def _together(
    norm: FloatArray, share: float, shells: Shells, *, further: bool
) -> BoolArray:
    """Spots of a short list that share rings of few spots, if most of them do."""
    nothing = np.zeros(len(norm), np.bool_)
    if len(norm) > _FEW:
        return nothing
    order = np.argsort(norm, kind="stable")
    q = norm[order]
    # the list's own density, between the spots some before and some behind
    place = np.arange(len(q))
    low = np.maximum(place - _NEAR, 0)
    high = np.minimum(place + _NEAR, len(q) - 1)
    limit = _FURTHER_NFA if further else _MAX_NFA + 1
    extent = shells.between(q[low], q[high])
    for gap in _GAPS:
        near = (np.diff(q) <= gap) & (q[:-1] > _CURVED)
        expected = (high - low) * shells.between(q, q + gap) / extent
        p = float(np.minimum(expected[:-1], 1).mean())
        members = nothing.copy()
        members[order[1:]] |= near
        members[order[:-1]] |= near
        chance = log10_tail_bound(float(near.sum()), len(q) - 1, p)
        if members.sum() > share * len(q) and chance < limit:
            return members
    return nothing
