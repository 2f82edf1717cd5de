"""What is true of a run with images, image by image and in sums."""

from __future__ import annotations

from recorder.records import Json
from recorder.simulate.mx.exposures import Exposures
from recorder.simulate.mx.grids import SimulatedGrid
from recorder.simulate.mx.mx_run import MxRun
from recorder.simulate.stream.series import Frame
from recorder.simulate.timing.faults import Fate

_DIGITS = 6
"""Decimals of an angle (degrees): finer than any goniometer moves."""


def image_entry(
    plan: Exposures, n: int, frame: Frame, image_id: int, fate: Fate, start_ns: int
) -> Json:
    """What is true of image ``n`` of the plan."""
    known = frame.kind is not None
    entry: Json = {
        "ordinal": n,
        "image_id": None if fate.missed else image_id,
        "delivered": not (fate.missed or fate.lost),
        "corrupt": fate.corrupt,
        "kind": frame.kind,
        "class": ("non_hit" if frame.kind == "miss" else "indexed") if known else None,
        "trigger": int(plan.trigger[n]),
        "part": int(plan.part[n]) + 1,
        "wedge": int(plan.wedge[n]),
        "angle_start": round(float(plan.start[n]), _DIGITS),
        "angle_end": round(float(plan.end[n]), _DIGITS),
        "start_time_ns": start_ns,
    }
    if plan.row[n] >= 0:
        entry["row"], entry["column"] = int(plan.row[n]), int(plan.column[n])
        entry["brightness"] = round(float(plan.brightness[n]), _DIGITS)
    return entry


def image_counts(run: MxRun, plan: Exposures, truth: list[Json]) -> Json:
    """Sums over the truth, of the run and of each collection that it is."""
    parts = range(1, int(plan.part.max()) + 2)
    by_part = [[entry for entry in truth if entry["part"] == n] for n in parts]
    planned = [int((plan.part == n - 1).sum()) for n in parts]
    counts: Json = {
        "technique": run.technique,
        **_sums(truth, plan.size),
        "parts": [_sums(*of) for of in zip(by_part, planned, strict=True)],
    }
    if isinstance(run.plan, SimulatedGrid):
        counts["centres"] = [
            list(run.plan.centre(plane)) for plane in range(run.plan.planes)
        ]
    return counts


def _sums(truth: list[Json], planned: int) -> Json:
    made = [entry for entry in truth if entry["image_id"] is not None]
    here = [entry for entry in made if entry["delivered"]]
    good = [entry for entry in here if not entry["corrupt"]]
    ends = [entry[name] for entry in here for name in ("angle_start", "angle_end")]
    return {
        "start": ends[0] if ends else None,
        "end": ends[-1] if ends else None,
        "planned": planned,
        "expected": len(made),
        "received": len(here),
        "lost": len(made) - len(here),
        "missed": len(truth) - len(made),
        "corrupt": len(here) - len(good),
        "hits": sum(entry["kind"] in ("hit", "multi") for entry in good),
        "non_hits": sum(entry["kind"] == "miss" for entry in good),
    }
