"""Blocking receivers, each in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from recorder.records import DetectorRecord
from recorder.sources.protocols import SourcePort

Deliver = Callable[[DetectorRecord], None]
Receive = Callable[[Deliver, threading.Event], None]


async def in_thread(port: SourcePort, receive: Receive) -> None:
    """Run a blocking receiver until it ends.

    Args:
        port: Where its records go.
        receive: Called with ``port.put`` and the event after which it must end within
            a second.
    """
    loop = asyncio.get_running_loop()
    executor = ThreadPoolExecutor(1, thread_name_prefix="receiver")
    try:
        await loop.run_in_executor(executor, receive, port.put, port.stopping)
    finally:
        executor.shutdown(wait=False)
