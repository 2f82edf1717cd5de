"""Logs, once each, what is wrong with the clocks of runs that go on."""

from __future__ import annotations

from recorder.records.timeline_report import TimelineReport
from recorder.runs.run import Run
from recorder.runtime.log import get_logger

log = get_logger("runs")


class ClockAlarms:
    """Remembers what was said."""

    def __init__(self) -> None:
        self._said: set[tuple[str, str]] = set()

    def forget(self, uid: str) -> None:
        """A run is over."""
        self._said = {key for key in self._said if key[0] != uid}

    def look(self, run: Run, known: TimelineReport) -> None:
        """Say what is wrong with a clock while it can still be mended.

        Args:
            run: The run.
            known: The timeline of its report.
        """
        for clock in known.clocks:
            if clock.alarm and (run.uid, "rate") not in self._said:
                self._said.add((run.uid, "rate"))
                log.warning(
                    "clock_alarm",
                    run=run.number,
                    uid=run.uid,
                    source=clock.source,
                    against=clock.against,
                    ppm=clock.ppm,
                    hint="a clock is more than 100 ppm off, "
                    "or the declared period is not the real one",
                )
        for item in known.breaks:
            key = (run.uid, f"{item.kind} {item.image_id}")
            if key not in self._said:
                self._said.add(key)
                log.warning(
                    "timeline_break",
                    run=run.number,
                    uid=run.uid,
                    kind=item.kind,
                    image_id=item.image_id,
                    resolved=item.resolved,
                    step=item.step,
                )
