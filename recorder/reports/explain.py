"""Everything that is known of one image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from recorder.errors import NoSuchRunError
from recorder.journal import Journal, RecordKind
from recorder.journal.event_json import event_to_json
from recorder.journal.restore import events_of_trigger, load_run
from recorder.records import EventType, Evidence, Json, Pump
from recorder.records.image_outcome import NOT_SEEN
from recorder.records.outcome_codec import lattice_to_json
from recorder.records.times import iso
from recorder.reports.well import well_of
from recorder.reports.which_run import UID_PREFIX
from recorder.runs.ledger import expected_images
from recorder.runs.run import Run
from recorder.runs.timeline.measurement import measure
from recorder.runs.timeline.of_run import facts_of, timeline_of
from recorder.ssx.clocks.unknown import NO_DARK_N, NO_DELAY, NO_ORDINAL, NO_TIME
from recorder.ssx.labels.delays import (
    after_reaction,
    mid_exposure,
    overlap,
    since_start,
)
from recorder.ssx.labels.timeline import (
    EVIDENCES,
    PUMPS,
    CapturedTriggers,
    Labels,
    Start,
    Timeline,
    label_images,
)

_MAX_EVENTS = 20
"""Events of each kind that are shown for one image: a chain rarely has more. Chosen,
not tuned."""


def explain_image(journal: Journal, name: str, image_id: int) -> Json:
    """What became of an image, its label, and what each rung of evidence says.

    Args:
        journal: Where the run is.
        name: Run number (the latest of that number) or the beginning of a uid.
        image_id: Which image.

    Raises:
        NoSuchRunError: No such run, or no such image in it.
    """
    run = _find(journal, name)
    if journal.latest(RecordKind.RUN_PRUNED, run.uid) is not None:
        raise NoSuchRunError(
            f"run {name}: its images were removed from the journal, which is bounded "
            f"(journal.max_mb); {run.folder}/results.h5 has them"
        )
    timeline = timeline_of(run)
    if image_id >= max(run.images.size, expected_images(run, timeline) or 0):
        raise NoSuchRunError(
            f"run {name} has no image {image_id}: the last is {run.images.size - 1}"
        )
    answer: Json = {"run": run.number, "uid": run.uid, "image_id": image_id}
    if image_id >= run.images.size or (
        run.images.column("outcome")[image_id] == NOT_SEEN
    ):
        answer["image"] = {"outcome": "lost", "reason": "it never reached the recorder"}
        answer["label"] = {"pump": Pump.UNKNOWN, "evidence": Evidence.NONE}
        answer["evidence"] = []
        return answer
    answer["image"] = _image(journal, run, image_id)
    one = _One(run, timeline, int(np.searchsorted(run.images.ids, image_id)), image_id)
    answer["label"] = _label(one)
    well = well_of(run, timeline, one.place, _why_not(one))
    if well is not None:
        answer["well"] = well
    answer["evidence"] = _evidence(journal, one)
    return answer


@dataclass(frozen=True, slots=True)
class _One:
    """The image in question."""

    run: Run
    timeline: Timeline
    place: int
    image_id: int


def _find(journal: Journal, name: str) -> Run:
    found = journal.named(name, UID_PREFIX)
    run = load_run(journal, found[-1].uid) if found else None
    if run is None:
        raise NoSuchRunError(f"run {name}: not in the journal; see `recorder report`")
    return run


def _image(journal: Journal, run: Run, image_id: int) -> Json:
    image = next(journal.image_rows(run.uid, image_id, image_id + 1), None)
    if image is None:
        return {"outcome": "pending"}
    found = image.found
    return {
        "outcome": image.outcome,
        "reason": image.reason or found.reason,
        "spots": found.spots,
        "lattices": [lattice_to_json(lattice) for lattice in found.lattices],
        "ring_spots": found.rings,
        "line_spots": found.lines,
        "resolution": found.resolution,
        "background": found.background,
        "solvent": found.solvent,
        "saturated_pixels": found.saturated_pixels,
        "learned": found.learned,
        "class_before": found.before,
        "left_out": found.effort.name.lower(),
        "upstream": found.upstream,
        "start_time_ns": image.start_time_ns,
        "received": iso(image.received_ns),
    }


def _label(one: _One) -> Json:
    run, labels, place = one.run, one.timeline.labels, one.place
    chain = int(labels.chain[place])
    here = slice(place, place + 1)
    exposure = run.images.column("exposure_ns")[one.image_id : one.image_id + 1]
    pulses = measure(run, one.timeline).pulses
    share = overlap(labels.delay_ns[here], exposure, pulses.pump_s)[0]
    since = since_start(labels.ordinal[here], one.timeline.table, pulses.first_ns)
    return {
        "pump": PUMPS[labels.pump[place]],
        "evidence": EVIDENCES[labels.evidence[place]],
        "dark_n": _known(labels.dark_n[place], NO_DARK_N),
        "delay_s": _seconds(labels.delay_ns[place]),
        "delay_mid_s": _seconds(mid_exposure(labels.delay_ns[here], exposure)[0]),
        "overlap": None if np.isnan(share) else round(float(share), 6),
        "chain": run.chains[chain].name if chain >= 0 else None,
        "slot": None if chain < 0 else int(labels.slot[place]),
        "cycle": _known(labels.cycle[place], -1),
        "ordinal": _known(labels.ordinal[place], NO_ORDINAL),
        "residual_ns": _known(labels.residual_ns[place], NO_TIME),
        "since_reactions_s": {
            name: _seconds(after_reaction(since, offset)[0])
            for name, offset in pulses.reactions.items()
        },
    }


def _known(value: Any, nothing: int) -> int | None:
    return None if int(value) == nothing else int(value)


def _seconds(value_ns: Any) -> float | None:
    return None if int(value_ns) == NO_DELAY else int(value_ns) / 1e9


def _evidence(journal: Journal, one: _One) -> list[Json]:
    """What each rung says on its own, best first."""
    found: list[Json] = []
    run, timeline = one.run, one.timeline
    rows = run.events.rows()
    if rows.xray.size or rows.laser.size:
        found.append(_captured(journal, one))
    start_ns = run.images.column("start_time_ns")[run.images.ids]
    if run.chains and timeline.assignment.by_time:
        by_time = label_images(
            run.images.ids,
            run.chains,
            CapturedTriggers(),
            facts=facts_of(run),
            start_ns=start_ns,
        )
        found.append(_rung(by_time.labels, one.place, _by_clock(by_time, one.place)))
    declared = label_images(
        run.images.ids, run.chains, CapturedTriggers(), facts=facts_of(run)
    )
    if run.chains:
        because = f"image {one.image_id} counted on the declared chains"
        if declared.assignment.conflict:
            because += f": {declared.assignment.conflict}"
        elif declared.assignment.start is Start.UNCERTAIN:
            because += ": fewer images than triggers, so the count proves nothing"
    elif run.announced:
        because = "announced without any laser"
    else:
        because = "unannounced: no chain is declared"
    found.append(_rung(declared.labels, one.place, because))
    return found


def _captured(journal: Journal, one: _One) -> Json:
    """The rows of the timing hardware and of sensors for this image's trigger."""
    labels, table = one.timeline.labels, one.timeline.table
    ordinal = int(labels.ordinal[one.place])
    if ordinal == NO_ORDINAL:
        because = f"its trigger is not known: {_why_not(one)}"
        return {**_rung(labels, one.place, because), "events": []}
    number = ordinal + table.first_number
    lasers, xrays = _events_at(journal, one.run, number)
    because = f"trigger {number}: "
    because += "a laser event" if lasers else "no laser event"
    because += ", an X-ray row" if xrays else ", no X-ray row"
    residual = int(labels.residual_ns[one.place])
    if residual != NO_TIME and table.clock:
        because += f", {residual} ns from the image's time on clock {table.clock}"
    item = _rung(labels, one.place, because)
    item["events"] = [event_to_json(event) for event in (*lasers, *xrays)]
    return item


