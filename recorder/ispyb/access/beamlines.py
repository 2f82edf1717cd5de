"""Beamlines that a permission opens, in py-ISPyB's option ``beamLineGroups``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from recorder.errors import UsageError
from recorder.ispyb.access.change_log import Change
from recorder.ispyb.access.names import check_length, unknown
from recorder.ispyb.access.writing import Writer
from recorder.ispyb.people.beamline_groups import read_groups
from recorder.ispyb.people.person_rows import BEAMLINE_GROUPS
from recorder.ispyb.schema import people_tables as p
from recorder.records.access import fold, same


@dataclass(frozen=True, slots=True)
class Beamlines:
    """Changes the option.

    Args:
        rows: Of one transaction.
        changes: Gets what was changed.
        counts: The site's rules read it.
    """

    rows: Writer
    changes: list[Change]
    counts: bool = True

    def permissions(self) -> frozenset[str]:
        """That open beamlines."""
        groups, _ = read_groups(self._value()[1])
        return frozenset(group.permission for group in groups)

    def set(
        self, permission: str, beamlines: Sequence[str], name: str, *, create: bool
    ) -> None:
        """Have a permission open these beamlines and no others.

        What else the option says of groups and beamlines stays.

        Args:
            permission: The permission.
            beamlines: As ``BLSession.beamLineName``; none: it opens nothing any more.
            name: Of a new group.
            create: Beamlines that no session has may be named.

        Raises:
            UsageError: There is no such beamline, or it does not fit.
        """
        if not self.counts:
            raise UsageError(
                "SynchWeb's rules do not read beamLineGroups: say in the configuration "
                "which beamlines a permission opens (web.ispyb.beamline_types)"
            )
        check_length(self.rows.live, "Permission", "type", permission)
        known = self._known()
        for beamline in beamlines:
            if not create and not any(same(beamline, other) for other in known):
                raise unknown(
                    "session of beamline", beamline, known, "--create takes it"
                )
        number, text = self._value()
        body = _body(text)
        wanted = _changed(body, permission, beamlines, name)
        if wanted == body:
            return
        value = json.dumps(wanted, separators=(",", ":"), ensure_ascii=False)
        column = self.rows.live.column("AdminVar", "value")
        most = column.length if column else None
        if most is not None and len(value) > most:
            raise UsageError(
                f"beamLineGroups would have {len(value)} characters, AdminVar.value "
                f"holds {most}; put groups into web.ispyb.beamline_group instead"
            )
        if number is None:
            self.rows.insert(p.option, name=BEAMLINE_GROUPS, value=value)
        else:
            self.rows.update(p.option, number, value=value)
        listed = ", ".join(beamlines) or "nothing"
        text = f"permission {permission} opens {listed} (AdminVar {BEAMLINE_GROUPS})"
        self.changes.append(Change("beamlines_set", text))

    def _value(self) -> tuple[int | None, str | None]:
        """The last row of the option, which is the one that counts."""
        found = self.rows.where(p.option, "varId value", name=BEAMLINE_GROUPS)
        return found[-1] if found else (None, None)

    def _known(self) -> list[str]:
        found = self.rows.all(p.session, "beamLineName")
        return sorted({name for (name,) in found if name})


def _body(text: str | None) -> list[Any]:
    """The option's groups.

    Raises:
        UsageError: It cannot be read: nothing of it must be lost.
    """
    if text is None or not text.strip():
        return []
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, list):
        raise UsageError("beamLineGroups of AdminVar is no JSON list; mend it first")
    return body


def _changed(
    body: list[Any], permission: str, beamlines: Sequence[str], name: str
) -> list[Any]:
    """The groups, of which those of a permission open these beamlines together."""

    def opens(group: Any) -> bool:
        return isinstance(group, dict) and group.get("permission") == permission

    wanted = {fold(beamline): beamline for beamline in beamlines}
    groups = [
        {**group, "beamLines": [b for b in _beamlines(group) if _name(b) in wanted]}
        if opens(group)
        else group
        for group in body
    ]
    ours = [group for group in groups if opens(group)]
    there = {_name(beamline) for group in ours for beamline in group["beamLines"]}
    new = [
        {"beamLineName": beamline, "archived": False}
        for folded, beamline in wanted.items()
        if folded not in there
    ]
    if ours:
        ours[0]["beamLines"] += new
    elif new:
        made = {"groupName": name, "uiGroup": name, "permission": permission}
        groups.append({**made, "beamLines": new})
    return [g for g in groups if not opens(g) or g["beamLines"]]


def _beamlines(group: dict[str, Any]) -> list[Any]:
    found = group.get("beamLines")
    return found if isinstance(found, list) else []


def _name(beamline: Any) -> str:
    """As it is compared."""
    name = beamline.get("beamLineName") if isinstance(beamline, dict) else None
    return fold(name) if isinstance(name, str) else ""
