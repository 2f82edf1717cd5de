"""Announcement and end of a simulated run, as control messages."""

from __future__ import annotations

from datetime import UTC, datetime

from recorder.records import Json
from recorder.simulate.stream.series import Series
from recorder.simulate.stream.simulated_run import SimulatedRun
from recorder.simulate.timing.faults import Faults


def announcement(
    run: SimulatedRun, series: Series, uid: str, proposal: str, visit: int | None
) -> Json:
    """The message that announces a run."""
    parts = [
        {"name": f"mixed {letter}", "type": "Ligand"} for letter in ("a", "b", "c")
    ]
    support = "SSX-Chip" if run.chip else "SSX-Jet"
    return {
        "schema": "recorder.collection/1",
        "uid": uid,
        "time": datetime.now(UTC).isoformat(),
        "proposal": proposal,
        "visit": visit,
        "experiment": {"name": run.experiment, "type": support},
        "sample": {
            "name": run.sample,
            "support": support,
            "protein": {"acronym": run.sample[:45], "name": run.sample},
            "components": parts,
        },
        "run": run.number,
        "images": run.images,
        "unit_cell": series.unit_cell,
        "space_group": series.space_group,
        "beam": {"wavelength": series.info.wavelength, "transmission": 100.0},
        "ssx": {"repetition_rate": run.rate_hz},
        "event_chains": list(run.event_chains),
        **({"scan": run.chip.announced} if run.chip else {}),
    }


def ending(uid: str, truth: list[Json]) -> Json:
    """The message that ends a run."""
    return {
        "schema": "recorder.collection/1",
        "uid": uid,
        "time": datetime.now(UTC).isoformat(),
        "status": "success",
        "images": sum(entry["image_id"] is not None for entry in truth),
    }


def aborted(faults: Faults) -> Json:
    """What is other in the message that ends a run that was aborted."""
    if faults.abort is None:
        return {}
    return {"status": "aborted", "reason": f"stopped after {faults.abort}"}
