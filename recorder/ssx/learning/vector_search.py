"""Lattice vectors of one image, when neither cell nor beam centre can be trusted.

Projections of the spots on a direction are periodic along a lattice vector: the
length of the strongest Fourier component is a candidate. Its phase is left free,
because an error of the beam centre shifts all spots alike and so moves only the
phases: three of them tell the shift (Steller et al., J. Appl. Cryst. 30 (1997) 1036,
for the projections).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recorder.ssx.arrays import FloatArray
from recorder.ssx.lattices.orientation_search import half_sphere

SHORTEST = 18.0
"""Å; shortest vector looked for. With 9, 18 or 36 Å the cells of 183, 191 and 195 of
360 single images are found, known and unknown ones."""
_SHORTER, _LONGER = 0.9, 1.1
"""How far a refined vector may leave the range that was searched. Chosen, not tuned."""
_DIRECTIONS = 6000
"""Directions of a half sphere, 1.9° apart: they set the time of a search. Half finds a
known cell in 24 of 75 single images, these in 34, double in 44; an unknown one in 52,
48 and 45."""
_BINS = 512
"""Bins of a projection, which wraps. 256, 512 or 1024 find the cells, known and
unknown, of 83, 82 and 80 of 150 single images; 1024 take twice the time."""
_SPOTS = 80
"""Spots of lowest |q| that are searched. With 40 the cells of 93 instead of 82 of 150
single images of 25 to 50 spots are found; not taken over, because real lists have
hundreds."""
_BEST = 240
"""Directions that are refined. Half or double finds the cells of 80 or 87 instead of 82
of 150 single images."""
_AT_ONCE = 250
"""Directions whose projections fit a cache; it changes time alone: all 6000 at once
take twice as long."""
_KEPT = 60
"""Vectors that are handed on. Half finds an unknown cell in 45 instead of 48 of 75
single images, double in as many."""
_STEPS = (0.3, 0.25, 0.2, 0.15)
"""Distances from an integer within which spots count in the steps of a refinement.
Chosen, not tuned."""
_NEAR = 0.12
"""Distance from an integer up to which a spot fits a vector: of random ones a quarter
does."""
_LEAST_SHARE = 0.4
"""Share of the spots that a vector must fit: well above that quarter. Half changes
nothing; double finds no cell where half of the spots are spurious."""
_BEHIND = 0.25
"""A vector that fits this much fewer spots than the best is no candidate."""
_PARALLEL = 0.9998
"""Cosine of 1.1°; vectors so near in direction, and of one length, are one. 0.9996 or
0.9999 changes one of 150 single images."""
_SAME_LENGTH = 0.05
"""Relative; parallel vectors whose lengths differ by less are one. Chosen, not
tuned."""
_TRIM = 0.25
"""Of a spacing: misses count at most so much, as those of spots that belong to nothing
do on average."""
_RIDGE = 1e-6
"""Added to the normal equations, which spots in one plane would make singular."""


@dataclass(frozen=True, slots=True, eq=False)
class Vectors:
    """Candidate lattice vectors, best first; arrays of equal length m."""

    vectors: FloatArray
    """(m, 3), Å."""
    phases: FloatArray
    """(m,) with ``q @ vector + phase`` near integers."""
    share: FloatArray
    """(m,) share of the spots that fit."""


def find_vectors(q: FloatArray, longest: float) -> Vectors:
    """Vectors along which the spots of an image are periodic.

    Args:
        q: (n, 3) scattering vectors, 1/Å, lowest |q| first.
        longest: Longest vector looked for, Å.

    Returns:
        At most 60 vectors; none of them along another.
    """
    spots = q[:_SPOTS]
    start = _strongest(spots.astype(np.float32), longest)
    vectors, phases = _refined(start, spots)
    length = np.linalg.norm(vectors, axis=1)
    sane = (length > _SHORTER * SHORTEST) & (length < _LONGER * longest)
    vectors, phases = vectors[sane], phases[sane]
    f = vectors @ spots.T + phases[:, None]
    off = np.abs(f - np.rint(f))
    share = (off < _NEAR).mean(axis=1)
    score = np.square(np.minimum(off, _TRIM)).mean(axis=1)
    best = float(share.max(initial=0.0))
    order = np.argsort(score, kind="stable")
    order = order[share[order] >= max(_LEAST_SHARE, best - _BEHIND)]
    keep = _distinct(vectors[order])
    order = order[keep][:_KEPT]
    return Vectors(vectors[order], phases[order], share[order])


def _strongest(q: NDArray[np.float32], longest: float) -> FloatArray:
    """The best length along the best directions, (m, 3)."""
    directions = half_sphere(_DIRECTIONS)
    step = 1.0 / (2.0 * longest)
    # component k belongs to the length k / (bins * step)
    lengths = np.arange(_BINS // 2 + 1) / (_BINS * step)
    short = int(np.searchsorted(lengths, SHORTEST))
    peak = np.empty(_DIRECTIONS, np.intp)
    height = np.empty(_DIRECTIONS, np.float32)
    for first in range(0, _DIRECTIONS, _AT_ONCE):
        part = slice(first, first + _AT_ONCE)
        peak[part], height[part] = _peaks(directions[part] @ q.T, step, short)
    best = np.argsort(-height, kind="stable")[:_BEST]
    vectors = directions[best].astype(np.float64) * lengths[peak[best]][:, None]
    return np.asarray(vectors)


def _peaks(
    along: NDArray[np.float32], step: float, short: int
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Strongest component of projections (m, n) from the place `short` on; its size."""
    count = len(along)
    place = np.rint(along / np.float32(step)).astype(np.intp) % _BINS
    rows = np.arange(count)[:, None] * _BINS
    counts = np.bincount((rows + place).ravel(), minlength=count * _BINS)
    power = np.abs(np.fft.rfft(counts.reshape(count, _BINS).astype(np.float32)))
    power[:, :short] = 0
    peak = power.argmax(axis=1)
    return peak, power[np.arange(count), peak]


def _refined(vectors: FloatArray, q: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Trimmed least squares of vectors and phases."""
    ones = np.ones(len(q))
    design = np.column_stack([q, ones])
    outer = (design[:, :, None] * design[:, None, :]).reshape(len(q), 16)
    angle = 2 * np.pi * (vectors @ q.T)
    phases = -np.angle(np.exp(1j * angle).sum(axis=1)) / (2 * np.pi)
    for limit in _STEPS:
        f = vectors @ q.T + phases[:, None]
        f -= np.rint(f)
        w = (np.abs(f) < limit).astype(np.float64)
        normal = (w @ outer).reshape(-1, 4, 4) + _RIDGE * np.eye(4)
        change = np.linalg.solve(normal, ((w * f) @ design)[:, :, None])[:, :, 0]
        vectors = vectors - change[:, :3]
        phases = phases - change[:, 3]
        phases -= np.rint(phases)
    return vectors, phases


def _distinct(vectors: FloatArray) -> NDArray[np.intp]:
    """Positions of vectors that are not along an earlier one."""
    unit = vectors / np.linalg.norm(vectors, axis=1)[:, None]
    length = np.linalg.norm(vectors, axis=1)
    same = np.abs(unit @ unit.T) > _PARALLEL
    same &= np.abs(length[:, None] / length[None, :] - 1) < _SAME_LENGTH
    doubled = np.triu(same, k=1).any(axis=0)
    return np.flatnonzero(~doubled)
