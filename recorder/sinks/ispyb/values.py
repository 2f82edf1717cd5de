"""Values as the database's columns can hold them."""

from __future__ import annotations

import math
import re
import unicodedata
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Double, Float, Integer, String, Table

from recorder.errors import SinkError

# These tables are latin1 in every flavour; the SSX tables hold any character.
LATIN1_TABLES = (
    "DataCollection", "DataCollectionGroup", "AutoProcProgram",
    "AutoProcProgramAttachment", "BLSample",
)  # fmt: skip
# Cut or transliterated, these would lead elsewhere; with what to do instead.
PATHS = {
    "filePath": "choose a results_directory that is shorter and has plain letters",
    "imageDirectory": "announce a files.directory that is shorter, in plain letters",
}
MAX_FLOAT = 3.4028234e38
MAX_INT = 2**31 - 1
# What people type, and what latin1 has for it.
_LATIN1 = str.maketrans(
    {"\u03bc": "\u00b5", "\u03b1": "alpha", "\u03b2": "beta", "\u03b3": "gamma",
     "\u2013": "-"}
)  # fmt: skip


def local_time(time_ns: int | None, zone: ZoneInfo | None) -> datetime | None:
    """Naive local time with whole seconds: ISPyB knows neither zones nor fractions.

    The one place where a time loses its zone.
    """
    if time_ns is None:
        return None
    moment = datetime.fromtimestamp(time_ns // 10**9, UTC).astimezone(zone)
    return moment.replace(tzinfo=None)


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


def fit(table: Table, values: dict[str, Any]) -> dict[str, Any]:
    """Values cut to the columns' lengths and made storable.

    Raises:
        SinkError: A path or a whole number does not fit.
    """
    return {name: _fit(table, name, value) for name, value in values.items()}


def _fit(table: Table, name: str, value: Any) -> Any:
    kind = table.c[name].type
    if isinstance(kind, Float):
        plain = number(value)
        fits = plain is None or abs(plain) <= MAX_FLOAT or isinstance(kind, Double)
        return plain if fits else None
    if isinstance(kind, Integer) and isinstance(value, int) and abs(value) > MAX_INT:
        raise SinkError(f"{table.name}.{name} cannot hold {value}")
    if not isinstance(kind, String) or value is None:
        return value
    given = str(value)
    text = given.replace("\0", "").encode("utf-8", "replace").decode("utf-8")
    if table.name in LATIN1_TABLES:
        text = latin1(text)
    fits = kind.length is None or len(text) <= kind.length
    if name in PATHS and not (fits and text == given):
        raise SinkError(
            f"{table.name}.{name} holds {kind.length} latin1 characters, not "
            f"{given!r}: {PATHS[name]}"
        )
    return text if fits else text[: kind.length]


def split_proposal(name: str) -> tuple[str, str]:
    """Code and number of a proposal such as ``mx2345``.

    Raises:
        SinkError: It is no such name.
    """
    match = re.fullmatch(r"([A-Za-z]+)(\d+)", name)
    if match is None:
        raise SinkError(f"proposal {name!r} is no code and number such as mx2345")
    return match[1], match[2]
