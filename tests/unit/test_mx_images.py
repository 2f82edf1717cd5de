"""Angle and cell of each image: by the best evidence, and from it to the files."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.mx.angles import AngleGrade, image_angles
from recorder.mx.captured_cells import captured_cells
from recorder.mx.cells import cells_of
from recorder.records import (
    CollectionEnd,
    DetectorInfo,
    Evidence,
    FileAngles,
    Goniometer,
    RunState,
    RunStatus,
)
from recorder.records.mx_plan import Part, Plane
from recorder.reports.run_labels import labels_of
from recorder.runs.book.part_headers import part_start
from recorder.runs.run import Run
from recorder.runs.tables.event_log import EventLog
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


@pytest.mark.parametrize("firsts", [(0, 20), (5, 20), (20, 0)])
def test_sweeps_that_say_where_they_begin_are_where_they_say(firsts):
    sweeps = [
        {"start": 100.0 * n, "range": 1, "images": 10, "first_image": first}
        for n, first in enumerate(firsts)
    ]
    mx = found(rotation(scan={"sweeps": sweeps}))
    for n, first in enumerate(firsts):
        mine = mx.angles.start[first : first + 10]
        assert mine.tolist() == [100.0 * n + k for k in range(10)]
    assert np.isfinite(mx.angles.start).sum() == 20


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


# -- grids ---------------------------------------------------------------------------

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


# -- plans that are long, and pauses in them -------------------------------------------

LONG = 10**9
"""As many images as an announcement may plan."""


@pytest.mark.parametrize("over", [True, False])
@pytest.mark.parametrize("read", [True, False])
@pytest.mark.parametrize("sweep", [{"pitch": 90}, {}])
def test_a_plan_of_a_billion_images_costs_what_came(over, read, sweep):
    """By number of triggers, whether the sweep says it or the header."""
    scan = {"sweeps": [{"start": 0, "range": 1, "images": LONG, **sweep}]}
    run = rotation(range(4), scan=scan, triggers=LONG, images_per_trigger=1)
    if read:
        for n in range(4):
            body = {"positions": {"omega": n * sweep.get("pitch", 1.0)}}
            run.events.add(event("XrayDetection", n, time_ns=n * 10**7, body=body))
    if not over:
        run.state, run.status = RunState.OPEN, RunStatus.RUNNING
    timeline = timeline_of(run)
    begun = time.process_time()
    mx = mx_images(run, timeline)
    assert time.process_time() - begun < 0.5
    assert mx is not None
    true = [n * sweep.get("pitch", 1.0) for n in range(4)]
    for angle, expected in zip(mx.angles.start.tolist(), true, strict=True):
        assert angle == expected or (np.isnan(angle) and over and mx.notes)


def paused(ids, planned: int, gap: int, after: int, **more: Any) -> Run:
    """A rotation of which nobody says how many triggers it has, with one pause."""
    scan = {"sweeps": [{"start": 0, "range": 0.5, "images": planned}]}
    info = DetectorInfo(frame_time_s=PERIOD)
    run = rotation((), scan=scan, info=info, **more)
    for n in ids:
        late = gap if n >= after else 0
        run.images.receive(n, round((n + late) * PERIOD * 1e9))
        run.images.finish(outcome(n))
    return run


def test_a_long_sweep_goes_on_where_the_only_pause_says():
    """The first trigger made the first image: so many triggers made none since."""
    run = paused(range(300), 7200, gap=4, after=150)
    run.state, run.status = RunState.OPEN, RunStatus.RUNNING
    mx = found(run)
    assert mx.angles.start[:150].tolist() == [0.5 * n for n in range(150)]
    assert mx.angles.start[150:].tolist() == [0.5 * (n + 4) for n in range(150, 300)]
    assert (
        "151, 152, 153, 154 of 7200 made no image, as the start times show"
        in (mx.notes[0])
    )


def test_of_a_long_sweep_whose_first_trigger_may_be_missed_nothing_is_known():
    run = paused(range(300), 7200, gap=4, after=150)
    mx = found(run)
    assert np.isnan(mx.angles.start).all()
    assert "in more ways than can be gone through" in mx.notes[0]


@settings(max_examples=20)
@given(st.integers(0, 60), st.integers(1, 59), st.sets(st.integers(1, 59)))
def test_a_long_sweep_is_known_as_a_short_one_is(gap, after, lost):
    """Ways that are too many to go through are those of fewer."""
    ids = [n for n in range(60) if n not in lost]
    angles = []
    for planned in (200, 7200):
        run = paused(ids, planned, gap=gap, after=after)
        run.state, run.status = RunState.OPEN, RunStatus.RUNNING
        angles.append(found(run).angles.start.tolist())
    assert angles[0] == angles[1]


@pytest.mark.parametrize("pitch", [0.1 + 0.2, 0.3 - 1e-9])
def test_a_pitch_that_is_the_range_but_for_rounding_is_no_gap(pitch):
    """The images that are not lost keep their angles."""
    scan = {"sweeps": [{"start": 0, "range": 0.3, "pitch": pitch, "images": N}]}
    mx = found(rotation(range(N - 1), scan=scan))
    assert mx.angles.start == pytest.approx([0.3 * n for n in range(N - 1)])
    assert mx.notes == ()


# -- without a plan --------------------------------------------------------------------


def read_axes(run: Run, **axes: Any) -> None:
    """Rows of the timing hardware with these axes at each trigger."""
    for n in range(N):
        body = {"positions": {axis: at(n) for axis, at in axes.items()}}
        run.events.add(event("XrayDetection", n, time_ns=n * 10**7, body=body))


def test_without_a_plan_the_axis_is_the_one_that_moves():
    """What was captured first may stand, as chi does, or may be no axis that turns."""
    run = rotation(scan=None)
    read_axes(run, chi=lambda n: 5.0, kappa=lambda n: n % 2e-3, omega=lambda n: 77 + n)
    mx = found(run)
    assert mx.axis == "omega"
    assert mx.angles.start.tolist() == [77 + n for n in range(N)]


def test_an_axis_that_was_captured_and_stands_hides_none_that_moves():
    """It stands as encoders do, on both sides of a whole turn."""
    header = (Goniometer("chi", 0.0, 1.0), Goniometer("phi", 3.0, 0.5))
    for more, axis in (
        ({"angles": FileAngles("kappa", np.arange(float(N)))}, "kappa"),
        ({}, "phi"),
    ):
        run = rotation(scan=None, goniometer=header, **more)
        read_axes(run, omega=lambda n: 359.999 if n % 2 else 0.001)
        assert found(run).axis == axis


def test_an_axis_that_no_collection_turns_tells_no_angle():
    run = rotation(scan=None)
    read_axes(run, chi=lambda n: float(n))
    assert mx_images(run, timeline_of(run)) is None


@pytest.mark.parametrize("stored", [False, True])
def test_positions_of_commanded_triggers_are_not_captured(stored):
    """Where an axis was told to go is not where it was."""
    run = rotation(scan=None)
    for n in range(N):
        grade = [Evidence.COMMANDED, Evidence.CAPTURED, Evidence.MEASURED][n % 3]
        body = {"positions": {"omega": float(n)}}
        run.events.add(event("XrayDetection", n, evidence=grade, body=body))
    if stored:
        every = np.arange(N)
        kept = replace(
            run.events.arrays(),
            place_axis=np.zeros(N, np.int64),
            place_event=every,
            place_value=every.astype(np.float64),
        )
        run.events = EventLog()
        run.events.extend(kept)
    numbers, values = run.events.positions("omega")
    assert values.tolist() == [n for n in range(N) if n % 3]
    assert numbers.tolist() == values.tolist()


# -- parts -----------------------------------------------------------------------------

parts_of = st.tuples(st.integers(1, 12), st.lists(st.integers(1, 30), min_size=1))


@given(parts_of, st.booleans(), st.booleans())
def test_a_header_says_nothing_of_a_part_after_the_first_trigger(drawn, one, unsaid):
    """Each sweep begins elsewhere, and that of the first trigger is the header's."""
    each, sizes = drawn
    total = sum(sizes)
    header = replace(
        start(),
        goniometer=(Goniometer("omega", 0.0, 0.1),),
        triggers=1 if one else None if unsaid else -(-total // each),
        images_per_trigger=total if one else each,
    )
    first = 0
    for number, images in enumerate(sizes, 1):
        part = Part("u", number, len(sizes), first, images)
        mine = part_start(header, part)
        angles = image_angles(
            np.arange(images),
            header=mine.goniometer,
            triggers=mine.triggers,
            images_per_trigger=mine.images_per_trigger,
        ).start
        known = np.isfinite(angles)
        there = first + np.arange(images)
        assert np.allclose(angles[known], 0.1 * there[known])
        if not one:
            assert (there[known] < each).all()
        if one or first + images <= each:
            assert known.all()
        first += images


def test_a_part_of_the_second_trigger_is_not_contradicted():
    header = replace(
        start(),
        goniometer=(Goniometer("omega", 0.0, 0.1),),
        triggers=2,
        images_per_trigger=100,
    )
    part = Part("u", 2, 2, 100, 100)
    scan = {"sweeps": [{"start": 90.0, "range": 0.1, "images": 100}]}
    run = rotation(range(100), scan=scan)
    run.announcement = replace(run.announcement, part=part)
    run.start = part_start(header, part)
    assert found(run).notes == ()
