"""Events that came before the announcement of their run."""

from __future__ import annotations

from collections import deque
from collections.abc import Container

from recorder.records import TimedEvent
from recorder.runs.book.actions import Action, Adopted, Noticed
from recorder.runs.book.binding import ADOPT_WINDOW_S
from recorder.runs.run import Run

KEPT_EVENTS = 100_000
"""Latest events that wait for their announcement, about 0.8 kB each: 80 MB at most.
Chosen, not tuned."""
MAX_UNCLAIMED = 10_000
"""Unknown uids that are remembered, so that each is logged once; beyond, some are
logged again. Chosen, not tuned."""


class EarlyEvents:
    """The latest events that no run has."""

    def __init__(self) -> None:
        self._events: deque[TimedEvent] = deque(maxlen=KEPT_EVENTS)
        self._unclaimed: set[str] = set()
        """Uids that events named and no announcement has."""

    def keep(self, event: TimedEvent, past: Container[str]) -> list[Action]:
        """Keep an event until its run is announced; say once for each run.

        Args:
            event: It belongs to no run that is known.
            past: Uids of runs that are long sealed.
        """
        self._events.append(event)
        name = event.collection
        if name is None or name in self._unclaimed:
            return []
        if len(self._unclaimed) >= MAX_UNCLAIMED:
            self._unclaimed.clear()
        self._unclaimed.add(name)
        fields = (("uid", name), ("sealed", name in past))
        return [Noticed("events_unclaimed", "warning", fields)]

    def adopt(self, run: Run) -> list[Action]:
        """Give a run those that name it, or that it needs.

        Timing hardware names no run: its latest rows are those of the next run.
        """
        uids = {run.uid, run.announcement.uid or run.uid}
        since = run.opened_ns - int(ADOPT_WINDOW_S * 1e9)
        kept: list[TimedEvent] = []
        nameless: list[TimedEvent] = []
        for event in self._events:
            if event.collection in uids:
                run.events.add(event)
            elif event.collection is None and event.received_ns >= since:
                if run.events.add(event):
                    nameless.append(event)
            else:
                kept.append(event)
        self._events = deque(kept, maxlen=KEPT_EVENTS)
        return [Adopted(run, tuple(nameless))] if nameless else []
