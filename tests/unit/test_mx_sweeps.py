"""Sweeps as columns of ISPyB and where they end; resolutions of detectors."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.mx.resolution import energy_of, reach, spacing_at, wavelength_of
from recorder.mx.sweeps import (
    axis_columns,
    first_images,
    images_made,
    last_exposed,
    regular,
    turn_of,
)
from recorder.records import Geometry, Panel
from recorder.records.mx_plan import Sweep

DEGREES = st.floats(-720, 720).map(lambda value: round(value, 3))
WIDTHS = st.floats(-10, 10).map(lambda value: round(value, 3))
SWEEPS = st.builds(
    Sweep,
    start=DEGREES,
    range=WIDTHS,
    images=st.integers(1, 10_000),
    pitch=st.none() | WIDTHS,
)


# -- columns -------------------------------------------------------------------


def test_the_cards_of_the_seed():
    fine = axis_columns(Sweep(184.32, 0.05, 7200), 7200, "E")
    assert (fine.start, fine.range, fine.overlap) == (184.32, 0.05, 0.0)
    assert fine.end - fine.start == pytest.approx(360)
    wedges = [Sweep(184.32 + 90 * n, 1.0, 1) for n in range(4)]
    for plan in (turn_of(wedges), Sweep(184.32, 1.0, 4, pitch=90.0)):
        assert plan is not None
        found = axis_columns(plan, 4, "E")
        assert (found.start, found.range, found.overlap) == (184.32, 1.0, -89.0)
        assert found.end - found.start == pytest.approx(360)


@given(SWEEPS, st.integers(0, 10_000))
def test_each_dialect_has_its_own_formula(sweep, images):
    e, d = (axis_columns(sweep, images, dialect) for dialect in ("E", "D"))
    assert e.overlap == pytest.approx(-(sweep.step - sweep.range), abs=1e-9)
    end = sweep.start + images * (e.range - e.overlap)
    assert e.end == pytest.approx(end, abs=1e-4)
    assert d.end == pytest.approx(sweep.start + images * sweep.range, abs=1e-6)
    assert d.range == abs(sweep.range)
    for value in (e.start, e.end, e.range, e.overlap, d.overlap, d.range):
        assert math.copysign(1, value) == 1 or value < 0, "a zero has no sign"


@given(SWEEPS.map(lambda sweep: replace(sweep, pitch=None)))
def test_a_rotation_has_an_overlap_of_0_whichever_way_it_turns(sweep):
    """Readers take any other for a characterisation."""
    for dialect in ("E", "D"):
        assert axis_columns(sweep, sweep.images, dialect).overlap == 0
    assert last_exposed(sweep, sweep.images) == pytest.approx(
        axis_columns(sweep, sweep.images, "E").end, abs=1e-6
    )


@given(SWEEPS, st.integers(1, 1000))
def test_the_last_exposed_angle_is_the_end_of_the_last_image(sweep, images):
    starts = [sweep.start + n * sweep.step for n in range(images)]
    assert last_exposed(sweep, images) == pytest.approx(starts[-1] + sweep.range)
    assert last_exposed(sweep, 0) == sweep.start


def test_an_aborted_run_has_as_many_images_as_its_last_one_says():
    assert images_made(41, 100, aborted=True) == 42
    assert images_made(None, 100, aborted=True) == 0
    assert images_made(97, 100, aborted=False) == 100  # two were lost
    assert images_made(104, 100, aborted=False) == 105
    assert images_made(3, None, aborted=False) == 4


@given(DEGREES, WIDTHS, st.integers(1, 50), st.integers(2, 9), st.floats(-180, 180))
def test_regular_wedges_are_one_turn_that_ends_where_they_do(
    start, width, images, count, spacing
):
    wedges = [Sweep(start + n * spacing, width, images) for n in range(count)]
    turn = turn_of(wedges)
    assert turn is not None
    assert turn.images == count * images
    found = axis_columns(turn, turn.images, "E")
    assert found.end - found.start == pytest.approx(count * spacing, abs=1e-6)


@pytest.mark.parametrize(
    "other",
    [{"range": 2.0}, {"images": 5}, {"kappa": 1.0}, {"start": 91.0}, {"run": 3}],
)
def test_wedges_that_differ_are_not_one(other):
    wedges = [Sweep(0, 1.0, 10), Sweep(90, 1.0, 10), Sweep(180, 1.0, 10)]
    assert regular(wedges)
    wedges[1] = replace(wedges[1], **other)
    assert not regular(wedges)
    assert turn_of(wedges) is None


def test_sweeps_begin_where_the_one_before_ends_unless_they_say_otherwise():
    sweeps = [Sweep(0, 1, 10), Sweep(0, 1, 5, first_image=20), Sweep(0, 1, 5)]
    assert first_images(sweeps) == (0, 20, 25)


# -- resolution ----------------------------------------------------------------

PIXEL = 75e-6
CARD_ENERGY = 7000.0
"""eV, of the seed's cards."""


