"""Pixels that home wants from nodes: whoever waits for them is told once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from recorder.nodes.messages import pack_numbers
from recorder.nodes.pulling.reports import FETCH
from recorder.pool.wire import Message
from recorder.records import Payload

Name = tuple[int, int]
"""Session of a node, and the number of the pixels there."""


@dataclass(eq=False)
class _Waiter:
    names: set[Name]
    done: Callable[[], None]


class Fetching:
    """What was asked for and did not come yet.

    Args:
        ask: Sends a message to a node, by its session; False: it is gone.
    """

    def __init__(self, ask: Callable[[int, Message], bool]) -> None:
        self._ask = ask
        self._waiters: list[_Waiter] = []

    def fetch(self, payloads: Sequence[Payload], done: Callable[[], None]) -> None:
        """Ask for pixels; ``done`` once each has come, or cannot come."""
        by_node: dict[int, list[int]] = {}
        for payload in payloads:
            if payload.held is not None and payload.node is not None:
                by_node.setdefault(payload.node, []).append(payload.held.number)
        names = {
            (node, number)
            for node, numbers in by_node.items()
            if self._ask(node, pack_numbers(FETCH, numbers))
            for number in numbers
        }
        if names:
            self._waiters.append(_Waiter(names, done))
        else:
            done()

    def came(self, name: Name) -> None:
        """Pixels came, or the node says that it does not have them."""
        self._settle(lambda one: one == name)

    def gone(self, node: int) -> None:
        """Nothing more comes from a node."""
        self._settle(lambda one: one[0] == node)

    def _settle(self, settled: Callable[[Name], bool]) -> None:
        ready = []
        for waiter in self._waiters:
            waiter.names = {name for name in waiter.names if not settled(name)}
            if not waiter.names:
                ready.append(waiter)
        self._waiters = [waiter for waiter in self._waiters if waiter.names]
        for waiter in ready:
            waiter.done()
