"""The folder in which the page leaves what people say.

One file each, so that the page needs no way into the daemon, and what was said while
the daemon was away is heard when it is back.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from recorder.errors import shown
from recorder.journal.place import FOLDER_MODE
from recorder.records.said import Said, read_said

FOLDER = "said"
"""Its name in the live folder."""
MOST_FILES = 100
"""Files that are read at one look: no person says so much in half a second. Chosen, not
tuned."""
MOST_BYTES = 4096
"""Bytes of a file: a saying has some 200."""


@dataclass(frozen=True, slots=True)
class Saying:
    """What one file says, or why it says nothing."""

    name: str
    said: Said | None = None
    problem: str = ""


class SaidFolder:
    """Reads the folder and removes what is done with; from one thread at a time.

    Args:
        live: The live folder.
    """

    def __init__(self, live: Path) -> None:
        self._folder = live / FOLDER

    def look(
        self, done: Collection[str], known: Collection[str]
    ) -> tuple[list[Saying], set[str]]:
        """Remove files, and read those that are new.

        Args:
            done: Names of files that are to be removed.
            known: Names of what was read already.

        Returns:
            What is new, and the names of what was removed.

        Raises:
            OSError: The folder cannot be made or read.
        """
        self._folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        removed = {name for name in done if self._removed(name)}
        found: list[Saying] = []
        with os.scandir(self._folder) as entries:
            for entry in entries:
                # one that begins with a dot is being written
                if entry.name.startswith(".") or (
                    entry.name in known and entry.name not in removed
                ):
                    continue
                found.append(self._read(entry.name))
                if len(found) >= MOST_FILES:
                    break
        return sorted(found, key=_time_ns), removed

    def _removed(self, name: str) -> bool:
        try:
            (self._folder / name).unlink(missing_ok=True)
        except OSError:  # a folder, or not ours: it was named once, and stays
            return False
        return True

    def _read(self, name: str) -> Saying:
        try:
            return Saying(name, read_said(_bytes_of(self._folder / name)))
        except (OSError, ValueError) as error:
            return Saying(name, problem=f"{shown(name)}: {error}")


def _bytes_of(path: Path) -> bytes:
    """What is in a file.

    Raises:
        ValueError: It is no file, or too long.
        OSError: It cannot be read.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    place = os.open(path, flags)
    try:
        if not stat.S_ISREG(os.fstat(place).st_mode):
            raise ValueError("no file")
        text = os.read(place, MOST_BYTES + 1)
    finally:
        os.close(place)
    if len(text) > MOST_BYTES:
        raise ValueError(f"longer than {MOST_BYTES} bytes")
    return text


def _time_ns(saying: Saying) -> int:
    return saying.said.time_ns if saying.said else 0
