"""Reads the journal for requests: in threads, briefly, and never across an await.

Each request opens the journal, reads all that it needs and closes it: no transaction
stays open, and a journal that was missing, migrated or replaced is there with the next
request. What takes long has one thread of its own, so that the rest goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import TypeVar

from recorder.journal import Journal
from recorder.web.place import WebPlace
from recorder.web.problems import ProblemError

T = TypeVar("T")
QUICK_THREADS = 3
"""Requests that read at once: reading is one core's work anyway. Chosen, not tuned."""
MAX_WAITING = 64
"""Requests that may wait for a thread, each less than 1 ms of work; beyond it clients
are told to come back. Chosen, not tuned."""
MAX_HEAVY = 8
"""The same for what reads a whole run, a second of work. Chosen, not tuned."""


class _Lane:
    """Threads, and how many requests wait for them."""

    def __init__(self, threads: int, most: int, name: str) -> None:
        self.pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self.most = most
        self.waiting = 0


class Reading:
    """Answers questions from the journal.

    Args:
        place: Where it is.
    """

    def __init__(self, place: WebPlace) -> None:
        self.place = place
        self._quick = _Lane(QUICK_THREADS, MAX_WAITING, "reading")
        self._heavy = _Lane(1, MAX_HEAVY, "heavy")

    async def ask(self, question: Callable[[Journal], T], *, heavy: bool = False) -> T:
        """What the journal says.

        Args:
            question: Reads from it, to the end.
            heavy: It may take seconds.

        Raises:
            ProblemError: Too many wait already.
            JournalError: The journal cannot be read now.
        """
        return await self.run(lambda: self._asked(question), heavy=heavy)

    def _asked(self, question: Callable[[Journal], T]) -> T:
        """Once more where a recorder began to write meanwhile."""
        while True:
            journal = Journal(self.place.journal, read_only=True)
            try:
                found = question(journal)
                if not journal.is_outdated:
                    return found
            finally:
                journal.close()

    async def run(self, work: Callable[[], T], *, heavy: bool = False) -> T:
        """Work in a thread; as :meth:`ask`."""
        lane = self._heavy if heavy else self._quick
        if lane.waiting >= lane.most:
            text = "too many requests wait; ask again in a moment"
            raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "busy", text)
        lane.waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(lane.pool, work)
        finally:
            lane.waiting -= 1

    def close(self) -> None:
        """Wait for no one."""
        for lane in (self._quick, self._heavy):
            lane.pool.shutdown(wait=False, cancel_futures=True)