def _events_at(journal: Journal, run: Run, number: int) -> tuple[list[Any], list[Any]]:
    """Events of a trigger; a laser without a number counts by its nearness in time."""
    lasers, xrays = [], []
    for event in events_of_trigger(journal, run.uid, number):
        if event.type is EventType.LASER_EXCITATION:
            lasers.append(event)
        elif event.type is EventType.XRAY_DETECTION:
            xrays.append(event)
    return lasers[:_MAX_EVENTS], xrays[:_MAX_EVENTS]


def _by_clock(timeline: Timeline, place: int) -> str:
    """What the image's own time says on the declared chains."""
    assignment = timeline.assignment
    ordinal = int(assignment.ordinal[place])
    if assignment.conflict:
        return assignment.conflict
    if not assignment.by_time:
        return "the images' times do not follow the declared chains"
    if ordinal == NO_ORDINAL:
        return "its time fits no declared trigger"
    because = f"by its time trigger {ordinal} of the declared chains"
    if assignment.start is Start.UNCERTAIN:
        because += ", but which trigger came first is not known"
    elif assignment.start is Start.ASSUMED:
        because += ", if the first image has the first trigger"
    return because


def _why_not(one: _One) -> str:
    """Why an image has no trigger."""
    assignment = one.timeline.assignment
    if assignment.conflict:
        return assignment.conflict
    if assignment.start is Start.UNCERTAIN:
        return "triggers made no image, and nothing tells which"
    breaks = [b for b in assignment.breaks if b.image_id <= one.image_id]
    if breaks and not breaks[-1].resolved:
        last = breaks[-1]
        return f"the thread broke at image {last.image_id} ({last.kind})"
    if int(one.run.images.column("start_time_ns")[one.image_id]) == NO_TIME:
        return "the image has no time"
    return "its time fits none"


def _rung(labels: Labels, place: int, because: str) -> Json:
    return {
        "rung": EVIDENCES[labels.evidence[place]],
        "pump": PUMPS[labels.pump[place]],
        "because": because,
    }
