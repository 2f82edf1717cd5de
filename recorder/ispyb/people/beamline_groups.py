"""Groups of beamlines with the permission that opens them, as py-ISPyB keeps them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from recorder.config.people import BeamlineGroupSection


@dataclass(frozen=True, slots=True)
class Beamline:
    """One of a group."""

    name: str
    """As ``BLSession.beamLineName`` has it."""
    archived: bool = False
    """Shown among old ones; rights are the same."""


@dataclass(frozen=True, slots=True)
class BeamlineGroup:
    """Beamlines, and who may see all their sessions."""

    name: str
    permission: str
    beamlines: tuple[Beamline, ...]
    origin: str = "AdminVar"
    """Where it stands, for people."""


def configured_groups(
    sections: Iterable[BeamlineGroupSection],
) -> tuple[BeamlineGroup, ...]:
    """Those of the configuration."""
    return tuple(
        BeamlineGroup(
            section.name,
            section.permission,
            tuple(map(Beamline, section.beamlines)),
            "web.ispyb.beamline_group",
        )
        for section in sections
    )


def read_groups(text: str | None) -> tuple[tuple[BeamlineGroup, ...], tuple[str, ...]]:
    """The groups of a value of ``AdminVar``, and what of it cannot be used.

    What is not as it must be opens nothing: a group without permission above all.

    Args:
        text: JSON; None or empty: there are none.
    """
    if text is None or not text.strip():
        return (), ()
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        hint = "cut at 1024 characters? Put the groups into web.ispyb.beamline_group"
        return (), (f"beamLineGroups of AdminVar is no JSON ({hint})",)
    if not isinstance(body, list):
        return (), ("beamLineGroups of AdminVar is no list",)
    groups: list[BeamlineGroup] = []
    problems: list[str] = []
    for number, item in enumerate(body, 1):
        found = _group(item, f"group {number} of beamLineGroups")
        if isinstance(found, str):
            problems.append(found)
        else:
            groups.append(found)
    return tuple(groups), tuple(problems)


def _group(item: Any, which: str) -> BeamlineGroup | str:
    """A group, or why it is none."""
    if not isinstance(item, dict):
        return f"{which} is no object"
    permission, beamlines = item.get("permission"), item.get("beamLines")
    name = item.get("groupName")
    which = f"{which} ({name})" if isinstance(name, str) else which
    if not isinstance(permission, str) or not permission.strip():
        return f"{which} has no permission: it opens nothing"
    if not isinstance(beamlines, list):
        return f"{which} has no list beamLines: it opens nothing"
    there = tuple(filter(None, map(_beamline, beamlines)))
    return BeamlineGroup(name if isinstance(name, str) else "", permission, there)


def _beamline(item: Any) -> Beamline | None:
    name = item.get("beamLineName") if isinstance(item, dict) else None
    if not isinstance(name, str) or not name.strip():
        return None
    return Beamline(name, item.get("archived") is True)
