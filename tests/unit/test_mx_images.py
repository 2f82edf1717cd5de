"""Angle and cell of each image: by the best evidence, and from it to the files."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.mx.angles import AngleGrade
from recorder.mx.captured_cells import captured_cells
from recorder.mx.cells import cells_of
from recorder.records import (
    CollectionEnd,
    DetectorInfo,
    FileAngles,
    Goniometer,
    RunState,
    RunStatus,
)
from recorder.records.mx_plan import Part, Plane
from recorder.reports.run_labels import labels_of
from recorder.runs.book.parts import part_start
from recorder.runs.run import Run
from recorder.runs.timeline.mx_images import mx_images
from recorder.runs.timeline.of_run import timeline_of
from recorder.simulate.timing.faults import parse_faults
from recorder.sinks.results.technique_files import files_of
from tests.builders import announced, announcement, event, new_run, outcome, start
from tests.played import play, pump_probe, recorded

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
    part = Part("u", 2, 2, 60, N)
    run = rotation(scan=None)
    run.announcement = replace(run.announcement, part=part)
    run.start = part_start(replace(start(), angles=angles), part)
    assert found(run).angles.start.tolist() == list(range(60, 100))
    files = files_of("mx-rotation")
    assert files is not None
    columns = files.columns(run, labels_of(run).columns)
    assert columns["series_image_id"].tolist() == list(range(60, 100))


STILLS = {"sweeps": [{"start": 184.32, "range": 1, "pitch": 90, "images": 4}]}


@pytest.mark.parametrize("header", [{}, {"triggers": 4, "images_per_trigger": 1}])
@pytest.mark.parametrize("made", [None, 3])
def test_a_missed_trigger_of_a_characterisation_moves_no_angle(header, made):
    """Images that are apart have a trigger each; one sweep may announce them all."""
    whole = found(rotation(range(4), scan=STILLS, **header))
    assert whole.angles.start.tolist() == [184.32 + 90 * n for n in range(4)]
    run = rotation(range(3), scan=STILLS, **header)
    run.end = CollectionEnd("u", 0, RunStatus.SUCCESS, images=made)
    mx = found(run)
    true = {184.32 + 90 * n for n in (0, 2, 3)}
    assert all(np.isnan(angle) or angle in true for angle in mx.angles.start.tolist())
    assert mx.notes


def test_a_sweep_of_a_trigger_an_image_goes_on_after_a_missed_one():
    """The gap between start times tells which trigger was missed."""
    scan = {"sweeps": [{"start": 0, "range": 1, "images": 8}]}
    info = DetectorInfo(frame_time_s=1.0)
    run = rotation((), scan=scan, triggers=8, images_per_trigger=1, info=info)
    for n, at in enumerate((0, 1, 3, 4, 5, 6, 7)):
        run.images.receive(n, round(at * 1e9))
        run.images.finish(outcome(n))
    mx = found(run)
    assert mx.angles.start.tolist() == [0, 1, 3, 4, 5, 6, 7]


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
