"""The options of py-ISPyB that its page asks for: groups of beamlines, a message."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from recorder.ispyb.people.beamline_groups import BeamlineGroup
from recorder.ispyb.reading.tables import Tables
from recorder.ispyb.schema import people_tables as p
from recorder.ispyb.schema.read_values import as_text
from recorder.records.access import fold

MAX_MOTD = 1000
"""Characters of the message: the column has 1024. Chosen, not tuned."""


@dataclass(frozen=True, slots=True)
class UiBeamline:
    """A beamline of a group."""

    beamLineName: str
    sampleChangerType: str | None = None
    sampleChangerCapacity: int | None = None
    archived: bool = False


@dataclass(frozen=True, slots=True)
class UiGroup:
    """A group of beamlines, as the page shows it."""

    groupName: str
    uiGroup: str
    permission: str
    beamLines: tuple[UiBeamline, ...] = ()


@dataclass(frozen=True, slots=True)
class Options:
    """What the tables and the configuration say."""

    motd: str = ""
    beamLineGroups: tuple[UiGroup, ...] = ()

    def ui_groups(self, beamline: str | None) -> tuple[str, ...]:
        """The kinds of page of a beamline."""
        if beamline is None:
            return ()
        return tuple(
            dict.fromkeys(
                group.uiGroup
                for group in self.beamLineGroups
                if any(_is(one, beamline) for one in group.beamLines)
            )
        )

    def beamlines(self, group: str) -> tuple[str, ...]:
        """Names of a group's beamlines."""
        return tuple(
            one.beamLineName
            for known in self.beamLineGroups
            if known.groupName == group
            for one in known.beamLines
        )


def _is(one: UiBeamline, name: str) -> bool:
    return fold(one.beamLineName) == fold(name)


def options(tables: Tables, configured: Iterable[BeamlineGroup] = ()) -> Options:
    """Read them; what cannot be read is not there.

    Args:
        tables: The database.
        configured: Groups of the configuration, beside those of the table.
    """
    more = tuple(
        UiGroup(
            group.name,
            group.name,
            group.permission,
            tuple(
                UiBeamline(one.name, archived=one.archived) for one in group.beamlines
            ),
        )
        for group in configured
    )
    if not tables.has(p.option.name):
        return Options(beamLineGroups=more)
    known = tables.known(p.option, p.option.name)
    query = select(known["name"].label("name"), known["value"].label("value"))
    found: dict[str, Any] = {}
    names = ("motd", "beamLineGroups")
    for row in tables.rows(query.where(known["name"].in_(names))):
        found[str(as_text(row["name"]))] = _json(as_text(row["value"]))
    motd = found.get("motd")
    groups = found.get("beamLineGroups")
    there = map(_group, groups if isinstance(groups, list) else ())
    return Options(
        motd[:MAX_MOTD] if isinstance(motd, str) else "",
        (*filter(None, there), *more),
    )


def _json(text: str | None) -> Any:
    """What it says; text that is no JSON stands for itself."""
    try:
        return json.loads(text or "null")
    except (ValueError, RecursionError):
        return text


def _group(item: Any) -> UiGroup | None:
    if not isinstance(item, dict) or not isinstance(item.get("groupName"), str):
        return None
    name, beamlines = item["groupName"], item.get("beamLines")
    there = map(_beamline, beamlines if isinstance(beamlines, list) else ())
    return UiGroup(
        name,
        _text(item.get("uiGroup")) or name,
        _text(item.get("permission")),
        tuple(filter(None, there)),
    )


def _beamline(item: Any) -> UiBeamline | None:
    if not isinstance(item, dict) or not _text(item.get("beamLineName")):
        return None
    kind, room = item.get("sampleChangerType"), item.get("sampleChangerCapacity")
    return UiBeamline(
        _text(item.get("beamLineName")),
        _text(kind) or None,
        room if isinstance(room, int) and not isinstance(room, bool) else None,
        item.get("archived") is True,
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
