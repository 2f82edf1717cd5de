"""Takes images through their families and looks for causes."""

from __future__ import annotations

from dataclasses import replace

from recorder.ssx.alarms.chip_blocks import HIT_RATE_BLOCK, follow_blocks
from recorder.ssx.alarms.comparing import Comparison, compared
from recorder.ssx.alarms.events import (
    AlarmRaised,
    Event,
    Hint,
    Severity,
)
from recorder.ssx.alarms.following import follow
from recorder.ssx.alarms.hints import MOST_HINTS, hints_of
from recorder.ssx.alarms.history import Rows, added, rows_of, seconds_of, until
from recorder.ssx.alarms.hit_rate import HIT_RATE, RESTLESS, hit_trials
from recorder.ssx.alarms.index_rate import INDEX_RATE, index_trials
from recorder.ssx.alarms.medians import MEDIANS, follow_medians
from recorder.ssx.alarms.observation import Images
from recorder.ssx.alarms.rings import RINGS, ring_trials
from recorder.ssx.alarms.several import SEVERAL, follow_several
from recorder.ssx.alarms.state import RunState
from recorder.ssx.alarms.telling import Told, cleared, of_median, of_share


def follow_images(
    run: RunState, images: Images, standing: tuple[AlarmRaised, ...]
) -> tuple[RunState, list[Event]]:
    """Takes images in.

    Args:
        run: Before them.
        images: In order.
        standing: Alarms that stand: a look tells only what is new.

    Returns:
        The run's state, and what there is to say, in the order of the images.
    """
    if not images.image_id.size:
        return run, []
    told: list[Told] = []
    hits, signals = follow(HIT_RATE, run.hits, hit_trials(images))
    told += [of_share(run, HIT_RATE, one) for one in signals]
    indexed, signals = follow(INDEX_RATE, run.indexed, index_trials(images))
    told += [of_share(run, INDEX_RATE, one) for one in signals]
    several, signals = follow_several(run.several, images)
    told += [of_share(run, SEVERAL, one) for one in signals]
    rings, signals = follow(RINGS, run.rings, ring_trials(images))
    told += [of_share(run, RINGS, one) for one in signals]
    chip, blocks = follow_blocks(run.chip, images)
    told += [
        replace(of_share(run, HIT_RATE_BLOCK, one.signal), hints=one.hints)
        for one in blocks
    ]
    second, shift = seconds_of(images, run.history)
    rows = rows_of(images, second, run.history)
    history, closed = added(run.history, rows, shift)
    medians = []
    for spec, state in zip(MEDIANS, run.medians, strict=True):
        new, changes = follow_medians(spec, state, closed)
        medians.append(new)
        told += [of_median(run, spec.kind, spec.severity, one) for one in changes]
    told.sort(key=lambda one: (one.at_image, one.kind))
    events = _events(run, told, rows, standing)
    run = replace(
        run,
        hits=hits,
        indexed=indexed,
        several=several,
        rings=rings,
        chip=chip,
        medians=tuple(medians),
        history=history,
    )
    return run, events


def _events(
    run: RunState, told: list[Told], rows: Rows, standing: tuple[AlarmRaised, ...]
) -> list[Event]:
    """With evidence and hints, as they were at the image of each."""
    known = {one.id: one for one in standing}
    events: list[Event] = []
    for one in told:
        raised = one.raised
        if raised is None:
            event = cleared(run, one)
            events.append(event)
            known.pop(event.id, None)
            continue
        bins = until(run.history, rows, one.at_image)
        comparison = compared(bins, raised.since_image or 0)
        new = _explained(raised, comparison, one.hints)
        old = known.get(raised.id)
        if one.look and old is not None and not _is_news(old, new):
            continue
        if one.look and old is not None:
            new = replace(new, at_image=old.at_image, at_time_s=old.at_time_s)
        known[raised.id] = new
        events.append(new)
    return events


def _is_news(old: AlarmRaised, new: AlarmRaised) -> bool:
    """Whether a look found another cause; none where there was one is no news."""
    causes = [one.cause for one in new.hints]
    return bool(causes) and causes != [one.cause for one in old.hints]


def _explained(
    raised: AlarmRaised, comparison: Comparison, hints: tuple[Hint, ...]
) -> AlarmRaised:
    """With what changed with it, and what that may mean."""
    restless = comparison.wander > RESTLESS and raised.level == "lower"
    changes = sorted(comparison.changes, key=lambda one: -abs(one.z))
    return replace(
        raised,
        severity=Severity.INFO if restless else raised.severity,
        evidence=tuple(changes),
        hints=(*hints, *hints_of(raised.kind, comparison))[:MOST_HINTS],
    )
