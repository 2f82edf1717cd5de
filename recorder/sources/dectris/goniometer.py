"""Axes and triggers that stream headers announce.

Each value stands alone: one that cannot be used costs itself and is named, so that
nobody takes a start without its step for a rotation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recorder.errors import shown
from recorder.records import Goniometer
from recorder.records.detector import ONE_IMAGE_PER_TRIGGER
from recorder.records.limits import MAX_DEGREES, MAX_IMAGES, MAX_NAME
from recorder.sources.dectris.checks import finite

AXES = ("omega", "kappa", "phi", "chi", "two_theta")
"""Axes that both versions of the stream name."""
_NAMED = 5
"""Unknown axes that are named; a goniometer has as many. Chosen, not tuned."""


def axes_of_keys(config: Mapping[str, Any], problems: list[str]) -> list[Goniometer]:
    """Axes of ``omega_start`` and ``omega_increment`` and their like (stream v1).

    Args:
        config: The header.
        problems: Takes what cannot be used.
    """
    found = []
    for axis in AXES:
        said = {name: config.get(f"{axis}_{name}") for name in ("start", "increment")}
        found += _axis(axis, said, f"{axis}_", problems)
    return found


def axes_of_map(value: Any, problems: list[str]) -> list[Goniometer]:
    """Axes of a ``goniometer`` (stream v2): a map of starts and increments by axis.

    Args:
        value: What stands there; None if nothing does.
        problems: Takes what cannot be used.
    """
    if value is None:
        return []
    if not isinstance(value, dict):
        problems.append(f"goniometer of the header not used: {shown(value)} is no map")
        return []
    others = [shown(name)[:MAX_NAME] for name in value if name not in AXES]
    if others:
        problems.append(
            f"goniometer of the header: {', '.join(others[:_NAMED])} is no axis that "
            f"the recorder knows and is not used; known: {', '.join(AXES)}"
        )
    found = []
    for axis in AXES:
        said = value.get(axis)
        if said is None:
            continue
        if isinstance(said, dict):
            found += _axis(axis, said, f"goniometer.{axis}.", problems)
        else:
            why = f"{shown(said)} is no map of start and increment"
            problems.append(f"goniometer.{axis} of the header not used: {why}")
    return found


def _axis(
    axis: str, said: Mapping[str, Any], where: str, problems: list[str]
) -> list[Goniometer]:
    """An axis; none without its start, or with an increment that cannot be used."""
    start, increment = said.get("start"), said.get("increment")
    if start is None and increment is None:
        return []
    values = {"start": start, "increment": 0.0 if increment is None else increment}
    angles = {name: _degrees(value) for name, value in values.items()}
    wrong = [name for name, angle in angles.items() if angle is None]
    problems += [
        f"{where}{name} of the header not used: {shown(values[name])} is no angle in "
        f"degrees: the header tells no angle of {axis}"
        for name in wrong
    ]
    begin, step = angles["start"], angles["increment"]
    return [] if begin is None or step is None else [Goniometer(axis, begin, step)]


def _degrees(value: Any) -> float | None:
    """An angle; None for texts, switches, NaN and what no axis turns to."""
    angle = None if isinstance(value, bool) else finite(value)
    return angle if angle is not None and abs(angle) <= MAX_DEGREES else None


def triggers_of(
    config: Mapping[str, Any], problems: list[str]
) -> tuple[int | None, int | None]:
    """Triggers that a v1 header announces, and images of each; None where unsaid.

    Args:
        config: The header.
        problems: Takes what cannot be used.
    """
    counts = {name: _count(config, name, problems) for name in ("nimages", "ntrigger")}
    if config.get("trigger_mode") in ONE_IMAGE_PER_TRIGGER:
        return counts["ntrigger"], 1
    return counts["ntrigger"], counts["nimages"]


def _count(config: Mapping[str, Any], name: str, problems: list[str]) -> int | None:
    value = config.get(name)
    if value is None:
        return None
    number = None if isinstance(value, bool) else finite(value)
    if number is not None and number == int(number) and 1 <= number <= MAX_IMAGES:
        return int(number)
    problems.append(
        f"{name} of the header not used: {shown(value)} is no count from 1 to "
        f"{MAX_IMAGES}"
    )
    return None
