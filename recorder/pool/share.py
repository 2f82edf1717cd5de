"""The same work, for one of several who take from it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from recorder.pool.protocols import Work


class Share:
    """Each has an event of its own: that a worker of one is free is no news for others.

    Args:
        work: What is shared.
        waiting: Jobs in it that can be taken.
    """

    def __init__(self, work: Work, waiting: Callable[[], int]) -> None:
        self._waiting = waiting
        self.changed = asyncio.Event()
        """Set when there may be something to take, or a worker may be free."""
        self.take = work.take
        self.put_back = work.put_back
        self.finish = work.finish
        self.node_gone = work.node_gone
        self.setup = work.setup
        self.states = work.states

    @property
    def waiting(self) -> int:
        """Jobs that can be taken."""
        return self._waiting()

    async def wait(self) -> None:
        """Wait until something can be taken."""
        while not self._waiting():
            self.changed.clear()
            await self.changed.wait()
