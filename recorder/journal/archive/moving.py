"""Moves runs out of the journal: copied, verified, marked, and only then removed.

Killed at any moment it loses and doubles nothing: until the journal says where a run
lies (one transaction, after the file is on the disk) the run is in the journal, and a
file that is there already is written anew; from then on it is in the file, and what the
journal still has of it is removed by whoever comes next.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from recorder.errors import JournalError
from recorder.journal.archive.choosing import Choice
from recorder.journal.archive.copying import compare_run, copy_run
from recorder.journal.archive.packing import pack_file, unpacks_to
from recorder.journal.archive.place import (
    Archived,
    file_of,
    make_folder,
    new_file,
    refused,
)
from recorder.journal.pruning import remove_rows
from recorder.journal.records import NewRecord, RecordKind
from recorder.journal.store import Journal
from recorder.runtime.host_clock import arrival_ns

Step = Callable[[str], None]
"""Is told each step; tests end the process in it."""
_LEFT_OVER = ".*.tmp"
"""What a killed process may have left in a folder of the archive."""


@dataclass(frozen=True, slots=True)
class Moved:
    """A run that was archived."""

    uid: str
    where: Archived


def archive_run(
    journal: Journal, choice: Choice, folder: Path, step: Step = lambda _: None
) -> Moved:
    """Move a run into a file of its own; the lock of :func:`moving` is held.

    Args:
        journal: A connection of its own.
        choice: The run.
        folder: The archive.
        step: Is told what was done.

    Raises:
        JournalError: Nothing was removed.
    """
    known = choice.known
    to = file_of(folder, journal.id, known.number, known.uid, known.described_ns)
    make_folder(to.parent)
    try:
        for left in to.parent.glob(_LEFT_OVER):
            left.unlink()
        where = _write(journal, choice, to, step)
    except OSError as error:
        raise refused(to, error) from error
    _mark(journal, choice, where)
    step("marked")
    remove_rows(journal, known.uid, lambda: step("removed"))
    return Moved(known.uid, where)


def _write(journal: Journal, choice: Choice, to: Path, step: Step) -> Archived:
    """The file, whole and on the disk."""
    known = choice.known
    random = secrets.token_hex(8)
    plain = to.with_name(f".{to.name}.{random}.sqlite.tmp")
    packed = to.with_name(f".{to.name}.{random}.tmp")
    try:
        os.close(new_file(plain))
        step("begun")
        copy_run(journal.path, journal.id, known.uid, known.event_names, plain)
        step("copied")
        sha256, size = pack_file(plain, packed)
        step("packed")
        if not unpacks_to(packed, plain):
            raise JournalError(
                f"{to}: what was written cannot be read again; nothing was removed "
                "from the journal; look after that disk"
            )
        images, records = compare_run(journal.path, known.uid, known.event_names, plain)
        step("compared")
        unpacked = plain.stat().st_size
        packed.replace(to)
        step("named")
        _sync(to.parent)
        _sync(to.parent.parent)
        step("synced")
    finally:
        for path in (plain, packed):
            with suppress(OSError):
                path.unlink(missing_ok=True)
    return Archived(str(to), sha256, size, unpacked, images, records)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _mark(journal: Journal, choice: Choice, where: Archived) -> None:
    """Say in the journal where the run lies, unless it changed meanwhile."""
    known = choice.known

    def is_as_copied() -> bool:
        counted = journal.count_rows(known.event_names, ())
        images = journal.image_count(known.uid)
        return (images, counted) == (where.images, where.records)

    now_ns = arrival_ns()
    marks = [
        NewRecord(RecordKind.RUN_ARCHIVED, known.uid, where.to_json(), now_ns),
        NewRecord(RecordKind.RUN_PRUNED, known.uid, {}, now_ns),
    ]
    if not journal.write_if(is_as_copied, marks):
        raise JournalError(
            f"run {known.number} ({known.uid}) changed while it was archived; it stays "
            "in the journal; archive it once more"
        )
