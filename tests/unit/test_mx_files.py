"""Files of a rotation and of a grid: angle and cell of each image."""

from __future__ import annotations

import csv
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.journal import Journal
from recorder.journal.file_angles import ANGLES, pack_angles
from recorder.journal.records import NewRecord, RecordKind
from recorder.journal.restore import load_run
from recorder.journal.run_record import run_record
from recorder.records import (
    FileAngles,
)
from recorder.reports import run_labels
from recorder.reports.explain import explain_image
from recorder.reports.run_labels import keep, labels_of
from recorder.reports.run_report import run_report
from recorder.runs.run import Run
from recorder.runs.timeline.measurement import measure
from recorder.runs.timeline.of_run import timeline_of
from recorder.sinks.held_folder import held
from recorder.sinks.results.grid_files import TABLE
from recorder.sinks.results.hdf5 import FILE, write_results
from recorder.sinks.results.recorded import Recorded
from recorder.sinks.results.technique_files import SealedRun, files_of
from tests.builders import announced, announcement
from tests.laws import examples
from tests.unit.test_kept_labels import image_of, journal_in
from tests.unit.test_mx_images import PERIOD, N, grid_run, rotation


def write(folder: Path, journal: Journal, run: Run, labels: Any) -> None:
    """The files of a run that have a row for each image or cell."""
    files = files_of(run.technique)
    assert files is not None
    recorded_ = Recorded(
        rows=partial(journal.image_rows, "u"), events=lambda: iter(()), uid_bytes=1
    )
    pulses = measure(run, timeline_of(run)).pulses
    with held(folder) as opened:
        write_results(opened, run, labels, pulses, recorded_, files)
        report = run_report(run)
        files.write(opened, SealedRun(run, report, labels, recorded_, journal))


@settings(max_examples=examples(10), deadline=None)
@given(
    st.lists(st.booleans(), min_size=N, max_size=N).filter(any),
    st.booleans(),
    st.integers(1, N),
    st.booleans(),
)
def test_files_have_the_same_whatever_the_blocks(
    tmp_path_factory, came, on_grid, block, kept
):
    folder = tmp_path_factory.mktemp("mx")
    ids = [n for n in range(N) if came[n]]
    angles = FileAngles("omega", np.random.default_rng(1).uniform(0, 360, N))
    make = grid_run if on_grid else rotation
    with pytest.MonkeyPatch.context() as patch, journal_in(folder) as journal:
        run = journalled(journal, make(ids, angles=angles))
        labels: Any = labels_of(run)
        patch.setattr("recorder.journal.kept_labels.SNAPSHOT_ROWS", block)
        patch.setattr(run_labels, "BLOCK", block)
        if kept:
            keep(journal, run, labels)
            facts = labels.facts
            labels = run_labels.KeptLabels(journal, "u", run.revision, facts)
        write(folder, journal, run, labels)
        explained = explain_image(journal, "u", ids[-1])
    with h5py.File(folder / FILE) as file:
        images = file["entry/images"]
        assert images["image_id"][()].tolist() == ids
        assert images["angle_start"][()].tobytes() == angles.start[ids].tobytes()
        assert explained["angle"]["start"] == images["angle_start"][-1]
        if on_grid:
            rows = images["grid_row"][()].tolist()
            columns = images["grid_column"][()].tolist()
            assert explained["cell"]["row"] == (rows[-1] if rows[-1] >= 0 else None)
    if on_grid:
        with (folder / TABLE).open() as text:
            cells = {
                (int(line["row"]), int(line["column"])): line["image_id"]
                for line in csv.DictReader(text)
            }
        assert len(cells) == N
        assert {place: n for place, n in cells.items() if n} == {
            (row, column): str(n)
            for row, column, n in zip(rows, columns, ids, strict=True)
            if row >= 0
        }
        assert (folder / "grid_map.png").read_bytes().startswith(b"\x89PNG")


def test_each_plane_of_one_run_has_its_lines_and_its_picture(tmp_path):
    """The maps are made one after the other, from blocks that hold several planes."""
    planes = [
        {"steps": [4, 3], "step_um": [1, 1]},
        {"steps": [7, 4], "step_um": [1, 1], "snaked": True},
    ]
    with pytest.MonkeyPatch.context() as patch, journal_in(tmp_path) as journal:
        patch.setattr(run_labels, "BLOCK", 9)
        run = grid_run(angles=FileAngles("omega", np.zeros(N)))
        grid = announced(
            announcement("u", technique="mx-grid", grid={"planes": planes})
            | {"experiment": {"name": "e", "type": "Mesh3D"}}
        )
        run.announcement = grid
        run = journalled(journal, run)
        write(tmp_path, journal, run, labels_of(run))
    with (tmp_path / TABLE).open() as text:
        lines = list(csv.DictReader(text))
    counted = [sum(line["plane"] == str(n) for line in lines) for n in (0, 1)]
    assert counted == [12, 28]
    assert sorted(int(line["image_id"]) for line in lines) == list(range(N))
    assert lines[12 + 7]["image_id"] == str(12 + 13)
    for name in ("grid_map.png", "grid_map_2.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


def journalled(journal: Journal, run: Run) -> Run:
    """The run as a journal gives it back."""
    assert run.start is not None
    assert run.start.angles is not None
    journal.keep_snapshot("u", ANGLES, 0, 0, pack_angles(run.start.angles))
    journal.write(
        [NewRecord(RecordKind.RUN, "u", run_record(run, "opened"), 0)],
        [("u", image_of(n, round(n * PERIOD * 1e9))) for n in run.images.ids.tolist()],
    )
    again = load_run(journal, "u")
    assert again is not None
    assert again.images.ids.tolist() == run.images.ids.tolist()
    return again
