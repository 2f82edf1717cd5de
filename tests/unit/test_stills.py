from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from recorder.errors import UnitCellError, UsageError
from recorder.simulate.stills.crystal import (
    Crystal,
    cell_vectors,
    random_rotation,
    unit_intensity,
)
from recorder.simulate.stills.render import (
    StillGenerator,
    StillSettings,
    default_geometry,
    render_pool,
)
from recorder.simulate.stills.symmetry import present, space_group

pytestmark = pytest.mark.simulator

SETTINGS = StillSettings(geometry=default_geometry(600))
CLEAN = replace(SETTINGS, background=0.0, hot_pixels_per_mpx=0, bad_pixel_share=0)


@pytest.fixture(scope="module")
def generator() -> StillGenerator:
    return StillGenerator(SETTINGS, seed=3)


@pytest.fixture(scope="module")
def clean() -> StillGenerator:
    return StillGenerator(CLEAN, seed=4)


def isolated(xyn: np.ndarray, least: float) -> np.ndarray:
    """Spots of at least so many photons with no other one within 11 px."""
    apart = np.hypot(*(xyn[:, None, :2] - xyn[None, :, :2]).transpose(2, 0, 1))
    np.fill_diagonal(apart, np.inf)
    return xyn[(xyn[:, 2] >= least) & (apart.min(axis=1) > 11)]


def window(pixels: np.ndarray, mask: np.ndarray, x: float, y: float):
    """Counts and pixel middles within 5 px of a spot, None if not all good."""
    rows = slice(int(y) - 5, int(y) + 6)
    columns = slice(int(x) - 5, int(x) + 6)
    counts = pixels[rows, columns].astype(float)
    if counts.shape != (11, 11) or mask[rows, columns].any():
        return None
    middles = np.arange(11) - 5 + 0.5
    return counts, int(x) + middles, int(y) + middles


def good_pixels(generator: StillGenerator) -> np.ndarray:
    good = ~generator.mask
    good.flat[generator.hot_pixels] = False
    return good


def test_an_image_depends_on_settings_seed_and_index_only(generator):
    again = StillGenerator(SETTINGS, seed=3)
    again.still(8)
    one, two = generator.still(5, "multi"), again.still(5, "multi")
    assert np.array_equal(one.pixels, two.pixels)
    assert one.orientations == two.orientations
    for left, right in zip(one.spots, two.spots, strict=True):
        assert np.array_equal(left, right)
    assert not np.array_equal(one.pixels, generator.still(6, "multi").pixels)
    other = StillGenerator(SETTINGS, seed=9)
    assert not np.array_equal(other.mask, generator.mask)
    assert one.orientations != other.still(5, "multi").orientations


def test_asking_for_the_kind_that_is_drawn_anyway_changes_nothing(generator):
    free = generator.still(11)
    assert np.array_equal(free.pixels, generator.still(11, free.kind).pixels)


@pytest.mark.parametrize("dtype", ["uint16", "uint32", "int32", "uint8"])
def test_shape_dtype_and_masked_value(dtype):
    generator = StillGenerator(replace(SETTINGS, dtype=dtype), seed=1)
    pixels = generator.still(0, "hit").pixels
    limits = np.iinfo(dtype)
    bad = limits.min if limits.min < 0 else limits.max
    assert pixels.shape == generator.mask.shape == SETTINGS.geometry.shape
    assert pixels.dtype == np.dtype(dtype)
    assert pixels.flags.c_contiguous
    assert np.array_equal(pixels == bad, generator.mask)


def test_saturation_is_one_below_the_masked_value():
    generator = StillGenerator(replace(SETTINGS, dtype="uint8", gain=9), seed=1)
    pixels = generator.still(0, "hit").pixels
    assert pixels[~generator.mask].max() == 254


def test_oblong_detectors_and_module_gaps():
    geometry = replace(default_geometry(600), shape=(520, 1045))
    settings = replace(SETTINGS, geometry=geometry, bad_pixel_share=0)
    mask = StillGenerator(settings, seed=1).mask
    assert mask.shape == (520, 1045)
    assert mask[514:].all() and mask[:, 1030:1040].all()
    assert not mask[:514, :1030].any() and not mask[:514, 1040:].any()
    without = StillGenerator(replace(settings, module_gaps=False), seed=1)
    assert not without.mask.any()


