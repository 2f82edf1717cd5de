"""Everything that is known of one image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from recorder.errors import NoSuchRunError
from recorder.journal import Journal
from recorder.journal.event_json import event_to_json
from recorder.journal.restore import describe_run, events_of_trigger
from recorder.records import EventType, Evidence, ImageOutcome, Json, Pump
from recorder.records.outcome_codec import lattice_to_json
from recorder.records.times import iso
from recorder.reports.angle import angle_of, cell_of
from recorder.reports.label_facts import LabelFacts, Way
from recorder.reports.run_labels import RunLabels, with_labels
from recorder.reports.well import well_of
from recorder.reports.which_run import images_of, meant, no_such_run
from recorder.runs.run import Run
from recorder.runs.tables.image_table import exposure_ns
from recorder.ssx.clocks.unknown import NO_DARK_N, NO_DELAY, NO_ORDINAL, NO_TIME
from recorder.ssx.labels.delays import after_reaction, mid_exposure, overlap
from recorder.ssx.labels.timeline import EVIDENCES, PUMPS, Start
from recorder.ssx.scan.placing import PlacedBy

_MAX_EVENTS = 20
"""Events of each kind that are shown for one image: a chain rarely has more. Chosen,
not tuned."""

MOST_LIVE = 1_000_000
"""Image_ids from which on nothing is said of the label of an image while its run goes
on: labels are kept when it is sealed, and to work all of them out takes 0.5 kB and 4 µs
for each image, in the web process as in the command (`make bench`, archive)."""


def explain_image(journal: Journal, name: str, image_id: int) -> Json:
    """What became of an image, its label, and what each rung of evidence says.

    Args:
        journal: Where the run is.
        name: Run number (the latest of that number) or the beginning of a uid.
        image_id: Which image.

    Raises:
        NoSuchRunError: No such run, or no such image in it.
    """
    known = meant(journal, name)
    run = describe_run(journal, known)
    last = None if known.sealed else journal.last_image(known.uid)
    if run is not None and last is not None and last >= MOST_LIVE:
        return _without_label(journal, run, image_id, last)
    with images_of(journal, known) as where:
        found = run and with_labels(
            where, known, lambda labels: _explained(where, run, labels, image_id)
        )
    if not found:
        raise no_such_run(name)
    return found


def _without_label(journal: Journal, run: Run, image_id: int, last: int) -> Json:
    """What is known of an image of a long run that goes on."""
    if image_id > last:
        raise NoSuchRunError(
            f"run {run.number} has no image {image_id} yet: the last is {last}"
        )
    image = next(journal.image_rows(run.uid, image_id, image_id + 1), None)
    because = f"the run goes on and has more than {MOST_LIVE} images: ask when it is "
    because += "sealed"
    nothing = {"pump": Pump.UNKNOWN, "evidence": Evidence.NONE}
    rung = {"rung": Evidence.NONE, "pump": Pump.UNKNOWN, "because": because}
    told: Json = {"run": run.number, "uid": run.uid, "image_id": image_id}
    return {**told, "image": _image(image), "label": nothing, "evidence": [rung]}


def _explained(journal: Journal, run: Run, labels: RunLabels, image_id: int) -> Json:
    facts = labels.facts
    if image_id >= max(facts.size, facts.expected or 0):
        raise NoSuchRunError(
            f"run {run.number} has no image {image_id}: the last is {facts.size - 1}"
        )
    answer: Json = {"run": run.number, "uid": run.uid, "image_id": image_id}
    label = labels.at(image_id)
    if label is None:
        answer["image"] = {"outcome": "lost", "reason": "it never reached the recorder"}
        answer["label"] = {"pump": Pump.UNKNOWN, "evidence": Evidence.NONE}
        answer["evidence"] = []
        return answer
    image = next(journal.image_rows(run.uid, image_id, image_id + 1), None)
    one = _One(run, facts, label, image_id, image)
    answer["image"] = _image(image)
    answer["label"] = _label(one)
    scan = run.announcement.scan
    if scan is not None and facts.placed_by is not None:
        by, ordinal = PlacedBy(facts.placed_by), label["well_ordinal"]
        answer["well"] = well_of(scan, by, ordinal, _why_no_well(one, by))
    if facts.axis is not None and "angle_grade" in label:
        answer["angle"] = angle_of(run, facts.axis, label)
    if facts.cells_by and "cell" in label:
        answer["cell"] = cell_of(run, facts.cells_by, label)
    answer["evidence"] = _evidence(journal, one)
    return answer


@dataclass(frozen=True, slots=True)
class _One:
    """The image in question."""

    run: Run
    facts: LabelFacts
    label: Mapping[str, Any]
    image_id: int
    image: ImageOutcome | None


def _image(image: ImageOutcome | None) -> Json:
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
    run, facts, label = one.run, one.facts, one.label
    chain = label["chain"]
    delay = np.array([label["delay_ns"]], np.int64)
    exposure = np.array([_exposure_ns(one)], np.int64)
    share = overlap(delay, exposure, facts.pump_s)[0]
    since = np.array([label["since_ns"]], np.int64)
    return {
        "pump": PUMPS[label["pump"]],
        "evidence": EVIDENCES[label["evidence"]],
        "dark_n": _known(label["dark_n"], NO_DARK_N),
        "delay_s": _seconds(label["delay_ns"]),
        "delay_mid_s": _seconds(mid_exposure(delay, exposure)[0]),
        "overlap": None if np.isnan(share) else round(float(share), 6),
        "chain": run.chains[chain].name if chain >= 0 else None,
        "slot": None if chain < 0 else label["slot"],
        "cycle": _known(label["cycle"], -1),
        "ordinal": _known(label["ordinal"], NO_ORDINAL),
        "residual_ns": _known(label["residual_ns"], NO_TIME),
        "since_reactions_s": {
            name: _seconds(after_reaction(since, offset)[0])
            for name, offset in facts.reactions.items()
        },
    }


def _exposure_ns(one: _One) -> int:
    image = one.image
    return 0 if image is None else exposure_ns(image.start_time_ns, image.stop_time_ns)


def _known(value: int, nothing: int) -> int | None:
    return None if value == nothing else value


def _seconds(value_ns: Any) -> float | None:
    return None if int(value_ns) == NO_DELAY else int(value_ns) / 1e9


def _evidence(journal: Journal, one: _One) -> list[Json]:
    """What each rung says on its own, best first."""
    found: list[Json] = []
    facts, label = one.facts, one.label
    if facts.captured:
        found.append(_captured(journal, one))
    if facts.clock is not None:
        because = _by_clock(facts.clock, label["clock_ordinal"])
        found.append(_rung(label, because, "clock_"))
    if one.run.chains:
        because = f"image {one.image_id} counted on the declared chains"
        if facts.count.conflict:
            because += f": {facts.count.conflict}"
        elif facts.count.start is Start.UNCERTAIN:
            because += ": fewer images than triggers, so the count proves nothing"
    elif one.run.announced:
        because = "announced without any laser"
    else:
        because = "unannounced: no chain is declared"
    found.append(_rung(label, because, "count_"))
    return found


def _captured(journal: Journal, one: _One) -> Json:
    """The rows of the timing hardware and of sensors for this image's trigger."""
    facts, label = one.facts, one.label
    ordinal = label["ordinal"]
    if ordinal == NO_ORDINAL:
        because = f"its trigger is not known: {_why_not(one)}"
        return {**_rung(label, because), "events": []}
    number = ordinal + facts.first_number
    lasers, xrays = _events_at(journal, one.run, number)
    because = f"trigger {number}: "
    because += "a laser event" if lasers else "no laser event"
    because += ", an X-ray row" if xrays else ", no X-ray row"
    residual = label["residual_ns"]
    if residual != NO_TIME and facts.clock_name:
        clock = facts.clock_name
        because += f", {residual} ns from the image's time on clock {clock}"
    item = _rung(label, because)
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


