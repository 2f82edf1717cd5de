"""What was synchronised before: told to people, never a reason to leave out a look.

A small file in the state directory. Whether a proposal is as the portal says is always
decided by its rows; from here comes whether somebody changed them since, and what of a
portal was fetched already. Without the file nothing is wrong but that.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recorder.runtime.live_file import replace_file
from recorder.runtime.log import get_logger

log = get_logger("portal")

NAME = "portal.json"
"""Its name in the state directory."""
_VERSION = 1
"""Of its form; another one is begun anew."""


@dataclass(slots=True)
class Memory:
    """What the file holds."""

    proposals: dict[str, list[str]] = field(default_factory=dict)
    """Hash of what was written last and when, by database and proposal."""
    fetched: dict[str, dict[str, str]] = field(default_factory=dict)
    """What was done of each portal: marks by name, as its plug-in gives them."""

    @classmethod
    def read(cls, path: Path) -> Memory:
        """The file's; nothing if it is not there, or is not of this form."""
        try:
            data = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError, RecursionError):
            return cls()
        if not isinstance(data, dict) or data.get("version") != _VERSION:
            return cls()
        proposals = {
            name: value
            for name, value in _table(data.get("proposals")).items()
            if isinstance(value, list)
            and len(value) == 2
            and all(isinstance(part, str) for part in value)
        }
        fetched = {
            portal: {k: v for k, v in _table(marks).items() if isinstance(v, str)}
            for portal, marks in _table(data.get("fetched")).items()
        }
        return cls(proposals, fetched)

    def write(self, path: Path) -> None:
        """Replace the file; where it cannot be written, that is said and no more."""
        body = {
            "version": _VERSION,
            "proposals": self.proposals,
            "fetched": self.fetched,
        }
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, json.dumps(body, separators=(",", ":")).encode())
        except OSError as error:
            log.warning(
                "portal_not_remembered",
                path=str(path),
                error=str(error),
                hint="the database is as the portal says; free space there, or mend "
                "the folder's owner",
            )


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
