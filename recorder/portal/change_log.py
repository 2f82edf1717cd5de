"""Who changed what and when: one line for each object, written before it is committed.

JSON lines in the state directory, only ever added to; administrators rotate the file.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from recorder.portal.report import Action, Entry
from recorder.records import Json
from recorder.runtime.grown_file import add_lines, open_grown
from recorder.runtime.log import get_logger

log = get_logger("portal")

NAME = "portal.log"
"""Its name in the state directory."""
_TOLD = (Action.CREATED, Action.CHANGED, Action.CLOSED)


class ChangeLog:
    """The log of one synchronisation.

    Args:
        path: The file.
        by: Who asked for it.
        origin: Where it came from.
    """

    def __init__(self, path: Path, by: str, origin: str) -> None:
        self._path = path
        self._by = by
        self._origin = origin
        self._works = True

    def add(self, proposal: str, entries: Sequence[Entry], at: datetime) -> None:
        """What is about to be committed of a proposal."""
        lines = [
            {**self._head(proposal, at), **entry.as_json()}
            for entry in entries
            if entry.action in _TOLD
        ]
        self._append(lines)

    def undone(self, proposal: str, at: datetime) -> None:
        """What was added of a proposal last was not committed."""
        self._append([{**self._head(proposal, at), "action": "undone"}])

    def _head(self, proposal: str, at: datetime) -> Json:
        return {
            "at": at.isoformat(timespec="milliseconds"),
            "by": self._by,
            "origin": self._origin,
            "proposal": proposal,
        }

    def _append(self, lines: Sequence[Json]) -> None:
        if not lines or not self._works:
            return
        try:
            place = open_grown(self._path)
            try:
                add_lines(place, *lines)
            finally:
                os.close(place)
        except OSError as error:
            self._works = False
            log.warning(
                "portal_log_not_written",
                path=str(self._path),
                error=str(error),
                hint="the events portal_changed have the sums; free space there, or "
                "mend the folder's owner",
            )
