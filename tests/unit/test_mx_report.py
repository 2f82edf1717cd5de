"""Rotations, characterisations and grids in the report, and plans that are wrong."""

from __future__ import annotations

import json
import math
import time
from dataclasses import replace
from typing import Any

import jsonschema
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.mx.cells import cells_of
from recorder.mx.resolution import wavelength_of
from recorder.records import (
    Classification,
    Goniometer,
    ImageClass,
    ImageOutcome,
    RunState,
    RunStatus,
)
from recorder.records.mx_plan import Plane
from recorder.records.report_json import (
    full_to_json,
    report_from_json,
    report_schema,
    report_to_json,
)
from recorder.records.run_report import ExperimentReport, FullReport
from recorder.reports.html.technique import technique_parts
from recorder.reports.run_report import run_report
from recorder.reports.technique_text import technique_lines
from recorder.runs.run import Run
from recorder.runs.technique import technique_of, technique_problems
from recorder.runs.timeline.mx_images import mx_images
from recorder.runs.timeline.of_run import timeline_of
from recorder.techniques.grid_report import MAP_CELLS, small_map
from tests.builders import (
    announced,
    announcement,
    collection_end,
    new_run,
    start,
)

EIGER = {"shape": (4371, 4150), "pixel_size": (75e-6, 75e-6)}
CARD = {
    "beam": {"energy": 7000.0, "flux": 1.5e12, "transmission": 12.5},
    "detector": {"beam_center": [2075.0, 2185.5], "exposure_time": 0.02},
}


def distance_for(edge: float) -> float:
    """Where (m) the edge of an EIGER 16M has a resolution at 7 keV."""
    two_theta = 2 * math.asin(wavelength_of(7000.0) / 2 / edge)
    return 2075 * 75e-6 / math.tan(two_theta)


def run_of(kind: str, images: Any, **body: Any) -> Run:
    """A run that ended well, of which these images came."""
    header = body.pop("header", {})
    told = announcement("u", **body) | {"experiment": {"name": "e", "type": kind}}
    info = replace(start().info, **EIGER, **header.pop("info", {}))
    first = replace(start(images=None), info=info, **header)
    run = new_run(announcement=announced(told), start=first, key=first.key)
    for n, spots, time_s in images:
        run.images.receive(n, None if time_s is None else round(time_s * 1e9))
        which = ImageClass.NON_INDEXED_HIT if spots >= 10 else ImageClass.NON_HIT
        run.images.finish(ImageOutcome(n, Classification(which, spots)))
    run.state, run.status = RunState.SEALED, RunStatus.SUCCESS
    return run


def plain(count: int, spots: int = 20, period: float = 0.02) -> list[Any]:
    return [(n, spots, n * period) for n in range(count)]


SCHEMA = jsonschema.Draft202012Validator(report_schema())


def mx_of(run: Run) -> Any:
    """Its part of the report, which holds its sums and reads back as it was written."""
    report = run_report(run)
    assert report.ledger.differences == ()
    body = report_to_json(report)
    assert report_from_json(json.loads(json.dumps(body))) == report
    whole = full_to_json(FullReport((ExperimentReport("e", runs=(report,)),)))
    assert [error.message for error in SCHEMA.iter_errors(whole)] == []
    return report.mx


# -- the cards of the seed -------------------------------------------------------------


def test_a_rotation_of_7200_images_is_the_card_of_the_seed():
    sweep = {"start": 184.32, "range": 0.05, "images": 7200}
    place = {**CARD["detector"], "distance": distance_for(2.01)}
    mx = mx_of(
        run_of(
            "OSC", plain(7200), scan={"sweeps": [sweep]}, **{**CARD, "detector": place}
        )
    )
    assert (mx.planned, mx.images, mx.part) == (7200, 7200, None)
    assert mx.axis.start == 184.32
    assert mx.axis.total == pytest.approx(360)
    assert mx.axis.end == pytest.approx(544.32)
    assert (mx.axis.range, mx.axis.overlap) == (0.05, 0.0)
    assert mx.axis.by_grade.announced == 7200
    assert f"{mx.resolution_edge:.2f} ({mx.resolution_corner:.2f})" == "2.01 (1.72)"
    assert (mx.energy, round(mx.wavelength, 4)) == (7000.0, 1.7712)
    assert (mx.exposure_time, mx.transmission, mx.flux) == (0.02, 12.5, 1.5e12)
    assert mx.notes == ()
    assert mx.axis.contradictions == ()


