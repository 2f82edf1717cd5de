"""The database as the synchronisation finds it: columns, rights, what is unique."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Table, inspect
from sqlalchemy.exc import SQLAlchemyError

from recorder.errors import SinkDeniedError, SinkError
from recorder.ispyb.schema import people_tables as t
from recorder.ispyb.schema import tables as ssx
from recorder.ispyb.schema.capabilities import denied
from recorder.ispyb.schema.database import explain, shown_url
from recorder.ispyb.schema.live_schema import LiveSchema, read_live
from recorder.portal.fitting import UnfitError
from recorder.portal.rows import Reader
from recorder.portal.wanted import Body, Values

NEEDED: Mapping[Table, str] = {
    t.person: "SIU",
    t.proposal: "SIU",
    t.session: "SIU",
    t.proposal_person: "SI",
    t.session_person: "SIU",
}
"""Tables without which nothing is written, with the rights it needs: S select, I
insert, U update, D delete."""
OPTIONAL: Mapping[Table, str] = {
    t.laboratory: "SIU",
    t.lab_contact: "SIU",
    t.protein: "SIU",
}
"""Tables whose objects are left out where they are absent or denied."""
LINKS = (t.proposal_person, t.session_person)
"""Tables of which rows are removed, on demand only."""
_TARGETS: Mapping[str, Table] = {
    "beamLineSetupId": ssx.beamline_setup,
    "componentTypeId": ssx.component_type,
    "concentrationTypeId": ssx.concentration_type,
}
"""Tables that a portal's numbers point to, by column."""


@dataclass(slots=True)
class Place:
    """What the database takes."""

    live: LiveSchema
    now: datetime
    """Local time of the facility, naive, as the columns hold it."""
    unique_visits: bool = False
    """Whether a proposal may have each ``visit_number`` once only."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Why objects of a table are left out, by its name."""
    notes: set[str] = field(default_factory=set)
    """Columns that are left alone, and why."""
    _targets: dict[str, set[int]] = field(default_factory=dict)

    def require_right(self, table: Table) -> None:
        """Let pass what may be written.

        Raises:
            UnfitError: Objects of this table are left out.
        """
        if why := self.left_out.get(table.name):
            raise UnfitError(why)

    def load_targets(self, reader: Reader, bodies: Iterable[Body]) -> None:
        """Look up the numbers of other tables' rows that bodies name."""
        named: dict[str, set[int]] = {}
        for body in bodies:
            given = [s.values for s in body.sessions] + [
                p.values for p in body.proteins
            ]
            for values in given:
                for column in _TARGETS.keys() & values.keys():
                    if values[column] is not None:
                        named.setdefault(column, set()).add(values[column])
        for column, numbers in named.items():
            table = _TARGETS[column]
            if self.live.has(table.name):
                (key,) = table.primary_key.columns
                rows = reader.where(table, key.name, numbers)
                self._targets[column] = {int(row[key.name]) for row in rows}

    def require_targets(self, table: Table, values: Values) -> None:
        """Let pass what points to rows that are there.

        Raises:
            UnfitError: One is not.
        """
        for column in self._targets.keys() & values.keys():
            value: Any = values[column]
            if value is not None and value not in self._targets[column]:
                target = _TARGETS[column].name
                raise UnfitError(f"{table.name}.{column}: {target} has no row {value}")


def look(engine: Engine, now: datetime, *, writing: bool, closing: bool) -> Place:
    """Read the schema and try out the rights; nothing is changed.

    Args:
        engine: The database.
        now: Local time of the facility, naive.
        writing: Whether anything is to be written.
        closing: Whether links are to be removed.

    Raises:
        SinkError: A table or column is missing that is needed.
        SinkDeniedError: A right is missing that is needed.
        SinkUnavailableError: The database cannot be reached.
    """
    try:
        live = read_live(engine)
        _require(engine, live)
        rights = dict(NEEDED) if writing else dict.fromkeys(NEEDED, "S")
        if closing and writing:
            rights |= {table: rights[table] + "D" for table in LINKS}
        if why := denied(engine, live, rights):
            raise SinkDeniedError(
                f"{shown_url(engine)}: {why}; grant the account of sync.url its rights "
                "(docs/how-to/portal-sync.md)"
            )
        left_out = {}
        for table, letters in OPTIONAL.items():
            if not live.has(table.name):
                left_out[table.name] = f"table {table.name} missing or denied"
            elif why := denied(engine, live, {table: letters if writing else "S"}):
                left_out[table.name] = why
        return Place(live, now, _unique_visits(engine), left_out)
    except SQLAlchemyError as error:
        raise explain(engine, error) from error


_COLUMNS: Mapping[Table, Sequence[str]] = {
    t.person: ("personId", "login"),
    t.proposal: ("proposalId", "personId", "proposalCode", "proposalNumber"),
    t.session: ("sessionId", "proposalId", "beamLineName", "startDate", "endDate"),
    t.proposal_person: ("proposalId", "personId"),
    t.session_person: ("sessionId", "personId"),
}
"""Columns without which a table is of no use."""


def _require(engine: Engine, live: LiveSchema) -> None:
    missing = [
        f"column {table.name}.{name}" if live.has(table.name) else f"table {table.name}"
        for table, names in _COLUMNS.items()
        for name in names
        if live.column(table.name, name) is None
    ]
    if missing:
        listed = ", ".join(dict.fromkeys(missing))
        raise SinkError(
            f"{shown_url(engine)}: no ISPyB that the account of sync.url may write: "
            f"missing or denied: {listed} (docs/how-to/portal-sync.md)"
        )


def _unique_visits(engine: Engine) -> bool:
    found = inspect(engine).get_indexes(t.session.name)
    columns = {"proposalId", "visit_number"}
    return any(i["unique"] and set(i["column_names"]) == columns for i in found)
