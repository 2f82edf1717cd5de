"""A chip end to end: the wells that the recorder tells are those of the simulator."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from recorder.journal import Journal
from recorder.reports.chip import chip_json
from recorder.reports.explain import explain_image
from recorder.simulate.stills.render import StillSettings, default_geometry
from recorder.simulate.stream.chip import parse_chip
from recorder.simulate.stream.series import synthetic_series
from recorder.ssx.scan.wells import WellState
from recorder.web.app import WebApp, make_app
from recorder.web.place import place_of
from tests.system.beamline import (
    Beamline,
    assert_equals_truth,
    make_beamline,
    wait_sealed,
)
from tests.unit.test_chip import wells_of

COLUMNS = ("block", "row", "column", "shot")
UNKNOWN = (-1, -1, -1, -1)


def measured(
    beamline: Beamline, daemon: Any, scan: str, truth: Path, **run: Any
) -> Any:
    """A run over a chip: its report, and the truth of each trigger."""
    chip = parse_chip(scan)
    stills = StillSettings(geometry=default_geometry(256))
    hits = chip.hits(chip.triggers, 1)
    series = synthetic_series(chip.triggers, 1, pool=12, hits=hits, settings=stills)
    counts = beamline.simulate(series, chip=chip, truth=truth, **run)
    report = wait_sealed(daemon, beamline, counts["uid"])
    assert_equals_truth(report, counts)
    assert daemon.terminate() == 0  # the files are there then
    return report, [json.loads(line) for line in truth.read_text().splitlines()]


def test_wells_equal_the_truth_though_triggers_are_missed(
    config_file, mosquitto, recorder_daemon, tmp_path
):
    beamline = make_beamline(config_file, mosquitto, classify={"index": False})
    daemon = recorder_daemon(beamline.config)
    daemon.wait_for_event("recorder_ready")
    scan = "rows=6,columns=5,down=2,across=2,snake,shots=2,corner=bottom-right"
    report, truth = measured(
        beamline,
        daemon,
        f"{scan},order=columns,filled=0.5",
        tmp_path / "truth.jsonl",
        faults="lost=0.04,missed=0.03",
    )
    made = {entry["image_id"]: entry for entry in truth if entry["delivered"]}
    assert any(entry["image_id"] is None for entry in truth)
    (path,) = beamline.settings.results.glob("**/results.h5")
    with h5py.File(path) as file:
        images = file["entry/images"]
        ids = images["image_id"][()].tolist()
        rows = zip(*(images[name][()].tolist() for name in COLUMNS), strict=True)
        told = dict(zip(ids, rows, strict=True))
    assert set(told) == set(made)
    assert {n: told[n] for n in told if told[n] != UNKNOWN} == {
        n: tuple(entry[name] for name in COLUMNS)
        for n, entry in made.items()
        if told[n] != UNKNOWN
    }
    known = sum(well != UNKNOWN for well in told.values())
    assert known == len(made)  # rows of all triggers came
    found = report["scan"]
    assert found["placed_by"] == "trigger"
    assert (found["placed"], found["unplaced"], found["beyond"]) == (known, 0, 0)
    assert [item["images"] for item in found["by_shot"]] == [
        sum(entry["shot"] == shot for entry in made.values()) for shot in (0, 1)
    ]
    assert [item["non_indexed_hits"] for item in found["by_block"]] == [
        sum(e["block"] == block and e["kind"] != "miss" for e in made.values())
        for block in range(4)
    ]
    check_map(beamline, report["uid"], truth, (6, 5), 2)
    status, served = asked(beamline, f"/api/v1/runs/{report['uid']}/chip")
    assert status == 200
    assert served["scan"] == json.loads(json.dumps(found))
    journal = Journal(beamline.settings.journal_path, read_only=True)
    try:
        last = max(made)
        well = explain_image(journal, report["uid"], last)["well"]
    finally:
        journal.close()
    assert {name: well[name] for name in COLUMNS} == {
        name: made[last][name] for name in COLUMNS
    }
    assert well["by"] == "trigger"


def asked(beamline: Beamline, path: str) -> tuple[int, Any]:
    """What the web process answers to a GET, all forty who ask at once alike."""
    app = make_app(place_of(beamline.settings))

    async def crowd() -> list[tuple[int, bytes]]:
        return await asyncio.gather(*(get(app, path) for _ in range(40)))

    try:
        answers = set(asyncio.run(crowd()))
    finally:
        app.reading.close()
    ((status, body),) = answers
    return status, json.loads(body)


async def get(app: WebApp, path: str) -> tuple[int, bytes]:
    """One answer of an application."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1")],
    }
    await app.asgi(scope, receive, send)
    body = b"".join(message.get("body", b"") for message in sent)
    return sent[0]["status"], body


def check_map(
    beamline: Beamline,
    uid: str,
    truth: list[dict[str, Any]],
    block: tuple[int, int],
    across: int,
) -> None:
    """Each well of the map: the best of its images, or lost."""
    journal = Journal(beamline.settings.journal_path, read_only=True)
    try:
        states = wells_of(chip_json(journal, uid))
    finally:
        journal.close()
    best: dict[tuple[int, int], WellState] = defaultdict(lambda: WellState.LOST)
    for entry in truth:
        down, right = divmod(entry["block"], across)
        place = down * block[0] + entry["row"], right * block[1] + entry["column"]
        hit = entry["kind"] != "miss"
        state = WellState.NON_INDEXED_HIT if hit else WellState.NON_HIT
        if entry["delivered"]:
            best[place] = max(best[place], state)
    wanted = [[best[r, c] for c in range(states.shape[1])] for r in range(len(states))]
    assert states.tolist() == np.array(wanted).tolist()


def test_a_line_with_one_step_more_is_seen_as_stripes(
    config_file, mosquitto, recorder_daemon, tmp_path
):
    beamline = make_beamline(config_file, mosquitto, classify={"index": False})
    daemon = recorder_daemon(beamline.config)
    daemon.wait_for_event("recorder_ready")
    report, truth = measured(
        beamline,
        daemon,
        "rows=20,columns=20,down=2,snake,filled=0.8,more=1",
        tmp_path / "truth.jsonl",
        laser_every=0,
    )
    assert any(entry["block"] is None for entry in truth)
    _, served = asked(beamline, f"/api/v1/runs/{report['uid']}")
    assert served["scan"]["hints"] == report["scan"]["hints"]
    found = report["scan"]["hints"]
    assert [hint["kind"] for hint in found] == ["stripes"]
    assert "21 steps, not 20" in found[0]["text"]