@pytest.mark.parametrize(
    "scan",
    [
        {"sweeps": [{"start": 184.32, "range": 1.0, "images": 4, "pitch": 90.0}]},
        {
            "sweeps": [
                {"start": 184.32 + 90 * n, "range": 1.0, "images": 1} for n in range(4)
            ]
        },
    ],
)
def test_a_characterisation_of_4_images_is_the_card_of_the_seed(scan):
    run = run_of(
        "Characterization",
        plain(4, period=30.0),
        scan=scan,
        header={"triggers": 4, "images_per_trigger": 1},
    )
    assert technique_of(run.announcement).parts(run.announcement) == (run.announcement,)
    mx = mx_of(run)
    assert (mx.planned, mx.images) == (4, 4)
    assert (mx.axis.start, mx.axis.range, mx.axis.overlap) == (184.32, 1.0, -89.0)
    assert mx.axis.total == 360.0
    assert mx.axis.end == pytest.approx(184.32 + 271)


# -- rotations -------------------------------------------------------------------------

SWEEP = {"start": 10.0, "range": -0.5, "images": 100}


def test_an_aborted_rotation_has_the_images_and_the_end_that_it_came_to():
    run = run_of("OSC", plain(43), scan={"sweeps": [SWEEP]})
    run.end, run.status = collection_end(status=RunStatus.ABORTED), RunStatus.ABORTED
    mx = mx_of(run)
    assert (mx.planned, mx.images) == (100, 43)
    assert mx.axis.end == pytest.approx(10 - 43 * 0.5)
    assert mx.axis.total == pytest.approx(-43 * 0.5)
    assert mx.axis.sweeps[0].received == 43
    assert not mx.axis.sweeps[0].whole
    assert mx.axis.lost == ()


def test_a_series_that_ended_early_has_the_images_that_came():
    run = run_of("OSC", plain(43), scan={"sweeps": [SWEEP]})
    run.status, run.decided = RunStatus.ABORTED, True
    mx = mx_of(run)
    assert (mx.images, mx.axis.lost) == (43, ())


def test_lost_images_are_angles_at_which_there_is_nothing():
    images = [one for one in plain(100) if not 40 <= one[0] < 60]
    mx = mx_of(run_of("OSC", images, scan={"sweeps": [SWEEP]}))
    (lost,) = mx.axis.lost
    assert (lost.first, lost.last) == (40, 59)
    assert (lost.start, lost.end) == (-10.0, -20.0)
    assert mx.axis.end == pytest.approx(-40)
    assert mx.images == 100


@pytest.mark.parametrize(("increment", "notes"), [(0.0, 0), (-0.5, 0), (0.5, 1)])
def test_a_header_that_contradicts_the_plan_is_named_and_the_plan_counts(
    increment, notes
):
    header = {"goniometer": (Goniometer("omega", 10.0, increment),)}
    mx = mx_of(run_of("OSC", plain(100), scan={"sweeps": [SWEEP]}, header=header))
    assert len(mx.axis.contradictions) == notes
    assert mx.axis.by_grade.announced == 100
    assert mx.axis.start == 10.0


def test_without_a_plan_a_header_that_turns_counts_and_one_of_zeros_does_not():
    turning = {"goniometer": (Goniometer("omega", 10.0, 0.1),)}
    mx = mx_of(run_of("OSC", plain(50), header=turning))
    assert (mx.axis.start, mx.axis.range, mx.axis.overlap) == (10.0, 0.1, 0.0)
    assert mx.axis.total == pytest.approx(5.0)
    standing = {"goniometer": (Goniometer("omega", 0.0, 0.0),)}
    mx = mx_of(run_of("OSC", plain(50), header=standing))
    assert (mx.axis.start, mx.axis.range, mx.axis.by_grade.none) == (None, None, 50)


