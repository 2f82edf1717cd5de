"""Every recorded file through the whole pipeline."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import pytest

from tests.builders import EXAMPLE_CHAINS, announcement
from tests.recordings import READABLE, recording
from tests.stills import SETTINGS, write_stills

LITERATURE = [57.8, 57.8, 150.2, 90, 90, 90]


def replay(run_recorder, config, *arguments):
    done = run_recorder("replay", *arguments, "--json", config=config)
    (experiment,) = json.loads(done.stdout)["experiments"]
    (run,) = experiment["runs"]
    return done, run


@pytest.mark.parametrize(
    ("name", "path"),
    [
        pytest.param(name, path, id=Path(path).name, marks=pytest.mark.recording(name))
        for name, paths in READABLE.items()
        for path in paths
    ],
)
def test_every_file_ends_with_a_closed_ledger(run_recorder, config_file, name, path):
    done, run = replay(run_recorder, config_file(), recording(name) / path)
    assert done.returncode == 0, done.stderr
    assert run["ledger"]["closed"]
    images = run["images"]
    assert images["received"] == images["classified"] == images["expected"] > 0
    assert run["sinks"] == {"ispyb": "written", "results": "written"}


@pytest.mark.recording("thaumatin")
@pytest.mark.parametrize(
    "cell", [LITERATURE, [58.5, 58.5, 152.5, 90, 90, 90]], ids=["literature", "fitted"]
)
def test_thaumatin(run_recorder, config_file, tmp_path, cell):
    body = announcement(
        "thaumatin", unit_cell=cell, space_group="P41212", event_chains=EXAMPLE_CHAINS
    )
    collection = tmp_path / "collection.json"
    collection.write_text(json.dumps(body))
    config = config_file()
    done, run = replay(
        run_recorder,
        config,
        recording("thaumatin") / "thaumatin_master.h5",
        "--collection",
        collection,
    )
    assert done.returncode == 0, done.stderr
    assert run["classes"] == {
        "indexed": 6,
        "non_indexed_hits": 0,
        "non_hits": 2,
        "lattices": 6,
    }
    a, b, c, *angles = run["unit_cell"]["median"]
    assert a == pytest.approx(58.4, rel=0.025)
    assert b == pytest.approx(58.4, rel=0.025)
    assert c == pytest.approx(151.7, rel=0.025)
    assert angles == pytest.approx([90, 90, 90], abs=0.1)
    assert [d["delay"] for d in run["delays"]] == [0.6, 0.8]
    assert run["event_chains"][1]["commanded"][0]["offset"] == -50
    check_files(tmp_path / "state" / "results" / "mx2345-1" / "fvkhb" / "run001")


def check_files(folder: Path) -> None:
    assert json.loads((folder / "ssx_stats.json").read_text()) == {
        "nbHits": 6,
        "nbIndexed": 6,
        "laticeType": "tP",
        "estimatedResolution": pytest.approx(2.3, abs=0.5),
    }
    cells = json.loads((folder / "ssx_cells.json").read_text())["unit_cells"]
    assert [len(cell) for cell in cells] == [6] * 6
    assert len((folder / "indexed.lst").read_text().splitlines()) == 6
    assert {path.name for path in folder.iterdir()} == {
        "run.uid",
        "results.h5",
        "timeline.json",
        "report.json",
        "report.html",
        "summary.png",
        "ssx_stats.json",
        "ssx_cells.json",
        "light.lst",
        "dark.lst",
        "indexed.lst",
        "delay_0.6s.lst",
        "delay_0.8s.lst",
    }
    with h5py.File(folder / "results.h5") as file:
        images = file["entry/images"]
        assert images["image_id"][()].tolist() == list(range(8))
        assert images["class"].asstr()[()].tolist() == ["indexed"] * 6 + ["non_hit"] * 2
        assert images["pump"].asstr()[0] == "light"
        assert images["orientation"].shape == (8, 9)


@pytest.mark.parametrize(
    ("name", "file", "received", "lost", "unprocessed"),
    [
        ("eiger4m-stream1", "", 3, 7, {}),
        ("micromax-stream1", "eiger-small.cbors", 3, None, {"corrupt": 3}),
    ],
)
def test_recorded_streams(
    run_recorder, config_file, name, file, received, lost, unprocessed
):
    done, run = replay(run_recorder, config_file(), recording(name) / file)
    assert done.returncode == 0, done.stderr
    assert run["ledger"]["closed"]
    assert run["images"]["received"] == received
    assert run["images"]["unprocessed"] == unprocessed
    if lost is not None:
        assert (run["images"]["expected"], run["images"]["lost"]) == (10, lost)
        assert run["classes"]["non_indexed_hits"] == 3
        assert run["status"] == "aborted"
        assert any("beam centre" in note for note in run["notes"])


@pytest.mark.parametrize("name", ["xrc_209_master.h5", "ins_8_5.nxs"])
def test_master_without_data_is_named_and_recorded_as_lost(
    run_recorder, config_file, name
):
    file = recording("nexus-masters") / name
    done = run_recorder("replay", file, config=config_file())
    assert done.returncode == 1
    assert "_000001.h5 is missing: copy it beside the master" in done.stderr


@pytest.mark.parametrize("name", ["panda.h5", "00001.h5", "ins_8_5_meta.h5"])
def test_file_without_images_is_refused(run_recorder, config_file, name):
    file = recording("nexus-masters") / name
    done = run_recorder("replay", file, config=config_file())
    assert done.returncode == 1
    assert "no image data" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_events_and_limit(run_recorder, config_file, tmp_path):
    config = config_file()
    collection = tmp_path / "collection.json"
    collection.write_text(json.dumps(announcement("limited", images=8)))
    events = tmp_path / "events.jsonl"
    lines = [
        {
            "uid": f"{kind}{n}",
            "collection": "limited",
            "type": kind,
            "trigger": n,
            "time_ns": 10**9 * n,
            "clock": "c",
            "evidence": "captured",
        }
        for kind, triggers in (("LaserExcitation", [0, 2]), ("XrayDetection", range(4)))
        for n in triggers
    ]
    events.write_text("\n".join(map(json.dumps, lines)))
    file = write_stills(tmp_path)
    arguments = (file, "--collection", collection, "--events", events, "--limit", "4")
    for number in (1, 2):
        done, run = replay(run_recorder, config, *arguments)
        assert done.returncode == 0, done.stderr
        assert (run["run"], run["images"]["received"]) == (number, 4)
        assert run["pump"] == {"light": 2, "dark": 2, "unknown": 0}
        assert run["evidence"]["captured"] == 4


def test_same_classes_with_any_number_of_workers(run_recorder, config_file, tmp_path):
    found = []
    file = write_stills(tmp_path)
    cell = {"unit_cell": list(SETTINGS.cell), "space_group": SETTINGS.space_group}
    for workers in (0, 1, 2):
        config = config_file(
            pool={"workers": workers},
            state_directory=str(tmp_path / f"state{workers}"),
            unannounced=cell,
        )
        _, run = replay(run_recorder, config, file)
        whys = [
            run_recorder("why", run["uid"], str(n), "--json", config=config).stdout
            for n in (0, 5)
        ]
        images = [json.loads(why)["image"] for why in whys]
        for image in images:
            del image["received"]
        found.append((run["classes"], images))
    assert run["classes"]["indexed"] > 0
    assert run["classes"]["non_hits"] > 0
    assert found[0] == found[1] == found[2]
