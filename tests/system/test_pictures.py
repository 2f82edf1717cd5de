"""Pictures in the live folder, made by the real daemon and by a real replay."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest

from recorder.config import load_settings
from recorder.journal import Journal
from recorder.records.live_json import live_from_json
from recorder.runtime.live_file import LIVE, live_folder
from recorder.simulate.stream.series import synthetic_series
from recorder.sources.pixels import decode
from recorder.ssx.preview.binning import binned_max, binning
from recorder.ssx.preview.grey import grey
from recorder.ssx.preview.png import png
from tests.stills import SETTINGS, write_stills
from tests.system.beamline import make_beamline, small_series, wait_sealed

KINDS = ("last", "hit", "indexed", "unindexed")
CLASSES = {
    "last": {"indexed", "non_indexed_hit", "non_hit"},
    "hit": {"indexed", "non_indexed_hit"},
    "indexed": {"indexed"},
    "unindexed": {"non_indexed_hit"},
}


def folder_of(config: Path) -> Path:
    return live_folder(load_settings(config).state_directory)


def rows(config: Path) -> list[Any]:
    """What was found out about each image, times left out."""
    with closing(Journal(load_settings(config).journal_path, read_only=True)) as known:
        (uid,) = known.run_uids()
        return [
            (row.image_id, row.outcome, row.found, row.result)
            for row in known.image_rows(uid)
        ]


def outcomes(config: Path) -> dict[int, tuple[str, int]]:
    return {row[0]: (row[1], row[2].spots) for row in rows(config)}


def expected(series: Any, image_id: int) -> bytes:
    """The picture that the functions make of an image that knew only the mask."""
    pixels = decode(series.frame(image_id).payload)
    bad = np.flatnonzero(series.mask)
    flag = np.iinfo(pixels.dtype).max
    return png(grey(*binned_max(pixels, bad, flag, binning(pixels.shape))))


def test_the_daemon_leaves_pictures_of_its_run(config_file, mosquitto, recorder_daemon):
    series = small_series(400)
    beamline = make_beamline(config_file, mosquitto)
    daemon = recorder_daemon(beamline.config)
    truth = beamline.simulate(series, number=1, rate_hz=200.0)
    run = wait_sealed(daemon, beamline, truth["uid"])
    assert daemon.terminate() == 0
    folder = folder_of(beamline.config)
    found = outcomes(beamline.config)
    for which in KINDS:
        path = folder / f"preview-{which}.json"
        if which == "unindexed" and not run["classes"]["non_indexed_hits"]:
            continue
        body = json.loads(path.read_text())
        assert (body["run"], body["uid"]) == (run["run"], truth["uid"])
        assert body["outcome"] in CLASSES[which]
        file = path.with_suffix(".png").read_bytes()
        shape = imagecodecs.png_decode(file).shape
        assert shape[:2] == (body["height"], body["width"])
        assert body["detector"] == list(series.info.shape)
        at = body["image_id"]
        assert found[at][0] == body["outcome"]
        # its row may be that of the second look, which knows more bad pixels
        spots = min(found[at][1], 300)
        assert len(body["spots"]) == pytest.approx(spots, rel=0.1)
        assert bool(body["predicted"]) == (body["outcome"] == "indexed")
        assert body["rings"]
        assert body["center"] == pytest.approx(
            [x / body["binning"] for x in series.info.beam_center], abs=2
        )
    live = live_from_json((folder / LIVE).read_text())
    assert {p.which for p in live.previews} >= {"last", "hit", "indexed"}
    for preview in live.previews:  # those of the last words may be newer
        assert (preview.run, preview.uid) == (run["run"], truth["uid"])
        assert found[preview.image_id][0] in CLASSES[preview.which]
    sums = json.loads((folder / "powder.json").read_text())
    peakogram = json.loads((folder / "peakogram.json").read_text())
    hits = run["classes"]["indexed"] + run["classes"]["non_indexed_hits"]
    # the second look may make a hit of an image, or none: the sums are of the first
    assert abs(sums["hits"] - hits) <= run["images"]["received"] / 20
    assert sums["uid"] == peakogram["uid"] == truth["uid"]
    assert np.sum(peakogram["counts"]) >= 8 * sums["hits"]
    picture = imagecodecs.png_decode((folder / "powder.png").read_bytes())
    assert picture.shape[:2] == (sums["height"], sums["width"])
    assert len(np.unique(picture)) > 10


def test_a_replay_makes_the_pictures_of_the_functions(
    run_recorder, config_file, tmp_path
):
    """Of a file of 8 images, before anything is learned."""
    file = write_stills(tmp_path)
    cell = {"unit_cell": list(SETTINGS.cell), "space_group": SETTINGS.space_group}
    config = config_file(pool={"workers": 1}, unannounced=cell)
    done = run_recorder("replay", str(file), "--json", config=config)
    assert done.returncode == 0, done.stderr
    folder = folder_of(config)
    series = synthetic_series(8, 1, pool=8, settings=SETTINGS)
    for which in ("last", "hit", "indexed"):
        body = json.loads((folder / f"preview-{which}.json").read_text())
        assert body["outcome"] in CLASSES[which]
        file_bytes = (folder / f"preview-{which}.png").read_bytes()
        assert file_bytes == expected(series, body["image_id"])
    hits = sum(outcome != "non_hit" for outcome, _ in outcomes(config).values())
    assert json.loads((folder / "powder.json").read_text())["hits"] == hits > 0


def test_results_are_the_same_with_and_without_pictures(
    run_recorder, config_file, tmp_path
):
    file = write_stills(tmp_path)
    cell = {"unit_cell": list(SETTINGS.cell), "space_group": SETTINGS.space_group}
    found = []
    for pictures in (True, False):
        config = config_file(
            pool={"workers": 1},
            unannounced=cell,
            state_directory=str(tmp_path / f"state-{pictures}"),
            live={"pictures": pictures},
        )
        done = run_recorder("replay", str(file), "--json", config=config)
        assert done.returncode == 0, done.stderr
        found.append(rows(config))
        assert (folder_of(config) / "preview-hit.png").exists() == pictures
    assert found[0] == found[1]
    assert len(found[0]) == 8


def test_a_folder_that_cannot_be_written_costs_the_pictures_alone(
    run_recorder, config_file, tmp_path
):
    file = write_stills(tmp_path)
    config = config_file(pool={"workers": 1})
    state = load_settings(config).state_directory
    state.mkdir(parents=True, exist_ok=True)
    (state / "live").write_text("in the way")
    done = run_recorder("replay", str(file), "--json", config=config)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("pictures_not_written") == 1
    assert len(rows(config)) == 8
