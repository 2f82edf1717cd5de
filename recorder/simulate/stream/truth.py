"""What is true of a simulated run."""

from __future__ import annotations

import math

from recorder.records import Json
from recorder.simulate.stream.series import Frame
from recorder.simulate.timing.faults import Fate
from recorder.simulate.timing.plan import Plan


def truth_counts(truth: list[Json]) -> Json:
    """Sums over the truth: what a report must say."""
    made = [entry for entry in truth if entry["image_id"] is not None]
    here = [entry for entry in made if entry["delivered"]]
    good = [entry for entry in here if not entry["corrupt"]]
    return {
        "triggers": len(truth),
        "expected": len(made),
        "received": len(here),
        "lost": len(made) - len(here),
        "missed": len(truth) - len(made),
        "corrupt": len(here) - len(good),
        "hits": sum(entry["kind"] in ("hit", "multi") for entry in good),
        "non_hits": sum(entry["kind"] == "miss" for entry in good),
        "light": sum(entry["pump"] == "light" for entry in here),
        "dark": sum(entry["pump"] == "dark" for entry in here),
    }


def truth_entry(
    plan: Plan,
    frame: Frame,
    ordinal: int,
    image_id: int,
    fate: Fate,
    start_ns: int,
) -> Json:
    """What is true of one trigger."""
    light, dark_n = bool(plan.light[ordinal]), int(plan.dark_n[ordinal])
    known = frame.kind is not None
    return {
        "ordinal": ordinal,
        "image_id": None if fate.missed else image_id,
        "delivered": not (fate.missed or fate.lost),
        "corrupt": fate.corrupt,
        "kind": frame.kind,
        "class": ("non_hit" if frame.kind == "miss" else "indexed") if known else None,
        "lattices": len(frame.orientations) if known else None,
        "orientations": [list(o) for o in frame.orientations],
        "cells": [_cell(o) for o in frame.orientations],
        **frame.artefacts,
        "pump": "light" if light else "dark",
        "dark_n": dark_n if dark_n >= 0 else None,
        "delay": int(plan.delay_ns[ordinal]) / 1e9 if light else None,
        "slot": int(plan.slot[ordinal]),
        "start_time_ns": start_ns,
    }


def _cell(vectors: tuple[float, ...]) -> list[float]:
    """Lengths (Å) and angles (degrees) of a, b and c, given row by row."""
    rows = (vectors[:3], vectors[3:6], vectors[6:])
    lengths = [math.hypot(*row) for row in rows]
    angles = []
    for first, second in ((1, 2), (0, 2), (0, 1)):
        product = sum(map(float.__mul__, rows[first], rows[second]))
        cosine = product / lengths[first] / lengths[second]
        angles.append(math.degrees(math.acos(min(1.0, max(-1.0, cosine)))))
    return [round(value, 4) for value in (*lengths, *angles)]
