"""Cells of a grid, the crystals on its map, and triggers that moved it."""

from __future__ import annotations

import time

import h5py
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from recorder.mx.cells import cells_of, on_map, ordinals_of, orientation
from recorder.mx.centre import connected, crystals
from recorder.mx.grid_shift import grid_order
from recorder.records.mx_plan import Plane
from tests.recordings import recording

PLANES = st.builds(
    Plane,
    steps=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    step_um=st.just((20.0, 20.0)),
    fast=st.sampled_from(["x", "y"]),
    snaked=st.booleans(),
)


# -- order of the cells --------------------------------------------------------


@given(PLANES)
def test_each_cell_is_passed_once_and_neighbours_follow_each_other(plane):
    k = np.arange(plane.images)
    x, y = cells_of(plane, k)
    nx, ny = plane.steps
    assert len(set(zip(x.tolist(), y.tolist(), strict=True))) == nx * ny
    assert (ordinals_of(plane, x, y) == k).all()
    moved = np.abs(np.diff(x)) + np.abs(np.diff(y))
    if plane.snaked:
        assert (moved == 1).all()
    fast = x if plane.fast == "x" else y
    assert (
        fast[: (nx if plane.fast == "x" else ny)] == np.arange(fast.max() + 1)
    ).all()


@given(PLANES)
def test_what_is_off_the_grid_has_no_cell(plane):
    x, y = cells_of(plane, np.array([-1, plane.images, plane.images + 5]))
    assert (x == -1).all()
    assert (y == -1).all()
    nx, ny = plane.steps
    assert (ordinals_of(plane, np.array([-1, nx, 0]), np.array([0, 0, ny])) == -1).all()


@given(PLANES, st.data())
def test_a_map_has_each_image_in_its_cell(plane, data):
    ids = np.array(
        sorted(data.draw(st.sets(st.integers(0, plane.images - 1)))), np.int64
    )
    found = on_map(plane, ids, ids.astype(float))
    x, y = cells_of(plane, ids)
    assert (found[y, x] == ids).all()
    assert int(np.isfinite(found).sum()) == ids.size


def test_a_real_grid_is_gone_over_in_this_order():
    """A snaked one of 30 x 8 cells of 20 µm, as its master file has the stage."""
    with h5py.File(recording("nexus-masters") / "xrc_209_master.h5") as file:
        sam_x, sam_y = (file[f"entry/data/{name}"][()] for name in ("sam_x", "sam_y"))
    plane = Plane((30, 8), (20.0, 20.0), snaked=True)
    assert orientation(plane) == "horizontal"
    x, y = cells_of(plane, np.arange(240))
    assert np.abs((sam_x - sam_x[0]) * 1000 - 20 * x).max() < 0.01
    assert np.abs((sam_y - sam_y[0]) * 1000 - 20 * y).max() < 0.01


# -- crystals ------------------------------------------------------------------


@given(
    st.lists(st.lists(st.booleans(), min_size=7, max_size=7), min_size=1, max_size=7)
)
def test_connected_cells_are_those_that_one_can_walk_between(rows):
    mask = np.array(rows)
    label, count = connected(mask)
    assert ((label > 0) == mask).all()
    assert set(np.unique(label[mask]).tolist()) == set(range(1, count + 1))
    for a, b in ((label[1:], label[:-1]), (label[:, 1:], label[:, :-1])):
        both = (a > 0) & (b > 0)
        assert (a[both] == b[both]).all()
    seen = set()
    for number in range(1, count + 1):
        cells = {tuple(cell) for cell in np.argwhere(label == number).tolist()}
        reached, new = set(), {min(cells)}
        while new:
            reached |= new
            new = {
                (y + dy, x + dx)
                for y, x in new
                for dy, dx in ((0, 1), (1, 0), (0, -1), (-1, 0))
            } & cells - reached
        assert reached == cells
        seen |= cells
    assert len(seen) == int(mask.sum())