def test_spots_are_where_they_are_listed(clean):
    misses = []
    for index in range(6):
        still = clean.still(index, "hit")
        for x, y, _ in isolated(still.spots[0], 200):
            if found := window(still.pixels, clean.mask, x, y):
                counts, columns, rows = found
                total = counts.sum()
                across = counts.sum(axis=0) @ columns / total - x
                misses.append((across, counts.sum(axis=1) @ rows / total - y))
    assert len(misses) > 60
    # Poisson's error of 200 photons of sigma 0.8 px is 0.057 px; 0.15 is 2.6 of it.
    assert np.abs(np.median(misses, axis=0)).max() < 0.02
    assert (np.abs(misses).max(axis=1) < 0.15).mean() > 0.97


def test_listed_photons_are_the_summed_excess(clean):
    pulls = []
    for index in range(6):
        still = clean.still(index, "hit")
        for x, y, photons in isolated(still.spots[0], 40):
            if found := window(still.pixels, clean.mask, x, y):
                pulls.append((found[0].sum() - photons) / math.sqrt(photons))
    assert len(pulls) > 100
    # Three standard errors.
    assert abs(np.mean(pulls)) < 3 / math.sqrt(len(pulls))
    assert 0.8 < np.std(pulls) < 1.2


@pytest.mark.parametrize(
    ("cell", "group"),
    [
        ((79.1, 79.1, 38.2, 90, 90, 90), "P43212"),
        ((58, 47, 71, 90, 103, 90), "P21"),
        ((35, 45, 60, 82, 95, 105), "P1"),
        ((62, 62, 110, 90, 90, 120), "P6122"),
    ],
)
def test_strong_spots_fulfil_braggs_condition(cell, group):
    settings = replace(CLEAN, cell=cell, space_group=group)
    geometry = settings.geometry
    generator = StillGenerator(settings, seed=7)
    for index in range(3):
        still = generator.still(index, "multi")
        assert len(still.orientations) >= 2
        for nine, spots in zip(still.orientations, still.spots, strict=True):
            abc = np.reshape(nine, (3, 3))
            assert np.linalg.norm(abc, axis=1) == pytest.approx(cell[:3])
            assert np.linalg.det(abc) > 0
            strong = spots[spots[:, 2] >= 40]
            assert len(strong) > 0
            x = (strong[:, 0] - geometry.beam_center[0]) * geometry.pixel_size[0]
            y = (strong[:, 1] - geometry.beam_center[1]) * geometry.pixel_size[1]
            s1 = np.column_stack((x, y, np.full(len(x), geometry.distance)))
            s1 /= np.linalg.norm(s1, axis=1, keepdims=True)
            q = (s1 - np.array([0, 0, 1])) / geometry.wavelength
            h = q @ abc.T
            off = (h - np.round(h)) @ np.linalg.inv(abc).T
            # Three widths of the worst crystal (0.15 degrees of mosaicity).
            blur = math.radians(0.16) * np.linalg.norm(q, axis=1)
            assert (np.linalg.norm(off, axis=1) < 3 * np.hypot(1.5e-4, blur)).all()
            # Nothing but the excitation error, along s1: positions are exact.
            across = off - (off * s1).sum(axis=1, keepdims=True) * s1
            assert np.abs(across).max() < 1e-9


@pytest.mark.parametrize("gain", [1, 2])
def test_misses_are_poisson(gain):
    generator = StillGenerator(replace(SETTINGS, gain=gain), seed=5)
    good = good_pixels(generator)
    stack = np.array([generator.still(i, "miss").pixels[good] for i in range(12)])
    # Each pixel is compared with itself in other images, brought to one scale.
    level = stack.mean(axis=1, keepdims=True)
    scaled = stack / level * level.mean()
    ratio = scaled.var(axis=0, ddof=1).mean() / scaled.mean()
    assert ratio == pytest.approx(gain, rel=0.05)
    assert level.mean() / gain == pytest.approx(SETTINGS.background, rel=0.2)
    assert level.std() / level.mean() > 0.05
    if gain == 2:
        assert not (stack % 2).any()


def test_background_has_its_rings_and_its_beamstop(generator):
    geometry = SETTINGS.geometry
    total = sum(generator.still(i, "miss").pixels.astype(float) for i in range(12))
    rows, columns = np.indices(generator.mask.shape) + 0.5
    x, y = columns - geometry.beam_center[0], rows - geometry.beam_center[1]
    radius = np.hypot(x, y)
    theta = np.arctan(radius * geometry.pixel_size[0] / geometry.distance) / 2
    spacing = geometry.wavelength / (2 * np.sin(theta))
    good = good_pixels(generator)

    def mean(low: float, high: float) -> float:
        return float(total[good & (spacing > low) & (spacing < high)].mean())

    assert mean(3.1, 3.3) > 1.5 * mean(4.6, 5.2)
    assert mean(3.1, 3.3) > 1.5 * mean(2.2, 2.4)
    assert mean(2.15, 2.25) > 1.1 * mean(1.8, 1.85)
    assert mean(80, np.inf) < 0.1 * mean(20, 30)


