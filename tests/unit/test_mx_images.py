"""Angle and cell of each image: by the best evidence, and from it to the files."""

from __future__ import annotations

import csv
from dataclasses import replace
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
from recorder.mx.angles import AngleGrade
from recorder.mx.captured_cells import captured_cells
from recorder.mx.cells import cells_of
from recorder.records import FileAngles, Goniometer, RunState, RunStatus
from recorder.records.mx_plan import Part, Plane
from recorder.reports import run_labels
from recorder.reports.explain import explain_image
from recorder.reports.run_labels import keep, labels_of
from recorder.reports.run_report import run_report
from recorder.runs.book.parts import part_start
from recorder.runs.run import Run
from recorder.runs.timeline.measurement import measure
from recorder.runs.timeline.mx_images import mx_images
from recorder.runs.timeline.of_run import timeline_of
from recorder.simulate.timing.faults import parse_faults
from recorder.sinks.held_folder import held
from recorder.sinks.results.grid_files import TABLE
from recorder.sinks.results.hdf5 import FILE, write_results
from recorder.sinks.results.recorded import Recorded
from recorder.sinks.results.technique_files import SealedRun, files_of
from tests.builders import announced, announcement, event, new_run, outcome, start
from tests.laws import examples
from tests.played import play, pump_probe, recorded
from tests.unit.test_kept_labels import image_of, journal_in

N = 40
PERIOD = 0.01
SCAN = {"sweeps": [{"start": 10.0, "range": -0.5, "images": N}]}


def rotation(ids=range(N), **more: Any) -> Run:
    """An announced rotation of which these images came."""
    scan = more.pop("scan", SCAN)
    body = announcement("u", technique="mx-rotation", scan=scan)
    told = announced({**body, "experiment": {"name": "e", "type": "OSC"}})
    header = replace(start(), **more)
    run = new_run(announcement=told, start=header, key=header.key)
    for n in ids:
        run.images.receive(n, round(n * PERIOD * 1e9))
        run.images.finish(outcome(n))
    run.state, run.status = RunState.SEALED, RunStatus.SUCCESS
    return run


def found(run: Run):
    mx = mx_images(run, timeline_of(run))
    assert mx is not None
    return mx


def captured_rows(run: Run, angles: dict[int, float]) -> None:
    """A row of the timing hardware for each trigger, and the axis where it was read."""
    for n in range(N):
        body = {"positions": {"omega": angles[n]}} if n in angles else {}
        run.events.add(
            event("XrayDetection", n, time_ns=round(n * PERIOD * 1e9), body=body)
        )


numbers = st.floats(-400, 400)


@given(
    st.dictionaries(st.integers(0, N - 1), numbers, max_size=N),
    st.one_of(st.none(), st.lists(numbers, min_size=N, max_size=N)),
    st.booleans(),
    st.floats(-1, 1),
)
def test_the_best_grade_counts_image_by_image(read, in_file, planned, increment):
    start_angle = 20.0
    more: dict[str, Any] = {
        "goniometer": (Goniometer("omega", start_angle, increment),)
    }
    if in_file is not None and np.ptp(in_file) > 0:
        more["angles"] = FileAngles("omega", np.array(in_file))
    run = rotation(scan=SCAN if planned else None, **more)
    captured_rows(run, read)
    mx = mx_images(run, timeline_of(run))
    if mx is None:
        assert not (read or planned or "angles" in more or increment)
        return
    for n in range(N):
        grade, value = AngleGrade.NONE, np.nan
        if increment:
            grade, value = AngleGrade.HEADER, start_angle + n * increment
        if planned:
            grade, value = AngleGrade.ANNOUNCED, 10.0 - 0.5 * n
        if "angles" in more:
            grade, value = AngleGrade.FILE, more["angles"].start[n]
        if n in read:
            grade, value = AngleGrade.CAPTURED, read[n]
        assert (mx.angles.grade[n], grade) == (grade, mx.angles.grade[n])
        assert mx.angles.start[n] == value or (np.isnan(value))


@pytest.mark.parametrize("increment", [0.0, -0.5, 0.5])
def test_a_header_that_contradicts_the_announcement_is_told(increment):
    run = rotation(goniometer=(Goniometer("omega", 10.0, increment),))
    mx = found(run)
    assert mx.angles.start.tolist() == [10.0 - 0.5 * n for n in range(N)]
    assert [text.startswith("header omega") for text in mx.notes] == (
        [True] if increment == 0.5 else []
    )


