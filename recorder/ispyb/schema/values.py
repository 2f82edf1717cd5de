"""Values as the database's columns can hold them."""

from __future__ import annotations

import math
import re
import unicodedata
from datetime import UTC, datetime, timezone
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Double, Float, Integer, String, Table

from recorder.errors import SinkError
from recorder.ispyb.schema.live_schema import MAX_INT, LiveColumn, LiveSchema
from recorder.records.announcement import PROPOSAL

# Cut or transliterated, these would lead elsewhere; with what to do instead.
PATHS = {
    "filePath": "choose a results_directory that is shorter and has plain letters",
    "imageDirectory": "announce a files.directory that is shorter, in plain letters",
}
_SNAPSHOT = "announce a path in files.snapshots that is shorter, in plain letters"
PATHS |= {f"xtalSnapshotFullPath{n}": _SNAPSHOT for n in range(1, 5)}
ANNOUNCED = PATHS.keys() - {"filePath"}
"""Those that a message names: they are left out, and cost nothing else of the run."""
MAX_FLOAT = 3.4028234e38
"""Largest number of a column of type FLOAT, which has 32 bits (IEEE 754)."""
# What people type, and what latin1 has for it.
_LATIN1 = str.maketrans(
    {
        "\u03bc": "\u00b5",
        "\u03b1": "alpha",
        "\u03b2": "beta",
        "\u03b3": "gamma",
        "\u2013": "-",
    }
)


def local_time(time_ns: int | None, zone: ZoneInfo | None) -> datetime | None:
    """Naive local time with whole seconds: ISPyB knows neither zones nor fractions.

    The one place where a time loses its zone.
    """
    if time_ns is None:
        return None
    moment = datetime.fromtimestamp(time_ns // 10**9, UTC).astimezone(zone)
    return moment.replace(tzinfo=None)


def local_end(end_ns: int, start_ns: int, zone: ZoneInfo | None) -> datetime:
    """Local time of a moment of a run, as :func:`local_time`, never before its start.

    If clocks were set back since (the end of summer time), the time that the run began
    with goes on, so that the end follows the start and the run lasts as long as it
    did. A host's clock that was corrected backwards gives the start itself.

    Args:
        end_ns: The moment (Unix ns).
        start_ns: When the run was opened (Unix ns).
        zone: Of the facility; None is the host's.
    """
    begun = datetime.fromtimestamp(start_ns // 10**9, UTC).astimezone(zone)
    moment = datetime.fromtimestamp(max(start_ns, end_ns) // 10**9, UTC)
    ended = moment.astimezone(zone)
    before, after = begun.utcoffset(), ended.utcoffset()
    if before is not None and after is not None and after < before:
        ended = moment.astimezone(timezone(before))
    return ended.replace(tzinfo=None)


def latin1(text: str) -> str:
    """Text that a latin1 column keeps: look-alikes replaced, the rest as ``?``."""
    plain = unicodedata.normalize("NFC", text.translate(_LATIN1))
    return plain.encode("latin-1", errors="replace").decode("latin-1")


def number(value: Any) -> float | None:
    """A finite number, or None: what else came stays in the journal."""
    ok = isinstance(value, int | float) and not isinstance(value, bool)
    try:
        return float(value) if ok and math.isfinite(value) else None
    except OverflowError:
        return None


def fit(live: LiveSchema, table: Table, values: dict[str, Any]) -> dict[str, Any]:
    """Values as the live columns hold them; columns that are not there are left out.

    Args:
        live: The columns that the database has.
        table: Table of the row.
        values: Values by column.

    Raises:
        SinkError: A path of ours, a whole number or a choice does not fit.
    """
    found = {}
    for name, value in values.items():
        column = live.column(table.name, name)
        if column is not None:
            found[name] = _fit(live, table, name, column, value)
    return found


def _fit(
    live: LiveSchema, table: Table, name: str, column: LiveColumn, value: Any
) -> Any:
    kind = table.c[name].type
    where = f"{table.name}.{name}"
    if isinstance(kind, Float):
        plain = number(value)
        fits = plain is None or abs(plain) <= MAX_FLOAT or isinstance(kind, Double)
        return plain if fits else None
    whole = isinstance(kind, Integer) and isinstance(value, int)
    if whole and not -MAX_INT <= value <= column.maximum:
        raise SinkError(f"{where} cannot hold {value}")
    if not isinstance(kind, String) or value is None or isinstance(value, int):
        return value
    given = str(value)
    text = _in_charset(given, column.charset)
    if column.choices:
        return _choice(where, text, column.choices)
    fits = column.length is None or len(text) <= column.length
    if name in PATHS and not (fits and text == given):
        holds = f"{where} holds {column.length} {column.charset} characters"
        if name in ANNOUNCED:
            live.left_out.say(where, given, f"{holds}: {PATHS[name]}")
            return None
        raise SinkError(f"{holds}, not {given!r}: {PATHS[name]}")
    return text if fits else text[: column.length]


def _in_charset(given: str, charset: str) -> str:
    text = given.replace("\0", "").encode("utf-8", "replace").decode("utf-8")
    if charset == "latin1":
        return latin1(text)
    if charset in ("utf8mb3", "utf8"):
        return "".join(c if c <= "\uffff" else "?" for c in text)
    return text


def _choice(where: str, text: str, choices: tuple[str, ...]) -> str:
    """An enumeration's value; lax servers would store an empty one instead.

    Raises:
        SinkError: There is no such value.
    """
    if text not in choices:
        raise SinkError(f"{where} has no value {text!r}, only {', '.join(choices)}")
    return text


def split_proposal(name: str) -> tuple[str, str]:
    """Code and number for a new proposal such as ``mx2345``: all last digits are one.

    What is in a database is not split but compared as a whole.

    Raises:
        SinkError: It is no such name.
    """
    if re.fullmatch(PROPOSAL, name) is None:
        raise SinkError(
            f"proposal {name!r} is no code and number such as mx2345 or ih-ls3456"
        )
    code = re.sub(r"\d+$", "", name) or name[0]
    return code, name[len(code) :]
