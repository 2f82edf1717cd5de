"""When a lattice is accepted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recorder.records import ClassifySettings
from recorder.ssx.arrays import BoolArray, FloatArray
from recorder.ssx.lattices import refinement as refine
from recorder.ssx.lattices.coincidence import is_halved, is_misfit
from recorder.ssx.lattices.dimensions import log10_flat
from recorder.ssx.lattices.ewald import Spots
from recorder.ssx.lattices.false_alarms import log10_nfa, log10_orientations

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
_FITTED_EVIDENCE = 0.5
"""log10 of evidence that does not count for each spot of a fitted lattice, besides
_EVIDENCE. Real ones have 1.2 to 2.9 for each spot (85 lists), those of other cells that
pass all else 0.7 to 1.5: without it 5 of 1800 lists of 16 to 90 spots of another cell
are indexed."""
_FITTED_SPOTS = 12
"""A lattice whose cell was fitted to the spots needs more of them: up to six free
numbers fit a dozen of any sixty."""
_SURELY = 2.0
"""Of the limit: a lattice that explains little of a list is believed without a look at
other scales if its log10 NFA is so much lower. With a distance 1 % off, wrong ones with
1.3 times the limit came before the right ones. Chosen, not tuned."""
_ENOUGH = 60
"""Spots of a long list that are asked first whether a lattice lies flat. Chosen, not
tuned."""
_EVIDENCE = 0.5
"""log10 of evidence that does not count, for each indexed spot. The chance model takes
spots as independent; those of another lattice lie in rows and planes and meet points
together. Chosen on 7056 lists of another cell (6 to 30 spots, all pairs of nine cells):
without it 7 are indexed, with it none; at 0.6 more true lattices of six spots are lost.
Of 11040 lists that had no part in the choice (eight pairs, four alike) four are."""


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """A lattice and the spots that it explains."""

    basis: FloatArray
    """(3, 3) rows in Å."""
    view: FloatArray
    """(3,) of the detector."""
    indexed: BoolArray
    """(n,)."""
    log10_nfa: float
    counted: int
    """Spots that this rests on: those within the tolerance of its scale."""
    residual: float
    """Mean distance of the indexed spots from their points, 1/Å."""

    @property
    def spots(self) -> int:
        """How many it explains."""
        return int(self.indexed.sum())


class Judge:
    """Acceptance of lattices of one cell.

    Args:
        basis: (3, 3) reduced primitive basis, rows in Å.
        rotations: Number of proper rotations of the lattice.
        settings: Acceptance limits.
    """

    def __init__(
        self, basis: FloatArray, rotations: int, settings: ClassifySettings
    ) -> None:
        self._basis = basis
        self._volume = float(np.linalg.det(basis))
        self._orientations = log10_orientations(rotations)
        self._settings = settings

    @property
    def big(self) -> bool:
        """Whether chance explains the cell's lattices easily."""
        return self._volume > _BIG_VOLUME

    def least(self, spots: int) -> float:
        """Spots that a lattice must explain of a list that may hold several."""
        share = self._settings.min_inlier_share / self._settings.max_lattices
        return max(_LEAST_INDEXED, share * spots)

    def best(
        self,
        bases: FloatArray,
        views: FloatArray,
        spots: Spots,
        tolerance: refine.Tolerance,
    ) -> Judged:
        """The candidate with the fewest false alarms.

        Args:
            bases: (m, 3, 3) candidates.
            views: (m, 3) of the detector, or (3,) of all of them.
            spots: Of the image, those of other lattices taken away.
            tolerance: Distance up to which a spot is explained.
        """
        reach = tolerance(spots.norm)
        _, distance = refine.errors(bases, spots.seen(views))
        score, counted = log10_nfa(distance, reach, self._volume, self._orientations)
        one = int(np.argmin(score))
        indexed = distance[one] < reach
        return Judged(
            bases[one],
            views if views.ndim == 1 else views[one],
            indexed,
            float(score[one]),
            int(counted[one]),
            float(distance[one][indexed].mean()) if indexed.any() else np.inf,
        )

    def accepts(
        self, found: Judged, spots: Spots, *, further: bool, fitted: bool
    ) -> bool:
        """Whether a lattice is one.

        Args:
            found: The lattice.
            spots: All that were left when it was judged.
            further: Another lattice of the image is known.
            fitted: Its scale was fitted to the spots.
        """
        count = found.spots
        least = max(self.least(len(found.indexed)), _FITTED_SPOTS if fitted else 0)
        limit = self._limit(found.counted)
        limit += _EXTRA_NFA if further else 0.0
        limit += _FITTED_NFA - _FITTED_EVIDENCE * found.counted if fitted else 0.0
        if count < least or found.log10_nfa >= limit:
            return False
        if self._of_another_cell(found, spots, fitted=fitted):
            return False
        return self._solid(found, spots)

    def _of_another_cell(self, found: Judged, spots: Spots, *, fitted: bool) -> bool:
        seen, reach = spots.seen(found.view), refine.FAST(spots.norm)
        told = seen, reach, found.indexed
        if fitted and is_misfit(found.basis, self._basis, *told):
            return True
        return is_halved(found.basis, *told)

    def _solid(self, found: Judged, spots: Spots) -> bool:
        """Whether it has evidence beside the fullest plane and row, too."""
        # a part of a long list mostly tells it
        for step in sorted({1, -(-len(spots) // _ENOUGH)}, reverse=True):
            part = slice(None, None, step)
            flat = log10_flat(
                found.basis,
                spots.select(part).seen(found.view),
                refine.FAST(spots.norm[part]),
                found.indexed[part],
            )
            if flat + self._orientations < self._settings.nfa_max:
                return True
        return False

    def surely(self, found: Judged) -> bool:
        """Whether no other lattice need be tried in place of this one."""
        return found.log10_nfa < _SURELY * self._limit(found.counted)

    @staticmethod
    def better(fitted: Judged, rigid: Judged) -> bool:
        """Whether a lattice of another scale is worth its freedom."""
        return fitted.log10_nfa < rigid.log10_nfa + _FITTED_NFA

    def _limit(self, count: int) -> float:
        """log10 NFA below which a lattice of so many spots is accepted."""
        common = -_EVIDENCE * count
        if self.big:
            return min(self._settings.nfa_max, _BIG_NFA, common)
        return self._settings.nfa_max + common
