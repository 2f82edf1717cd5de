"""Everything that is known of one image."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from recorder.errors import NoSuchRunError
from recorder.journal import Journal
from recorder.journal.restore import event_to_json, load_run
from recorder.records import Effort, Evidence, Json, Pump
from recorder.report import is_run, iso
from recorder.runs.images import NOT_SEEN
from recorder.runs.run import Run
from recorder.ssx.chains import NO_DARK_N, NO_DELAY
from recorder.ssx.timeline import EVIDENCES, PUMPS, Labels, TriggerRows, label_images


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
    if image_id >= max(run.images.size, run.expected or 0):
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
    labels = run.labels()
    place = int(np.searchsorted(run.images.ids, image_id))
    answer["label"] = _label(run, labels, place)
    answer["evidence"] = _evidence(run, image_id, place)
    return answer


def _find(journal: Journal, name: str) -> Run:
    found = None
    for uid in journal.run_uids():
        record = journal.latest("run", uid)
        if record is None:
            continue
        if is_run(name, record.body["run"], uid):
            found = uid
    run = load_run(journal, found) if found else None
    if run is None:
        raise NoSuchRunError(f"run {name}: not in the journal; see `recorder report`")
    return run


def _image(journal: Journal, run: Run, image_id: int) -> Json:
    row = next(iter(journal.image_rows(run.uid, image_id)), None)
    if row is None:
        return {"outcome": "pending"}
    detail: dict[str, Any] = json.loads(row.detail) if row.detail else {}
    return {
        "outcome": row.outcome,
        "reason": detail.get("reason"),
        "spots": row.spots,
        "lattices": detail.get("lattices", []),
        "ring_spots": detail.get("rings", 0),
        "resolution": row.resolution,
        "background": row.background,
        "solvent": row.solvent,
        "saturated_pixels": row.saturated,
        "learned": row.learned,
        "left_out": Effort(detail.get("effort", 0)).name.lower(),
        "upstream": detail.get("upstream", False),
        "start_time_ns": row.start_time_ns,
        "received": iso(row.received_ns),
    }


def _label(run: Run, labels: Labels, place: int) -> Json:
    chain = int(labels.chain[place])
    delay, dark_n = int(labels.delay_ns[place]), int(labels.dark_n[place])
    return {
        "pump": PUMPS[labels.pump[place]],
        "evidence": EVIDENCES[labels.evidence[place]],
        "dark_n": None if dark_n == NO_DARK_N else dark_n,
        "delay_s": None if delay == NO_DELAY else delay / 1e9,
        "chain": run.chains[chain].name if chain >= 0 else None,
        "slot": None if chain < 0 else int(labels.slot[place]),
    }


def _evidence(run: Run, image_id: int, place: int) -> list[Json]:
    """What each rung says on its own, best first."""
    rows = run.events.rows()
    found: list[Json] = []
    base = int(rows.xray[0]) if rows.xray.size else 0
    if rows.laser.size:
        trigger = base + image_id
        labels = run.labels()
        laser, xray = run.events.laser_at(trigger), run.events.xray_at(trigger)
        because = f"trigger {trigger}: "
        because += "a laser event" if laser else "no laser event"
        because += ", an X-ray row" if xray else ", no X-ray row"
        if labels.uncertain_ordinals:
            because += "; triggers are missing images, so numbers prove nothing"
        item = _rung(labels, place, because)
        item["events"] = [event_to_json(event) for event in (laser, xray) if event]
        found.append(item)
    declared = label_images(
        run.images.ids, run.chains, TriggerRows(), announced=run.announced
    )
    if run.chains:
        found.append(_rung(declared, place, f"image {image_id} of the declared chains"))
    elif run.announced:
        found.append(_rung(declared, place, "announced without any laser"))
    else:
        found.append(_rung(declared, place, "unannounced: no chain is declared"))
    return found


def _rung(labels: Labels, place: int, because: str) -> Json:
    return {
        "rung": EVIDENCES[labels.evidence[place]],
        "pump": PUMPS[labels.pump[place]],
        "because": because,
    }
