"""Files that a process holds locked while it lives, so that others find it again.

The lock goes to the new process with the file's descriptor. So it ends with that
process, however that ends, and needs nothing of the program that runs there. The file
stays: who removed it could remove the one that somebody else has just locked.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import stat
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from recorder.errors import RecorderError

STEP_S = 0.05
"""Seconds between two looks whether a process has ended. Chosen, not tuned."""

LOOKS = 3
"""Times that a file is found held before it is: somebody may just be looking at it.
Chosen, not tuned."""


class HeldFileError(RecorderError):
    """A folder or file for locks cannot be used."""


@dataclass(frozen=True, slots=True)
class Program:
    """What is to be started."""

    command: Sequence[str]
    """Its first word is the path of the program."""
    environment: Mapping[str, str]
    log: Path
    """Gets what it writes."""


def private_folder(path: Path) -> Path:
    """A folder that is ours and that others cannot write; made where it is missing.

    Raises:
        HeldFileError: It cannot be made, or somebody else may write into it.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.lstat()
    except OSError as error:
        raise HeldFileError(f"{path}: cannot be made: {error}") from error
    ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
    if not ours or found.st_mode & 0o022:
        raise HeldFileError(
            f"{path}: is not a folder of this user's alone; remove it, or name another "
            "one by RECORDER_NODE_DIRECTORY"
        )
    return path


def start_held(path: Path, program: Program) -> int | None:
    """Start a program in a session of its own that holds a file.

    Args:
        path: The file that it holds.
        program: What to start.

    Returns:
        Its process id; None if another one holds the file.

    Raises:
        OSError: The file or the log cannot be written, or the program not started.
    """
    place = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        if not _locked(place):
            return None
        os.ftruncate(place, 0)  # the number that stands there is another process's
        os.set_inheritable(place, True)
        pid = _spawn(program, place)
        os.pwrite(place, b"%d\n" % pid, 0)
        return pid
    finally:
        os.close(place)


def _spawn(program: Program, place: int) -> int:
    """Start it with the lock and nothing else that is ours: no lock of our own."""
    log = os.open(program.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
    nothing = os.open(os.devnull, os.O_RDONLY)
    try:
        return os.posix_spawn(
            program.command[0],
            list(program.command),
            dict(program.environment),
            file_actions=[
                (os.POSIX_SPAWN_DUP2, nothing, 0),
                (os.POSIX_SPAWN_DUP2, log, 1),
                (os.POSIX_SPAWN_DUP2, log, 2),
                *((os.POSIX_SPAWN_CLOSE, fd) for fd in _inheritable() - {place}),
            ],
            setsid=True,
        )
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{program.command[0]}: {error.strerror}") from error
    finally:
        os.close(log)
        os.close(nothing)


def _inheritable() -> set[int]:
    """Descriptors that a new process would get beside the first three."""
    found = set()
    for path in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # that of this very look
            if int(path.name) > 2 and os.get_inheritable(int(path.name)):
                found.add(int(path.name))
    return found


def exit_code(pid: int) -> int | None:
    """The exit code of a process that has ended; None if it is no child of ours.

    Negative: the signal that ended it.
    """
    for _ in range(LOOKS):
        try:
            found, status = os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            return None
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(STEP_S)
    return None


def _locked(place: int) -> bool:
    """Whether we got the lock; who only looks has it for some microseconds."""
    for _ in range(LOOKS):
        try:
            fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(STEP_S)
        else:
            return True
    return False


def is_held(path: Path) -> bool:
    """Whether a process holds the file now."""
    try:
        place = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(place, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(place)
    return False


def holder(path: Path) -> int | None:
    """The process that holds the file; None if none does, or it is not known."""
    if not is_held(path):
        return None
    with contextlib.suppress(OSError, ValueError):
        return int(path.read_text(encoding="ascii"))
    return None


def end_holder(path: Path, patience_s: float) -> bool:
    """Have the process that holds the file end: asked first, then killed.

    Args:
        path: The file.
        patience_s: How long it may take to end by itself.

    Returns:
        Whether nobody holds the file any more.
    """
    for number, seconds in ((signal.SIGTERM, patience_s), (signal.SIGKILL, 2.0)):
        pid = holder(path)
        if pid is None:
            break
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
        deadline = time.monotonic() + seconds
        while is_held(path) and time.monotonic() < deadline:
            time.sleep(STEP_S)
    return not is_held(path)
