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
            OSError: The folder cannot be made or read, or is a link.
        """
        self._folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        # Held open: who may write beside it cannot lead us to another folder.
        place = os.open(
            self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        )
        try:
            removed = {name for name in done if _removed(place, name)}
            return sorted(_new(place, set(known) - removed), key=_time_ns), removed
        finally:
            os.close(place)


def _new(place: int, known: set[str]) -> list[Saying]:
    """What is in an open folder and not known."""
    found: list[Saying] = []
    with os.scandir(place) as entries:
        for entry in entries:
            # one that begins with a dot is being written
            if entry.name.startswith(".") or entry.name in known:
                continue
            found.append(_read(place, entry.name))
            if len(found) >= MOST_FILES:
                break
    return found


def _removed(place: int, name: str) -> bool:
    try:
        os.unlink(name, dir_fd=place)
    except FileNotFoundError:
        return True
    except OSError:  # a folder, or not ours: it was named once, and stays
        return False
    return True


def _read(place: int, name: str) -> Saying:
    try:
        return Saying(name, read_said(_bytes_of(place, name)))
    except (OSError, ValueError) as error:
        return Saying(name, problem=f"{shown(name)}: {error}")


def _bytes_of(folder: int, name: str) -> bytes:
    """What is in a file of an open folder.

    Raises:
        ValueError: It is no file, or too long.
        OSError: It cannot be read.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    place = os.open(name, flags, dir_fd=folder)
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