def flat(shape, edge):
    """A detector whose beam centre is its middle and whose edge is at a resolution."""
    wavelength = wavelength_of(CARD_ENERGY)
    half = min(shape) / 2 * PIXEL
    distance = half / math.tan(2 * math.asin(wavelength / 2 / edge))
    middle = (shape[1] / 2, shape[0] / 2)
    return Geometry(shape, (PIXEL, PIXEL), distance, middle, wavelength)


@pytest.mark.parametrize("shape", [(2167, 2070), (3269, 3110), (4371, 4150)])
@pytest.mark.parametrize(
    ("edge", "low", "high"), [(2.01, 1.720, 1.7225), (2.40, 1.9555, 1.959)]
)
def test_the_corner_of_eigers_is_that_of_the_cards(shape, edge, low, high):
    found = reach(flat(shape, edge))
    assert found.edge == pytest.approx(edge)
    assert low <= found.corner <= high


def test_energy_and_wavelength():
    assert energy_of(wavelength_of(12_700.0)) == pytest.approx(12_700.0)
    assert wavelength_of(12398.42) == 1.0


CENTRES = st.tuples(st.floats(1, 199), st.floats(1, 99))


@given(CENTRES, st.floats(0.05, 1.0))
def test_edge_and_corner_are_those_of_the_four_sides(centre, distance):
    geometry = Geometry((100, 200), (1e-3, 1e-3), distance, centre, 1.0)
    x, y = centre
    near = min(x, 200 - x, y, 100 - y) * 1e-3
    far = math.hypot(max(x, 200 - x), max(y, 100 - y)) * 1e-3
    found = reach(geometry)
    assert found.edge == pytest.approx(spacing_at(near, distance, 1.0))
    assert found.corner == pytest.approx(spacing_at(far, distance, 1.0))


def test_without_the_beam_on_the_detector_no_ring_is_whole():
    geometry = Geometry((100, 200), (1e-3, 1e-3), 0.2, (-5.0, 50.0), 1.0)
    assert reach(geometry).edge is None
    assert reach(geometry).corner is not None


@given(CENTRES, st.floats(-80, 80))
def test_a_swung_detector_reaches_as_far_as_its_last_pixel(centre, two_theta):
    """By brute force over the outer pixels' corners."""
    geometry = Geometry((100, 200), (1e-3, 1e-3), 0.15, centre, 1.0)
    angle = math.radians(two_theta)
    cos, sin = math.cos(-angle), math.sin(-angle)  # about (-1, 0, 0)
    xs, ys = np.meshgrid(np.arange(201.0), np.arange(101.0))
    x, y = (xs - centre[0]) * 1e-3, (ys - centre[1]) * 1e-3
    y, z = y * cos - 0.15 * sin, y * sin + 0.15 * cos
    corner = float(np.arctan2(np.hypot(x, y), z).max())
    found = reach(geometry, two_theta)
    assert found.corner == pytest.approx(0.5 / math.sin(corner / 2), rel=1e-4)
    inside = -centre[1] * 1e-3 < math.tan(angle) * -0.15 < (100 - centre[1]) * 1e-3
    if found.edge is not None:
        assert found.edge >= found.corner
    if not inside and abs(math.tan(angle) * 0.15) > 0.101:
        assert found.edge is None


def test_panels_that_make_a_flat_detector_reach_as_far():
    """Two halves, with a gap between them that counts as detector."""
    whole = Geometry((100, 200), (1e-3, 1e-3), 0.2, (100.0, 50.0), 1.0)
    along, down = (1e-3, 0.0, 0.0), (0.0, 1e-3, 0.0)
    halves = tuple(
        Panel(
            f"p{n}", (n * 110, 0), (90, 100), (-0.1 + n * 0.11, -0.05, 0.0), along, down
        )
        for n in (0, 1)
    )
    apart = replace(whole, beam_center=(0.0, 0.0), panels=halves)
    assert reach(apart).corner == pytest.approx(reach(whole).corner)
    assert reach(apart).edge == pytest.approx(reach(whole).edge)
