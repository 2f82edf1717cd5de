"""The journal's lock: one recorder writes, and anyone may ask whether it lives.

The kernel gives a lock back when the process that holds it ends, however it ends: who
asks is told the truth, whatever files are left and whoever has the process's number
now. To ask takes no lock, so that a look never keeps a recorder from starting.
"""

from __future__ import annotations

import fcntl
import os
import struct
from pathlib import Path
from typing import IO

from recorder.errors import JournalError
from recorder.journal.place import FILE_MODE

LOCKS = Path("/proc/locks")
"""Where Linux lists who holds which file; anyone may read it."""
_FLOCK = struct.Struct("hhqqi4x")
"""C's ``struct flock``: kind, whence, start, length, process."""


def take_lock(path: Path) -> IO[str]:
    """Take the lock of a journal; it is held until the file that comes is closed.

    Args:
        path: The journal's file.

    Raises:
        JournalError: Another recorder holds it.
        OSError: The lock's file cannot be made.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    file = os.fdopen(os.open(_lock_path(path), flags, FILE_MODE), "r+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise JournalError(
            f"{path}: another recorder uses this journal; stop it, or give this one "
            "its own state_directory"
        ) from error
    try:  # a second lock, of the kind that can be asked for; see is_recorded_into
        fcntl.fcntl(file, fcntl.F_OFD_SETLK, _FLOCK.pack(fcntl.F_WRLCK, 0, 0, 0, 0))
    except OSError:  # NFS has one lock for both kinds, and we hold it already
        return file
    return file


def is_recorded_into(path: Path) -> bool:
    """Whether a recorder that runs holds the journal; nothing is locked to find out.

    Where neither the kernel nor its list of locks can be asked (another machine, a
    lock file that may not be read) the answer is no; :func:`lock_state` tells these
    apart.
    """
    return lock_state(path) is True


def lock_state(path: Path) -> bool | None:
    """Whether a recorder that runs holds the journal; None if that cannot be told.

    Args:
        path: The journal's file.
    """
    try:
        with _lock_path(path).open("rb") as file:
            asked = _FLOCK.pack(fcntl.F_WRLCK, 0, 0, 0, 0)
            answer = fcntl.fcntl(file, fcntl.F_OFD_GETLK, asked)
            if _FLOCK.unpack(answer)[0] != fcntl.F_UNLCK:
                return True
    except FileNotFoundError:
        return False
    except OSError:
        return True if _listed(path) else None
    return _listed(path)


def _listed(path: Path) -> bool:
    """Whether the kernel lists a lock of a recorder that takes the first kind only."""
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


def _lock_path(path: Path) -> Path:
    return path.with_suffix(".lock")
