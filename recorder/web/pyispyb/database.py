"""Questions to the database: in threads of their own, few at once, none waited for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import TypeVar

from recorder.config import Settings
from recorder.ispyb.people.reading import DatabaseAwayError, Reader, reader
from recorder.ispyb.reading.tables import Tables
from recorder.runtime.log import get_logger
from recorder.web.problems import ProblemError

log = get_logger("web")
T = TypeVar("T")
THREADS = 4
"""Questions at once: as many as the reader keeps connections."""
MAX_WAITING = 64
"""Requests that may wait for a thread; beyond it clients are told to come back. Chosen,
not tuned."""
SAY_S = 60.0
"""Seconds between two lines of the log that the database is away."""
NO_DATABASE = (
    "no database is configured that may be read: set web.ispyb.url, with an account "
    "that may only SELECT (docs/how-to/py-ispyb-ui.md)"
)


class Database:
    """Asks the database.

    Args:
        settings: Say which.
    """

    def __init__(self, settings: Settings) -> None:
        engine = reader(settings)
        self._reader = None if engine is None else Reader(engine)
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="ispyb")
        self._waiting = 0
        self._said = -SAY_S

    async def ask(self, question: Callable[[Tables], T]) -> T:
        """What the database says.

        Raises:
            DatabaseAwayError: It cannot be asked now.
            ProblemError: There is none, or too many wait already.
        """
        known = self._reader
        if known is None:
            status = HTTPStatus.SERVICE_UNAVAILABLE
            raise ProblemError(status, "no-database", NO_DATABASE)

        def read() -> T:
            with known.reading() as (connection, live):
                return question(Tables(connection, live))

        return await self.run(read)

    async def run(self, work: Callable[[], T]) -> T:
        """Work in one of the threads.

        Raises:
            ProblemError: Too many wait already.
        """
        if self._waiting >= MAX_WAITING:
            text = "too many requests wait; ask again in a moment"
            raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "busy", text)
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._pool, work)
        finally:
            self._waiting -= 1

    def tell(self, error: DatabaseAwayError) -> None:
        """Log why it is away, now and then; those who asked are told less."""
        now = time.monotonic()
        if now - self._said >= SAY_S:
            self._said = now
            log.warning("web_database_away", error=str(error))

    def close(self) -> None:
        """Wait for no one."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        if self._reader is not None:
            self._reader.close()
