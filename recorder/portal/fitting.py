"""Whether values fit into the columns that the database really has, and differ.

Nothing is cut, replaced or guessed: what does not fit is said, and not written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Float, Integer, Table

from recorder.errors import shown
from recorder.ispyb.schema.live_schema import LiveColumn, LiveSchema
from recorder.ispyb.schema.values import MAX_FLOAT
from recorder.portal.wanted import Values

_STAMPS = (datetime(1970, 1, 2), datetime(2038, 1, 18))  # noqa: DTZ001
"""What a TIMESTAMP column holds in any zone."""
_CODECS = {"latin1": "cp1252", "ascii": "ascii", "utf8mb3": "utf-8", "utf8": "utf-8"}
"""Python's names of MariaDB's character sets: its latin1 is the one of Windows."""
_BASIC = ("utf8mb3", "utf8")
"""Character sets that end at U+FFFF."""


class UnfitError(Exception):
    """A value that its column cannot hold; the text names both."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """Values that can be written."""

    values: Values
    notes: tuple[str, ...] = ()
    """Columns (``Table.column``) that are left alone, and why."""


def fitted(live: LiveSchema, table: Table, values: Values) -> Fitted:
    """Values as the live columns take them, unchanged.

    Raises:
        UnfitError: One does not fit.
    """
    found, notes = {}, []
    for name, value in values.items():
        column = live.column(table.name, name)
        where = f"{table.name}.{name}"
        if column is None:
            notes.append(f"{where} is not in this database")
        elif value is None and not column.nullable:
            notes.append(f"{where} may not be empty in this database: null is no value")
        else:
            found[name] = _checked(where, table.c[name].type, column, value)
    return Fitted(found, tuple(notes))


def _checked(where: str, kind: Any, column: LiveColumn, value: Any) -> Any:
    if isinstance(value, str):
        return _text(where, column, value)
    if isinstance(kind, Integer) and isinstance(value, int):
        least = 0 if column.unsigned else -column.maximum - 1
        if not least <= value <= column.maximum:
            raise UnfitError(f"{where} cannot hold {shown(value)}")
    if isinstance(kind, Float) and isinstance(value, float):
        if column.kind == "float" and abs(value) > MAX_FLOAT:
            raise UnfitError(f"{where} cannot hold {value}")
    if isinstance(value, datetime) and column.kind == "timestamp":
        if not _STAMPS[0] <= value <= _STAMPS[1]:
            raise UnfitError(f"{where} holds the years 1970 to 2038, not {value}")
    return value


def _text(where: str, column: LiveColumn, value: str) -> str:
    if column.choices:
        for choice in column.choices:
            if choice.casefold() == value.casefold():
                return choice
        listed = ", ".join(column.choices)
        raise UnfitError(f"{where} has no value {shown(value)}, only {listed}")
    in_bytes = column.kind.endswith("text")
    size = len(value.encode()) if in_bytes else len(value)
    if column.length is not None and size > column.length:
        unit = "bytes" if in_bytes else "characters"
        raise UnfitError(
            f"{where} holds {column.length} {unit}, not the {size} of {shown(value)}"
        )
    try:
        value.encode(_CODECS.get(column.charset, "utf-8"))
        fits = column.charset not in _BASIC or all(c <= "\uffff" for c in value)
    except UnicodeEncodeError:
        fits = False
    if not fits:
        raise UnfitError(
            f"{where} holds the characters of {column.charset} only, not {shown(value)}"
        )
    return value


Changes = Mapping[str, tuple[Any, Any]]
"""Old and new value by column."""


def changes(
    live: LiveSchema, table: Table, row: Values, values: Values
) -> dict[str, tuple[Any, Any]]:
    """What of the values differs from a row.

    Args:
        live: The columns that the database has.
        table: The row's table.
        row: Values as they were read.
        values: Fitted values.
    """
    return {
        name: (row.get(name), value)
        for name, value in values.items()
        if not _same(live, table, name, row.get(name), value)
    }


def _same(live: LiveSchema, table: Table, name: str, old: Any, new: Any) -> bool:
    """Whether they are one value to the column: a FLOAT reads back with six digits."""
    if isinstance(old, float) and isinstance(new, float):
        column = live.column(table.name, name)
        if column is not None and column.kind == "float":
            return f"{old:.5e}" == f"{new:.5e}"
    return bool(old == new)
