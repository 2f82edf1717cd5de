"""Which reports of nodes home has taken: each once, in the order of their numbers."""

from __future__ import annotations

from collections import OrderedDict

KEPT = 1000
"""Processes of nodes that are remembered: as many as there may be nodes."""


class Taken:
    """The highest number that was taken from each process of a node."""

    def __init__(self) -> None:
        self._numbers: OrderedDict[str, int] = OrderedDict()

    def of(self, boot: str) -> int:
        """The highest number taken; 0: none."""
        return self._numbers.get(boot, 0)

    def take(self, boot: str, number: int, before: int) -> bool:
        """Take a report, if it has not been taken and none before it is missing.

        Args:
            boot: Process of the node.
            number: Of the report.
            before: Number of the one that goes before it; 0: none that home lacks.
        """
        if not before <= self.of(boot) < number:
            return False
        self._numbers[boot] = number
        self._numbers.move_to_end(boot)
        if len(self._numbers) > KEPT:
            self._numbers.popitem(last=False)
        return True
