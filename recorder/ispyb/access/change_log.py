"""Every change of rights: one log event, and one line of a file that only grows."""

from __future__ import annotations

import os
import pwd
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from recorder.errors import UsageError
from recorder.runtime.grown_file import add_lines, open_grown
from recorder.runtime.log import get_logger

log = get_logger("ispyb")

NAME = "access.log"
"""Its name in the state directory."""


@dataclass(frozen=True, slots=True)
class Change:
    """What was changed."""

    action: str
    """One word of a fixed list: ``person_added``, …"""
    text: str
    """In words, with the rows."""


class ChangeLog:
    """Appends to the file; opened before anything is changed.

    Args:
        folder: The state directory.
        database: Which one is changed, without password.

    Raises:
        UsageError: It cannot be written: nothing must be changed unseen.
    """

    def __init__(self, folder: Path, database: str) -> None:
        self.path = folder / NAME
        self._database = database
        self._by, self._origin = who(), where_from()
        self._written = False
        try:
            self._file = open_grown(self.path)
        except OSError as error:
            raise UsageError(
                f"{self.path}: {error.strerror}; changes of rights are written there, "
                "so none is made. Call it as the recorder's user"
            ) from error

    def write(self, changes: Sequence[Change]) -> None:
        """Before they are committed."""
        for change in changes:
            self._written = True
            self._append(change.action, change.text)

    def committed(self, changes: Sequence[Change]) -> None:
        """Tell the log of the host."""
        for change in changes:
            log.info(
                "access_changed",
                action=change.action,
                what=change.text,
                by=self._by,
                origin=self._origin,
                database=self._database,
            )

    def undone(self, why: str) -> None:
        """What was written last, if anything, was not committed."""
        if self._written:
            self._append("undone", why)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)

    def _append(self, action: str, text: str) -> None:
        line = {
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "by": self._by,
            "origin": self._origin,
            "database": self._database,
            "action": action,
            "what": text,
        }
        add_lines(self._file, line)
        os.fsync(self._file)


def who() -> str:
    """The user of this host that runs us, and whom sudo says they are."""
    number = os.getuid()
    try:
        name = pwd.getpwuid(number).pw_name
    except KeyError:
        name = str(number)
    behind = os.environ.get("SUDO_USER", "")
    return f"{behind} as {name}" if behind and behind != name else name


def where_from() -> str:
    """This host, and the address that an SSH session comes from."""
    there = os.environ.get("SSH_CONNECTION", "").split(" ")[0]
    host = socket.gethostname()
    return f"{host} from {there}" if there else host
