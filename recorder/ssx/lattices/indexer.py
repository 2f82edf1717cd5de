"""Indexing of stills with a known cell.

A direction search gives orientations, a rigid refinement sharpens them, and the
number of false alarms decides (:mod:`recorder.ssx.lattices.false_alarms`). If
nothing is accepted, a retry searches harder, with a wider tolerance and a free cell:
real distances and literature cells are off by about one per cent.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recorder.records import ClassifySettings, Lattice, WorkLevel
from recorder.ssx.arrays import FloatArray
from recorder.ssx.lattices import orientation_search as coarse
from recorder.ssx.lattices import refinement as refine
from recorder.ssx.lattices import symmetry, unit_cell
from recorder.ssx.lattices.false_alarms import log10_nfa, log10_orientations

_MIN_SPOTS_RETRY = 10
"""Spots without which a retry is not worth its time. With 20, 3 of 60 images with 10
true and 4 spurious spots are lost; 5 gains none (`make bench-quality`, Indexing)."""
_LEAST_INDEXED = 6.0
"""Spots that a lattice must explain, besides the share of them. Both are gates
against lattices of another cell: without them up to 38 % were accepted in a cell of
3·10⁶ Å³."""
_BIG_VOLUME = 1.5e6
"""Å³ of the primitive cell: 7 % of the spots at 0.3 1/Å meet a point by chance."""
_BIG_NFA = -9.0
"""log10 NFA that such a cell needs at least, instead of the setting and _EVIDENCE
together, which lose one in twelve of 15 true spots among 30: mere chance is what it
meets most. Of 784 lists of another cell (6 to 30 spots) the nearest is 0.9 short."""
_EXTRA_NFA = -3.0
"""Further lattices must be this much less likely by chance than the first."""
_FITTED_NFA = -4.0
"""log10 by which a fitted lattice must be less likely by chance than a rigid one: a fit
finds something in any list. At half of it 2 of 60 images more are indexed with a cell
1.2 % off, at double none less, and no list of another cell either way (as `make
bench-quality`, Indexing)."""
_FITTED_SHARE = 0.3
"""Share of the spots that a fitted lattice must explain. On real thaumatin a fit
explained 0.94 to 0.99 of them. Double loses one of 60 images with a cell 1.2 % off,
half changes none, nor any list of another cell (as `make bench-quality`, Indexing)."""
_FITTED_SPOTS = 12
"""A lattice whose cell was fitted to the spots needs more of them: up to six free
numbers fit a dozen of any sixty."""
_EVIDENCE = 0.5
"""log10 of evidence that does not count, for each indexed spot. The chance model takes
spots as independent; those of another lattice lie in rows and planes and meet points
together. Chosen on 7056 lists of another cell (6 to 30 spots, all pairs of nine cells):
without it 7 are indexed, with it none; at 0.6 more true lattices of six spots are lost.
Of 11040 lists that had no part in the choice (eight pairs, four alike) four are."""
_SAME_DEGREES = 1.5
"""A further lattice this close to a known one is a left-over of it."""
_SURE_SHARE = 0.5
"""If a rigid cell explains less than this share, a fitted one is tried as well."""
_FITTED_GAIN = 0.2
"""How much better, in units of the rigid log10 NFA, a fitted cell must be."""
_SCALE_LIMIT = 0.03
"""Relative change of scale, and then of each length, that a fit may make: real
thaumatin asked for 1.3 %. With cells 2 % off up to 18 % of the lattices of a big cell
were wrong. Chosen, not tuned."""
_MAX_Q = 10.0
"""1/Å; spots farther out are no numbers to work with. No wavelength above 0.2 Å (62
keV) gets there."""
_FIRST_STEPS = ((4.0, 6.0), (3.0, 4.0), (2.0, 2.5))
"""Factors of the tolerance (constant, slope) in the first steps of a rigid refinement:
wide enough for an orientation between the directions that were searched. Half loses one
of 60 images with 10 true spots, double none (as `make bench-quality`, Indexing)."""
_LAST_STEPS = (2.0, 1.5, 1.0)
"""Factors of the tolerance in the last steps, on more spots. With half 60 instead of 57
of 60 images with 10 true spots are indexed, but 16 instead of 44 with a cell 1.2 % off;
double loses 4 to 6 of 60 (as `make bench-quality`, Indexing)."""
_FITTED_STEPS = (2.0, 1.5, 1.0, 1.0)
"""Factors of the wide tolerance while the scale is fitted. Chosen, not tuned."""
_FREE_PASSES = 3
"""Steps of the free fit, of which each gives the spots their indices anew. Chosen, not
tuned."""
_KEEP_REFINED = 6
"""Orientations that are refined on more spots, or a third of those handed on if that is
more. Half or double changes nothing (as `make bench-quality`, Indexing)."""
_REFINE_SPOTS = 150
"""Spots of lowest |q| that these are refined on. Half changes nothing (as `make
bench-quality`, Indexing, whose lists are shorter than double)."""


class Indexer:
    """Finds lattices of one cell in lists of scattering vectors.

    Args:
        cell: Conventional cell, Å and degrees.
        space_group: Symbol; only its centring letter matters. None: primitive.
        settings: Acceptance limits.

    Raises:
        UnitCellError: The six numbers make no cell.
    """

    def __init__(
        self,
        cell: Sequence[float],
        space_group: str | None = None,
        settings: ClassifySettings | None = None,
    ) -> None:
        self._settings = settings or ClassifySettings()
        self._basis, self._back = symmetry.primitive_vectors(cell, space_group)
        self._volume = float(np.linalg.det(self._basis))
        self._rotations = symmetry.rotations(self._basis)
        self._orientations = log10_orientations(len(self._rotations))
        self._symmetry = symmetry.symmetry_matrices(self._basis)
        self._search = coarse.CoarseSearch(self._basis, self._rotations)

    def index(
        self, q: NDArray[np.floating], effort: WorkLevel = WorkLevel.FULL
    ) -> tuple[Lattice, ...]:
        """Lattices that explain the spots, in the order in which they were found.

        Args:
            q: (n, 3) scattering vectors of the spots, 1/Å, any order.
            effort: What to leave out under overload.

        Returns:
            At most ``max_lattices`` lattices; the same list gives the same result.
        """
        rest = self._usable(q)
        least = max(_LEAST_INDEXED, self._settings.min_inlier_share * len(rest))
        found: list[Lattice] = []
        bases: list[FloatArray] = []
        # a left-over of a known lattice uses up a round without being reported
        most = 1 if effort >= WorkLevel.ONE_LATTICE else self._settings.max_lattices
        for _ in range(2 * most):
            if len(found) >= most:
                break
            if len(rest) < max(self._settings.min_spots_index, least):
                break
            again = not bases or self._volume > _BIG_VOLUME
            retry = effort < WorkLevel.NO_RETRY and again
            result = self._one(rest, least, further=bool(bases), retry=retry)
            if result is None:
                break
            basis, indexed, record = result
            rest = rest[~indexed]
            if not any(self._same(basis, known) for known in bases):
                bases.append(basis)
                found.append(record)
        return tuple(found)

    @staticmethod
    def _usable(q: NDArray[np.floating]) -> FloatArray:
        """Finite, non-zero spots, lowest |q| first."""
        spots = np.asarray(q, dtype=np.float64).reshape(-1, 3)
        # a comparison with NaN is false; wild values would overflow
        norm = np.abs(spots).max(axis=1, initial=0.0)
        spots = spots[(norm > 0) & (norm < _MAX_Q)]
        order = np.argsort(np.linalg.norm(spots, axis=1), kind="stable")
        return np.asarray(spots[order])

    def _same(self, first: FloatArray, second: FloatArray) -> bool:
        # symmetry acts on the unrotated basis: bring it into the first one's frame
        angle = min(
            symmetry.misorientation(matrix @ first, second) for matrix in self._symmetry
        )
        return angle < _SAME_DEGREES

    def _one(
        self, q: FloatArray, least: float, *, further: bool, retry: bool
    ) -> tuple[FloatArray, NDArray[np.bool_], Lattice] | None:
        """The best lattice if it is accepted: basis, indexed spots, record."""
        extra = _EXTRA_NFA if further else 0.0
        # the shortest vectors first: mostly their candidates are all it needs
        parts = []
        for group in range(self._search.groups):
            parts.append(self._refined(q, coarse.NORMAL, refine.FAST, group))
            bases = np.concatenate(parts)
            rigid = self._accepted(bases, q, refine.FAST, least, extra)
            if rigid is not None and rigid[2].spots >= _SURE_SHARE * len(q):
                return rigid
        if rigid is None:
            if not retry or len(q) < _MIN_SPOTS_RETRY:
                return None
            bases = self._refined(q, coarse.HARD, refine.FAST)
            rigid = self._accepted(bases, q, refine.FAST, least, extra, "hard")
        fitted_least = max(least, _FITTED_SPOTS, _FITTED_SHARE * len(q))
        fitted = self._accepted(
            self._fitted(bases, q),
            q,
            refine.WIDE,
            fitted_least,
            extra + _FITTED_NFA,
            "fitted",
        )
        if rigid is None or fitted is None:
            return rigid or fitted
        gained = rigid[2].log10_nfa - fitted[2].log10_nfa
        worth = -_FITTED_NFA - _FITTED_GAIN * rigid[2].log10_nfa
        return fitted if gained > worth else rigid

    def _refined(
        self,
        q: FloatArray,
        effort: coarse.WorkLevel,
        tolerance: refine.Tolerance,
        group: int | None = None,
    ) -> FloatArray:
        """Search, then rigid refinement of all and of the best candidates."""
        bases = self._search.search(q, effort, group)
        few = q[: effort.spots]
        norm = np.linalg.norm(few, axis=1)
        for constant, slope in _FIRST_STEPS:
            reach = tolerance.times(constant, slope)(norm)
            bases = refine.rotate(bases, self._basis, few, reach)
        more = q[:_REFINE_SPOTS]
        norm = np.linalg.norm(more, axis=1)
        _, distance = refine.errors(bases, more)
        inliers = (distance < tolerance.times(2, 2)(norm)).sum(axis=1)
        order = np.argsort(-inliers, kind="stable")[
            : max(_KEEP_REFINED, effort.cells // 3)
        ]
        bases = bases[order]
        for factor in _LAST_STEPS:
            reach = tolerance.times(factor, factor)(norm)
            bases = refine.rotate(bases, self._basis, more, reach)
        return bases

    def _fitted(self, bases: FloatArray, q: FloatArray) -> FloatArray:
        """Fit scale, then the free cell under the lattice's symmetry."""
        norm = np.linalg.norm(q, axis=1)
        reach = refine.WIDE(norm)
        for factor in _FITTED_STEPS:
            bases = refine.rotate(bases, self._basis, q, factor * reach, _SCALE_LIMIT)
        scaled = bases
        for _ in range(_FREE_PASSES):
            bases = refine.free(bases, q, reach)
            bases = np.stack([refine.symmetrise(b, self._symmetry) for b in bases])
        change = np.linalg.norm(bases, axis=2) / np.linalg.norm(scaled, axis=2) - 1
        wild = np.abs(change).max(axis=1) > _SCALE_LIMIT
        bases[wild] = scaled[wild]
        return np.concatenate([scaled, bases])

    def _accepted(
        self,
        bases: FloatArray,
        q: FloatArray,
        tolerance: refine.Tolerance,
        least: float,
        extra: float,
        found_by: str = "fast",
    ) -> tuple[FloatArray, NDArray[np.bool_], Lattice] | None:
        reach = tolerance(np.linalg.norm(q, axis=1))
        _, distance = refine.errors(bases, q)
        score = log10_nfa(distance, reach, self._volume, self._orientations)
        best = int(np.argmin(score))
        indexed = distance[best] < reach
        count = int(indexed.sum())
        if count < least or score[best] >= self._limit(count) + extra:
            return None
        conventional = self._back @ bases[best]
        record = Lattice(
            cell=unit_cell.cell_from_vectors(conventional),
            vectors=tuple(float(v) for v in conventional.ravel()),
            spots=count,
            log10_nfa=float(score[best]),
            residual=float(distance[best][indexed].mean()),
            found_by=found_by,
        )
        return bases[best], indexed, record

    def _limit(self, count: int) -> float:
        """log10 NFA below which a lattice of so many spots is accepted."""
        common = -_EVIDENCE * count
        if self._volume > _BIG_VOLUME:
            return min(self._settings.nfa_max, _BIG_NFA, common)
        return self._settings.nfa_max + common
