"""Files that a database names: opened only where they may lie.

Paths in a database are what others wrote there. A file is opened only if it lies, with
all links followed, in the recorder's own results of the row's proposal, or below one of
``web.file_roots``: a row of one's own that names another proposal's file shows nothing.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recorder.config import Settings
from recorder.ispyb.schema import people_tables as p
from recorder.runs.folder_names import safe_part
from recorder.runtime.log import get_logger
from recorder.runtime.throttle import Throttle

log = get_logger("web")
_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What may stand for a proposal in a path: nothing that leads elsewhere."""
_SHOWN = 200
"""Characters of a path in the log."""


@dataclass(frozen=True, slots=True)
class FileOwner:
    """Whose files a row may name."""

    proposalCode: str | None = None
    proposalNumber: str | None = None
    visit_number: int | None = None


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A regular file."""

    number: int
    """Its descriptor."""
    size: int
    """Bytes that it had."""


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A file that a row names."""

    path: str
    below: tuple[str, ...]
    """Folders in which it may lie, without links."""
    lines: Throttle = field(compare=False, repr=False)

    @contextmanager
    def opened(self) -> Iterator[OpenFile | None]:
        """It; None where it is none, is away, or lies elsewhere."""
        try:
            number = os.open(self.path, _FLAGS)
        except (OSError, ValueError):
            yield None
            return
        try:
            found = os.fstat(number)
            good = stat.S_ISREG(found.st_mode) and self._is_below(number)
            yield OpenFile(number, found.st_size) if good else None
        finally:
            os.close(number)

    def _is_below(self, number: int) -> bool:
        """By the descriptor: a path may lead elsewhere a moment later."""
        real = str(Path(f"/proc/self/fd/{number}").readlink())
        if any(real.startswith(f"{folder}/") for folder in self.below):
            return True
        if self.lines.passes("file_not_read"):
            log.warning(
                "file_not_read",
                path=self.path[:_SHOWN],
                hint="the database names it; add its folder to web.file_roots if "
                "those who may see its proposal may read it",
            )
        return False


NOTHING = NamedFile("", (), Throttle())
"""Instead of a file that is not there, or that somebody may not see."""
OWNER = (
    p.proposal.c.proposalCode,
    p.proposal.c.proposalNumber,
    p.session.c.visit_number,
)
"""Columns of :class:`FileOwner`."""


def named_file(found: Sequence[Sequence[Any]], roots: FileRoots) -> NamedFile:
    """The file of the first row: its path, and :data:`OWNER`."""
    for path, code, number, visit in found[:1]:
        if path:
            return roots.named(path, FileOwner(code, number, visit))
    return NOTHING


class FileRoots:
    """Knows where files of a proposal may lie.

    Args:
        settings: Have the folders.
    """

    def __init__(self, settings: Settings) -> None:
        self._roots = settings.web.file_roots
        self._results = settings.results
        self._lines = Throttle()

    def named(self, path: str, owner: FileOwner) -> NamedFile:
        """A file.

        Args:
            path: As the database has it.
            owner: Whose row names it.
        """
        return NamedFile(path, self._below(owner), self._lines)

    def _below(self, owner: FileOwner) -> tuple[str, ...]:
        number = owner.proposalNumber or ""
        name = (owner.proposalCode or "") + number
        if _PLAIN.fullmatch(name) is None:
            return ()
        names = dict.fromkeys((name, name.lower(), name.upper()))
        found = [
            str(self._results / safe_part(f"{one}-{visit}"))
            for one in names
            for visit in (owner.visit_number or 0, 0)
        ]
        found += [
            root.replace("{proposal}", one).replace("{number}", number)
            for one in names
            for root in self._roots
            if number or "{number}" not in root
        ]
        return tuple(os.path.realpath(path) for path in dict.fromkeys(found))
