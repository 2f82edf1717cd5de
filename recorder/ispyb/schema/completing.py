"""Rows that others find, too: what they lack is filled in, what they say stays."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, String, Table, or_, select, update

from recorder.ispyb.schema.rows import Rows
from recorder.ispyb.schema.values import fit
from recorder.runtime.log import get_logger

log = get_logger("ispyb")

SAME = 1e-5
"""Relative difference of numbers that are the same: a FLOAT column is read back with
six digits."""
MOST_TOLD = 10_000
"""Conflicts that are remembered as told, about 2 MB; beyond it they are forgotten and
told again. Chosen, not tuned."""


@dataclass(slots=True)
class Told:
    """What was logged of rows already: each is told once in a process."""

    seen: set[tuple[str, int, str, str]] = field(default_factory=set)

    def first(self, table: Table, number: int, name: str, said: str) -> bool:
        """Whether this is told of a row for the first time; then it counts as told."""
        what = (table.name, number, name, said)
        if what in self.seen:
            return False
        if len(self.seen) >= MOST_TOLD:
            self.seen.clear()
        self.seen.add(what)
        return True

    def conflict(
        self, table: Table, number: int, name: str, there: Any, said: Any
    ) -> None:
        """Log that a row says something else than an announcement, once."""
        if not self.first(table, number, name, str(said)):
            return
        log.warning(
            "description_differs",
            table=table.name,
            row=number,
            column=name,
            there=str(there),
            announced=str(said),
            hint="what is in the database stays; mend it there, or the announcement",
        )


@dataclass(frozen=True, slots=True)
class Completer:
    """Finds, creates and completes rows.

    Args:
        rows: The database.
        told: What was logged before.
    """

    rows: Rows
    told: Told = field(default_factory=Told)

    def find_or_create(
        self,
        table: Table,
        match: Mapping[str, Any],
        more: Mapping[str, Any],
        *,
        allowed: bool,
        stand_ins: Mapping[str, Any] | None = None,
    ) -> int:
        """The id of the first row that matches, completed; else of a new one.

        Args:
            table: Where to look.
            match: Values by column that the row must have.
            more: What else is known of it, by column; None is not known.
            allowed: Rows that are there may be changed.
            stand_ins: Values that a new row has where nothing is known.
        """
        found = self.rows.ids(table, **match)
        if not found:
            known = {name: value for name, value in more.items() if value is not None}
            row = {**more, **(stand_ins or {}), **known}
            return self.rows.insert(table, {**match, **row})
        self.complete(table, found[0], more, allowed=allowed, stand_ins=stand_ins)
        return found[0]

    def complete(
        self,
        table: Table,
        number: int,
        said: Mapping[str, Any],
        *,
        allowed: bool,
        stand_ins: Mapping[str, Any] | None = None,
    ) -> None:
        """Fill in the empty columns of a row; name those that say something else."""
        known = {name: v for name, v in said.items() if v is not None and v != ""}
        fitted = fit(self.rows.live, table, known)
        if not fitted:
            return
        key = next(iter(table.primary_key.columns))
        columns = [table.c[name] for name in fitted]
        query = select(*columns).where(key == number)
        for row in self.rows.read(query):
            for (name, value), there in zip(fitted.items(), row, strict=True):
                own = (stand_ins or {}).get(name)
                if there in (None, "") or (own is not None and there == own):
                    if allowed and value != there:
                        self._fill(table, number, name, value, own)
                elif not agree(there, value):
                    self.told.conflict(table, number, name, there, value)

    def _fill(self, table: Table, number: int, name: str, value: Any, own: Any) -> None:
        """Set a column, if nobody has set it meanwhile."""
        column, key = table.c[name], next(iter(table.primary_key.columns))
        empty: list[ColumnElement[bool]] = [column.is_(None)]
        if isinstance(column.type, String):
            empty.append(column == "")
        if own is not None:
            empty.append(column == own)
        self.rows.run(
            update(table).where(key == number, or_(*empty)).values({name: value})
        )


def agree(there: Any, said: Any) -> bool:
    """Whether two values say the same; texts do whatever their case."""
    if isinstance(there, int | float) and isinstance(said, int | float):
        return math.isclose(there, said, rel_tol=SAME)
    if isinstance(there, str) and isinstance(said, str):
        return there.strip().casefold() == said.strip().casefold()
    return bool(there == said)