def test_a_detector_that_is_armed_for_other_images_is_named():
    header = {"expected_images": 90, "goniometer": (Goniometer("kappa", 15.0, 0.0),)}
    sweep = {**SWEEP, "kappa": 0.0}
    mx = mx_of(run_of("OSC", plain(100), scan={"sweeps": [sweep]}, header=header))
    assert any("armed for 90" in note for note in mx.notes)
    assert any("kappa" in note for note in mx.notes)


def test_more_images_than_planned_are_of_no_sweep():
    mx = mx_of(run_of("OSC", plain(105), scan={"sweeps": [SWEEP]}))
    assert mx.axis.of_no_sweep == 5
    assert (mx.images, mx.axis.by_grade.none) == (105, 5)
    assert mx.axis.sweeps[0].received == 100


# -- characterisations -----------------------------------------------------------------

WEDGES = {"sweeps": [{"start": 90.0 * n, "range": 1.0, "images": 10} for n in range(4)]}


def test_regular_wedges_are_one_collection_unless_it_is_said_otherwise():
    def parts(kind, scan):
        told = announced(
            announcement("u", scan=scan) | {"experiment": {"name": "e", "type": kind}}
        )
        return len(technique_of(told).parts(told))

    assert parts("Characterization", WEDGES) == 1
    assert parts("Characterization", {**WEDGES, "one_collection": False}) == 4
    assert parts("OSC", WEDGES) == 4
    assert parts("OSC", {**WEDGES, "one_collection": True}) == 1
    uneven = {
        "sweeps": [*WEDGES["sweeps"][:3], {"start": 200.0, "range": 1.0, "images": 10}]
    }
    assert parts("Characterization", uneven) == 4


