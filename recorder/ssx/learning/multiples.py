"""Whether the cell in use is a multiple of the true one, or a part of it.

A cell with a doubled axis indexes all spots, with every second point of its lattice
empty; one with a halved axis indexes half of the spots, and the others lie half-way
between its points. Both are seen by counting over all images.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recorder.ssx.arrays import FloatArray
from recorder.ssx.detector.geometry import scattering_vectors
from recorder.ssx.lattices.bravais import BravaisLattice, bravais_lattice
from recorder.ssx.lattices.reduction import niggli_basis
from recorder.ssx.lattices.refinement import FAST
from recorder.ssx.learning.trial import Trial, primitive_images

_EMPTY_SHARE = 0.94
"""Share of the indexed spots on every second point from which the others are empty. A
pseudo-translation leaves them weak, spurious spots meet them by chance: of 25 %
spurious spots 1 in 50. Chosen, not tuned."""
_CLOSELY = 0.5
"""Of the tolerance: so near the indexed spots must be that are counted. Of a cell of
9·10⁶ Å³ every second spurious spot is within the tolerance of a point, of these one in
fifteen. Chosen, not tuned."""
_FILLED_SHARE = 0.35
"""Spots between the points, over those on them, from which they are filled: as many in
truth, a few lost. Other crystals in the image put 0.1 there. Chosen, not tuned."""
_LEAST_SPOTS = 60
"""Indexed spots without which nothing is said: 60 even ones are no chance (2⁻⁶⁰).
Chosen, not tuned."""
_TIMES_CHANCE = 3.0
"""Spots between the points, over what spurious ones would make. Chosen, not tuned."""
_COMMENSURATE = (2, 3)
"""Factors that are looked for: larger ones would be other crystals."""


@dataclass(frozen=True, slots=True, eq=False)
class OtherMultiple:
    """A cell that fits the spots better by a whole factor."""

    factor: int
    larger: bool
    """The true cell is larger than the one in use."""
    lattice: BravaisLattice
    spots: int
    """On which it rests."""


@dataclass(frozen=True, slots=True, eq=False)
class _Counts:
    """Indices of all spots of all images, in primitive axes."""

    on: FloatArray
    """(n, 3) indices of the indexed spots."""
    rest: FloatArray
    """(m, 3) of the others, fractional."""
    near: FloatArray
    """(m,) tolerance of each of those, 1/Å."""
    spread: list[FloatArray]
    """Reciprocal bases of the images of the others, one for each."""


def other_multiple(trial: Trial) -> OtherMultiple | None:
    """A cell 2 or 3 times as large or small, if the spots of all hits ask for it.

    Args:
        trial: Hits that index.
    """
    images = primitive_images(trial)
    if not images:
        return None
    counts = _count(trial, [(item.xy, item.basis) for item in images])
    if len(counts.on) < _LEAST_SPOTS:
        return None
    basis = images[0].basis
    for factor in _COMMENSURATE:
        for fraction in _fractions(factor):
            if _is_empty(counts, fraction):
                lattice = _lattice(basis, fraction, finer=True)
                return OtherMultiple(factor, False, lattice, len(counts.on))
            filled = _filled(counts, fraction, basis)
            if filled:
                lattice = _lattice(basis, fraction, finer=False)
                return OtherMultiple(factor, True, lattice, filled)
    return None


def _fractions(factor: int) -> list[FloatArray]:
    """One of each pair of opposite fractions of the axes."""
    found: list[FloatArray] = []
    for steps in itertools.product(range(factor), repeat=3):
        first = next((step for step in steps if step), 0)
        if first == 1:
            found.append(np.array(steps, dtype=np.float64) / factor)
    return found


def _count(trial: Trial, images: Sequence[tuple[FloatArray, FloatArray]]) -> _Counts:
    on, rest, near = [], [], []
    spread: list[FloatArray] = []
    for xy, basis in images:
        q = scattering_vectors(trial.knowledge.geometry, xy[:, 0], xy[:, 1])
        reciprocal = np.linalg.inv(basis).T
        f = q @ basis.T
        h = np.rint(f)
        reach = FAST(np.linalg.norm(q, axis=1))
        distance = np.linalg.norm((f - h) @ reciprocal, axis=1)
        indexed = (distance < reach) & h.any(axis=1)
        on.append(h[indexed & (distance < _CLOSELY * reach)])
        rest.append(f[~indexed])
        near.append(reach[~indexed])
        spread += [np.asarray(reciprocal)] * int((~indexed).sum())
    return _Counts(
        np.concatenate(on), np.concatenate(rest), np.concatenate(near), spread
    )


def _is_empty(counts: _Counts, fraction: FloatArray) -> bool:
    """Nearly all indexed spots have whole ``h @ fraction``: the others are empty."""
    phase = counts.on @ fraction
    whole = np.abs(phase - np.rint(phase)) < 0.1
    return bool(whole.mean() > _EMPTY_SHARE)


def _filled(counts: _Counts, fraction: FloatArray, basis: FloatArray) -> int:
    """Spots at points shifted by a fraction; 0 if they are few, or made by chance."""
    if not len(counts.rest):
        return 0
    hits = 0
    for sign in (1.0, -1.0) if abs(fraction.max() - 0.5) > 0.1 else (1.0,):
        off = counts.rest - sign * fraction
        off -= np.rint(off)
        miss = np.einsum("ni,nij->nj", off, np.array(counts.spread))
        hits += int((np.linalg.norm(miss, axis=1) < counts.near).sum())
    chance = abs(float(np.linalg.det(basis))) * 4 / 3 * math.pi * counts.near**3
    expected = float(np.minimum(chance, 1.0).sum())
    enough = hits > _FILLED_SHARE * len(counts.on)
    return hits if enough and hits > _TIMES_CHANCE * expected else 0


def _lattice(basis: FloatArray, fraction: FloatArray, *, finer: bool) -> BravaisLattice:
    """The lattice with a fraction as a vector, or with those that it makes whole."""
    factor = round(1 / float(fraction[fraction > 0].min()))
    if finer:
        extra = fraction @ basis
        rows = np.concatenate([basis, extra[None]])
        triples = [rows[list(t)] for t in itertools.combinations(range(4), 3)]
        return _smallest(triples, abs(float(np.linalg.det(basis))) / factor)
    span = range(-factor, factor + 1)
    whole = [
        np.array(n) @ basis
        for n in itertools.product(span, repeat=3)
        if any(n)
        and abs(np.array(n) @ fraction - round(float(np.array(n) @ fraction))) < 1e-6
    ]
    whole.sort(key=lambda v: float(np.linalg.norm(v)))
    triples = [np.array(t) for t in itertools.combinations(whole[:24], 3)]
    return _smallest(triples, abs(float(np.linalg.det(basis))) * factor)


def _smallest(triples: Sequence[FloatArray], volume: float) -> BravaisLattice:
    """Of some triples of vectors the one that has the volume of the cell."""
    best = min(triples, key=lambda t: abs(abs(float(np.linalg.det(t))) / volume - 1))
    return bravais_lattice(niggli_basis(best)[0])
