"""Several collections in one series: a daemon that is killed, two detectors, a file."""

from __future__ import annotations

import json
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from recorder.journal import Journal
from recorder.simulate.stream.messages import Stream1
from tests.builders import announcement
from tests.servers import free_port
from tests.system.beamline import (
    QUICK_RUNS,
    Beamline,
    RawDetector,
    small_series,
    wait_sealed,
)
from tests.system.test_replay_safety import images_file, runs_of, started

SWEEPS = (3, 2, 4)


def swept(uid: str, *images: int, **more: Any) -> dict[str, Any]:
    sweeps = [
        {"start": 90 * n, "range": 0.5, "images": m} for n, m in enumerate(images)
    ]
    kind = {"name": "lyso", "type": "OSC"}
    return announcement(uid, experiment=kind, scan={"sweeps": sweeps}, **more)


def test_three_sweeps_of_one_series_beside_another_detector_with_a_kill(
    config_file, mosquitto, recorder_daemon
):
    """The kill comes within the second sweep; the other detector's run is open, too."""
    ports = {name: free_port() for name in ("left", "right")}
    config = config_file(
        detector=[
            {"name": name, "endpoint": f"tcp://127.0.0.1:{port}"}
            for name, port in ports.items()
        ],
        runs=QUICK_RUNS,
        pool={"workers": 1},
        ispyb={"enabled": False},
        mqtt=mosquitto.section(),
    )
    beamline = Beamline(config, "", mosquitto)
    series = small_series(1)
    pixels = series.frames[0].payload
    daemon = recorder_daemon(config)
    told = swept("turned", *SWEEPS, detector="left")
    beamline.publish("collection/start", told)
    beamline.publish("collection/start", swept("planes", 2, 2, detector="right"))
    for uid in ("turned.1", "turned.3", "planes.2"):
        daemon.wait_for_event("run_started", uid=uid)
    left, right = (RawDetector(f"tcp://127.0.0.1:{ports[n]}") for n in ports)
    turned, planes = Stream1(7, series.info, 9), Stream1(7, series.info, 4)
    left.send(turned.start(), *[turned.image(n, pixels, n * 10**7) for n in range(4)])
    right.send(planes.start(), planes.image(0, pixels, 0))
    wait_received(beamline, {"turned.1": 3, "turned.2": 1, "planes.1": 1})
    daemon.kill()
    daemon = recorder_daemon(config)
    beamline.publish("collection/start", told)  # a broker may send it again
    left.send(*[turned.image(n, pixels, n * 10**7) for n in (3, 4, 5, 6, 7, 8)])
    right.send(*[planes.image(n, pixels, n * 10**7) for n in (1, 2, 3)])
    left.send(turned.end())
    right.send(planes.end())
    found = {}
    for uid, images in zip(
        ("turned.1", "turned.2", "turned.3", "planes.1", "planes.2"),
        (*SWEEPS, 2, 2),
        strict=True,
    ):
        run = found[uid] = wait_sealed(daemon, beamline, uid)
        assert (run["status"], run["images"]["received"]) == ("success", images)
        assert run["images"]["lost"] == 0
        assert run["ledger"]["closed"]
        assert run["technique"] == "mx-rotation"
        assert "images_of_no_part" not in run["counts"]
    assert found["turned.2"]["counts"]["duplicate_images"] == 1
    assert len(beamline.report()) == 5
    assert sorted(run["run"] for run in found.values()) == [1, 2, 3, 4, 5]
    for detector in (left, right):
        detector.close()


def wait_received(beamline: Beamline, wanted: dict[str, int]) -> None:
    """Until the journal has so many images of each run."""
    end, found = time.monotonic() + 120.0, {}
    while found != wanted and time.monotonic() < end:
        time.sleep(0.05)
        with closing(
            Journal(beamline.settings.journal_path, read_only=True)
        ) as journal:
            found = {uid: len(list(journal.image_rows(uid, 0, 100))) for uid in wanted}
    assert found == wanted


