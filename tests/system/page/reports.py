"""Reports and cards for the page: of a run that has everything."""

from __future__ import annotations

import json
import time
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from recorder.records.run_report import RunReport

UID = "6c2a8d09-d1b9-4ff0-8ab8-ba12babe250c"
CELL = (78.54, 78.61, 37.92, 90.0, 90.0, 90.0)
SPREAD = (0.2, 0.2, 0.1, 0.15, 0.15, 0.15)
PARAMETERS = ("a", "b", "c", "alpha", "beta", "gamma")


def report(**changes: Any) -> Any:
    """The report of the run that goes on."""
    random = np.random.default_rng(2)
    histograms = []
    for name, middle, spread in zip(PARAMETERS, CELL, SPREAD, strict=True):
        values = random.normal(middle, spread, 490)
        counts, edges = np.histogram(values, 40, (middle - 1, middle + 1))
        histograms.append(
            {
                "parameter": name,
                "first": float(edges[0]),
                "last": float(edges[-1]),
                "counts": counts.tolist(),
            }
        )
    counts, edges = np.histogram(random.gamma(9, 0.06, 490) + 1.5, 30, (1.5, 3.5))
    body = {
        "run": 3,
        "uid": UID,
        "state": "open",
        "status": "running",
        "provisional": True,
        "announced": True,
        "space_group": "P43212",
        "start_time": "2026-11-28T08:42:54.777420+00:00",
        "started_ns": time.time_ns() - 250_000_000_000,
        "experiment": "fvkhb",
        "data_collection_group_id": 2,
        "data_collection_id": 17,
        "images": {
            "declared": 10_000,
            "expected": 10_000,
            "received": 3560,
            "lost": 2,
            "missed_triggers": 1,
            "classified": 3560,
            "triggers": 3563,
        },
        "classes": {
            "indexed": 490,
            "non_indexed_hits": 210,
            "non_hits": 2860,
            "lattices": 540,
        },
        "pump": {"light": 1780, "dark": 1700, "unknown": 80},
        "event_chains": chains(),
        "unit_cell": {"median": CELL, "images": 490, "histograms": histograms},
        "resolution": {
            "median": 1.98,
            "edges": edges.tolist(),
            "counts": counts.tolist(),
        },
        "classification": {
            "multi_lattice": {"images": 50, "of_indexed": 0.102, "expected": 0.097},
            "residual": 0.0005,
            "solvent": 2.1,
            "calibrations": [
                {"from_image": 0, "unit_cell": [78.5, 78.5, 37.9, 90, 90, 90]}
            ],
        },
        "ledger": {"closed": True},
        "sinks": {"ispyb": "written", "results": "pending"},
    } | changes
    adapter = TypeAdapter(RunReport)
    typed = adapter.validate_python(body)
    known = json.loads(adapter.dump_json(typed))
    return known | {key: value for key, value in body.items() if key not in known}


def chains() -> Any:
    laser = {"type": "LaserExcitation", "name": "pump", "offset": 0.0}
    laser |= {"duration": 1e-8, "period": 0.02, "repetition": 5000}
    xray = {"type": "XrayDetection", "name": None, "offset": 0.003}
    xray |= {"duration": 1e-4, "period": 0.01, "repetition": 10_000}
    second = {"type": "LaserExcitation", "name": "heater", "offset": 0.0051}
    return [
        {
            "name": "Detections",
            "scope": "collection",
            "commanded": [laser, xray],
            "measured": [
                {**laser, "repetition": 1787, "seen": 1787, "declared": 0},
                {**xray, "offset": 0.0030003, "repetition": 3563, "declared": 1},
                {**second, "repetition": 3, "seen": 3, "declared": None},
            ],
            "audit": [
                {
                    "event": "laser 'pump'",
                    "type": "LaserExcitation",
                    "verdict": "differs",
                    "findings": ["fired 1787 times of 1790"],
                    "seen": 1787,
                    "commanded": 1790,
                },
                {
                    "event": "X-ray detection",
                    "type": "XrayDetection",
                    "verdict": "ok",
                },
                {
                    "event": "laser 'heater'",
                    "type": "LaserExcitation",
                    "verdict": "extra",
                    "findings": ["was not declared"],
                },
            ],
        }
    ]


def card(number: int, hits: int = 1000, indexed: int = 700, **changes: Any) -> Any:
    """A run in short."""
    uid = UID if number == 3 else f"{number:08d}-0000-4000-8000-000000000000"
    images = {"received": 3500, "classified": 3500, "lost": 0, "unprocessed": {}}
    classes = {"indexed": indexed, "non_indexed_hits": hits - indexed}
    return {
        "run": number,
        "uid": uid,
        "opened": 10 * number,
        "experiment": "fvkhb",
        "state": "sealed",
        "status": "success",
        "start_time": "2026-11-28T08:40:00+00:00",
        "images": images,
        "classes": classes | {"non_hits": 3500 - hits, "lattices": indexed},
        "sinks": {"ispyb": "written"},
    } | changes


def experiment(runs: list[Any], **changes: Any) -> Any:
    """An experiment with its runs, latest first."""
    indexed = sum(run["classes"]["indexed"] for run in runs)
    other = sum(run["classes"]["non_indexed_hits"] for run in runs)
    images = sum(run["images"]["received"] for run in runs)
    return {
        "experiment": "fvkhb",
        "data_collection_group_id": 2,
        "opened": runs[0]["opened"] if runs else 1,
        "protein": "kljvz",
        "sample": "laagg",
        "support": "SSX-Chip",
        "cumulative": {
            "runs": len(runs),
            "images": images,
            "indexed": indexed,
            "non_indexed_hits": other,
            "skipped": images - indexed - other,
        },
        "runs_left_out": 0,
        "runs": sorted(runs, key=lambda run: -run["opened"]),
    } | changes


def slow(**changes: Any) -> Any:
    """The event ``slow``."""
    runs = [
        card(1, 1200, 800),
        card(2, 300, 120, status="aborted"),
        card(3, 700, 490, state="open", status="running"),
        card(4, 30, 10, status="failed"),
    ]
    return {
        "id": 1,
        "complete": True,
        "experiments": [experiment(runs)],
        "run": report(),
        "version": "0.1.0",
        "beamline": "ID29",
        "problem": None,
    } | changes
