"""What a table of absorption edges and emission lines says: energies in eV."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

NEAR_EV = 25.0
"""Edges that are so near (eV) to an inflection may be what it is of: chemistry and a
monochromator that is off shift it by some eV. Chosen, not tuned."""
_NAMED = 3
"""Edges that a hint names."""


@dataclass(frozen=True, slots=True)
class TableEdge:
    """An absorption edge."""

    element: str
    edge: str
    energy: float


@dataclass(frozen=True, slots=True)
class TableLine:
    """A group of emission lines that a detector does not tell apart."""

    element: str
    name: str
    """As ``Ka`` or ``Lb``."""
    energy: float
    share: float
    """Intensity, of the lines of the same edge."""
    edge: float
    """Energy of the edge that must be excited."""


@dataclass(frozen=True, slots=True)
class XrayTable:
    """Edges and lines of all elements."""

    edges: tuple[TableEdge, ...]
    lines: tuple[TableLine, ...]

    def edge(self, element: str, edge: str) -> TableEdge | None:
        """The edge of an element; None: it has none."""
        wanted = (element, edge)
        return next((e for e in self.edges if (e.element, e.edge) == wanted), None)


def nearest_edges(table: XrayTable, energy: float) -> Sequence[TableEdge]:
    """The edges that an inflection at this energy (eV) may be of, nearest first."""
    near = [edge for edge in table.edges if abs(edge.energy - energy) <= NEAR_EV]
    return sorted(near, key=lambda edge: abs(edge.energy - energy))[:_NAMED]


def edge_hint(
    table: XrayTable, energy: float, element: str | None, edge: str | None
) -> str:
    """Which edge an inflection is of, for people; a hint, and no more.

    Args:
        table: The table.
        energy: Of the inflection, eV.
        element: As announced; None: it was not, or is none.
        edge: The same of the edge.
    """
    near = nearest_edges(table, energy)
    names = ", ".join(f"{e.element} {e.edge} ({e.energy:.1f} eV)" for e in near)
    meant = table.edge(element or "", edge or "")
    if meant is not None and meant in near:
        return f"{meant.element} {meant.edge}, as announced ({meant.energy:.1f} eV)"
    if not names:
        names = f"no edge of the table within {NEAR_EV:g} eV"
    if meant is None:
        return names
    away = abs(energy - meant.energy)
    return (
        f"{names}; {meant.element} {meant.edge}, which was announced, is at "
        f"{meant.energy:.1f} eV, {away:.0f} eV away"
    )
