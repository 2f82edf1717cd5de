"""What is drawn of an image is what the image has."""

from __future__ import annotations

import math
import time

import imagecodecs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from recorder.records import (
    Geometry,
    Panel,
)
from recorder.simulate.stills.render import Still, StillGenerator
from recorder.simulate.stills.settings import StillSettings, default_geometry
from recorder.ssx.detector.geometry import scattering_vectors
from recorder.ssx.detector.projection import beam, project
from recorder.ssx.lattices.refinement import FAST, errors
from recorder.ssx.lattices.symmetry import primitive_vectors
from recorder.ssx.lattices.unit_cell import vectors_from_cell
from recorder.ssx.preview.binning import (
    LONG_SIDE,
    binned_max,
    binned_shape,
    binning,
)
from recorder.ssx.preview.grey import MASKED, grey, grey_of_sums
from recorder.ssx.preview.png import png
from recorder.ssx.preview.predictions import MOST_PREDICTED, predicted
from recorder.ssx.preview.rings import ring_radius, rings

STILLS = StillSettings(geometry=default_geometry(640), hit_share=1.0, multi_share=0.0)
FLAT = Geometry((400, 300), (75e-6, 100e-6), 0.1, (140.0, 210.0), 1.0)
TILTED = Geometry(
    (80, 60),
    (1e-4, 1e-4),
    0.08,
    (0.5, -1.0),
    1.2,
    (
        Panel("a", (0, 0), (60, 40), (-3e-3, -4e-3, 0.0), (1e-4, 0, 0), (0, 1e-4, 0)),
        Panel(
            "b",
            (0, 40),
            (60, 40),
            (-3e-3, 0.5e-3, 1e-4),
            (0.99e-4, 0, 0.1e-4),
            (-0.05e-4, 1e-4, 0),
        ),
    ),
)


# -- binning ---------------------------------------------------------------------------


@st.composite
def images(draw):
    kind = np.dtype(draw(st.sampled_from(["u1", "u2", "u4", "i2", "i4"])))
    shape = draw(st.tuples(st.integers(1, 40), st.integers(1, 40)))
    limits = np.iinfo(kind)
    flag = limits.min if limits.min < 0 else limits.max
    values = st.sampled_from([flag, flag, 0, 1, 7, limits.max, limits.max - 1, -3])
    if limits.min == 0:
        values = values.filter(lambda value: value >= 0)
    pixels = draw(arrays.arrays(kind, shape, elements=values))
    mask = draw(arrays.arrays(np.bool_, shape, elements=st.booleans()))
    return pixels, mask, int(flag)


@given(images(), st.integers(1, 9))
def test_a_block_shows_its_brightest_good_pixel(image, factor):
    pixels, mask, flag = image
    before = pixels.copy()
    bad = np.flatnonzero(mask)
    highest, good = binned_max(pixels, bad, flag, factor)
    assert np.array_equal(pixels, before)
    assert highest.shape == good.shape == binned_shape(pixels.shape, factor)
    for row, column in np.ndindex(good.shape):
        block = np.s_[
            row * factor : (row + 1) * factor, column * factor : (column + 1) * factor
        ]
        values = pixels[block][~mask[block] & (pixels[block] != flag)]
        assert good[row, column] == bool(values.size)
        assert highest[row, column] == (values.max() if values.size else 0)


def test_bands_of_a_large_image_are_like_a_small_one():
    """More rows of blocks than are looked at together, and a rest."""
    rng = np.random.default_rng(1)
    pixels = rng.poisson(3, (4 * 16 * 3 + 7, 203)).astype(np.uint16)
    mask = rng.random(pixels.shape) < 0.3
    pixels[mask] = 999
    highest, _ = binned_max(pixels, np.flatnonzero(mask), 65535, 4)
    padded = np.zeros((200, 204), np.uint16)
    padded[:199, :203] = np.where(mask, 0, pixels)
    expected = padded.reshape(50, 4, 51, 4).max(axis=(1, 3))
    assert np.array_equal(highest, expected)


@given(st.integers(1, 20_000), st.integers(1, 20_000))
def test_a_picture_is_as_long_as_there_is_room_for(height, width):
    factor = binning((height, width))
    longest = max(binned_shape((height, width), factor))
    assert longest <= 1.1 * LONG_SIDE + 1
    assert factor == 1 or longest > LONG_SIDE / 2


@pytest.mark.parametrize(
    ("shape", "factor"),
    [((512, 512), 1), ((2167, 2070), 4), ((4362, 4148), 8), ((2527, 2463), 5)],
)
def test_binning_of_detectors(shape, factor):
    assert binning(shape) == factor


# -- shades and files ------------------------------------------------------------------


@given(images())
def test_shades_tell_masked_from_dark_and_keep_the_order(image):
    highest, mask, _ = image
    shades = grey(highest, ~mask)
    assert np.array_equal(shades == MASKED, mask)
    order = np.argsort(highest[~mask], kind="stable")
    assert (np.diff(shades[~mask][order].astype(int)) >= 0).all()


def test_one_hot_pixel_changes_no_other_shade():
    rng = np.random.default_rng(3)
    pixels = rng.poisson(4, (300, 300)).astype(np.uint16)
    good = np.ones(pixels.shape, np.bool_)
    hot = pixels.copy()
    hot[5, 5] = 60_000
    shades, beside = grey(pixels, good), grey(hot, good)
    beside[5, 5] = shades[5, 5]
    assert np.array_equal(shades, beside)
    assert len(np.unique(shades)) > 5  # the background is not one grey


