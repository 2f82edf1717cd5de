"""States of the world for the page: one that has everything, and others made of it."""

from __future__ import annotations

import json
import time
from typing import Any

import numpy as np

from recorder.records.live import (
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
from recorder.records.live_delays import DelayHistogram
from recorder.records.live_json import live_to_json
from recorder.records.live_node import LiveNode
from tests.system.page.pictures import peakogram, picture, scan
from tests.system.page.reports import CELL, UID, card, chains, experiment, report, slow

__all__ = ["UID", "card", "chains", "experiment", "report", "scan", "slow"]


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
            LiveDelay(0.003, 900, 190, 1880, 3000, 240.0, classified=900),
            LiveDelay(0.01, 880, 181, 940, 3000, 660.0, classified=880),
            LiveDelay(0.1, 10, 2, 1, classified=10),
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
        pool=LivePool(
            2,
            12,
            120_000_000,
            1_000_000_000,
            24_560,
            nodes=(
                LiveNode("host-b", "b", "ok", 8, 8, 21, 900, 0.2),
                LiveNode("host-c", "c", "away", 8, problem="its connection ended"),
            ),
        ),
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
        hints=(Hint("Perhaps the jet moved or clogged.", {"solvent": -0.41}),),
    )


def now(daemon: str = "ok", age: float | None = 0.1, **changes: Any) -> Any:
    """The event ``now``."""
    return {"daemon": daemon, "age_s": age, "live": live(**changes), "problem": None}


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
    said.answers["preview/powder.json"] = {"run": 3, "hits": 700, "serial": 9}
    said.answers["preview/powder.png"] = png
    said.answers["peakogram"] = peakogram()
