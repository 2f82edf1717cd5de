"""The chips of runs, worked out once for all who ask.

A chip needs all images of its run: a third of a second of work for 25 600 of them, two
seconds for a million. Pages ask every other second, so an answer is kept for a while
that follows from what it cost.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from recorder.journal import Journal
from recorder.records.run_report import RunReport
from recorder.reports.chip import chip_json
from recorder.web.encoding import encoded
from recorder.web.reading import Reading

PAUSE = 20.0
"""Times what an answer cost until the next one is made: then chips take at most a
twentieth of a core, and that of a usual chip is renewed every 7 s."""
MAX_KEPT = 4
"""Answers that are kept, 1.3 MB each for a million wells. Chosen, not tuned."""


_Version = tuple[str, str, int]
"""Uid, state and revision of a run."""


@dataclass(frozen=True, slots=True)
class _Kept:
    body: bytes
    until: float
    """Monotonic time."""


class Chips:
    """Answers with the chip of a run, as JSON.

    Args:
        reading: Has the journal.
    """

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._kept: dict[_Version, _Kept] = {}
        self._going: dict[_Version, asyncio.Task[bytes]] = {}

    async def get(self, report: RunReport) -> bytes:
        """The chip of a run, no older than ``PAUSE`` times what it costs.

        Args:
            report: Of the run; once it is sealed, its chip is that of the seal.

        Raises:
            ProblemError: Too many requests wait already.
            NoSuchRunError: No such run, or its images are gone.
        """
        version = report.uid, report.state, report.revision
        kept = self._kept.get(version)
        if kept is not None and time.monotonic() < kept.until:
            return kept.body
        task = self._going.get(version)
        if task is None:
            task = asyncio.create_task(self._made(version))
            self._going[version] = task
            task.add_done_callback(lambda done: self._over(version, done))
        # Who hangs up must not take the answer from the others.
        return await asyncio.shield(task)

    def _over(self, version: _Version, task: asyncio.Task[bytes]) -> None:
        del self._going[version]
        if not task.cancelled():
            task.exception()  # those who asked got it, if they are still there

    async def _made(self, version: _Version) -> bytes:
        def read(journal: Journal) -> tuple[bytes, float]:
            began = time.monotonic()
            body = encoded(chip_json(journal, version[0]))
            return body, time.monotonic() - began

        body, cost = await self._reading.ask(read, heavy=True)
        self._kept.pop(version, None)
        while len(self._kept) >= MAX_KEPT:
            self._kept.pop(next(iter(self._kept)))
        self._kept[version] = _Kept(body, time.monotonic() + PAUSE * cost)
        return body
