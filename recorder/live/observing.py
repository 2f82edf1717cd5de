"""What alarms are to know of a run, and of what is of no run."""

from __future__ import annotations

from recorder.live.followed_run import FollowedRun
from recorder.live.moment import host_facts, run_facts, sink_facts, source_facts
from recorder.records.live import LiveState
from recorder.ssx.alarms.observation import Observation, SourceFacts


def of_run(
    mine: FollowedRun,
    now_ns: int,
    facts: tuple[SourceFacts, ...] = (),
    *,
    live: bool,
    last: bool = False,
) -> Observation:
    """What is new of a run.

    Args:
        mine: The run.
        now_ns: The time of arrival of what would come now.
        facts: Of the source that sends its images, if that is to be judged.
        live: Off: a file is replayed, and time is that of its images.
        last: The run is over: all that is there.
    """
    new = mine.take(now_ns, last=last)
    return Observation(
        now_ns / 1e9 if live else new.time_s,
        run_facts(mine.run, live=live),
        new.images,
        new.pulses,
        new.fates,
        facts,
    )


def of_no_run(known: LiveState, journal_age_s: float, now_ns: int) -> Observation:
    """What is of no run: clocks, sinks, host.

    Args:
        known: The live state.
        journal_age_s: Age of the oldest record that is not on disk.
        now_ns: The time of arrival of what would come now.
    """
    return Observation(
        now_ns / 1e9,
        sources=source_facts(known),
        sinks=sink_facts(known),
        host=host_facts(known, journal_age_s),
    )
