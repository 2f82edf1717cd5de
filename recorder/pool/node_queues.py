"""Jobs that one node alone can do, because it received the pixels and keeps them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import chain

from recorder.pool.jobs import AnyJob


class NodeQueues:
    """A queue for each node that has pixels of its own."""

    def __init__(self) -> None:
        self._queues: dict[int, deque[AnyJob]] = {}
        self._gone: set[int] = set()
        """Sessions that are over. They are few: a node that is lost begins a new one
        once, and a number takes 30 bytes."""

    def __len__(self) -> int:
        return sum(map(len, self._queues.values()))

    def __iter__(self) -> Iterator[AnyJob]:
        return chain.from_iterable(self._queues.values())

    def put(self, job: AnyJob, *, first: bool) -> bool:
        """Queue a job that needs a node; one that needs none is left alone.

        Returns:
            False if its node is gone: nobody can do it.
        """
        node = job.node
        if node is None:
            return True
        if node in self._gone:
            return False
        queue = self._queues.setdefault(node, deque())
        queue.appendleft(job) if first else queue.append(job)
        return True

    def take(self, node: int) -> AnyJob | None:
        """The next job of a node; None if it has none."""
        queue = self._queues.get(node)
        return queue.popleft() if queue else None

    def drop(self, node: int) -> list[AnyJob]:
        """A node is gone for good: the jobs that waited for it."""
        self._gone.add(node)
        return list(self._queues.pop(node, ()))