def _by_clock(way: Way, ordinal: int) -> str:
    """What the image's own time says on the declared chains."""
    if way.conflict:
        return way.conflict
    if not way.by_time:
        return "the images' times do not follow the declared chains"
    if ordinal == NO_ORDINAL:
        return "its time fits no declared trigger"
    because = f"by its time trigger {ordinal} of the declared chains"
    if way.start is Start.UNCERTAIN:
        because += ", but which trigger came first is not known"
    elif way.start is Start.ASSUMED:
        because += ", if the first image has the first trigger"
    return because


def _why_not(one: _One) -> str:
    """Why an image has no trigger."""
    best = one.facts.best
    if best.conflict:
        return best.conflict
    if best.start is Start.UNCERTAIN:
        return "triggers made no image, and nothing tells which"
    breaks = [item for item in best.breaks if item[0] <= one.image_id]
    if breaks:
        image_id, kind, resolved = breaks[-1]
        if not resolved:
            return f"the thread broke at image {image_id} ({kind})"
    if one.image is None or one.image.start_time_ns is None:
        return "the image has no time"
    return "its time fits none"


def _why_no_well(one: _One, by: PlacedBy) -> str:
    """Why an image has no trigger of the walk."""
    if by is PlacedBy.POSITION and one.label["ordinal"] != NO_ORDINAL:
        return "the stage was at no well that the walk had left for it"
    return f"its trigger is not known: {_why_not(one)}"


def _rung(label: Mapping[str, Any], because: str, which: str = "") -> Json:
    return {
        "rung": EVIDENCES[label[which + "evidence"]],
        "pump": PUMPS[label[which + "pump"]],
        "because": because,
    }
