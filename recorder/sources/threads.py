"""Blocking receivers, each in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from functools import partial

from recorder.records import DetectorRecord
from recorder.sources.protocols import SourcePort

Deliver = Callable[[DetectorRecord], None]
Receive = Callable[[Deliver, threading.Event], None]


async def in_thread(port: SourcePort, receive: Receive) -> None:
    """Run a blocking receiver until it ends.

    The process does not wait for the thread: one that does not heed the request to stop
    cannot keep the daemon from ending.

    Args:
        port: Where its records go.
        receive: Called with ``port.put`` and the event after which it must end within
            a second.
    """
    await blocking(partial(receive, port.put, port.stopping))


async def blocking(receive: Callable[[], None]) -> None:
    """Run something that blocks, in such a thread, until it ends."""
    ended: Future[None] = Future()
    thread = threading.Thread(
        target=_run, args=(ended, receive), name="receiver", daemon=True
    )
    thread.start()
    await asyncio.wrap_future(ended)


def _run(ended: Future[None], receive: Callable[[], None]) -> None:
    try:
        receive()
    except BaseException as error:
        _tell(ended, error)
    else:
        _tell(ended, None)


def _tell(ended: Future[None], error: BaseException | None) -> None:
    """Say how it ended, unless nobody waits for it any more."""
    with contextlib.suppress(InvalidStateError):
        if error is None:
            ended.set_result(None)
        else:
            ended.set_exception(error)