def test_hot_pixels_are_fixed_and_undeclared():
    settings = replace(SETTINGS, hot_pixels_per_mpx=100)
    generator = StillGenerator(settings, seed=2)
    stack = np.array([generator.still(i, "miss").pixels for i in range(4)])
    assert 10 < generator.hot_pixels.size < 80
    assert not generator.mask.flat[generator.hot_pixels].any()
    means = stack.reshape(4, -1).mean(axis=0)
    assert np.median(means[generator.hot_pixels]) > 10


def test_shares_of_the_kinds():
    settings = replace(SETTINGS, geometry=default_geometry(64), min_spots=0)
    settings = replace(settings, cell=(40, 40, 40, 90, 90, 90), space_group="P23")
    kinds = [still.kind for still in render_pool(settings, seed=1, n=800)]
    hits = len(kinds) - kinds.count("miss")
    assert abs(hits - 240) < 4 * math.sqrt(800 * 0.3 * 0.7)
    expected = hits * 0.15
    assert abs(kinds.count("multi") - expected) < 4 * math.sqrt(expected * 0.85)


def test_every_hit_has_its_strong_spots(generator):
    for index in range(25):
        still = generator.still(index, "hit")
        assert len(still.orientations) == len(still.spots) == 1
        assert np.count_nonzero(still.spots[0][:, 2] >= 40) >= 30


def test_listed_spots_have_good_surroundings(generator):
    still = generator.still(1, "multi")
    assert 2 <= len(still.spots) <= 3
    for x, y, _ in np.concatenate(still.spots):
        around = generator.mask[int(y) - 2 : int(y) + 3, int(x) - 2 : int(x) + 3]
        assert around.shape == (5, 5) and not around.any()


def test_low_min_spots_allow_faint_hits():
    generator = StillGenerator(replace(SETTINGS, min_spots=0), seed=3)
    strong = [
        np.count_nonzero(generator.still(i, "hit").spots[0][:, 2] >= 40)
        for i in range(25)
    ]
    assert min(strong) < 30 < np.median(strong)


def test_a_miss_has_no_truth(generator):
    still = generator.still(2, "miss")
    assert still.kind == "miss" and still.orientations == () and still.spots == ()


def test_what_cannot_be_simulated_is_said(generator):
    with pytest.raises(UsageError, match="no kind of still"):
        generator.still(0, "ghost")
    with pytest.raises(UsageError, match="lower min_spots"):
        StillGenerator(replace(SETTINGS, min_spots=10**6), seed=1).still(0, "hit")
    with pytest.raises(UnitCellError):
        cell_vectors((10, 10, 10, 150, 20, 90))
    with pytest.raises(UnitCellError, match="hexagonal"):
        Crystal((50, 50, 50, 80, 80, 80), space_group("R3"), 0.2)


@pytest.mark.parametrize("symbol", ["", "Pnma", "P-1", "P43212x", "X222", "P7"])
def test_unknown_space_groups_are_refused(symbol):
    with pytest.raises(UsageError):
        space_group(symbol)


@pytest.mark.parametrize(
    ("symbol", "order", "screws"),
    [
        ("P1", 1, (1, 1, 1)),
        ("P 1 21 1", 2, (1, 2, 1)),
        ("C2", 2, (1, 1, 1)),
        ("C 1 2 1", 2, (1, 1, 1)),
        ("P212121", 4, (2, 2, 2)),
        ("P2221", 4, (1, 1, 2)),
        ("P21212", 4, (2, 2, 1)),
        ("I222", 4, (1, 1, 1)),
        ("P42", 4, (1, 1, 2)),
        ("P43212", 8, (2, 2, 4)),
        ("P 4(1) 2(1) 2", 8, (2, 2, 4)),
        ("P422", 8, (1, 1, 1)),
        ("P4222", 8, (1, 1, 2)),
        ("P31", 3, (1, 1, 3)),
        ("P321", 6, (1, 1, 1)),
        ("P3121", 6, (1, 1, 3)),
        ("P3212", 6, (1, 1, 3)),
        ("P312", 6, (1, 1, 1)),
        ("R3", 3, (1, 1, 1)),
        ("H32", 6, (1, 1, 1)),
        ("R 3 2 :H", 6, (1, 1, 1)),
        ("P6122", 12, (1, 1, 6)),
        ("P63", 6, (1, 1, 2)),
        ("P64", 6, (1, 1, 3)),
        ("P213", 12, (2, 2, 2)),
        ("I23", 12, (1, 1, 1)),
        ("P432", 24, (1, 1, 1)),
        ("F4132", 24, (4, 4, 4)),
        ("P4232", 24, (2, 2, 2)),
    ],
)
def test_space_groups(symbol, order, screws):
    group = space_group(symbol)
    assert len(group.rotations) == order
    assert group.screws == screws
    assert (np.linalg.det(group.rotations) > 0).all()


