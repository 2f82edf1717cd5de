"""States of the world for the page: one that has everything, and others made of it."""

from __future__ import annotations

import json
import time
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from recorder.records.live import (
    DelayHistogram,
    Hint,
    LastImages,
    Line,
    LiveAlarm,
    LiveDelay,
    LiveJournal,
    LivePool,
    LivePump,
    LiveRun,
    LiveSink,
    LiveSource,
    LiveState,
    PreviewImage,
    Trials,
)
from recorder.records.live_json import live_to_json
from recorder.records.run_report import RunReport

UID = "6c2a8d09-d1b9-4ff0-8ab8-ba12babe250c"
CELL = (78.54, 78.61, 37.92, 90.0, 90.0, 90.0)
SPREAD = (0.2, 0.2, 0.1, 0.15, 0.15, 0.15)
PARAMETERS = ("a", "b", "c", "alpha", "beta", "gamma")


def trials(images: int, hits: int, indexed: int) -> Trials:
    return Trials(images, images, hits, hits, indexed, indexed // 9, 0)


def live(**changes: Any) -> Any:
    """The live state as JSON."""
    now = time.time_ns()
    random = np.random.default_rng(1)
    classified = random.poisson(200, 150)
    rate = np.where(np.arange(150) > 130, 0.09, 0.2)
    hits = random.binomial(classified, rate)
    run = LiveRun(
        run=3,
        uid=UID,
        experiment="fvkhb",
        proposal="mx2345",
        announced=True,
        started_ns=now - 250_000_000_000,
        expected=10_000,
        received=3560,
        lost=2,
        missed=1,
        eta_s=64.0,
        windows={
            "10s": trials(1000, 91, 64),
            "60s": trials(3500, 690, 482),
            "run": trials(3560, 700, 490),
            "all": trials(24_560, 5100, 3570),
        },
        pump=LivePump(
            light=trials(1780, 371, 260),
            dark=trials(1700, 323, 226),
            unknown=trials(80, 6, 4),
            dark_n=(trials(850, 165, 115), trials(850, 158, 111)),
            settled_to=3480,
            declared=True,
            due=1790,
            misfires=3,
        ),
        delays=(
            LiveDelay(0.003, 900, 190, 1880, 3000, 240.0),
            LiveDelay(0.01, 880, 181, 940, 3000, 660.0),
            LiveDelay(0.1, 10, 2, 1, None, None),
        ),
        delay_histogram=DelayHistogram(
            low_s=0.0030002,
            step_s=5e-9,
            counts=tuple(
                int(n) for n in np.histogram(random.normal(20, 4, 1700), 40, (0, 40))[0]
            ),
            mean_s=0.0030003,
            sigma_s=2.2e-8,
            outliers=2,
        ),
        line=Line(
            from_ns=now - 300_000_000_000,
            classified=tuple(int(n) for n in classified),
            hits=tuple(int(n) for n in hits),
            indexed=tuple(int(n) for n in random.binomial(hits, 0.7)),
        ),
        last=LastImages(CELL, 1.87, 0.51, 0.0, 2.11),
        report_seq=40,
    )
    state = LiveState(
        id=8123,
        time_ns=now,
        host="id29-rec",
        beamline="ID29",
        version="0.1.0",
        stage="running",
        state="open",
        sources=(
            LiveSource("detector", "detector", "ok", 98.0, 100.0, 2, 1),
            LiveSource("panda-1", "panda", "ok", 40.0, 100.0, clock_ppm=3.0),
            LiveSource("broker", "broker", "ok", 900.0),
        ),
        pool=LivePool(2, 12, 120_000_000, 1_000_000_000, 24_560),
        journal=LiveJournal("ok", 0, 800_000_000_000, None),
        sinks=(
            LiveSink("ispyb", "ok", 0.4, 2),
            LiveSink("results", "failing", 75.0, 12, 1, "the disk is full: make room"),
        ),
        run=run,
        alarms=(alarm(now),),
        previews=tuple(
            PreviewImage(which, 3, UID, 3551 - n, 5 - n, "indexed", 41, 1, 1.9)
            for n, which in enumerate(("last", "hit", "indexed", "unindexed"))
        ),
    )
    return json.loads(live_to_json(state)) | changes


def alarm(now: int) -> LiveAlarm:
    return LiveAlarm(
        id="hit_rate/3",
        kind="hit_rate",
        severity="red",
        text="Hit rate fell from 20 % to about 9 % since image 3012 (5 s).",
        run=3,
        since_image=3012,
        since_ns=now - 8_000_000_000,
        raised_ns=now - 5_000_000_000,
        evidence={"before": 0.2, "after": 0.09, "images": 548.0},
        hints=(Hint("jet moved or clogged", {"solvent": -0.41}),),
    )


def now(daemon: str = "ok", age: float | None = 0.1, **changes: Any) -> Any:
    """The event ``now``."""
    return {"daemon": daemon, "age_s": age, "live": live(**changes), "problem": None}


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


def scan(rows: int = 80, columns: int = 80) -> tuple[Any, Any]:
    """The report's key ``scan`` and the answer of ``runs/{uid}/chip``."""
    random = np.random.default_rng(3)
    names = ["unseen", "non_hit", "non_indexed_hit", "indexed", "lost"]
    done = rows * columns * 3 // 5
    picks = random.choice(4, rows * columns, p=[0.6, 0.2, 0.19, 0.01]) + 1
    picks[done:] = 0
    key = {
        "rows": rows,
        "columns": columns,
        "blocks": [4, 4],
        "seen": done,
        "hints": ["diagonal stripes: perhaps off by one well"],
        "shots": [
            {"shot": 1, "images": 900, "hits": 300, "indexed": 210, "resolution": 1.9},
            {"shot": 2, "images": 900, "hits": 250, "indexed": 150, "resolution": 2.2},
        ],
    }
    wells = [{"class": names[pick]} for pick in picks]
    return key, {"rows": rows, "columns": columns, "blocks": [4, 4], "wells": wells}


def picture() -> tuple[Any, bytes]:
    """A preview with spots: its description and the PNG."""
    import imagecodecs

    random = np.random.default_rng(4)
    pixels = random.poisson(9, (270, 260)).astype(np.uint8)
    spots = random.uniform(10, 250, (41, 2))
    for x, y in spots:
        pixels[int(y) - 1 : int(y) + 2, int(x) - 1 : int(x) + 2] = 250
    about = {
        "run": 3,
        "uid": UID,
        "image_id": 3551,
        "serial": 4,
        "outcome": "indexed",
        "width": 260,
        "height": 270,
        "binning": 4,
        "detector": [1080, 1040],
        "spots": [[float(x), float(y), 100.0] for x, y in spots],
        "predicted": [[float(x) + 0.5, float(y) - 0.5] for x, y in spots[:30]],
        "rings": [{"d": 4.0, "radius": 55}, {"d": 2.0, "radius": 115}],
        "center": [130, 135],
        "resolution": 1.9,
        "lattices": 1,
    }
    return about, imagecodecs.png_encode(pixels)


def peakogram() -> Any:
    random = np.random.default_rng(5)
    counts, across, up = np.histogram2d(
        random.gamma(6, 0.4, 20_000) + 1.4, random.gamma(2, 200, 20_000), (40, 30)
    )
    return {
        "resolution_edges": across.tolist(),
        "intensity_edges": up.tolist(),
        "counts": counts.astype(int).tolist(),
    }


def everything(said: Any) -> None:
    """Let a stand-in say all that there is."""
    key, chip = scan()
    said.now = now()
    said.slow = slow(run=report(scan=key))
    said.answers[f"runs/{UID}/chip"] = chip
    said.answers[f"runs/{UID}"] = said.slow["run"]
    about, png = picture()
    for serial, which in zip(
        (5, 4, 3, 2), ("last", "hit", "indexed", "unindexed"), strict=True
    ):
        said.answers[f"preview/{which}.json"] = about | {"serial": serial}
        said.answers[f"preview/{which}.png"] = png
    said.answers["preview/powder.png"] = png
    said.answers["peakogram"] = peakogram()
