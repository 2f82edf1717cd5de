"""Images of one series in the order of their ids, though several nodes report them.

A detector deals them out in their order, so each node's reports ascend. An image that
was not reported once every node is beyond it will not come any more.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Collection
from typing import Generic, TypeVar

WAIT_S = 1.0
"""Seconds that images wait for an earlier one which a node may yet report: longer than
a busy node takes, shorter than what a person would notice. Chosen, not tuned."""

T = TypeVar("T")


class InOrder(Generic[T]):
    """What came of one series, until it is its turn."""

    def __init__(self) -> None:
        self._waiting: list[tuple[int, int, float, T]] = []
        self._serial = itertools.count()
        self._heard: dict[int, int] = {}
        """The highest id of each node."""
        self._next = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def is_late(self, image_id: int) -> bool:
        """Whether later ones were handed on before."""
        return image_id < self._next

    def put(self, image_id: int, node: int, now: float, what: T) -> None:
        """A node reports an image; ``now`` is monotonic time (s)."""
        heapq.heappush(self._waiting, (image_id, next(self._serial), now, what))
        self._heard[node] = max(image_id, self._heard.get(node, -1))

    def take(self, now: float, nodes: Collection[int]) -> list[T]:
        """What is due, in the order of the ids.

        Args:
            now: Monotonic time (s).
            nodes: Those that may still report images of the series.
        """
        sure = min((self._heard.get(node, -1) for node in nodes), default=None)
        found = []
        while self._waiting:
            image_id, _, came, what = self._waiting[0]
            expected = image_id <= self._next or sure is None or image_id <= sure
            if not expected and now - came < WAIT_S:
                break
            heapq.heappop(self._waiting)
            self._next = max(self._next, image_id + 1)
            found.append(what)
        return found

    def next_at(self) -> float | None:
        """When the first one that waits has waited for long enough (monotonic, s)."""
        return self._waiting[0][2] + WAIT_S if self._waiting else None
