"""Events that came before the announcement of their run."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Container, Sequence

from recorder.records import TimedEvent
from recorder.runs.book.actions import Action, Adopted, Noticed
from recorder.runs.book.binding import ADOPT_WINDOW_S
from recorder.runs.book.captures import (
    CaptureKey,
    capture_key,
    fits_detector,
    has_one,
)
from recorder.runs.book.parts import names_of, with_part
from recorder.runs.run import Run

KEPT_EVENTS = 100_000
"""Latest events that wait for their announcement, about 0.8 kB each: 80 MB at most.
Chosen, not tuned."""
KEPT_BYTES = 16 << 20
"""What the texts and further values of those events may have, as JSON (six times as
much in memory); beyond it the oldest of them go. Chosen, not tuned."""
MAX_UNCLAIMED = 10_000
"""Unknown uids that are remembered, so that each is logged once; beyond, some are
logged again. Chosen, not tuned."""


class EarlyEvents:
    """The latest events that no run has.

    Args:
        detectors: Names of all sources.
    """

    def __init__(self, detectors: Sequence[str] = ()) -> None:
        self._detectors = detectors
        self._events: deque[tuple[TimedEvent, int]] = deque()
        """Oldest first, with the bytes of their texts."""
        self._bytes = 0
        self._unclaimed: set[str] = set()
        """Uids that events named and no announcement has."""

    def keep(self, event: TimedEvent, past: Container[str]) -> list[Action]:
        """Keep an event until its run is announced; say once for each run.

        Args:
            event: It belongs to no run that is known.
            past: Uids of runs that are long sealed.
        """
        self._append(event)
        name = event.collection
        if name is None or name in self._unclaimed:
            return []
        if len(self._unclaimed) >= MAX_UNCLAIMED:
            self._unclaimed.clear()
        self._unclaimed.add(name)
        fields = (("uid", name), ("sealed", name in past))
        return [Noticed("events_unclaimed", "warning", fields)]

    def _append(self, event: TimedEvent) -> None:
        size = _size(event)
        self._events.append((event, size))
        self._bytes += size
        while len(self._events) > KEPT_EVENTS or self._bytes > KEPT_BYTES:
            self._bytes -= self._events.popleft()[1]

    def adopt(self, *runs: Run) -> list[Action]:
        """Give a run those that name it, or that it needs.

        Timing hardware names no run: its latest rows are those of the next run, and
        with a row comes the whole capture.

        Args:
            runs: The run, or the parts of one announcement.
        """
        uids = {uid for run in runs for uid in names_of(run)}
        first = runs[0]
        since = first.opened_ns - int(ADOPT_WINDOW_S * 1e9)
        if first.takes_images:
            captures = self._captures_for(first, since)
            for run in runs:
                run.captures |= captures
        kept: deque[tuple[TimedEvent, int]] = deque()
        adopted: dict[str, list[TimedEvent]] = {run.uid: [] for run in runs}
        for event, size in self._events:
            named = event.collection in uids
            if not named and (event.collection or not _wanted(event, first, since)):
                kept.append((event, size))
                continue
            run, event = with_part(event, runs)
            # What names a run stands in the journal under that name.
            if run.events.add(event) and not (named and first.part is None):
                adopted[run.uid].append(event)
        self._events = kept
        self._bytes = sum(size for _, size in kept)
        return [
            Adopted(run, tuple(adopted[run.uid])) for run in runs if adopted[run.uid]
        ]

    def _captures_for(self, run: Run, since: int) -> set[CaptureKey]:
        """The oldest capture of each clock that still goes on and fits the run."""
        latest: dict[CaptureKey, TimedEvent] = {}
        for event, _ in self._events:
            if event.collection is None and event.capture is not None:
                latest[capture_key(event, event.capture)] = event
        found: dict[str, CaptureKey] = {}
        for key, event in latest.items():
            fits = event.capture is not None and fits_detector(
                run, event.capture, self._detectors
            )
            if fits and event.received_ns >= since and not has_one(run, key[0]):
                found.setdefault(key[0], key)
        return set(found.values())


def _size(event: TimedEvent) -> int:
    texts = (event.uid, event.collection, event.name, event.clock)
    body = len(json.dumps(dict(event.body))) if event.body else 0
    return body + sum(len(text) for text in texts if text)


def _wanted(event: TimedEvent, run: Run, since: int) -> bool:
    if not run.takes_images:
        return False
    if event.capture is not None:
        return capture_key(event, event.capture) in run.captures
    return event.received_ns >= since
