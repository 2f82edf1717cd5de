"""Cells that hits propose one by one, until enough of them propose the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from recorder.records import Geometry
from recorder.ssx.arrays import FloatArray
from recorder.ssx.learning.cell_search import (
    Agreed,
    Proposal,
    common_cell,
    propose_unknown,
)
from recorder.ssx.learning.trial import sorted_vectors

_STRONGEST = 8
"""Hits that propose a cell before others do: so many suffice to find one. Chosen, not
tuned."""
_ENOUGH = 0.75
"""Share of those that must propose the same one for the others not to be asked: three
times what must agree of all. Chosen, not tuned."""


@dataclass(frozen=True, slots=True, eq=False)
class Proposals:
    """What single images propose, without a cell."""

    hits: Sequence[FloatArray]
    """Positions (n, 2) of the spots of those that propose something, px."""
    made: Sequence[Proposal]
    asked: Sequence[FloatArray]
    """Of all that were asked."""
    agreed: Agreed | None
    """The cell that most of them propose."""


def propose_all(
    geometry: Geometry, hits: Sequence[FloatArray], longest: float
) -> Proposals:
    """Cells that hits propose one by one, until enough of them propose the same.

    Args:
        geometry: Where to start.
        hits: Per hit (n, 2) positions of its spots, px, the strongest first.
        longest: Longest edge looked for, Å.
    """
    pairs: list[tuple[FloatArray, Proposal]] = []
    asked: list[FloatArray] = []
    agreed = None
    for part in (hits[:_STRONGEST], hits[_STRONGEST:]):
        asked += part
        for xy in part:
            found = propose_unknown(sorted_vectors(geometry, xy), longest)
            if found is not None:
                pairs.append((xy, found))
        agreed = common_cell([found for _, found in pairs])
        if agreed is not None and len(agreed.members) >= _ENOUGH * len(asked):
            break
    made = [found for _, found in pairs]
    return Proposals([xy for xy, _ in pairs], made, asked, agreed)
