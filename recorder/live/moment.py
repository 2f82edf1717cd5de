"""What is true of sources, sinks and host now, as alarms want it."""

from __future__ import annotations

import math
from collections.abc import Iterable

from recorder.records import RunState
from recorder.records.live import LiveState
from recorder.runs.run import Run
from recorder.ssx.alarms.limits import AGE_PERIODS
from recorder.ssx.alarms.observation import (
    HostFacts,
    RunFacts,
    SinkFacts,
    SourceFacts,
)

USUAL_GAPS = 2.0
"""An age is told beyond so many times the longest pause that came twice: where chips
move between positions, or shots come in bursts, pauses are as usual. Chosen, not
tuned."""
LONGEST_GAP_S = 30.0
"""Longest pause (s) that is taken for usual. Chosen, not tuned."""


class Gaps:
    """The longest pauses between images of one run."""

    def __init__(self) -> None:
        self._newest_ns: int | None = None
        self._longest = [0.0, 0.0]

    def note(self, times_ns: Iterable[int]) -> None:
        """Images came at these times."""
        for time_ns in times_ns:
            if self._newest_ns is not None and time_ns > self._newest_ns:
                gap = min((time_ns - self._newest_ns) / 1e9, LONGEST_GAP_S)
                if gap > self._longest[0]:
                    self._longest = sorted((gap, self._longest[1]))
            self._newest_ns = max(time_ns, self._newest_ns or 0)

    @property
    def usual_s(self) -> float:
        """The longest pause (s) that came twice."""
        return self._longest[0]


def run_facts(run: Run, *, live: bool) -> RunFacts:
    """What is said about a run.

    Args:
        run: The run.
        live: Off: a file is replayed; whether images come now says nothing.
    """
    sample = run.announcement.sample
    return RunFacts(
        uid=run.uid,
        sample=sample.name if sample else None,
        announced=run.announced or not live,
        open=live and not run.final,
    )


def source_facts(state: LiveState, run: Run | None, gaps: Gaps) -> tuple[SourceFacts, ...]:
    """What is known of the sources.

    Args:
        state: The live state.
        run: The run that is followed.
        gaps: Its pauses.
    """
    sends = run is not None and _sends(run)
    name = run.key.source if run is not None and run.key else ""
    return tuple(
        SourceFacts(
            one.name,
            age_s=one.age_ms / 1000
            if sends and one.name == name and one.age_ms is not None
            else None,
            period_s=_period_s(run, gaps) if run is not None else None,
            clock_ppm=one.clock_ppm,
        )
        for one in state.sources
    )


def _sends(run: Run) -> bool:
    """Further images are expected now."""
    if run.state is not RunState.OPEN or run.given_up or not run.images.received:
        return False
    expected = run.declared_images
    return expected is None or run.images.size < expected


def _period_s(run: Run, gaps: Gaps) -> float:
    """Such that the limit is well beyond what is usual in the run."""
    declared = run.start.info.frame_time_s if run.start else None
    if declared is None or not (0 < declared < math.inf):
        declared = 0.0
    return max(declared, USUAL_GAPS * gaps.usual_s / AGE_PERIODS)


def sink_facts(state: LiveState) -> tuple[SinkFacts, ...]:
    """What is known of the sinks."""
    return tuple(SinkFacts(one.name, one.lag_s, one.parked) for one in state.sinks)


def host_facts(state: LiveState, journal_age_s: float) -> HostFacts:
    """What is known of the recorder and its host.

    Args:
        state: The live state.
        journal_age_s: Age of the oldest record that is not committed.
    """
    pool, journal = state.pool, state.journal
    full_s, free = journal.disk_full_s, journal.disk_free
    fills = None
    if free is not None:
        fills = free / full_s if full_s else 0.0
    return HostFacts(
        backlog=pool.backlog_bytes / pool.max_bytes if pool.max_bytes else None,
        journal_age_s=journal_age_s,
        disk_free_bytes=free,
        disk_fills_bytes_s=fills,
    )