def planted(rng, at, radius, spots, shape=(20, 25), noise=0.5):
    """Counts of spots of a round crystal whose middle is somewhere in a cell."""
    fine = 10
    y, x = np.mgrid[0 : shape[0] * fine, 0 : shape[1] * fine] / fine + 0.5 / fine
    inside = np.hypot(x - at[0], y - at[1]) < radius
    share = inside.reshape(shape[0], fine, shape[1], fine).mean(axis=(1, 3))
    return rng.poisson(share * spots + noise).astype(float)


def test_the_centre_is_where_the_crystal_is_within_its_uncertainty():
    rng = np.random.default_rng(20261128)
    pulls = []
    for _ in range(300):
        at, radius = rng.uniform(6, 14, 2), rng.uniform(0.5, 3.5)
        values = planted(rng, at, radius, rng.uniform(30, 300))
        hits = values >= 10
        if not hits.any():
            continue
        found = crystals(values, hits)[0]
        pulls.append((np.array(found.centre) - at) / np.array(found.sigma))
    pulls = np.concatenate(pulls)
    assert np.mean(np.abs(pulls) < 2) >= 0.95
    assert np.sqrt(np.mean(pulls**2)) > 0.4, "an uncertainty that says nothing"


@given(st.integers(0, 2**32 - 1))
def test_noise_is_no_crystal(seed):
    values = np.random.default_rng(seed).poisson(0.7, (10, 10)).astype(float)
    assert crystals(values, values >= 10) == ()


def test_a_grid_without_images_has_no_crystal():
    assert crystals(np.full((4, 5), np.nan)) == ()
    assert crystals(np.zeros((4, 5))) == ()


def test_two_crystals_are_two_the_one_with_more_spots_first():
    values = np.zeros((10, 20))
    values[2:4, 3:5] = 100
    values[6:8, 12:16] = 60
    first, second = crystals(values)
    assert (first.first, first.last) == ((12, 6), (15, 7))
    assert first.centre == (14.0, 7.0)
    assert (second.cells, second.peak) == (4, (3, 2))
    assert not first.at_border


def test_a_crystal_at_the_border_or_beside_a_lost_cell_may_go_on():
    values = np.zeros((5, 5))
    values[0, 2] = 50
    assert crystals(values)[0].at_border
    values = np.zeros((5, 5))
    values[2, 2], values[2, 3] = 50, np.nan
    found = crystals(values)[0]
    assert (found.beside_unknown, found.at_border) == (1, False)


@given(st.floats(0.1, 1000))
def test_the_unit_of_the_counts_does_not_move_the_centre(factor):
    values = planted(np.random.default_rng(1), (8.3, 7.1), 2, 100, noise=0.0)
    one, other = crystals(values)[0], crystals(values * factor)[0]
    assert one.centre == pytest.approx(other.centre)
    assert (one.first, one.last) == (other.first, other.last)


# -- missed triggers -----------------------------------------------------------