@pytest.mark.parametrize(
    ("symbol", "cell"),
    [
        ("P43212", (79, 79, 38, 90, 90, 90)),
        ("C2", (80, 50, 60, 90, 110, 90)),
        ("P3121", (60, 60, 90, 90, 90, 120)),
        ("P3112", (60, 60, 90, 90, 90, 120)),
        ("P61", (60, 60, 90, 90, 90, 120)),
        ("H32", (60, 60, 90, 90, 90, 120)),
        ("F432", (90, 90, 90, 90, 90, 90)),
    ],
)
def test_rotations_keep_the_resolution_and_the_intensity(symbol, cell):
    group = space_group(symbol)
    rng = np.random.default_rng(0)
    hkl = rng.integers(-20, 21, (400, 3))
    hkl = hkl[hkl.any(axis=1)]
    reciprocal = np.linalg.inv(cell_vectors(cell)).T
    q = np.linalg.norm(hkl @ reciprocal, axis=1)
    intensity = unit_intensity(hkl, group)
    for rotation in group.rotations:
        mates = hkl @ rotation.T
        assert np.linalg.norm(mates @ reciprocal, axis=1) == pytest.approx(q)
        assert np.array_equal(unit_intensity(mates, group), intensity)
        assert np.array_equal(unit_intensity(-mates, group), intensity)
    assert np.array_equal(intensity > 0, present(hkl, group))


def test_intensities_are_exponential():
    hkl = np.random.default_rng(1).integers(1, 200, (20000, 3))
    intensity = unit_intensity(hkl, space_group("P1"))
    assert intensity.mean() == pytest.approx(1, abs=0.03)
    assert (intensity**2).mean() == pytest.approx(2, abs=0.15)
    assert np.median(intensity) == pytest.approx(math.log(2), abs=0.03)


@pytest.mark.parametrize(
    ("symbol", "gone", "kept"),
    [
        ("P43212", [(0, 0, 2), (3, 0, 0), (0, 5, 0)], [(0, 0, 4), (2, 0, 0)]),
        ("I23", [(1, 0, 0), (1, 1, 1)], [(1, 1, 0), (2, 0, 0)]),
        ("F432", [(1, 0, 0), (2, 1, 0)], [(1, 1, 1), (2, 0, 2)]),
        ("C2", [(1, 0, 0), (2, 1, 0)], [(1, 1, 0), (0, 0, 1)]),
        ("R3", [(1, 0, 0), (0, 0, 1)], [(-1, 0, 2), (1, 0, 1), (0, 0, 3)]),
    ],
)
def test_absences(symbol, gone, kept):
    group = space_group(symbol)
    assert not present(np.array(gone), group).any()
    assert present(np.array(kept), group).all()


def test_rotations_are_uniform():
    rng = np.random.default_rng(2)
    turned = np.array([random_rotation(rng) for _ in range(4000)])
    assert np.allclose(turned @ turned.transpose(0, 2, 1), np.eye(3))
    assert np.linalg.det(turned) == pytest.approx(1)
    assert np.abs(turned.mean(axis=0)).max() < 0.05
    assert (turned**2).mean(axis=0) == pytest.approx(np.full((3, 3), 1 / 3), abs=0.02)


def test_cell_vectors_have_the_cell():
    cell = (35, 45, 60, 82, 95, 105)
    abc = cell_vectors(cell)
    lengths = np.linalg.norm(abc, axis=1)
    assert lengths == pytest.approx(cell[:3])
    cosines = (abc @ abc.T / np.outer(lengths, lengths))[[1, 0, 0], [2, 2, 1]]
    assert np.degrees(np.arccos(cosines)) == pytest.approx(cell[3:])
    assert np.linalg.det(abc) > 0


@pytest.mark.parametrize("pixels", [256, 2048])
def test_default_geometry_reaches_its_resolution(pixels):
    geometry = default_geometry(pixels)
    edge = pixels / 2 * geometry.pixel_size[0]
    theta = math.atan(edge / geometry.distance) / 2
    assert geometry.wavelength / (2 * math.sin(theta)) == pytest.approx(1.8)
