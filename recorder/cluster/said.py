"""What the cluster says, as records: it comes from outside and is checked like that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from recorder.foreign_text import plain

WORDS = ("started", "found", "ended", "failed", "absent", "other")
"""What can be said of a node."""
MAX_TEXT = 400
"""Characters of a text from a host that the log gets: some lines. Chosen, not tuned."""


@dataclass(frozen=True, slots=True)
class Said:
    """Something that happened to the node of a host."""

    what: str
    """One of ``WORDS``: started, found again, ended, cannot be started, the recorder is
    not installed there, another version of it is."""
    host: str = ""
    name: str = ""
    """Name of the dask worker."""
    pid: int | None = None
    code: int | None = None
    """Exit code."""
    text: str = ""

    def message(self) -> dict[str, Any]:
        """As it is sent."""
        return asdict(self)


def read_said(message: Any) -> Said | None:
    """What was sent; None if it is nothing that a keeper says."""
    if not isinstance(message, Mapping) or message.get("what") not in WORDS:
        return None
    pid, code = message.get("pid"), message.get("code")
    return Said(
        what=message["what"],
        host=_text(message.get("host")),
        name=_text(message.get("name")),
        pid=pid if isinstance(pid, int) else None,
        code=code if isinstance(code, int) else None,
        text=_text(message.get("text")),
    )


def _text(value: Any) -> str:
    return plain(value)[:MAX_TEXT] if isinstance(value, str) else ""
