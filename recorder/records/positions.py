"""Positions of axes that timing hardware reads with each trigger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recorder.errors import shown

ANGLES = ("omega", "phi", "kappa", "chi")
"""Axes in degrees."""
LENGTHS = ("x", "y", "z")
"""Axes of the sample's stage, mm. On a chip x goes across columns, y down rows."""
POSITIONS = (*ANGLES, *LENGTHS)
"""All axes; the place here is their number in the journal."""
MAX_POSITION = 1e6
"""Degrees or mm; an encoder that says more says nothing. A kilometre, or 2800 turns."""
_SHOWN = 5
"""Wrong positions of an event that are named. Chosen, not tuned."""
KEY = "positions"
"""Where an event has them: a map of axis to degrees or mm."""


def positions_of(body: Mapping[str, Any]) -> dict[str, float]:
    """The positions that an event has; what is none is left out.

    Args:
        body: Further values of the event.
    """
    said = body.get(KEY)
    if not isinstance(said, dict):
        return {}
    return {
        axis: float(value)
        for axis, value in said.items()
        if axis in POSITIONS and _is_position(value)
    }


def wrong_positions(body: Mapping[str, Any]) -> str:
    """What of an event's positions cannot be used, for people; empty if all can.

    Args:
        body: Further values of the event.
    """
    said = body.get(KEY)
    if said is None:
        return ""
    if not isinstance(said, dict):
        return f"{KEY} not used: {shown(said)} is no map of axis to degrees or mm"
    good = positions_of(body)
    wrong = [
        f"{KEY}.{shown(axis)} not used: {shown(value)}"
        for axis, value in said.items()
        if axis not in good
    ]
    if not wrong:
        return ""
    known = f"numbers to {MAX_POSITION:g} of {', '.join(POSITIONS)} are"
    return f"{'; '.join(wrong[:_SHOWN])}: {known}"


def _is_position(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and abs(value) <= MAX_POSITION  # no NaN is, and no infinity
