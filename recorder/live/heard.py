"""What each source sent, and how fast."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence

from recorder.records import ControlRecord, Image, TimedEvent

BROKER = "mqtt"
"""What the broker is called here."""
OVER_NS = 5_000_000_000
"""Time (ns) over which a rate is taken: as in ``status.json``."""


class Heard:
    """Images and control records by source."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._samples: deque[tuple[int, Counter[str]]] = deque()
        self.last_ns: dict[str, int] = {}
        """Time of arrival (Unix ns) of the last look that saw something new."""

    def image(self, image: Image) -> None:
        """An image came."""
        self.counts[image.key.source] += 1

    def control(self, records: Sequence[ControlRecord], *, from_broker: bool) -> None:
        """Control records came: from the broker, else rows of timing hardware."""
        if from_broker:
            self.counts[BROKER] += len(records)
            return
        for record in records:
            if isinstance(record, TimedEvent):
                self.counts[record.clock or ""] += 1

    def look(self, now_ns: int) -> None:
        """Keep what there is now."""
        before = self._samples[-1][1] if self._samples else Counter()
        for name, count in self.counts.items():
            if count > before[name]:
                self.last_ns[name] = now_ns
        self._samples.append((now_ns, Counter(self.counts)))
        while len(self._samples) > 2 and self._samples[1][0] <= now_ns - OVER_NS:
            self._samples.popleft()

    def hz(self, name: str) -> float:
        """How many a second a source sends."""
        if len(self._samples) < 2:
            return 0.0
        (then, before), (now, after) = self._samples[0], self._samples[-1]
        took_s = (now - then) / 1e9
        return round((after[name] - before[name]) / took_s, 1) if took_s > 0 else 0.0
