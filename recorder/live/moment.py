"""What is true of sources, sinks and host now, as alarms want it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from recorder.live.followed_run import FollowedRun
from recorder.live.gaps import Gaps
from recorder.records import RunState
from recorder.records.live import LiveState
from recorder.records.runs import SERIAL
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
        open=live and not run.final and not _comes_later(run),
        alike=run.technique == SERIAL,
    )


def _comes_later(run: Run) -> bool:
    """It is a part of a series whose images come after those of others."""
    part = run.announcement.part
    return part is not None and part.first_image > 0 and not run.images.received


def source_facts(state: LiveState) -> tuple[SourceFacts, ...]:
    """What is known of the sources, whichever run they send to.

    Args:
        state: The live state.
    """
    return tuple(
        SourceFacts(one.name, None, None, one.clock_ppm) for one in state.sources
    )


def senders(followed: Iterable[FollowedRun]) -> dict[str, FollowedRun]:
    """The run that each source sends images to, by its name: the latest of several."""
    return {
        one.run.key.source: one
        for one in followed
        if one.run.key is not None and _sends(one.run)
    }


def sending_facts(
    mine: FollowedRun, heard_ns: Mapping[str, int], now_ns: int
) -> tuple[SourceFacts, ...]:
    """What is known of the source that sends the images of a run.

    Args:
        mine: The run.
        heard_ns: When each source sent something last, by name.
        now_ns: The time of arrival of what would come now.
    """
    if mine.run.key is None or mine.run.key.source not in heard_ns:
        return ()
    name = mine.run.key.source
    age_s = (now_ns - heard_ns[name]) / 1e9
    return (SourceFacts(name, age_s, _period_s(mine.run, mine.gaps)),)


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