def test_captured_angles_are_of_the_trigger_and_not_of_the_count():
    """Missed triggers make no image, and the axis goes on."""
    played = play(pump_probe(100.0, 300), 300, parse_faults("missed=0.05,lost=0.05"))
    events = [
        replace(one, body={"positions": {"omega": 0.1 * one.trigger}})
        if one.type == "XrayDetection"
        else one
        for one in played.events
    ]
    run = recorded(replace(played, events=events))
    timeline = timeline_of(run)
    mx = mx_images(run, timeline)
    assert mx is not None
    known = timeline.labels.ordinal >= 0
    assert known.sum() > 200
    assert (mx.angles.start[known] == 0.1 * played.trigger[known]).all()
    assert (mx.angles.grade[known] == AngleGrade.CAPTURED).all()


def test_a_part_of_a_series_has_the_angles_of_its_images():
    angles = FileAngles("omega", np.arange(100.0))
    run = rotation(angles=angles, scan=None)
    part = Part("u", 2, 2, 60, N)
    run.announcement = replace(run.announcement, part=part)
    assert run.start is not None
    run.start = part_start(run.start, part)
    mx = found(run)
    assert mx.angles.start.tolist() == list(range(60, 100))
    files = files_of("mx-rotation")
    assert files is not None
    columns = files.columns(run, labels_of(run).columns)
    assert columns["series_image_id"].tolist() == list(range(60, 100))


def test_a_run_of_which_nothing_tells_an_angle_has_none():
    run = rotation(scan=None, goniometer=(Goniometer("omega", 5.0, 0.0),))
    assert mx_images(run, timeline_of(run)) is None
    labels = labels_of(run)
    assert labels.facts.axis is None
    files = files_of("mx-rotation")
    assert files is not None
    columns = files.columns(run, labels.columns)
    assert np.isnan(columns["angle_start"]).all()
    assert set(columns["angle_grade"].tolist()) == {b"none"}
    assert files_of("ssx") is None


# -- grids -----------------------------------------------------------------------------

planes = st.builds(
    Plane,
    steps=st.tuples(st.integers(1, 8), st.integers(1, 8)),
    step_um=st.tuples(st.floats(1, 50), st.floats(1, 50)),
    fast=st.sampled_from(["x", "y"]),
    snaked=st.booleans(),
)


@given(
    planes,
    st.sampled_from([-1, 1]),
    st.sampled_from([-1, 1]),
    st.tuples(numbers, numbers),
    st.sets(st.integers(1, 62)),
)
def test_captured_positions_are_cells_whichever_way_encoders_count(
    plane, sign_x, sign_y, origin, lost
):
    """The corner where the scan began is the first cell, wherever on the stage."""
    x, y = cells_of(plane, np.arange(plane.images))
    at_x = origin[0] + sign_x * x * plane.step_um[0] / 1000
    at_y = origin[1] + sign_y * y * plane.step_um[1] / 1000
    gone = [n for n in lost if n < plane.images - 1]
    at_x[gone] = at_y[gone] = np.nan
    told = captured_cells(plane, at_x, at_y)
    there = np.setdiff1d(np.arange(plane.images), gone)
    sides = zip((x, y), plane.steps, strict=True)
    spans = [np.ptp(of[there]) == size - 1 for of, size in sides]
    if not all(spans):
        assert told is None
        return
    assert told is not None
    assert np.allclose(told[there], np.column_stack((x, y))[there], atol=1e-6)


GRID = {"planes": [{"steps": [8, 5], "step_um": [20, 10], "snaked": True, "angle": 90}]}


def grid_run(ids=range(N), **more: Any) -> Run:
    body = announcement("u", technique="mx-grid", grid=GRID)
    run = rotation(ids, **more)
    run.announcement = announced({**body, "experiment": {"name": "e", "type": "Mesh"}})
    return run


def test_each_image_of_a_grid_has_its_cell_and_the_angle_of_the_plane():
    ids = [n for n in range(N) if n not in (3, 17)]
    mx = found(grid_run(ids))
    assert mx.cells is not None
    for place, n in enumerate(ids):
        row, along = divmod(n, 8)
        column = 7 - along if row % 2 else along
        assert (mx.cells.y[place], mx.cells.x[place]) == (row, column)
    assert set(mx.angles.start.tolist()) == {90.0}
    assert set(mx.angles.grade.tolist()) == {AngleGrade.ANNOUNCED}
    assert (mx.angles.end == mx.angles.start).all()


# -- kept, and written -----------------------------------------------------------------


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
