"""Where archived runs lie, and who may move them: one process at a time."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from recorder.errors import JournalError
from recorder.journal.place import FILE_MODE, FOLDER_MODE
from recorder.journal.records import RecordKind
from recorder.journal.store import Journal
from recorder.records import Json
from recorder.runs.folder_names import safe_part

ENDING = ".journal.gz"
_UID_CHARACTERS = 12
"""Of a hash in a file's name: 48 bits tell the runs of one month apart."""


@dataclass(frozen=True, slots=True)
class Archived:
    """Where a run lies, as the journal has it."""

    file: str
    """Path of the file."""
    sha256: str
    """Of the file."""
    file_bytes: int
    unpacked_bytes: int
    """Of the journal in it."""
    images: int
    """Image rows."""
    records: int
    """Events, alarms and reports on the way."""

    def to_json(self) -> Json:
        """As it is kept."""
        return asdict(self)


def archived(journal: Journal, uid: str) -> Archived | None:
    """Where a run lies that was archived; None of any other."""
    record = journal.latest(RecordKind.RUN_ARCHIVED, uid)
    if record is None:
        return None
    try:
        return Archived(**record.body)
    except TypeError as error:
        text = f"run {uid}: another recorder archived it: {error}"
        raise JournalError(text) from error


def file_of(folder: Path, journal_id: str, number: int, uid: str, time_ns: int) -> Path:
    """The file of a run: one folder for each journal and month.

    Args:
        folder: The archive.
        journal_id: Several journals may share an archive.
        number: Of the run.
        uid: Of the run.
        time_ns: When it was sealed (Unix ns).
    """
    month = datetime.fromtimestamp(time_ns / 1e9, UTC).strftime("%Y-%m")
    code = hashlib.sha256(uid.encode("utf-8", "surrogatepass")).hexdigest()
    name = f"run{number:04d}-{safe_part(uid)[:40]}-{code[:_UID_CHARACTERS]}{ENDING}"
    return folder / safe_part(journal_id) / month / name


def make_folder(path: Path) -> None:
    """Make a folder of the archive, and see that it may be written.

    Raises:
        JournalError: It cannot be made.
    """
    try:
        path.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    except OSError as error:
        raise refused(path, error) from error


def new_file(path: Path) -> int:
    """The descriptor of a file that was not there before; a link is not followed.

    Raises:
        OSError: The disk refuses.
    """
    with suppress(FileNotFoundError):
        path.unlink()
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.open(path, flags, FILE_MODE)


def refused(path: Path, error: OSError) -> JournalError:
    """What to say of a place in the archive that refuses."""
    return JournalError(
        f"{path}: cannot archive there: {error.strerror or error}; check "
        "free space and the folder's owner; nothing was removed from the journal"
    )


@contextmanager
def moving(journal: Path) -> Iterator[None]:
    """Be the only one who moves runs of a journal out or back, or removes old ones.

    The folder itself is locked: a file could be made by an account whose files the
    others may not open.

    Args:
        journal: The journal's file.

    Raises:
        ArchiveBusyError: Another process does.
        JournalError: The folder cannot be locked.
    """
    descriptor = None
    try:
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
        descriptor = os.open(journal.absolute().parent, flags)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if descriptor is not None:
            os.close(descriptor)
        if isinstance(error, BlockingIOError):
            raise ArchiveBusyError(
                f"{journal}: another process archives or restores runs of this "
                "journal; wait until it has ended"
            ) from error
        raise refused(journal.parent, error) from error
    try:
        yield
    finally:
        os.close(descriptor)


class ArchiveBusyError(JournalError):
    """Another process moves runs of this journal."""