def test_nothing_and_everything_masked_are_pictures():
    nothing = np.zeros((3, 4), np.uint16)
    assert (grey(nothing, np.zeros((3, 4), np.bool_)) == MASKED).all()
    assert (grey(nothing, np.ones((3, 4), np.bool_)) == 1).all()
    assert (grey_of_sums(np.zeros((3, 4), np.int64)) == 1).all()


@given(arrays.arrays(np.uint8, st.tuples(st.integers(1, 30), st.integers(1, 30))))
def test_a_png_has_the_shades(shades):
    colours = imagecodecs.png_decode(png(shades)).astype(int)
    assert colours.shape == (*shades.shape, 3)
    masked = shades == MASKED
    expected = np.repeat((255 - shades.astype(int))[..., None], 3, axis=2)
    assert np.array_equal(colours[~masked], expected[~masked])
    # no grey, so that nobody takes it for counts
    assert (np.ptp(colours[masked], axis=1) > 30).all()


# -- where things are ------------------------------------------------------------------


@given(
    st.sampled_from([FLAT, TILTED]), st.floats(0.001, 0.999), st.floats(0.001, 0.999)
)
def test_from_pixel_to_direction_and_back(geometry, across, down):
    x, y = np.array([across * geometry.shape[1]]), np.array([down * geometry.shape[0]])
    q = scattering_vectors(geometry, x, y)
    wave = q + np.array([0, 0, 1 / geometry.wavelength])
    at = project(geometry, wave)
    assert at[0] == pytest.approx((x[0], y[0]), abs=1e-6)
    assert project(geometry, 17 * wave) == pytest.approx(at)


def test_what_goes_elsewhere_is_on_no_detector():
    rays = np.array([[0, 0, -1.0], [1, 0, 0], [0, 0, 0], [3, 0, 1]])
    for geometry in (FLAT, TILTED):
        assert np.isnan(project(geometry, rays)).all()


def test_the_beam_is_where_the_geometry_says():
    assert beam(FLAT) == pytest.approx(FLAT.beam_center)
    x, y = (np.array([at]) for at in beam(TILTED))
    assert np.linalg.norm(scattering_vectors(TILTED, x, y)) < 1e-9


@given(st.floats(0.5, 60))
def test_a_ring_is_where_its_resolution_is(spacing):
    radius = ring_radius(FLAT, spacing)
    if radius is None:
        assert spacing < FLAT.wavelength  # scattered by more than 90°
        return
    x, y = FLAT.beam_center
    q = scattering_vectors(FLAT, np.array([x + radius]), np.array([y]))
    assert np.linalg.norm(q) == pytest.approx(1 / spacing, rel=1e-9)


def test_rings_have_room_and_are_on_the_detector():
    found = rings(FLAT, FLAT.beam_center)
    radii = [radius for _, radius in found]
    assert len(found) >= 3
    assert min(np.diff([0.0, *radii])) >= 40
    assert max(radii) < math.hypot(160, 210)


# -- predictions -----------------------------------------------------------------------


def stills(count: int, settings: StillSettings = STILLS) -> list[Still]:
    generator = StillGenerator(settings, 5)
    return [generator.still(n) for n in range(count)]


@pytest.mark.parametrize("still", stills(6))
def test_predicted_spots_fall_on_those_of_the_truth(still):
    geometry, true = STILLS.geometry, still.spots[0]
    found = true[true[:, 2] > 40]
    basis = np.reshape(still.orientations[0], (3, 3))
    q = scattering_vectors(geometry, found[:, 0], found[:, 1])
    at = predicted(basis, geometry, 1.8, q)
    assert 0 < len(at) <= MOST_PREDICTED
    assert (at >= 0).all() and (at <= geometry.shape[::-1]).all()
    away = np.linalg.norm(found[:, None, :2] - at, axis=2).min(axis=1)
    assert np.quantile(away, 0.95) < 2.0  # px; of 400, a random one is at 16
    # nothing was found: still those that are likely are where the strong ones are
    alone = predicted(basis, geometry, 1.8, np.zeros((0, 3)))
    strong = found[np.argsort(-found[:, 2])[:20], :2]
    near = np.linalg.norm(strong[:, None] - alone, axis=2).min(axis=1) < 2.0
    assert near.mean() >= 0.8
    # and each fulfils the condition: a lattice point is near the sphere there
    q = scattering_vectors(geometry, *alone.T)
    _, distance = errors(basis[None], q)
    assert (distance[0] <= FAST(np.linalg.norm(q, axis=1))).all()


def test_a_centred_lattice_has_no_spots_where_centring_forbids():
    cell, geometry = (60.0, 70.0, 80.0, 90.0, 90.0, 90.0), default_geometry(1000)
    primitive, _ = primitive_vectors(cell, "I222")
    at = predicted(primitive, geometry, 2.0, np.zeros((0, 3)))
    q = scattering_vectors(geometry, *at.T)
    h, _ = errors(vectors_from_cell(cell)[None], q)
    assert len(at) > 20
    assert (h[0].sum(axis=1) % 2 == 0).all()


@pytest.mark.parametrize("length", [20.0, 1000.0])
@pytest.mark.parametrize("resolution", [0.0, 0.1, 1.5, math.inf, math.nan])
def test_cells_of_any_size_are_predicted_in_bounded_time(length, resolution):
    basis = length * np.eye(3)
    begun = time.process_time()
    at = predicted(basis, STILLS.geometry, resolution, np.zeros((0, 3)))
    assert time.process_time() - begun < 2.0
    assert np.isfinite(at).all()
    assert len(at) <= MOST_PREDICTED


def test_a_flat_basis_predicts_nothing():
    assert len(predicted(np.zeros((3, 3)), FLAT, 2.0, np.zeros((0, 3)))) == 0
