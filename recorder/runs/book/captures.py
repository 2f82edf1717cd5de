"""Which run the captures of timing hardware belong to.

The rows name no run. They say which capture they are of, and timing hardware is armed
for a run: a capture belongs to one run as a whole, unless the hardware stays armed and
its run has a row for each image already.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from recorder.records import Capture, EventType, RunState, TimedEvent
from recorder.runs.book.actions import Action, Changed, Noticed
from recorder.runs.book.binding import meant_source
from recorder.runs.book.endings import all_here
from recorder.runs.book.known_runs import KnownRuns
from recorder.runs.book.parts import first_parts
from recorder.runs.run import Run

CaptureKey = tuple[str, str]
"""Clock and id of a capture."""
_KEPT = 1000
"""Captures that are remembered to be waiting, so that each is logged once. Chosen, not
tuned."""


def capture_key(event: TimedEvent, capture: Capture) -> CaptureKey:
    """What tells a capture from all others."""
    return event.clock or "", capture.id


@dataclass
class Captures:
    """Gives each capture to a run.

    Args:
        runs: The ones in memory.
        detectors: Names of all sources.
    """

    runs: KnownRuns
    detectors: Sequence[str]
    _waiting: set[CaptureKey] = field(default_factory=set)

    def has_run(self, event: TimedEvent, capture: Capture) -> bool:
        """Whether a row's capture belongs to a run in memory."""
        key = capture_key(event, capture)
        return any(key in run.captures for run in self.runs.all)

    def run_of(
        self, event: TimedEvent, capture: Capture
    ) -> tuple[Run | None, list[Action]]:
        """The run of a row, None while its run is still to come.

        Args:
            event: The row.
            capture: The capture that it is of.
        """
        key = capture_key(event, capture)
        for run in reversed(self.runs.all):
            if key in run.captures:
                return self._next_run(event, capture, run)
        every = [run for run in self.runs.all if self._may_have(run, key, capture)]
        fresh = first_parts(every)
        if fresh:
            return fresh[0], self._bound(fresh[0], key, fresh[1:])
        again = [run for run in self.runs.active if self._goes_on(run, capture)]
        if again:
            again[-1].note(f"the capture of {key[0]} began anew in the run")
            return again[-1], self._bound(again[-1], key, [])
        return None, self._waits(key)

    def _next_run(
        self, event: TimedEvent, capture: Capture, run: Run
    ) -> tuple[Run, list[Action]]:
        """The run of a further row: timing hardware may stay armed for several runs."""
        if not _beyond(run, event):
            return run, []
        key = capture_key(event, capture)
        for other in self.runs.active:
            lacks = other.state is RunState.OPEN and not has_one(other, key[0])
            if lacks and self._fits(other, capture):
                return other, self._bound(other, key, [])
        return run, []

    def _bound(self, run: Run, key: CaptureKey, others: Sequence[Run]) -> list[Action]:
        self._waiting.discard(key)
        actions: list[Action] = []
        for part in self.runs.parts_of(run):
            part.captures.add(key)
            actions.append(Changed(part, "capture"))
        rivals = [other for other in others if other.state is RunState.OPEN]
        if rivals and run.state is RunState.OPEN:
            text = (
                f"the triggers of {key[0]} may be another detector's: name it in "
                "panda.detector"
            )
            run.note(text)
            fields = (
                ("clock", key[0]),
                ("rivals", [other.uid for other in rivals[:5]]),
                ("hint", text),
            )
            actions.append(Noticed("capture_ambiguous", "warning", fields, run))
        return actions

    def _waits(self, key: CaptureKey) -> list[Action]:
        if key in self._waiting:
            return []
        if len(self._waiting) >= _KEPT:
            self._waiting.clear()
        self._waiting.add(key)
        fields = (("clock", key[0]), ("capture", key[1]))
        return [Noticed("capture_waits", "info", fields)]

    def _may_have(self, run: Run, key: CaptureKey, capture: Capture) -> bool:
        """Whether a run lacks a capture, and this one may be its own."""
        if has_one(run, key[0]) or not run.takes_images:
            return False
        if not self._fits(run, capture):
            return False
        if not run.final:
            return True
        # Over already when the capture began: the capture is the next run's.
        return run.ended_ns is not None and capture.begun_ns <= run.ended_ns

    def _goes_on(self, run: Run, capture: Capture) -> bool:
        """Whether the timing hardware may have been armed anew within this run."""
        going = run.state is RunState.OPEN and not run.superseded
        return going and not all_here(run) and self._fits(run, capture)

    def _fits(self, run: Run, capture: Capture) -> bool:
        return fits_detector(run, capture, self.detectors)


def _beyond(run: Run, event: TimedEvent) -> bool:
    """Whether a row is of a trigger after a run that has a row for each image."""
    return (
        run.ended_ns is not None
        and event.received_ns > run.ended_ns
        and event.trigger is not None
        and event.trigger > run.events.highest_number
        and run.events.counts[EventType.XRAY_DETECTION] >= run.images.size
    )


def has_one(run: Run, clock: str) -> bool:
    """Whether a run has a capture of this clock."""
    return any(of == clock for of, _ in run.captures)


def fits_detector(run: Run, capture: Capture, detectors: Sequence[str]) -> bool:
    """Whether the capture may hold the triggers of the run's detector."""
    source = run.key.source if run.key else meant_source(run.announcement, detectors)
    return capture.detector is None or source in (None, capture.detector)