@pytest.mark.parametrize("uid", [None, "mine"])
def test_a_file_with_three_sweeps_is_three_runs(
    run_recorder, config_file, tmp_path, uid
):
    config, file = (
        config_file(ispyb={"enabled": False}),
        images_file(tmp_path / "a.h5", sum(SWEEPS)),
    )
    asked = () if uid is None else ("--uid", uid)
    arguments = ("--collection", told(tmp_path), *asked, "--json")
    done = run_recorder("replay", file, *arguments, config=config)
    assert done.returncode == 0, done.stderr
    runs = runs_of(done.stdout)
    assert [run["uid"] for run in runs] == [f"{uid or 'U'}.{n}" for n in (1, 2, 3)]
    assert [run["images"]["received"] for run in runs] == list(SWEEPS)
    assert {run["status"] for run in runs} == {"success"}
    done = run_recorder("replay", file, *arguments, config=config)
    assert done.returncode == 0, done.stderr
    again = [run["uid"] for run in runs_of(done.stdout)]
    report = runs_of(run_recorder("report", "--json", config=config).stdout)
    if uid is None:  # a further replay is further runs
        assert len({run["uid"] for run in report}) == 6
        assert not set(again) & {run["uid"] for run in runs}
    else:
        assert "nothing is replayed" in done.stderr
        assert again == [run["uid"] for run in runs]
        assert len(report) == 3


def told(folder: Path, *images: int) -> Path:
    path = folder / "collection.json"
    path.write_text(json.dumps(swept("U", *(images or SWEEPS))))
    return path


def test_a_killed_replay_of_several_sweeps_is_gone_on_with(
    run_recorder, config_file, tmp_path
):
    config, file = (
        config_file(ispyb={"enabled": False}),
        images_file(tmp_path / "a.h5", 50),
    )
    more = ("--collection", told(tmp_path, 1, 30, 19), "--uid", "killed")
    process = started(config, file, *more, "--rate", "5")
    process.kill()
    done = run_recorder("replay", file, *more, "--json", config=config)
    assert done.returncode == 0, done.stderr
    runs = runs_of(done.stdout)
    assert [run["images"]["received"] for run in runs] == [1, 30, 19]
    assert {run["status"] for run in runs} == {"success"}
    assert all(run["ledger"]["closed"] for run in runs)
    assert not any(run["counts"].get("duplicate_images") for run in runs)


def test_a_batch_has_the_parts_of_each_file_and_resumes(
    run_recorder, config_file, tmp_path
):
    """Images between two sweeps are of none of them, and no reason to try again."""
    folder = tmp_path / "night"
    folder.mkdir()
    for name in ("a", "b"):
        images_file(folder / f"{name}.h5", 8)
        sweep = {"start": 0, "range": 0.5, "images": 3}
        body = swept("U", 3, 3)
        body["scan"] = {"sweeps": [sweep, {**sweep, "first_image": 5}]}
        (folder / f"{name}.collection.json").write_text(json.dumps(body))
    config = config_file(ispyb={"enabled": False})
    arguments = ("replay", folder, "--jobs", "1", "--json")
    done = run_recorder(*arguments, config=config)
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["files"]
    assert [row["runs"] for row in rows] == [[1, 3], [2, 4]]
    assert [row["images"] for row in rows] == [6, 6]
    again = run_recorder(*arguments, "--resume", config=config)
    assert again.returncode == 0, again.stderr
    rows = json.loads(again.stdout)["files"]
    assert [row["state"] for row in rows] == ["skipped"] * 2
    assert [row["runs"] for row in rows] == [[1, 3], [2, 4]]
    report = runs_of(run_recorder("report", "--json", config=config).stdout)
    placeless = [run["counts"].get("images_of_no_part", 0) for run in report]
    assert sorted(placeless) == [0, 0, 2, 2]
