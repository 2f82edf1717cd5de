"""The store, asked in a thread of its own: a disk that hangs holds up no stream."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import TypeVar

from recorder.runtime.log import get_logger
from recorder.web.problems import ProblemError
from recorder.web.sign_in.store import Store

log = get_logger("web")
T = TypeVar("T")
MAX_WAITING = 128
"""Questions that may wait, each less than 1 ms of work. Chosen, not tuned."""
ANSWER_S = 3.0
"""Seconds to wait for an answer. Chosen, not tuned."""


class Lane:
    """Asks a store.

    Args:
        store: It; no other thread uses it from now on.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="sign-in")
        self._waiting = 0

    async def ask(self, question: Callable[[Store], T]) -> T:
        """What the store says.

        Raises:
            ProblemError: It cannot answer now.
        """
        if self._waiting >= MAX_WAITING:
            raise _away("too many sign-ins wait; try again in a moment")
        self._waiting += 1
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(self._pool, question, self._store)
        work.add_done_callback(self._answered)
        try:
            async with asyncio.timeout(ANSWER_S):
                return await asyncio.shield(work)
        except TimeoutError as error:
            text = "the file of sessions does not answer; tell who runs this host"
            raise _away(text) from error
        except sqlite3.Error as error:
            log.error(
                "sign_in_store_failed", path=str(self._store.path), error=str(error)
            )
            text = "the file of sessions cannot be used; tell who runs this host"
            raise _away(text) from error

    def _answered(self, work: asyncio.Future[T]) -> None:
        self._waiting -= 1
        if not work.cancelled():
            work.exception()  # told to whom it concerned, if they still wait

    def close(self) -> None:
        """Let go of it, once it has answered."""
        self._pool.submit(self._store.close)
        self._pool.shutdown(wait=False)


def _away(text: str) -> ProblemError:
    return ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "sign-in-store", text)
