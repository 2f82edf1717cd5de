"""What several nodes report, in the order in which one receiver would have heard it."""

from __future__ import annotations

import heapq
import itertools
from collections import OrderedDict
from collections.abc import Callable

from recorder.nodes.pulling.in_order import InOrder
from recorder.nodes.pulling.reports import Reported
from recorder.records import Image, SeriesEnd, SeriesKey

BEGUN_ANEW_S = 0.05
"""Seconds that an image waits which seems to come late: where series have numbers
alone, its header may be on its way. Ten times the time for which nodes collect."""
END_S = 0.3
"""Seconds that the end of a series waits for images that other nodes have yet to
report. Chosen, not tuned."""
KEPT_SERIES = 8
"""Series whose order is remembered: those of two detectors, and the ones before."""


class Sorting:
    """Images of all series that nodes receive, and the ends of these.

    Args:
        keyed: Gives the image of a report, with the key that its series has by now.
        connected: Gives the nodes that receive from a detector.
    """

    def __init__(
        self,
        keyed: Callable[[Reported], Image],
        connected: Callable[[str], list[int]],
    ) -> None:
        self._keyed = keyed
        self._connected = connected
        self._series: OrderedDict[SeriesKey, InOrder[Image]] = OrderedDict()
        self._later: list[tuple[float, int, Reported | SeriesEnd]] = []
        self._serial = itertools.count()
        self._pushed_out: list[Image] = []

    def __len__(self) -> int:
        """Images and ends that wait."""
        waiting = sum(map(len, self._series.values()))
        return waiting + len(self._later) + len(self._pushed_out)

    def image(self, node: int, reported: Reported, now: float) -> None:
        """It waits until those before it have come, or will not come."""
        image = self._keyed(reported)
        order = self._order_of(image.key)
        if reported.by_number and order.is_late(image.image_id):
            self._wait(now + BEGUN_ANEW_S, reported)
        else:
            order.put(image.image_id, node, now, image)

    def end(self, end: SeriesEnd, now: float) -> None:
        """It waits for images that other nodes have yet to report."""
        self._wait(now + END_S, end)

    def _order_of(self, key: SeriesKey) -> InOrder[Image]:
        order = self._series.get(key)
        if order is None:
            order = self._series[key] = InOrder()
            if len(self._series) > KEPT_SERIES:
                _, oldest = self._series.popitem(last=False)
                self._pushed_out += oldest.take(float("inf"), ())
        return order

    def _wait(self, at: float, what: Reported | SeriesEnd) -> None:
        heapq.heappush(self._later, (at, next(self._serial), what))

    def next_at(self) -> float | None:
        """When something is due next (monotonic, s)."""
        found = [order.next_at() for order in self._series.values() if len(order)]
        found += [self._later[0][0]] if self._later else []
        return min((at for at in found if at is not None), default=None)

    def rest(self) -> list[Image | SeriesEnd]:
        """All that waits: nothing more will come."""
        return self.take(float("inf"))

    def take(self, now: float) -> list[Image | SeriesEnd]:
        """What is due, in its order; ``now`` is monotonic time (s)."""
        found: list[Image | SeriesEnd] = [*self._pushed_out]
        self._pushed_out.clear()
        for key, order in self._series.items():
            found += order.take(now, self._connected(key.source))
        while self._later and self._later[0][0] <= now:
            what = heapq.heappop(self._later)[2]
            if isinstance(what, Reported):
                found.append(self._keyed(what))
            elif (of := self._series.get(what.key)) is not None and len(of):
                self._wait(now + END_S, what)  # its images come first
            else:
                found.append(what)
        return found
