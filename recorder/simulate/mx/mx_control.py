"""Control messages of a run of a technique."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import numpy as np

from recorder.records import Json
from recorder.simulate.mx.absorption import SimulatedEnergyScan
from recorder.simulate.mx.fluorescence import SimulatedSpectrum
from recorder.simulate.mx.mx_run import MxRun
from recorder.simulate.stream.control import aborted

KINDS = {"energy-scan": "Energy scan", "xrf": "XRF spectrum"}
"""Types of experiments without images."""
WORKFLOWS = {
    "mx-characterisation": {"type": "Characterisation", "title": "Characterise"},
    "mx-grid": {"type": "MeshScan", "title": "Find the crystal"},
}
"""What had such runs made."""
NOTHING = {"null": None, "nan": math.nan}
"""What stands where there are no counts."""
FLUX = 1.2e12
"""Photons/s that the beam is said to have."""
FLUX_END = 1.19e12
"""The same at the end of the run."""
TRANSMISSION = 12.5
"""Per cent that it is said to be attenuated to."""


def _head(uid: str) -> Json:
    return {
        "schema": "recorder.collection/1",
        "uid": uid,
        "time": datetime.now(UTC).isoformat(),
    }


def mx_announcement(run: MxRun, uid: str, proposal: str, visit: int | None) -> Json:
    """The message that announces a run."""
    plan = run.plan
    kind = getattr(plan, "kind", None) or KINDS[run.technique]
    body = {
        **_head(uid),
        "proposal": proposal,
        "visit": visit,
        "technique": run.technique,
        "experiment": {"name": run.experiment, "type": kind},
        "sample": {
            "name": run.sample,
            "protein": {"acronym": run.sample[:45], "name": run.sample},
        },
        "run": run.number,
        "beam": {"flux": FLUX, "transmission": TRANSMISSION, "size": [0.02, 0.01]},
        **plan.announced,
    }
    if run.technique in WORKFLOWS:
        body["workflow"] = WORKFLOWS[run.technique]
    if run.series is not None:
        body |= _of_images(run)
    return body


def _of_images(run: MxRun) -> Json:
    """What the announcement has of detector, crystal and files."""
    series = run.series
    assert series is not None  # noqa: S101
    info = series.info
    prefix = f"{run.sample}-{run.experiment}"
    return {
        "beam": {
            "energy": info.photon_energy,
            "flux": FLUX,
            "transmission": TRANSMISSION,
            "size": [0.02, 0.01],
        },
        "detector": {
            "distance": info.distance,
            "beam_center": info.beam_center,
            "exposure_time": run.period_s,
        },
        "unit_cell": series.unit_cell,
        "space_group": series.space_group,
        "files": {
            "prefix": prefix,
            "suffix": "h5",
            "template": f"{prefix}_{run.number}_master.h5",
        },
    }


def mx_ending(run: MxRun, uid: str, images: int | None) -> Json:
    """The message that ends a run."""
    body = {**_head(uid), "status": "success", "flux_end": FLUX_END}
    if images is not None:
        body["images"] = images
    done = run.faults.abort is None
    if isinstance(run.plan, SimulatedEnergyScan) and run.plan.result and done:
        body["result"] = run.plan.result
    return body | aborted(run.faults)


def point_messages(plan: SimulatedEnergyScan, uid: str, seed: int) -> list[Json]:
    """The points of an energy scan, in pieces (``scan/points``)."""
    counts, monitor = plan.measured(seed)
    order = np.arange(plan.size)
    if plan.bad == "unordered":
        np.random.default_rng((seed, 53)).shuffle(order)
    energies = plan.energies[order]
    messages = []
    for number, piece in enumerate(np.array_split(np.arange(plan.size), plan.pieces)):
        mine: list[Any] = counts[order][piece].tolist()
        if plan.bad in NOTHING and number == 0:
            mine[0] = NOTHING[plan.bad]
        if plan.bad == "short" and number == 0:
            mine = mine[:-1]
        messages.append(
            {
                "schema": "recorder.scan/1",
                "uid": f"{uid}/p{number}",
                "collection": uid,
                "time": datetime.now(UTC).isoformat(),
                "first": int(piece[0]),
                "energy": energies[piece].tolist(),
                "counts": mine,
                "monitor": monitor[order][piece].tolist(),
                "live_time": [plan.point_s] * len(piece),
            }
        )
    return messages


def spectrum_message(plan: SimulatedSpectrum, uid: str, seed: int) -> Json:
    """A fluorescence spectrum (``spectrum``)."""
    counts: list[Any] = plan.measured(seed).tolist()
    if plan.bad in NOTHING:
        counts[plan.channels // 2] = NOTHING[plan.bad]
    if plan.bad == "short":
        counts = counts[: plan.channels // 2]
    body: Json = {
        "schema": "recorder.spectrum/1",
        "uid": f"{uid}/s",
        "collection": uid,
        "time": datetime.now(UTC).isoformat(),
        "counts": counts,
        "calibration": plan.calibration,
        "live_time": plan.exposure * (1 - plan.dead),
        "real_time": plan.exposure,
        "energy": plan.energy,
    }
    if plan.bad == "uncalibrated":
        del body["calibration"]
    return body
