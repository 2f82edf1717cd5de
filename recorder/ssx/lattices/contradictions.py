"""Whether a cell can have the space group that was announced with it."""

from __future__ import annotations

from collections.abc import Sequence

from recorder.ssx.lattices.space_groups import centring_letter, crystal_system

_TOLD_LENGTH = 0.01
"""Relative difference of lengths from which a cell contradicts a space group that
makes them equal: so far cells of one crystal form differ. Chosen, not tuned."""
_TOLD_ANGLE = 0.5
"""The same for angles, degrees."""
_ONLY_LETTER = "only its centring letter is used; mend unit_cell or space_group"


def contradiction(cell: Sequence[float], space_group: str | None) -> str | None:
    """Why a cell cannot have a space group; None if it may.

    Args:
        cell: Conventional cell, Å and degrees.
        space_group: Symbol; None: nobody said.
    """
    if space_group is None or not space_group.strip():
        return None
    system = crystal_system(space_group)
    if system is None:
        return f"space group {space_group!r} is not known: {_ONLY_LETTER}"
    a, b, c, *angles = cell
    lengths, right = (a, b, c), [abs(x - 90) < _TOLD_ANGLE for x in angles]
    same = [_alike(lengths[i], lengths[j]) for i, j in ((0, 1), (1, 2), (0, 2))]
    hexagonal = same[0] and right[0] and right[1] and abs(angles[2] - 120) < _TOLD_ANGLE
    equal = all(same) and max(angles) - min(angles) < _TOLD_ANGLE
    fits, needs = {
        "triclinic": (True, ""),
        "monoclinic": (sum(right) >= 2, "two angles of 90°"),
        "orthorhombic": (all(right), "angles of 90°"),
        "tetragonal": (all(right) and any(same), "two equal edges, angles of 90°"),
        "trigonal": (
            hexagonal or (centring_letter(space_group) in "RH" and equal),
            "a = b with angles of 90, 90, 120°"
            + (
                "" if space_group.strip()[0] not in "RrHh" else ", or three equal edges"
            ),
        ),
        "hexagonal": (hexagonal, "a = b with angles of 90, 90, 120°"),
        "cubic": (all(same) and all(right), "three equal edges, angles of 90°"),
    }[system]
    if fits:
        return None
    said = " ".join(f"{value:g}" for value in cell)
    return (
        f"space group {space_group} is {system} and needs {needs}, unit cell {said} "
        f"has not: {_ONLY_LETTER}"
    )


def _alike(a: float, b: float) -> bool:
    return abs(a - b) < _TOLD_LENGTH * max(a, b)
