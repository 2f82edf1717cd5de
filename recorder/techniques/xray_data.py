"""Edges and lines from the package xraydb, if that is installed (extra ``mx``)."""

from __future__ import annotations

from functools import cache
from typing import Any

from recorder.mx.elements import EDGES, SYMBOLS
from recorder.mx.xray_table import TableEdge, TableLine, XrayTable

ABSENT = "there is no table of edges: pip install 'ssx-recorder[mx]'"
"""What a hint says without the package."""
_GROUPS = {
    "Ka": ("Ka1", "Ka2", "Ka3"),
    "Kb": ("Kb1", "Kb2", "Kb3", "Kb4", "Kb5"),
    "La": ("La1", "La2"),
    "Lb": ("Lb1",),
    "Lb2": ("Lb2,15", "Lb2"),
    "Lg": ("Lg1",),
}
"""Lines that a silicon detector does not tell apart."""
_SHARES = {"La": 1.0, "Lb": 0.6, "Lb2": 0.2, "Lg": 0.1}
"""Of the lines of all three L edges together, which depend on the beam: roughly."""
_EDGE_OF = {"Ka": "K", "Kb": "K", "La": "L3", "Lb": "L2", "Lb2": "L3", "Lg": "L2"}


@cache
def xray_table() -> XrayTable | None:
    """The table; None without the package. It takes some 0.7 s, once."""
    try:
        import xraydb  # only here: it is large
    except ImportError:
        return None
    edges: list[TableEdge] = []
    lines: list[TableLine] = []
    for symbol in SYMBOLS:
        known: dict[str, Any] = xraydb.xray_edges(symbol)
        energies = {name: float(known[name].energy) for name in EDGES if name in known}
        edges += [TableEdge(symbol, name, energy) for name, energy in energies.items()]
        emitted: dict[str, Any] = xraydb.xray_lines(symbol)
        lines += _lines_of(symbol, energies, emitted)
    return XrayTable(tuple(edges), tuple(lines))


def _lines_of(
    symbol: str, edges: dict[str, float], emitted: dict[str, Any]
) -> list[TableLine]:
    found = []
    for name, members in _GROUPS.items():
        mine = [emitted[one] for one in members if one in emitted]
        strength = sum(float(one.intensity) for one in mine)
        edge = edges.get(_EDGE_OF[name])
        if not mine or strength <= 0 or edge is None:
            continue
        energy = sum(float(one.energy * one.intensity) for one in mine) / strength
        share = _SHARES.get(name, strength)
        found.append(TableLine(symbol, name, energy, share, edge))
    return found
