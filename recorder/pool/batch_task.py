"""A replay as a task that runs anywhere on a file system that all hosts share.

Everything about it is plain data: it travels as JSON, to a thread of this process or
to a host that an engine chose. :func:`run_task` does it there, and blocks.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import recorder
from recorder import __version__
from recorder.foreign_text import plain_text
from recorder.records import Json

STOP = "stop"
"""Name of the file in a task's folder that has its process ended."""
BEAT = "beat"
"""Name of the file in an attempt's folder that its host renews."""
END = "end.json"
"""Name of the file in an attempt's folder that tells how it ended."""
LOOK_S = 0.25
"""Seconds between two looks at a task's process. Chosen, not tuned: a task takes
seconds at least."""
BEAT_S = 5.0
"""Seconds between two renewals of a beat, at the home and at the task: each is one
write to a file server. Chosen, not tuned."""
SILENT_S = 60.0
"""Seconds without a beat of the home after which a task ends itself: as long as a node
waits for a daemon that is silent. Chosen, not tuned."""
TAIL_BYTES = 4000
"""Bytes of what a task said last that travel home. Chosen, not tuned."""


@dataclass(frozen=True, slots=True)
class BatchTask:
    """One `recorder replay`, to be done on any host."""

    name: str
    """What people call it: the file."""
    arguments: tuple[str, ...]
    """Of the command line, from the word ``replay`` on; all paths are absolute."""
    folder: str
    """On a file system that all hosts share. Each attempt makes a folder of its own in
    it and writes nowhere else, so that a second attempt never meets the first one."""
    beat: str
    """File that the home renews while it lives, on the same file system."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """What of the configuration matters, as ``RECORDER_`` variables; those of the host
    are left out."""
    nice: int = 10
    """Niceness of the process, 0 to 19."""

    def to_json(self) -> Json:
        """As plain data."""
        return {**asdict(self), "arguments": list(self.arguments)}

    @classmethod
    def from_json(cls, body: Json) -> BatchTask:
        """The reverse of :meth:`to_json`."""
        return cls(**{**body, "arguments": tuple(body["arguments"])})


@dataclass(frozen=True, slots=True)
class BatchEnd:
    """How one attempt at a task ended."""

    code: int | None
    """Exit code of the process, negative: the signal that ended it; None: there was no
    process, or nobody knows what became of it."""
    folder: str = ""
    """Of the attempt; it holds the journal. Empty: there is none."""
    host: str = ""
    output: str = ""
    """What it said last, for people."""
    version: str = ""
    """Of the recorder that did it."""
    problem: str = ""
    """Why there is no exit code, and what to do; empty if there is one."""

    def to_json(self) -> Json:
        """As plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, body: Json) -> BatchEnd:
        """The reverse of :meth:`to_json`."""
        return cls(**body)


def run_task(body: Json) -> Json:
    """Do a task on this host and wait for its end; any process may call it.

    The process ends when the caller does (its standard input closes), when the file
    ``stop`` is in the task's folder, and when the home was silent for ``SILENT_S``.

    Args:
        body: A :class:`BatchTask` as JSON.

    Returns:
        A :class:`BatchEnd` as JSON; nothing is raised for a task that fails.
    """
    task, host = BatchTask.from_json(body), socket.gethostname()
    try:
        folder = Path(tempfile.mkdtemp(prefix="attempt-", dir=task.folder))
    except OSError as error:
        problem = (
            f"{host}: cannot write into {task.folder}: {error.strerror}; the batch's "
            "folder must be on a file system that all hosts share"
        )
        return BatchEnd(None, host=host, problem=problem).to_json()
    try:
        code, problem = _done(task, folder)
    except OSError as error:
        code, problem = None, f"{host}: cannot start a replay: {error}"
    output = _tail(folder / "errors.txt")
    end = BatchEnd(code, str(folder), host, output, __version__, problem)
    with contextlib.suppress(OSError):
        _write_down(folder, end)
    return end.to_json()


def _write_down(folder: Path, end: BatchEnd) -> None:
    """Keep the end beside the journal: whoever asked may not be there any more."""
    new = folder / f".{END}"
    new.write_text(json.dumps(end.to_json()))
    new.replace(folder / END)


def _done(task: BatchTask, folder: Path) -> tuple[int | None, str]:
    """Exit code, and why there is none."""
    (folder / "recorder.toml").touch()
    with (
        (folder / "report.json").open("wb") as out,
        (folder / "errors.txt").open("wb") as errors,
        subprocess.Popen(
            [sys.executable, "-m", "recorder", *task.arguments],
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=errors,
            env=_environment(task, folder),
            cwd=Path(recorder.__file__).parent.parent,
            start_new_session=True,
        ) as process,
    ):
        try:
            nice = max(task.nice, os.getpriority(os.PRIO_PROCESS, process.pid))
            os.setpriority(os.PRIO_PROCESS, process.pid, nice)
            problem = _watched(process, task, folder)
        finally:
            _end(process)
    return (None if problem else process.returncode), problem


def _environment(task: BatchTask, folder: Path) -> dict[str, str]:
    """This host's own, but nothing in it of a recorder that may run here, too."""
    own = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith("RECORDER_")
        and name not in ("STATE_DIRECTORY", "CREDENTIALS_DIRECTORY", "NOTIFY_SOCKET")
    }
    return {
        **own,
        **task.environment,
        "RECORDER_CONFIG": str(folder / "recorder.toml"),
        "RECORDER_STATE_DIRECTORY": str(folder),
    }


def _watched(process: subprocess.Popen[bytes], task: BatchTask, folder: Path) -> str:
    """Wait for the end; why it is to be ended before, empty if it is not."""
    stop, mine, home = Path(task.folder) / STOP, folder / BEAT, Path(task.beat)
    due = 0.0
    while True:
        try:
            process.wait(LOOK_S)
            return ""
        except subprocess.TimeoutExpired:
            pass
        if stop.exists():
            return "it was told to stop"
        if time.monotonic() >= due:
            due = time.monotonic() + BEAT_S
            if _silent(home, mine):
                return f"the batch that started it was silent for {SILENT_S:g} s"


def _silent(home: Path, mine: Path) -> bool:
    """Whether the home is gone, by the clock of the file server that both write to."""
    try:
        mine.touch()
        return mine.stat().st_mtime - home.stat().st_mtime > SILENT_S
    except FileNotFoundError:
        return True
    except OSError:  # the file server is away: the replay finds that out itself
        return False


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process and its workers, if they have not ended."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _tail(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - TAIL_BYTES))
            return plain_text(file.read().decode(errors="replace")).strip()
    except OSError:
        return ""
