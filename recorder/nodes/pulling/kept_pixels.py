"""Home's account of the pixels that nodes keep: which it needs, and which it has."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable

from recorder.nodes.messages import pack_numbers
from recorder.nodes.pulling.fetching import Fetching
from recorder.nodes.pulling.reports import DROP
from recorder.pool.wire import Message
from recorder.records import HeldPixels, Payload


class KeptPixels:
    """Follows the records of pixels; with the last one of some, its node lets go.

    Args:
        send: Sends a message to a node, by its session; False: it is gone.
    """

    def __init__(self, send: Callable[[int, Message], bool]) -> None:
        self._send = send
        self._held: weakref.WeakValueDictionary[tuple[int, int], HeldPixels]
        self._held = weakref.WeakValueDictionary()
        self._freed: deque[tuple[int, int]] = deque()
        self._fetching = Fetching(send)
        self.fetch = self._fetching.fetch
        """Bring pixels home; see :class:`Fetching`."""
        self.gone = self._fetching.gone

    def keep(self, payload: Payload) -> None:
        """A node keeps these, until the last record of them goes."""
        held = payload.held
        if held is None:
            return
        name = (held.node, held.number)
        self._held[name] = held
        weakref.finalize(held, self._freed.append, name).atexit = False

    def tell_freed(self) -> None:
        """Tell nodes which pixels they need keep no more."""
        by_node: dict[int, list[int]] = {}
        while self._freed:
            node, number = self._freed.popleft()
            by_node.setdefault(node, []).append(number)
        for node, numbers in by_node.items():
            self._send(node, pack_numbers(DROP, numbers))

    def came(self, node: int, number: int, data: bytes | None) -> None:
        """Pixels came home; None: the node does not have them."""
        held = self._held.get((node, number))
        if held is not None and data is not None and len(data) == held.size:
            held.data = data
            self._send(node, pack_numbers(DROP, [number]))
        self._fetching.came((node, number))
