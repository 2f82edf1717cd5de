"""The timed events of one run, kept by trigger number."""

from __future__ import annotations

from collections import Counter

import numpy as np

from recorder.records import EventType, Evidence, TimedEvent
from recorder.ssx.timeline import TriggerRows

GRADES = (Evidence.MEASURED, Evidence.CAPTURED)


class EventLog:
    """What the timing system said, deduplicated by uid."""

    def __init__(self) -> None:
        self._all: dict[str, TimedEvent] = {}
        self._laser: dict[int, TimedEvent] = {}
        self._xray: dict[int, TimedEvent] = {}
        self.counts: Counter[str] = Counter()

    def add(self, event: TimedEvent) -> bool:
        """Add an event; False if its uid is known already."""
        if event.uid in self._all:
            return False
        self._all[event.uid] = event
        self.counts[event.type] += 1
        if event.trigger is not None and event.evidence in GRADES:
            if event.type is EventType.LASER_EXCITATION:
                self._keep_better(self._laser, event.trigger, event)
            elif event.type is EventType.XRAY_DETECTION:
                self._keep_better(self._xray, event.trigger, event)
        return True

    @staticmethod
    def _keep_better(
        rows: dict[int, TimedEvent], trigger: int, event: TimedEvent
    ) -> None:
        """A sensor's word beats the timing hardware's for the same trigger."""
        known = rows.get(trigger)
        if known is None or GRADES.index(event.evidence) < GRADES.index(known.evidence):
            rows[trigger] = event

    def all(self) -> list[TimedEvent]:
        """Every event, in order of arrival."""
        return list(self._all.values())

    @property
    def triggers(self) -> int | None:
        """Triggers that the timing hardware captured; None if it captured none."""
        return len(self._xray) or None

    def laser_at(self, trigger: int) -> TimedEvent | None:
        """The laser event of a trigger."""
        return self._laser.get(trigger)

    def xray_at(self, trigger: int) -> TimedEvent | None:
        """The X-ray detection of a trigger."""
        return self._xray.get(trigger)

    def rows(self) -> TriggerRows:
        """The events as arrays in ascending order of trigger number."""
        laser = [self._laser[key] for key in sorted(self._laser)]
        xray = [self._xray[key] for key in sorted(self._xray)]
        clocks = {event.clock for event in (*laser, *xray)}
        return TriggerRows(
            laser=np.array([event.trigger for event in laser], np.int64),
            laser_ns=np.array([event.time_ns for event in laser], np.int64),
            laser_measured=np.array(
                [event.evidence is Evidence.MEASURED for event in laser], np.bool_
            ),
            xray=np.array([event.trigger for event in xray], np.int64),
            xray_ns=np.array([event.time_ns for event in xray], np.int64),
            same_clock=len(clocks) == 1 and None not in clocks,
        )