def test_wedges_end_where_the_last_one_does_though_its_images_were_lost():
    times = [(n, 20, n // 10 * 30 + n % 10 * 0.1) for n in range(35)]
    mx = mx_of(run_of("Characterization", times, scan=WEDGES))
    assert (mx.images, mx.axis.end, mx.axis.total) == (40, 280.0, 360.0)
    assert (mx.axis.lost[0].start, mx.axis.lost[0].end) == (275.0, 280.0)


def test_a_missed_wedge_is_told_and_moves_nothing():
    times = [(n, 20, (0, 60, 90)[n // 10] + n % 10 * 0.1) for n in range(30)]
    header = {"info": {"frame_time_s": 0.1}}
    mx = mx_of(run_of("Characterization", times, scan=WEDGES, header=header))
    assert [one.received for one in mx.axis.sweeps] == [10, 0, 10, 10]
    assert [one.end for one in mx.axis.sweeps] == [10.0, None, 190.0, 280.0]
    assert (mx.axis.wedges_whole, mx.axis.wedges_planned, mx.axis.wedges_missed) == (
        3,
        4,
        1,
    )
    assert any("wedge 2" in note for note in mx.notes)
    blind = mx_of(
        run_of("Characterization", [(n, 20, None) for n in range(30)], scan=WEDGES)
    )
    assert blind.axis.of_no_sweep == 30
    assert blind.axis.by_grade.none == 30
    assert any("unknown" in note for note in blind.notes)


# -- grids -----------------------------------------------------------------------------

PLANE = {"steps": [30, 8], "step_um": [20.0, 10.0], "snaked": True}


def grid_images(missed=(), at=(12, 4), period=0.01, turn=0.05) -> list[Any]:
    """Images of a grid with a crystal of 3 x 3 cells in it."""
    cells = [k for k in range(240) if k not in missed]
    x, y = cells_of(Plane((30, 8), (20.0, 10.0), snaked=True), np.array(cells))
    on = (np.abs(x - at[0]) <= 1) & (np.abs(y - at[1]) <= 1)
    return [
        (n, 60 if on[n] else 1, k * period + k // 30 * turn)
        for n, k in enumerate(cells)
    ]


def test_a_grid_has_the_centre_of_its_crystal_and_a_map():
    grid = mx_of(run_of("Mesh", grid_images(), grid={"planes": [PLANE]})).grid
    (crystal,) = grid.crystals
    assert crystal.centre == (12.5, 4.5)
    assert crystal.centre_um == (250.0, 45.0)
    assert (crystal.first, crystal.last, crystal.cells) == ((11, 3), (13, 5), 9)
    assert 0 < crystal.sigma[0] < 0.5
    assert crystal.sigma_um[0] == pytest.approx(20 * crystal.sigma[0], abs=0.02)
    assert (grid.received, grid.lost, grid.not_reached, grid.unknown) == (240, 0, 0, 0)
    assert (grid.map_step, len(grid.map), len(grid.map[0])) == (1, 8, 30)
    assert (grid.map[4][12], grid.map[0][0]) == (60, 1)


def test_a_missed_trigger_does_not_move_the_crystal():
    header = {"info": {"frame_time_s": 0.01}, "triggers": 240, "images_per_trigger": 1}
    run = run_of("Mesh", grid_images({37}), grid={"planes": [PLANE]}, header=header)
    mx = mx_of(run)
    assert mx.grid.crystals[0].centre == (12.5, 4.5)
    assert [(one.image_id, one.cells) for one in mx.grid.shifts] == [(37, 1)]
    assert (mx.grid.received, mx.grid.lost, mx.grid.placed_by) == (239, 1, "times")
    assert any("moved by 1 cell" in note for note in mx.notes)


def test_where_nothing_tells_which_trigger_was_missed_no_cell_is_claimed():
    images = [(n, spots, None) for n, spots, _ in grid_images({37})]
    mx = mx_of(run_of("Mesh", images, grid={"planes": [PLANE]}))
    assert (mx.grid.received, mx.grid.unknown, mx.grid.unplaced) == (0, 240, 239)
    assert (mx.grid.crystals, mx.grid.placed_by) == ((), "nothing")
    assert mx.grid.map[0][0] == -1
    assert any("unknown" in note for note in mx.notes)


def test_an_aborted_grid_has_cells_that_were_not_reached():
    run = run_of("Mesh", grid_images()[:100], grid={"planes": [PLANE]})
    run.end, run.status = collection_end(status=RunStatus.ABORTED), RunStatus.ABORTED
    grid = mx_of(run).grid
    assert (grid.received, grid.lost, grid.not_reached) == (100, 0, 140)


def test_a_grid_without_a_crystal_has_no_centre():
    images = [(n, n % 3, t) for n, _, t in grid_images()]
    assert mx_of(run_of("Mesh", images, grid={"planes": [PLANE]})).grid.crystals == ()


SMALL = {"steps": [3, 2], "step_um": [20.0, 10.0]}


@pytest.mark.parametrize("first", [0, 1, 5, 6, 9])
@pytest.mark.parametrize("swapped", [False, True])
def test_the_sums_of_several_planes_in_one_run_hold(first, swapped):
    """As of a late announcement, or of planes that have images in common."""
    planes = [{**SMALL, "first_image": 0}, {**SMALL, "first_image": first, "angle": 90}]
    images = plain(6 + first + 2)
    planes = planes[::-1] if swapped else planes
    mx = mx_of(run_of("Mesh3D", images, grid={"planes": planes}))
    grids = (mx.grid, *mx.planes)
    assert len(grids) == 2
    common, between, beyond = max(0, 6 - first), max(0, first - 6), 2
    placed = sum(one.received + one.repeated for one in grids)
    assert placed == 12 - 2 * common
    assert sum(one.unplaced for one in grids) == common + between + beyond
    assert all(one.lost == 0 for one in grids)


def test_each_plane_of_one_run_has_its_own_crystals():
    """The first has none."""
    images = [(n, 60 if n in (7, 8) else 1, n * 0.01) for n in range(12)]
    mx = mx_of(run_of("Mesh3D", images, grid={"planes": [SMALL, SMALL]}))
    (second,) = mx.planes
    assert (mx.grid.crystals, len(second.crystals)) == ((), 1)
    assert second.crystals[0].centre == (2.0, 0.5)
    assert (mx.grid.received, second.received) == (6, 6)
    assert mx.grid.lost == mx.grid.not_reached == 0
    run = run_of("Mesh3D", images, grid={"planes": [SMALL, {**SMALL, "angle": 90}]})
    report = run_report(run)
    text = "\n".join(technique_lines(report, {}))
    html = "".join(str(part) for part in technique_parts(report))
    for told in (text, html):
        assert "2, 3 x 2 cells of 20 x 10 µm, at 90" in told
        assert "centre x 2.00" in told


def test_the_maps_of_many_planes_have_the_room_of_two():
    plane = {"steps": [100, 100], "step_um": [1.0, 1.0]}
    run = run_of("Mesh3D", plain(3), grid={"planes": [plane] * 100})
    mx = mx_of(run)
    cells = [sum(map(len, one.map)) for one in (mx.grid, *mx.planes)]
    assert len(cells) == 100
    assert cells[0] == MAP_CELLS
    assert sum(cells[1:]) <= MAP_CELLS


@given(st.integers(1, 400), st.integers(1, 400))
def test_a_large_map_is_made_small_and_loses_no_maximum(nx, ny):
    values = (
        np.random.default_rng(nx * 1000 + ny).integers(0, 100, (ny, nx)).astype(float)
    )
    values[ny // 2, nx // 2] = np.nan
    step, found = small_map(values)
    assert len(found) * len(found[0]) <= MAP_CELLS
    assert max(map(max, found)) == max(-1, np.nanmax(values, initial=-1))
    for y in range(len(found)):
        block = np.nan_to_num(values[y * step : (y + 1) * step, :step], nan=-1)
        assert found[y][0] == block.max()


# -- plans that are wrong --------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "body", "words"),
    [
        ("OSC", {"scan": {"sweeps": [{**SWEEP, "range": 0}]}}, "range is 0"),
        ("OSC", {"scan": {"sweeps": [{**SWEEP, "pitch": 0}]}}, "pitch is 0"),
        ("OSC", {"scan": {"sweeps": [{**SWEEP, "pitch": 1.0}]}}, "turns back"),
        ("OSC", {"scan": {"sweeps": [SWEEP]}, "images": 99}, "images: 99"),
        ("OSC", {"scan": {"sweeps": [SWEEP]}, "grid": {"planes": [PLANE]}}, "no cells"),
        ("Helical", {"scan": {"sweeps": [SWEEP]}}, "end_position"),
        (
            "OSC",
            {"scan": {"sweeps": [{**SWEEP, "end_position": [1, 2, 3]}]}},
            "without position",
        ),
        (
            "OSC",
            {
                "scan": {
                    "one_collection": True,
                    "sweeps": [SWEEP, {**SWEEP, "first_image": 50}],
                }
            },
            "have image 50 in common",
        ),
        ("Mesh", {"grid": {"planes": [PLANE]}, "images": 239}, "240"),
        ("LineScan", {"grid": {"planes": [PLANE]}}, "one line"),
        ("Mesh3D", {"grid": {"planes": [PLANE]}}, "two planes"),
        (
            "Mesh",
            {"grid": {"planes": [PLANE]}, "scan": {"sweeps": [SWEEP]}},
            "no sweeps",
        ),
        ("Mesh", {"grid": {"planes": [{**PLANE, "top_left_px": [1, 2]}]}}, "um_per_px"),
    ],
)
def test_what_of_a_plan_contradicts_itself_is_named(kind, body, words):
    told = announced(
        announcement("u", **body) | {"experiment": {"name": "e", "type": kind}}
    )
    (problem,) = technique_problems(told)
    assert words in problem


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("OSC", {"scan": {"sweeps": [SWEEP]}, "images": 100}),
        ("Still", {"scan": {"sweeps": [{**SWEEP, "range": 0}]}}),
        ("Characterization", {"scan": WEDGES}),
        ("Mesh", {"grid": {"planes": [PLANE]}, "images": 240}),
        ("Mesh3D", {"grid": {"planes": [PLANE, PLANE]}}),
        ("LineScan", {"grid": {"planes": [{"steps": [1, 40], "step_um": [5, 5]}]}}),
    ],
)
def test_a_good_plan_has_no_problem(kind, body):
    told = announced(
        announcement("u", **body) | {"experiment": {"name": "e", "type": kind}}
    )
    for part in technique_of(told).parts(told):
        assert technique_problems(part) == ()


def test_a_grid_larger_than_any_is_not_used_and_takes_no_memory():
    plane = {**PLANE, "steps": [1_000_000, 1_000_000]}
    told = announced(announcement("u", grid={"planes": [plane]}))
    assert told.grid is None
    assert any("1000000000000 cells" in problem for problem in told.problems)


def test_planes_larger_together_than_any_are_not_used():
    plane = {**PLANE, "steps": [1000, 1000], "first_image": 0}
    told = announced(announcement("u", grid={"planes": [plane] * 100}))
    assert told.grid is None
    assert any("100000000 cells together" in problem for problem in told.problems)
    half = {**PLANE, "steps": [1000, 500]}
    assert announced(announcement("u", grid={"planes": [half] * 2})).grid is not None


# -- all reports -----------------------------------------------------------------------


def test_a_million_images_cost_little():
    count = 1_000_000
    sweep = {"start": 0.0, "range": 0.001, "images": count}
    run = run_of("OSC", [], scan={"sweeps": [sweep]})
    few = run_of("OSC", plain(10), scan={"sweeps": [SWEEP]})
    arrays = {name: few.images._columns[name] for name in ("outcome", "spots")}
    run.images._columns.reserve(count)
    run.images._columns.size = run.images.received = count
    for name, column in arrays.items():
        run.images._columns[name][:count] = column[0]
    begun = time.process_time()
    technique = technique_of(run.announcement)
    timeline = timeline_of(run)
    labelled = time.process_time() - begun
    mx = technique.report(run, timeline).mx
    assert mx.axis.by_grade.announced == count
    assert time.process_time() - begun - labelled < max(2 * labelled, 1.0)


# -- pauses and triggers ---------------------------------------------------------------


def lines_of(columns: int, rows: int, pause_s: float) -> list[Any]:
    """Images of a grid whose lines are so far apart, each of one trigger."""
    line_s = columns * 0.02 + pause_s
    return [
        (n, 20, (n // columns) * line_s + (n % columns) * 0.02)
        for n in range(columns * rows)
    ]


@pytest.mark.parametrize("pause_s", [0.02, 0.1, 0.73])
def test_pauses_between_the_lines_of_a_grid_are_no_missed_triggers(pause_s):
    """As they would be between images that have triggers of their own."""
    plane = {"steps": [20, 10], "step_um": [10.0, 10.0]}
    images = lines_of(20, 10, pause_s)
    report = run_report(run_of("Mesh", images, grid={"planes": [plane]}))
    assert (report.images.missed_triggers, report.images.lost) == (0, 0)
    assert report.ledger.differences == ()
    assert report.mx is not None
    assert report.mx.grid is not None
    assert report.mx.grid.received == 200
    serial = run_report(run_of("SSX-Chip", images))
    assert (serial.images.missed_triggers > 0) == (pause_s < 0.5)  # longer: a break


@pytest.mark.parametrize("missed", [1, 5, 18])
def test_a_trigger_an_image_of_which_nobody_speaks_shows_in_the_pause(missed):
    """Stream v2 says nothing of triggers: what lies behind the pause is not guessed."""
    sweep = {"start": 10.0, "range": 1.0, "images": 20}
    there = [n for n in range(20) if n != missed]
    images = [(k, 20, n * 0.02) for k, n in enumerate(there)]
    run = run_of("OSC", images, scan={"sweeps": [sweep]})
    from_report = run_report(run)
    assert from_report.mx is not None
    assert from_report.mx.axis is not None
    timeline = timeline_of(run)
    found = mx_images(run, timeline)
    assert found is not None
    told = found.angles.start
    true = 10.0 + np.array(there, np.float64)
    assert (np.isnan(told) | (told == true)).all()
    whole = run_of("OSC", plain(20), scan={"sweeps": [sweep]})
    known = mx_images(whole, timeline_of(whole))
    assert known is not None
    assert known.angles.start.tolist() == (10.0 + np.arange(20)).tolist()
