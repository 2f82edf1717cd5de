"""The daemon's live state as it is now, and whether the daemon lives."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from recorder.errors import ReportError
from recorder.journal.lock import lock_state
from recorder.records.live import LiveState
from recorder.records.live_json import live_from_json
from recorder.runtime.status_file import NAME as STATUS
from recorder.runtime.status_file import age_s, is_process
from recorder.web.shapes import Daemon, Now

STALE_S = 1.0
"""Seconds without a new state after which it is no more this moment: five states were
left out. The page says the same."""
MAX_STATE = 4 << 20
"""Bytes of a live state that is read; one has about 4 kB."""
ENDED = ("stopped", "failed")
"""Stages of a daemon that ended."""


@dataclass(frozen=True, slots=True)
class _Read:
    """What was read, and of which file."""

    mark: tuple[int, int, int]
    state: LiveState | None
    problem: str | None


class DaemonState:
    """Reads the live state again when its file is another one.

    Args:
        path: The file.
        journal: The journal's file, whose lock tells whether a daemon lives.
    """

    def __init__(self, path: Path, journal: Path) -> None:
        self._path = path
        self._journal = journal
        self._last = _Read((0, 0, 0), None, None)

    def look(self, journal_id: str | None) -> Now:
        """This moment.

        Args:
            journal_id: Of the journal that is shown; the state of another one is not
                told. None: not known.
        """
        self._read()
        state, problem = self._last.state, self._last.problem
        if state is not None and journal_id and state.journal_id:
            if state.journal_id != journal_id:
                problem = (
                    f"{self._path} is of another journal than the one that is shown: "
                    "run daemon and page with the same configuration"
                )
                state = None
        if state is None:
            held = lock_state(self._journal)
            ended = self._journal.with_name(STATUS).exists()
            if held and problem is None:
                problem = (
                    f"a process holds the journal but writes no {self._path}: one that "
                    "is only starting, a replay, or a recorder of an earlier version"
                )
            word: Daemon = "stale" if held else "gone" if ended else "none"
            return Now(word, None, None, problem)
        age = age_s(_clock(state))
        return Now(self._judged(state, age), age, state, problem)

    def _judged(self, state: LiveState, age: float | None) -> Daemon:
        if age is None or state.stage in ENDED:
            return "gone"
        if age < STALE_S:
            return "ok"
        held = lock_state(self._journal)
        if held is None:
            held = is_process(dict(state.identity)) is not False
        return "stale" if held else "gone"

    def _read(self) -> None:
        """A replaced file has another inode or time; else what was read stands."""
        try:
            with self._path.open("rb") as file:
                found = os.fstat(file.fileno())
                mark = (found.st_ino, found.st_mtime_ns, found.st_size)
                if mark == self._last.mark:
                    return
                body = file.read(MAX_STATE)
            self._last = _Read(mark, live_from_json(body), None)
        except FileNotFoundError:
            self._last = _Read((0, 0, 0), None, None)
        except OSError as error:
            text = f"{self._path}: cannot be read: {error.strerror}; check its owner"
            self._last = _Read((0, 0, 0), None, text)
        except ReportError as error:
            text = f"{self._path}: {error}; run daemon and page of the same version"
            self._last = _Read(mark, None, text)


def _clock(state: LiveState) -> dict[str, object]:
    """What tells the age of a state."""
    return {"boottime_ns": state.boottime_ns, "boot": state.boot}
