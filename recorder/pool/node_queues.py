"""Jobs that one node alone can do, because it received the pixels and keeps them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import chain

from recorder.pool.jobs import AnyJob

OTHERS = 4
"""One of so many jobs of a node is one that anybody can do, where such wait: a detector
that nodes receive from never has those of another one wait for good. Few, because it
alone can do its own. Chosen, not tuned."""


class NodeQueues:
    """A queue for each node that has pixels of its own."""

    def __init__(self) -> None:
        self._queues: dict[int, deque[AnyJob]] = {}
        self._turns: dict[int, int] = {}
        """Jobs of its own that a node was given while others waited."""
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

    def take(self, node: int, *, others: bool) -> AnyJob | None:
        """The next job that a node alone can do.

        Args:
            node: Which.
            others: Whether jobs wait that anybody can do.

        Returns:
            None if there is none, or if it is the turn of the others.
        """
        queue = self._queues.get(node)
        if not queue:
            return None
        turn = self._turns.get(node, 0) + 1 if others else 0
        self._turns[node] = turn % OTHERS
        return None if others and not self._turns[node] else queue.popleft()

    def drop(self, node: int) -> list[AnyJob]:
        """A node is gone for good: the jobs that waited for it."""
        self._gone.add(node)
        self._turns.pop(node, None)
        return list(self._queues.pop(node, ()))
