"""Where the journal lies: there or not, private, and held by one recorder."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO

from recorder.errors import JournalError

FOLDER_MODE, FILE_MODE = 0o750, 0o640
"""Owner and group read, nobody else: proposals are confidential."""
LOCKS = Path("/proc/locks")
"""Where Linux lists who holds which file; anyone may read it."""


def is_recorded_into(path: Path) -> bool:
    """Whether a recorder that runs holds the journal; nothing is locked to find out.

    The kernel's list of locks is read, so that a look never keeps a recorder from
    starting. Where it shows none (another machine, a container of its own, a file
    system with device numbers of its own) the answer is no.
    """
    try:
        lock = _lock_path(path).stat()
        listed = LOCKS.read_text(encoding="ascii")
    except OSError:
        return False
    device = f"{os.major(lock.st_dev):02x}:{os.minor(lock.st_dev):02x}:{lock.st_ino}"
    return any(
        "FLOCK" in (parts := line.split()) and device in parts
        for line in listed.splitlines()
    )


def require_journal(path: Path, *, may_be_missing: bool = False) -> None:
    """See that a journal's file is there, before it is opened.

    Raises:
        JournalError: There is none yet, or what stands there is none.
    """
    if path.is_file() or (may_be_missing and not os.path.lexists(path)):
        return
    if not os.path.lexists(path):
        raise JournalError(f"{path}: no journal yet; nothing has been recorded")
    what = "a folder" if path.is_dir() else "no file"
    raise JournalError(
        f"{path}: {what}, not a journal; move it away, or give another state_directory"
    )


def make_private(path: Path) -> None:
    """The folder and the file, which others than owner and group cannot read."""
    path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE))


def _lock_path(path: Path) -> Path:
    return path.with_suffix(".lock")


def take_lock(path: Path) -> IO[str]:
    """The lock that only one recorder may hold, until the file is closed.

    Raises:
        JournalError: Another recorder holds it.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    file = os.fdopen(os.open(_lock_path(path), flags, FILE_MODE), "w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise JournalError(
            f"{path}: another recorder uses this journal; stop it, or give this one "
            "its own state_directory"
        ) from error
    return file
