"""The same work, for one of several who take from it."""

from __future__ import annotations

from recorder.pool.backlog import Backlog


class Share:
    """Each has an event of its own: that a worker of one is free is no news for others.

    Args:
        backlog: What is shared.
        nodes: It is for nodes, which may have pixels of their own.
    """

    def __init__(self, backlog: Backlog, *, nodes: bool = False) -> None:
        self._backlog = backlog
        self._nodes = nodes
        self.changed = backlog.watch()
        """Set when there may be something to take, or a worker may be free."""
        self.take = backlog.take
        self.put_back = backlog.put_back
        self.finish = backlog.finish
        self.node_gone = backlog.node_gone
        self.setup = backlog.setup
        self.states = backlog.states

    @property
    def waiting(self) -> int:
        """Jobs that can be taken."""
        return self._backlog.waiting_for_nodes if self._nodes else self._backlog.waiting

    async def wait(self) -> None:
        """Wait until something can be taken."""
        while not self.waiting:
            self.changed.clear()
            await self.changed.wait()