class Scan:
    """Images of a grid with a trigger for each cell, some of which made none."""

    def __init__(self, plane, missed=(), lost=(), turn=5.0):
        fast = plane.steps[0] if plane.fast == "x" else plane.steps[1]
        cells = np.array([k for k in range(plane.images) if k not in missed], np.int64)
        times = (cells + (cells // fast) * turn) * 0.01 + 3.0
        self.made = cells.size
        kept = [n for n in range(cells.size) if n not in lost]
        self.plane, self.fast = plane, fast
        self.ids = np.array(kept, np.int64)
        self.cells, self.start_s = cells[kept], times[kept]

    def order(self, **known):
        known = {"made": self.made, "sent": self.plane.images, **known}
        return grid_order(self.ids, self.plane, **known)

    def timed(self, **known):
        return self.order(start_s=self.start_s, period_s=0.01, **known)


SCANS = st.builds(
    Scan,
    PLANES,
    missed=st.sets(st.integers(0, 80), max_size=4),
    lost=st.sets(st.integers(0, 80), max_size=4),
    turn=st.sampled_from([0.0, 0.3, 1.0, 2.5, 5.0, 40.0]),
)


@given(SCANS, st.booleans(), st.booleans(), st.booleans())
def test_no_image_gets_a_cell_that_it_is_not_of(scan, timed, captured, counted):
    assume(scan.ids.size > 0)
    known = {} if counted else {"made": None}
    if captured:
        x, y = cells_of(scan.plane, scan.cells)
        known["captured"] = np.stack([x, y], axis=1) + 0.1
    found = scan.timed(**known) if timed else scan.order(**known)
    placed = found.ordinal >= 0
    assert (found.ordinal[placed] == scan.cells[placed]).all()
    if captured:
        assert placed.all()
    if not placed.all():
        assert found.notes


@given(SCANS)
def test_a_shift_is_told_wherever_the_map_moves(scan):
    assume(scan.ids.size > 0)
    x, y = cells_of(scan.plane, scan.cells)
    found = scan.order(captured=np.stack([x, y], axis=1).astype(float))
    moved = scan.cells - scan.ids
    by = np.zeros(scan.ids.size, np.int64)
    for shift in found.shifts:
        by[scan.ids >= shift.image_id] = shift.cells
    assert (by == moved).all()
    assert bool(found.notes) == bool(moved.any())


@pytest.mark.parametrize("missed", [{37}, {37, 38, 100}, {29}, {30}, {59, 60, 61}])
@pytest.mark.parametrize("turn", [5.0, 2.5])
def test_missed_cells_are_found_by_the_gaps(missed, turn):
    scan = Scan(Plane((30, 8), (20.0, 20.0), snaked=True), missed, turn=turn)
    found = scan.timed()
    assert (found.by, bool(found.notes)) == ("times", True)
    assert (found.ordinal == scan.cells).all()


def test_a_missed_line_is_found_where_lines_have_a_trigger():
    plane = Plane((10, 6), (20.0, 20.0), snaked=True)
    scan = Scan(plane, set(range(20, 30)))
    found = scan.timed(images_per_trigger=10, triggers=6)
    assert (found.ordinal == scan.cells).all()
    assert found.shifts[0].image_id == 20
    assert found.shifts[0].cells == 10
    blind = scan.order(images_per_trigger=10, triggers=6)
    assert (blind.by, blind.notes != ()) == ("nothing", True)


def test_without_times_cells_are_unknown_once_a_trigger_was_missed():
    scan = Scan(Plane((30, 8), (20.0, 20.0)), {37})
    found = scan.order()
    assert (found.ordinal == -1).all()
    assert found.by == "nothing"
    assert "unknown" in found.notes[0]


def test_a_scan_that_goes_on_is_placed_by_its_count():
    scan = Scan(Plane((30, 8), (20.0, 20.0)))
    found = grid_order(scan.ids[:100], scan.plane, start_s=scan.start_s[:100])
    assert (found.ordinal == np.arange(100)).all()
    assert (found.by, found.notes) == ("count", ())


def test_a_detector_that_goes_on_by_itself_misses_no_cell():
    scan = Scan(Plane((30, 8), (20.0, 20.0)))
    found = grid_order(scan.ids[:100], scan.plane, triggers=1, sent=240, made=100)
    assert (found.ordinal == np.arange(100)).all()


def test_images_beyond_the_grid_have_no_cell():
    found = grid_order(np.arange(15), Plane((3, 4), (1.0, 1.0)), made=15)
    assert (found.ordinal[12:] == -1).all()
    assert "3 images more" in found.notes[0]


@pytest.mark.parametrize("steps", [(1000, 1000), (1_000_000, 1), (1, 1_000_000)])
@pytest.mark.parametrize("sent", [1_000_000, None])
def test_a_pause_in_a_huge_grid_takes_no_long_time(steps, sent):
    """Of the ways to explain it there are more than anybody can try."""
    plane = Plane(steps, (1.0, 1.0))
    ids = np.arange(500_000)
    start_s = ids * 0.01 + (ids > 250_000) * 30.0
    begun = time.process_time()
    order = grid_order(
        ids,
        plane,
        start_s=start_s,
        period_s=0.01,
        triggers=plane.images,
        images_per_trigger=1,
        sent=sent,
    )
    assert time.process_time() - begun < 2.0
    assert sent is None or order.by == "nothing"
