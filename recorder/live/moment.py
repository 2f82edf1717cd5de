"""What is true of sources, sinks and host now, as alarms want it."""

from __future__ import annotations

import math
from collections.abc import Mapping

from recorder.live.followed_run import FollowedRun
from recorder.live.gaps import Gaps
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


def source_facts(
    state: LiveState,
    mine: FollowedRun | None,
    heard_ns: Mapping[str, int],
    now_ns: int,
) -> tuple[SourceFacts, ...]:
    """What is known of the sources.

    Args:
        state: The live state.
        mine: The run that is followed.
        heard_ns: When each source sent something last, by name.
        now_ns: The time of arrival of what would come now.
    """
    sending = ""
    if mine is not None and mine.run.key is not None and _sends(mine.run):
        sending = mine.run.key.source
    found = []
    for one in state.sources:
        age_s = period_s = None
        if mine is not None and one.name == sending and sending in heard_ns:
            age_s = (now_ns - heard_ns[sending]) / 1e9
            period_s = _period_s(mine.run, mine.gaps)
        found.append(SourceFacts(one.name, age_s, period_s, one.clock_ppm))
    return tuple(found)


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
