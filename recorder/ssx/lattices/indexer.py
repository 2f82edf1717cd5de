"""Indexing of stills with a known cell.

A direction search gives orientations, a rigid refinement sharpens them, and the
number of false alarms decides (:mod:`recorder.ssx.lattices.acceptance`). If nothing is
accepted, a retry searches with other scales and a shifted beam centre, too: real
distances and literature cells are off by one or two per cent. What the first lattice
shows of scale and centre, the rest of the image is searched with.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from recorder.records import ClassifySettings, Lattice, WorkLevel
from recorder.ssx.arrays import FloatArray
from recorder.ssx.lattices import candidates, ewald, own_cell, symmetry, unit_cell
from recorder.ssx.lattices import orientation_search as coarse
from recorder.ssx.lattices import refinement as refine
from recorder.ssx.lattices.acceptance import Judge, Judged
from recorder.ssx.lattices.ewald import Spots
from recorder.ssx.lattices.own_cell import OwnCell

_MIN_SPOTS_RETRY = 10
"""Spots without which a retry is not worth its time. With 20, 3 of 60 images with 10
true and 4 spurious spots are lost; 5 gains none (`make bench-quality`, Indexing)."""
_SAME_DEGREES = 1.5
"""A further lattice this close to a known one is a left-over of it."""
_SURE_SHARE = 0.5
"""If a lattice explains this share, no longer vectors are searched."""
_MAX_Q = 10.0
"""1/Å; spots farther out are no numbers to work with. No wavelength above 0.2 Å (62
keV) gets there."""
_LONG_LIST = 3
"""Spots of a list for each that is searched, at least the effort's own: in 600 spots of
four crystals, half of them spurious, the 60 of lowest |q| are too few of each."""
_EXACT = 0.001
"""Relative misfit of a symmetry that a crystal's own cell must keep: rounding of the
given cell. Axes that are more different vary each for itself. Chosen, not tuned."""
_ANOTHER_CELL = 0.004
"""Strain beyond which an image is searched on with the cell of its first lattice:
crystals of one kind differ by less, distances by more."""


@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    """What the lattices of an image are searched with."""

    cell: FloatArray
    """(3, 3) unrotated primitive basis."""
    search: coarse.CoarseSearch
    view: FloatArray
    """(3,) of the detector."""


class Indexer:
    """Finds lattices of one cell in lists of scattering vectors.

    Args:
        cell: Conventional cell, Å and degrees.
        space_group: Symbol; only its centring letter matters. None: primitive.
        settings: Acceptance limits.
        rigid: Say how the cell explains the spots as it is given, without what the
            lattices ask for: who compares cells must tell a right one from a wrong one.

    Raises:
        UnitCellError: The six numbers make no cell.
    """

    def __init__(
        self,
        cell: Sequence[float],
        space_group: str | None = None,
        settings: ClassifySettings | None = None,
        *,
        rigid: bool = False,
    ) -> None:
        self._rigid = rigid
        self._settings = settings or ClassifySettings()
        basis, self._back = symmetry.primitive_vectors(cell, space_group)
        self._rotations = symmetry.rotations(basis)
        self._judge = Judge(basis, len(self._rotations), self._settings)
        self._symmetry = symmetry.symmetry_matrices(basis)
        exact = symmetry.rotations(basis, _EXACT)
        self._strains = symmetry.strains(exact)
        search = coarse.CoarseSearch(basis, self._rotations)
        self._given = _Known(basis, search, np.array(ewald.RIGHT))

    def index(
        self, q: NDArray[np.floating], effort: WorkLevel = WorkLevel.FULL
    ) -> tuple[Lattice, ...]:
        """Lattices that explain the spots, the surest first.

        Args:
            q: (n, 3) scattering vectors of the spots, 1/Å, any order.
            effort: What to leave out under overload.

        Returns:
            At most ``max_lattices`` lattices; the same list gives the same result.
        """
        rest = ewald.spots_of(self._usable(q))
        found: list[Lattice] = []
        bases: list[FloatArray] = []
        known = self._given
        # a left-over of a known lattice uses up a round without being reported
        most = 1 if effort >= WorkLevel.ONE_LATTICE else self._settings.max_lattices
        for _ in range(2 * most):
            least = max(self._settings.min_spots_index, self._judge.least(len(rest)))
            if len(found) >= most or len(rest) < least:
                break
            retry = effort < WorkLevel.NO_RETRY and (not bases or self._judge.big)
            result = self._one(rest, known, further=bool(bases), retry=retry)
            if result is None:
                break
            own, lattice, found_by = result
            if not any(self._same(lattice.basis, other) for other in bases):
                bases.append(lattice.basis)
                told = self._as_given(own, rest) if self._rigid else lattice
                found.append(self._record(own, told, found_by))
            if len(bases) == 1:
                known = self._shown(own, known)
            rest = rest.select(~lattice.indexed)
        return tuple(sorted(found, key=lambda lattice: lattice.log10_nfa))

    def primitive(self, lattices: Sequence[Lattice]) -> tuple[FloatArray, ...]:
        """(3, 3) primitive basis of each of these lattices, rows in Å.

        Args:
            lattices: As this indexer gave them.
        """
        forth = np.linalg.inv(self._back)
        return tuple(forth @ np.reshape(found.vectors, (3, 3)) for found in lattices)

    @staticmethod
    def _usable(q: NDArray[np.floating]) -> FloatArray:
        """Finite, non-zero spots."""
        spots = np.asarray(q, dtype=np.float64).reshape(-1, 3)
        # a comparison with NaN is false; wild values would overflow
        norm = np.abs(spots).max(axis=1, initial=0.0)
        return np.asarray(spots[(norm > 0) & (norm < _MAX_Q)])

    def _same(self, first: FloatArray, second: FloatArray) -> bool:
        # symmetry acts on the unrotated basis: bring it into the first one's frame
        angle = min(
            symmetry.misorientation(matrix @ first, second) for matrix in self._symmetry
        )
        return angle < _SAME_DEGREES

    def _one(
        self, spots: Spots, known: _Known, *, further: bool, retry: bool
    ) -> tuple[OwnCell, Judged, str] | None:
        """The best lattice if it is accepted, and how it was found."""
        rigid, sure = self._searched(spots, known, further=further, retry=retry)
        if sure or not retry or len(spots) < _MIN_SPOTS_RETRY:
            return rigid
        effort = _for_list(coarse.NORMAL, len(spots))
        tried = candidates.scaled(known.search, known.cell, spots, effort)
        best = self._judge.best(tried.bases, tried.views, spots, refine.WIDE)
        own, judged = self._fitted(best, known, spots)
        if rigid is not None and not self._judge.better(judged, rigid[1]):
            return rigid
        if self._judge.accepts(judged, spots, further=further, fitted=True):
            return own, judged, "fitted"
        return rigid

    def _searched(
        self, spots: Spots, known: _Known, *, further: bool, retry: bool
    ) -> tuple[tuple[OwnCell, Judged, str] | None, bool]:
        """The best lattice of the known cell, and whether no other need be tried."""
        seen = spots.seen(known.view)
        parts: list[FloatArray] = []
        accepted, way = False, ""
        for effort, group, found_by in self._efforts(known, len(spots), retry=retry):
            if accepted and effort is coarse.HARD:
                break
            way = found_by
            parts.append(
                candidates.rigid(known.search, known.cell, seen, effort, group)
            )
            best = self._judge.best(
                np.concatenate(parts), known.view, spots, refine.FAST
            )
            accepted = self._judge.accepts(best, spots, further=further, fitted=False)
            sure = accepted and best.spots >= _SURE_SHARE * len(spots)
            if sure:
                break
        if not accepted:
            return None, False
        own, judged = self._own(best.basis, known.cell, best.view, spots, far=not sure)
        return (own, judged, way), sure or self._judge.surely(judged)

    @staticmethod
    def _efforts(
        known: _Known, count: int, *, retry: bool
    ) -> Iterator[tuple[coarse.WorkLevel, int | None, str]]:
        """How hard to search about which vectors, until a lattice is sure."""
        yield coarse.QUICK, 0, "fast"
        # the shortest vectors first: mostly their candidates are all it needs
        for group in range(known.search.groups):
            yield _for_list(coarse.NORMAL, count), group, "fast"
        if retry and known.search.long and count >= _MIN_SPOTS_RETRY:
            yield coarse.HARD, None, "hard"

    def _own(
        self,
        basis: FloatArray,
        cell: FloatArray,
        view: FloatArray,
        spots: Spots,
        *,
        far: bool = True,
        free_distance: bool = False,
    ) -> tuple[OwnCell, Judged]:
        """The lattice with a cell of its own, and the spots that it then explains."""
        own = own_cell.refine(
            basis,
            cell,
            self._strains,
            spots,
            view,
            far=far,
            free_distance=free_distance,
        )
        return own, self._judge.best(own.basis[None], own.view, spots, refine.FAST)

    def _fitted(
        self, best: Judged, known: _Known, spots: Spots
    ) -> tuple[OwnCell, Judged]:
        """A lattice of another scale, by cell or distance: the better one."""
        volume = np.linalg.det(best.basis) / np.linalg.det(known.cell)
        scale = float(np.cbrt(volume))
        cell = self._own(best.basis, known.cell * scale, best.view, spots)
        nearer = best.view + np.array([0.0, 0.0, 1 / scale - 1])
        distance = self._own(
            best.basis / scale, known.cell, nearer, spots, free_distance=True
        )
        return min(cell, distance, key=lambda tried: tried[1].log10_nfa)

    def _as_given(self, own: OwnCell, spots: Spots) -> Judged:
        """How the given cell explains a lattice's spots where they are."""
        cell, view = self._given.cell, self._given.view
        bases = candidates.turned(own.basis[None], cell, spots.seen(view))
        return self._judge.best(bases, view, spots, refine.FAST)

    def _shown(self, own: OwnCell, known: _Known) -> _Known:
        """What the first lattice says of scale and centre, for the others."""
        strain = np.linalg.inv(known.cell) @ own.cell - np.eye(3)
        if np.abs(strain).max() < _ANOTHER_CELL:
            return replace(known, view=own.view)
        search = coarse.CoarseSearch(own.cell, self._rotations)
        return _Known(own.cell, search, own.view)

    def _record(self, own: OwnCell, lattice: Judged, found_by: str) -> Lattice:
        conventional = self._back @ own_cell.seen_basis(own)
        return Lattice(
            cell=unit_cell.cell_from_vectors(conventional),
            vectors=tuple(float(v) for v in conventional.ravel()),
            spots=lattice.spots,
            log10_nfa=lattice.log10_nfa,
            residual=lattice.residual,
            found_by=found_by,
            cell_error=own_cell.errors(own, self._back),
        )


def _for_list(effort: coarse.WorkLevel, count: int) -> coarse.WorkLevel:
    """The effort, with more spots for long lists."""
    spots = min(max(effort.spots, count // _LONG_LIST), coarse.MOST_SPOTS)
    return replace(effort, spots=spots)
