"""Candidate lattices of a list of spots: searched, then refined all together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recorder.ssx.arrays import FloatArray, IntArray
from recorder.ssx.lattices import orientation_search as coarse
from recorder.ssx.lattices import refinement as refine
from recorder.ssx.lattices.ewald import Spots

SCALE_LIMIT = 0.04
"""Relative change of scale that a fit may make: the literature's cell of real thaumatin
is 1.3 % off, and a distance or a cell 2 % more."""
_SCALES = (1.0, 0.988, 1.012, 0.976, 1.024)
"""Scales that are searched. A spot at 0.2 1/Å is at half a step off by 0.1 of the
spacing of a 79 Å axis, which the search still sees."""
_FIRST_STEPS = ((4.0, 6.0), (3.0, 4.0), (2.0, 2.5))
"""Factors of the tolerance (constant, slope) in the first steps of a rigid refinement:
wide enough for an orientation between the directions that were searched. Half loses one
of 60 images with 10 true spots, double none (as `make bench-quality`, Indexing)."""
_LAST_STEPS = (2.0, 1.5, 1.0)
"""Factors of the tolerance in the last steps, on more spots. With half 60 instead of 57
of 60 images with 10 true spots are indexed, but 16 instead of 44 with a cell 1.2 % off;
double loses 4 to 6 of 60 (as `make bench-quality`, Indexing)."""
_SCALED_STEPS = ((60, 2.0, 2.5), (60, 1.5, 2.0), (150, 1.5, 1.5), (150, 1.0, 1.0))
"""Spots of lowest |q|, and factors of the wide tolerance (constant, slope), while scale
and shift are fitted: what the inner spots say brings the outer ones into reach."""
_WIDEST = 2.0
"""Factor of the constant tolerance from which on nothing is dropped yet. Chosen, not
tuned."""
_KEPT = 4
"""Orientations that are searched, for each that is refined on more spots. Half or
double changes nothing (as `make bench-quality`, Indexing)."""
_KEEP_REFINED = 6
"""Fitted orientations that are refined on all spots. Chosen, not tuned."""
_KEEP_SCALED = 24
"""Fitted orientations that are refined on more spots. Chosen, not tuned."""
_REFINE_SPOTS = 150
"""Spots of lowest |q| that these are refined on. Half changes nothing (as `make
bench-quality`, Indexing, whose lists are shorter than double)."""


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Lattices that may be in a list."""

    bases: FloatArray
    """(m, 3, 3) rows in Å."""
    views: FloatArray
    """(m, 3) of the detector."""


def rigid(
    search: coarse.CoarseSearch,
    cell: FloatArray,
    q: FloatArray,
    effort: coarse.WorkLevel,
    group: int | None = None,
) -> FloatArray:
    """Search, then rigid refinement of all and of the best candidates.

    Args:
        search: For the cell.
        cell: (3, 3) unrotated basis, rows in Å.
        q: (n, 3) scattering vectors, 1/Å, lowest |q| first.
        effort: How hard to search.
        group: Which of the lengths to search; None: all.

    Returns:
        (m, 3, 3) bases.
    """
    tolerance = refine.FAST
    bases = search.search(q, effort, group)
    few = q[: effort.spots]
    norm = np.linalg.norm(few, axis=1)
    for constant, slope in _FIRST_STEPS:
        reach = tolerance.times(constant, slope)(norm)
        bases = refine.rotate(bases, cell, few, reach)
    more = q[:_REFINE_SPOTS]
    norm = np.linalg.norm(more, axis=1)
    order = _by_inliers(bases, more, tolerance.times(2, 2)(norm))
    bases = bases[order[: effort.cells // _KEPT]]
    return turned(bases, cell, more)


def turned(bases: FloatArray, cell: FloatArray, q: FloatArray) -> FloatArray:
    """The last steps of a rigid refinement.

    Args:
        bases: (m, 3, 3) rows in Å.
        cell: (3, 3) unrotated basis, rows in Å.
        q: (n, 3) scattering vectors, 1/Å.

    Returns:
        (m, 3, 3) turned cells.
    """
    norm = np.linalg.norm(q, axis=1)
    for factor in _LAST_STEPS:
        reach = refine.FAST.times(factor, factor)(norm)
        bases = refine.rotate(bases, cell, q, reach)
    return bases


def scaled(
    search: coarse.CoarseSearch,
    cell: FloatArray,
    spots: Spots,
    effort: coarse.WorkLevel,
) -> Candidates:
    """Search with several scales, then fit scale and shift from the inner spots on.

    Only the shortest vectors are searched: they bear a wrong scale and a shifted centre
    best.

    Args:
        search: For the cell.
        cell: (3, 3) unrotated basis, rows in Å.
        spots: Of the image.
        effort: How hard to search.

    Returns:
        Bases of their own scale, and views.
    """
    parts = [search.search(spots.q / scale, effort, 0) / scale for scale in _SCALES]
    bases = np.concatenate(parts)
    views = np.zeros((len(bases), 3))
    steps = [*_SCALED_STEPS, *[(len(spots), 1.0, 1.0)] * 2]
    for count, constant, slope in steps:
        few = spots.select(slice(count))
        reach = refine.WIDE.times(constant, slope)(few.norm)
        bases = refine.rotate(bases, cell, few.seen(views), reach, SCALE_LIMIT)
        views = refine.shifted(bases, views, few, reach)
        keep = _KEEP_SCALED if count < _REFINE_SPOTS else _KEEP_REFINED
        if len(bases) > keep and constant < _WIDEST:
            order = _by_inliers(bases, few.seen(views), refine.WIDE(few.norm))[:keep]
            bases, views = bases[order], views[order]
    return Candidates(bases, views)


def _by_inliers(bases: FloatArray, q: FloatArray, reach: FloatArray) -> IntArray:
    """Positions of bases, those that explain most spots first."""
    _, distance = refine.errors(bases, q)
    inliers = (distance < reach).sum(axis=1)
    return np.argsort(-inliers, kind="stable")
