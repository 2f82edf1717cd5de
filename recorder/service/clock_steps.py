"""Sees that the host's clock was set, and says it once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from recorder.errors import JournalError
from recorder.journal import Journal
from recorder.journal.clock import keep_clock, take_over_clock
from recorder.records import RunState
from recorder.runs.run import Run
from recorder.runtime.host_clock import STEP_NS, HostClock, host_clock
from recorder.runtime.log import get_logger

log = get_logger("service")


class ClockSteps:
    """By how much the host's clock was set, as far as it was said.

    Args:
        journal: Keeps it for the next recorder.
        clock: Of this process.
    """

    def __init__(self, journal: Journal, clock: HostClock | None = None) -> None:
        self._journal = journal
        self._clock = clock or host_clock()
        self._said_ns = 0
        self._seen_ns = 0
        """What the last look saw: one reading alone may be wrong."""

    def said_ns(self) -> int:
        """What was said (ns): runs that begin are shown with it."""
        return self._said_ns

    def take_over(self) -> None:
        """Go on with the clock of the recorder that was here before."""
        self._said_ns = take_over_clock(self._journal, self._clock)
        self._seen_ns = self._said_ns
        self._keep()

    def look(self, runs: Iterable[Run]) -> None:
        """Say a step that two looks saw, in the log and with each run that goes on.

        Args:
            runs: Those that are not sealed.
        """
        step_ns, before_ns = self._clock.step_ns(), self._seen_ns
        self._seen_ns = step_ns
        if abs(step_ns - before_ns) >= STEP_NS:
            return
        if abs(step_ns - self._said_ns) < STEP_NS:
            return
        step_s = round((step_ns - self._said_ns) / 1e9, 3)
        self._said_ns = step_ns
        log.warning(
            "host_clock_stepped",
            step_s=step_s,
            hint="labels, order and timeouts do not depend on it; the times of runs "
            "that go on keep the clock that they began with. If it comes again, look "
            "at chrony or ntpd",
        )
        for run in runs:
            if run.state is not RunState.ANNOUNCED:
                run.note(
                    f"the host's clock was set by {step_s:+g} s during this run: its "
                    "times keep the clock that it began with"
                )
        self._keep()

    def _keep(self) -> None:
        with contextlib.suppress(JournalError):  # the writer says it
            keep_clock(self._journal, self._clock, self._said_ns)
