"""The live state as somebody sees it who may not see all of it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from hashlib import blake2b

from recorder.records.live import (
    LiveAlarm,
    LiveJournal,
    LivePool,
    LiveRun,
    LiveSink,
    LiveSource,
    LiveState,
    PreviewImage,
)
from recorder.records.live_open_runs import OpenRun
from recorder.web.access import OF_ALL, Access
from recorder.web.shapes import Now

UNKNOWN = "unknown"
"""The state of a beamline whose run one may not see, or that has none: nobody is told
which."""
JOURNAL_TROUBLE = "the journal cannot be read now; the recorder's log says why"
LIVE_TROUBLE = "the live state cannot be read now; the recorder's log says why"
_MARK_BYTES = 8
"""Of a hash that stands for a uid: 64 bits tell all runs of a beamline apart."""
_OF_EXPERIMENT = "all"
"""The window over runs that others may have."""


@dataclass(frozen=True, slots=True)
class Part:
    """Which parts of a live state somebody sees; who sees the same has the same."""

    whole: bool
    names: bool
    run: bool
    """Their own run goes on."""
    alone: bool
    """And no other one."""
    alarms: tuple[str, ...]
    previews: tuple[str, ...]
    open_runs: tuple[str, ...] = ()


def part_of(now: Now, access: Access, going: Collection[str]) -> Part:
    """What somebody sees of a state.

    Args:
        now: The state.
        access: Of the one who asks.
        going: Uids of all runs that go on.
    """
    live = now.live
    if live is None:
        return Part(access.whole, access.names, False, False, (), ())
    run = live.run is not None and sees_run(access, live.run)
    return Part(
        access.whole,
        access.names,
        run,
        run and all(access.sees(uid) for uid in going),
        tuple(one.id for one in alarms_for(access, live.alarms)),
        tuple(one.uid for one in _previews(access, live)),
        tuple(one.uid for one in _open_runs(access, live)),
    )


def sees_run(access: Access, run: LiveRun) -> bool:
    """Whether they may see the run that goes on."""
    if access.whole:
        return True
    return access.sees(run.uid) and access.is_of(run.uid, run.proposal)


def alarms_for(access: Access, alarms: Collection[LiveAlarm]) -> tuple[LiveAlarm, ...]:
    """Alarms of the runs that they may see; those of the host are the staff's."""
    found = tuple(
        one
        for one in alarms
        if access.whole or (one.kind not in OF_ALL and access.sees(one.uid))
    )
    if access.names:
        return found
    return tuple(replace(one, uid=None, seen_by=None) for one in found)


def _previews(access: Access, live: LiveState) -> tuple[PreviewImage, ...]:
    if not access.names:
        return ()
    return tuple(one for one in live.previews if access.sees(one.uid))


def _open_runs(access: Access, live: LiveState) -> tuple[OpenRun, ...]:
    found = tuple(
        one
        for one in live.open_runs
        if access.whole
        or (access.sees(one.uid) and access.is_of(one.uid, one.proposal))
    )
    if access.names:
        return found
    return tuple(
        replace(one, uid=mark_of(one.uid), experiment="", proposal=None, source=None)
        for one in found
    )


def now_for(now: Now, access: Access, part: Part) -> Now:
    """A state with what somebody may see, and nothing else.

    Args:
        now: The state.
        access: Of the one who asks.
        part: As :func:`part_of` has it.
    """
    if access.all:
        return now
    problem = None if now.problem is None else LIVE_TROUBLE
    live = None if now.live is None else _live(now.live, access, part)
    return replace(now, live=live, problem=problem, partial=not access.whole)


def _live(live: LiveState, access: Access, part: Part) -> LiveState:
    run = live.run if part.run else None
    going = access.whole or run is not None
    return LiveState(
        v=live.v,
        id=live.id,
        time_ns=live.time_ns,
        boottime_ns=live.boottime_ns,
        boot=live.boot,
        beamline=live.beamline,
        version=live.version,
        stage=live.stage,
        state=live.state if going else UNKNOWN,
        journal_id=live.journal_id,
        sources=tuple(
            _source(one, going and (access.whole or part.alone), access.names)
            for one in live.sources
        ),
        pool=_pool(live.pool, access, going),
        journal=live.journal if access.whole else LiveJournal(live.journal.state),
        sinks=tuple(
            replace(one, problem=None)
            if access.whole
            else LiveSink(one.name, one.state)
            for one in live.sinks
        ),
        run=None if run is None else _run(run, access),
        open_runs=_open_runs(access, live),
        open_runs_left_out=live.open_runs_left_out if access.whole else 0,
        alarms=alarms_for(access, live.alarms),
        previews=_previews(access, live),
    )


def _pool(pool: LivePool, access: Access, going: bool) -> LivePool:
    if access.whole:
        return pool
    if going:
        return replace(pool, finished=0, nodes=())  # counted over all runs
    return LivePool(workers=pool.workers, max_bytes=pool.max_bytes)


def _source(source: LiveSource, counts: bool, names: bool) -> LiveSource:
    """Whether it is there is nobody's; what it sends is the run's."""
    if not counts:
        return LiveSource(source.name, source.kind, source.state)
    return source if names else replace(source, problem=None)


def _run(run: LiveRun, access: Access) -> LiveRun:
    if not access.whole:  # runs of others may have the same experiment's name
        windows = {n: w for n, w in run.windows.items() if n != _OF_EXPERIMENT}
        run = replace(run, windows=windows)
    if access.names:
        return run
    return replace(run, uid=mark_of(run.uid), experiment="", proposal=None)


def mark_of(uid: str) -> str:
    """What tells runs apart where no name may be shown."""
    return blake2b(uid.encode(errors="replace"), digest_size=_MARK_BYTES).hexdigest()
