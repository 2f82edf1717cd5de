"""Whether one learned state knew as much of a run as the one that followed it."""

from __future__ import annotations

import math

from recorder.records import Cell, ClassifierSetup, Geometry, Learned

_LENGTH = 0.005
"""Relative change of an edge of the cell, or of the distance, that costs no lattice:
the search for a rigid cell finds all with 0.5 % wrong and one of three with 1 %."""
_ANGLE = 0.5
"""Degrees that an angle of the cell may change: moves a spot at 0.3 1/Å by 0.0026 1/Å,
about its tolerance."""
_CENTRE = 2.0
"""Pixels that the beam centre may move: up to there the search loses nothing."""


def as_good(old: Learned, new: Learned, setup: ClassifierSetup) -> bool:
    """Whether classifying with the older state comes to the same.

    Background, geometry and cell change a little with each lesson, because images
    differ: that is no reason to classify anything again. Nor is a geometry that was
    learned and moves on, however far: the beam drifts, and each state has its place.

    Args:
        old: A state.
        new: The state that followed.
        setup: What stands for geometry and cell that were not learned.
    """
    if old.background is None and new.background is not None:
        return False
    if not _same_cell(old.cell or setup.cell, new.cell or setup.cell):
        return False
    return old.images > 0 or _same_place(
        old.geometry or setup.geometry, new.geometry or setup.geometry
    )


def _same_cell(old: Cell | None, new: Cell | None) -> bool:
    if old is None or new is None:
        return old is new
    lengths = all(
        math.isclose(a, b, rel_tol=_LENGTH)
        for a, b in zip(old[:3], new[:3], strict=True)
    )
    return lengths and all(
        abs(a - b) <= _ANGLE for a, b in zip(old[3:], new[3:], strict=True)
    )


def _same_place(old: Geometry | None, new: Geometry | None) -> bool:
    if old is None or new is None:
        return old is new
    near = math.isclose(old.distance, new.distance, rel_tol=_LENGTH)
    return near and math.dist(old.beam_center, new.beam_center) <= _CENTRE
