"""One node on this host: started, found again, and started anew when it ended."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from recorder.cluster.held import (
    HeldFileError,
    Program,
    exit_code,
    holder,
    is_held,
    private_folder,
    start_held,
)
from recorder.cluster.said import Said

FIRST_PAUSE_S = 1.0
"""Seconds before a node that ended is started again. Chosen, not tuned."""
LONGEST_PAUSE_S = 60.0
"""The longest such pause: a node that cannot work costs its host a start a minute (1 to
2 s of CPU), and is back within a minute of being mended."""
LIVED_S = 60.0
"""A node that lived longer has worked: the next pause is the first one again. As
long as a node waits for a recorder that is silent."""
LOOK_S = 0.5
"""Seconds between two looks at a node. Chosen, not tuned; a look is one system call."""
MAX_LOG = 5_000_000
"""Bytes of a node's log beyond which the next start begins a new one; the one before is
kept. Chosen, not tuned."""
TAIL = 4000
"""Bytes at the end of its log in which the last line is looked for when a node ended.
Chosen, not tuned."""


def next_pause(pause_s: float, lived_s: float) -> float:
    """How long to wait before a node is started again.

    Args:
        pause_s: The wait before; 0 before the first start.
        lived_s: How long the node lived since.
    """
    if lived_s >= LIVED_S or not pause_s:
        return FIRST_PAUSE_S
    return min(2 * pause_s, LONGEST_PAUSE_S)


@dataclass(frozen=True, slots=True)
class NodePlace:
    """Where the node of a host is found again."""

    lock: Path
    program: Program


class Keeper:
    """Sees to it that a node runs, in a thread; ends without ending the node.

    Args:
        place: The node, and where it is found again.
        tell: Gets what happened, in that thread.
        other: Which other program this host has than is asked for; None: the same.
    """

    def __init__(
        self,
        place: NodePlace,
        tell: Callable[[Said], None],
        other: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._place = place
        self._tell = tell
        self._other = other
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="node", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Keep it no longer; the node goes on. Returns at once."""
        self._ended.set()

    def join(self, seconds: float) -> None:
        """Wait until the thread has ended."""
        self._thread.join(seconds)

    def _keep(self) -> None:
        if (other := self._other()) is not None:
            self._tell(Said("other", text=f"{other} is installed there"))
            return
        pause = 0.0
        while not self._ended.wait(pause):
            begun = time.monotonic()
            self._one()
            pause = next_pause(pause, time.monotonic() - begun)

    def _one(self) -> None:
        """One node until it ended, or until this is to stop."""
        lock, program = self._place.lock, self._place.program
        try:
            private_folder(lock.parent)
            written = _begin_log(program.log)
            started = start_held(lock, program)
        except (OSError, HeldFileError) as error:
            self._tell(Said("failed", text=f"it cannot be started: {error}"))
            return
        pid = started or holder(lock)
        self._tell(Said("started" if started else "found", pid=pid))
        while is_held(lock):
            if self._ended.wait(LOOK_S):
                return
        code = None if pid is None else exit_code(pid)
        if code is not None and code < 0:
            text = f"signal {-code} ended it"
        else:
            text = _last_line(program.log, written if started else 0)
        self._tell(Said("ended", pid=pid, code=code, text=text))


def _begin_log(path: Path) -> int:
    """Bytes that the log has before a start."""
    size = path.stat().st_size if path.exists() else 0
    if size <= MAX_LOG:
        return size
    path.replace(path.with_suffix(".log.1"))
    return 0


def _last_line(path: Path, begin: int) -> str:
    """The last line with words of what was written from ``begin`` on."""
    try:
        with path.open("rb") as file:
            file.seek(max(begin, os.fstat(file.fileno()).st_size - TAIL))
            lines = file.read(TAIL).decode(errors="replace").split("\n")
    except OSError:
        return ""
    words = (
        line.strip(" |") for line in reversed(lines) if any(map(str.isalnum, line))
    )
    return next(words, "")
