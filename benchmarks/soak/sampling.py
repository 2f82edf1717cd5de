"""Looks at a daemon every few seconds, from a thread of its own."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from benchmarks.soak.proc import Usage, children, usage
from recorder.config import Settings
from recorder.journal import Journal
from recorder.journal.records import SINK_KINDS


@dataclass(frozen=True, slots=True)
class Sample:
    """One look."""

    seconds: float
    """Since the first look."""
    daemon: Usage
    workers: Usage
    spool: int
    """Records that the sink which is furthest behind still has to write."""
    journal_mb: float
    """The journal and its write-ahead log on disk."""


class Sampler:
    """Samples while its ``with`` block runs.

    Args:
        pid: The daemon.
        settings: Its configuration.
        interval_s: Time between two samples.
    """

    def __init__(self, pid: int, settings: Settings, interval_s: float) -> None:
        self._pid = pid
        self._settings = settings
        self._interval_s = interval_s
        self._stop = threading.Event()
        self._executor = ThreadPoolExecutor(1)
        self.samples: list[Sample] = []

    def __enter__(self) -> Self:
        self._running = self._executor.submit(self._run)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._executor.shutdown(wait=True)
        if error is None:
            self._running.result()

    def _run(self) -> None:
        begun = time.monotonic()
        journal = Journal(self._settings.journal_path, read_only=True)
        try:
            while True:
                self._look(journal, time.monotonic() - begun)
                if self._stop.wait(self._interval_s):
                    self._look(journal, time.monotonic() - begun)
                    return
        finally:
            journal.close()

    def _look(self, journal: Journal, seconds: float) -> None:
        sinks = self._settings.sink_names
        path = self._settings.journal_path
        parts = (path, path.with_name(f"{path.name}-wal"))
        self.samples.append(
            Sample(
                seconds=seconds,
                daemon=usage([self._pid]),
                workers=usage(children(self._pid)),
                spool=max(journal.backlog(sink, SINK_KINDS) for sink in sinks),
                journal_mb=sum(p.stat().st_size for p in parts if p.exists()) / 2**20,
            )
        )
