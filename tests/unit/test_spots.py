from __future__ import annotations

import math

import numpy as np
import pytest

from recorder.records import Geometry
from recorder.ssx.background import poisson
from recorder.ssx.spots.connected import connected, group
from recorder.ssx.spots.finder import Found, SpotFinder

SHAPE = (1000, 900)
CENTER = (440.0, 510.0)
GEOMETRY = Geometry(SHAPE, (75e-6, 75e-6), 0.12, CENTER, 1.0)
Y, X = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]]
RADIUS = np.hypot(X + 0.5 - CENTER[0], Y + 0.5 - CENTER[1])


def with_spots(
    image: np.ndarray, positions: np.ndarray, photons: int, rng: np.random.Generator
) -> np.ndarray:
    """Adds spots with a point spread of 0.8 px."""
    out = image.copy()
    for position in positions:
        x, y = (position + rng.normal(0, 0.8, (photons, 2))).T
        np.add.at(out, (y.astype(int), x.astype(int)), 1)
    return out


def grid(rng: np.random.Generator, n: int) -> np.ndarray:
    """n well separated positions (x, y)."""
    places = np.array([(x, y) for x in range(50, 850, 60) for y in range(50, 950, 60)])
    return rng.permutation(places)[:n] + rng.random((n, 2))


def find(image: np.ndarray, gain: float | None = None, **options: object) -> Found:
    options.setdefault("geometry", GEOMETRY)
    finder = SpotFinder(image.shape, image.dtype, **options)
    return finder.find(image, gain, 4.0)


def survival(t: int, mu: float) -> float:
    return 1 - sum(
        math.exp(-mu + k * math.log(mu) - math.lgamma(k + 1)) for k in range(t + 1)
    )


@pytest.mark.parametrize("p", [1e-2, 3e-4, 1e-6])
@pytest.mark.parametrize("mu", [0.01, 0.6, 5.4, 41.0, 200.0])
def test_quantile_is_the_smallest_integer_below_the_tail(mu: float, p: float) -> None:
    t = int(poisson.quantile(np.array([mu]), p)[0])
    assert survival(t, mu) < p
    assert t == 0 or survival(t - 1, mu) >= p


def test_quantile_goes_on_smoothly_above_the_table() -> None:
    mu = np.linspace(200, 1000, 2001)
    t = poisson.quantile(mu, 1e-6)
    assert np.all(np.diff(t) >= 0)
    assert np.all(np.diff(t) <= 2)
    assert poisson.quantile(np.array([-1.0, 0.0]), 1e-6).tolist() == [0, 0]


def test_connected_pixels_in_all_eight_directions() -> None:
    width = 20
    pixels = [(3, 3), (4, 4), (5, 3), (6, 2), (6, 8), (6, 9), (12, 12)]
    index = np.sort(np.array([y * width + x for y, x in pixels]))
    labels = connected(index, width)
    sizes = sorted(np.unique(labels, return_counts=True)[1])
    assert sizes == [1, 2, 4]


def test_a_long_winding_line_is_one_group() -> None:
    width = 200
    mask = np.zeros((60, width), bool)
    mask[5::4, 5:190] = True
    mask[6:9, 5] = mask[14:17, 5] = mask[10:13, 189] = mask[18:21, 189] = True
    mask[21:] = False
    best, areas = group(np.flatnonzero(mask), np.ones(mask.sum()), width)
    assert len(best) == len(areas)
    assert sorted(areas) == sorted(_areas(mask))


def _areas(mask: np.ndarray) -> list[int]:
    """Flood fill, the slow way."""
    left = {(int(y), int(x)) for y, x in np.argwhere(mask)}
    areas = []
    while left:
        todo, area = [left.pop()], 0
        while todo:
            y, x = todo.pop()
            area += 1
            near = {(y + i, x + j) for i in (-1, 0, 1) for j in (-1, 0, 1)} & left
            left -= near
            todo += near
        areas.append(area)
    return areas


@pytest.mark.parametrize("level", [0.02, 0.6, 4.6, 40.0])
@pytest.mark.parametrize("geometry", [GEOMETRY, None])
def test_blank_images_have_no_spots(level: float, geometry: Geometry | None) -> None:
    rng = np.random.default_rng(11)
    for _ in range(3):
        image = rng.poisson(level, SHAPE).astype(np.uint16)
        found = find(image, geometry=geometry)
        assert len(found.spots) <= 1
        assert found.background.gain == 1.0
        assert found.background.level == pytest.approx(level, rel=0.03)


def test_uneven_background_has_no_spots() -> None:
    rng = np.random.default_rng(12)
    ring = 0.3 + 2.0 * np.exp(-np.square((RADIUS - 300) / 40))
    uneven = ring * (1 + 0.25 * np.cos(2 * np.arctan2(Y - 510, X - 440)))
    streak = 1.5 * np.exp(-np.square((X - 440 - 0.3 * (Y - 510)) / 6)) * (RADIUS < 250)
    shadow = np.where((X > 430) & (X < 450) & (Y > 510), 0.3, 1.0)
    for geometry in (GEOMETRY, None):
        image = rng.poisson((uneven + streak) * shadow).astype(np.uint16)
        assert len(find(image, geometry=geometry).spots) <= 2


@pytest.mark.parametrize("geometry", [GEOMETRY, None])
def test_spots_are_found_where_they_are(geometry: Geometry | None) -> None:
    rng = np.random.default_rng(13)
    truth = grid(rng, 30)
    image = with_spots(rng.poisson(0.6, SHAPE), truth, 100, rng).astype(np.uint16)
    spots = find(image, geometry=geometry).spots
    assert 29 <= len(spots) <= 31
    found = np.stack([spots.x, spots.y], axis=1)
    distance = np.linalg.norm(found[:, None] - truth, axis=2).min(axis=1)
    assert distance.mean() < 0.3
    assert distance.max() < 0.8
    bias = found - truth[np.linalg.norm(found[:, None] - truth, axis=2).argmin(1)]
    assert np.abs(bias.mean(axis=0)).max() < 0.1
    assert np.median(spots.intensity) == pytest.approx(85, rel=0.15)
    assert np.all(np.diff(spots.intensity) <= 0)


def test_strong_spots_do_not_raise_the_background() -> None:
    rng = np.random.default_rng(14)
    image = with_spots(rng.poisson(0.6, SHAPE), grid(rng, 150), 5000, rng)
    found = find(np.minimum(image, 60000).astype(np.uint16))
    assert found.background.level == pytest.approx(0.6, rel=0.05)
    assert 145 <= len(found.spots) <= 155


@pytest.mark.parametrize("gain", [2.0, 10.0])
def test_gain_is_estimated(gain: float) -> None:
    rng = np.random.default_rng(15)
    photons = with_spots(rng.poisson(0.6, SHAPE), grid(rng, 40), 80, rng)
    image = (gain * photons).astype(np.uint16)
    found = find(image)
    assert found.background.gain == pytest.approx(gain, rel=0.1)
    assert 38 <= len(found.spots) <= 42
    blank = (gain * rng.poisson(0.6, SHAPE)).astype(np.uint16)
    assert len(find(blank).spots) <= 1
    assert len(find(blank, gain=gain).spots) <= 1


def test_a_gain_wrongly_given_as_one_is_obeyed() -> None:
    rng = np.random.default_rng(16)
    image = (4 * rng.poisson(0.6, SHAPE)).astype(np.uint16)
    assert find(image, gain=1.0).background.gain == 1.0


def test_zingers_and_hot_pixels_are_no_spots() -> None:
    rng = np.random.default_rng(17)
    image = rng.poisson(0.6, SHAPE)
    for i, (x, y) in enumerate(grid(rng, 60).astype(int)):
        for j in range(i % 3 + 1):
            image[y + (j if i % 2 else 0), x + j] += int(rng.integers(30, 900))
    assert len(find(image.astype(np.uint16)).spots) <= 2


def test_masked_and_marked_pixels_are_not_used() -> None:
    rng = np.random.default_rng(18)
    image = rng.poisson(0.6, SHAPE).astype(np.uint16)
    mask = np.zeros(SHAPE, bool)
    mask[300:340] = True
    image[300:340] = rng.integers(0, 60000, (40, SHAPE[1]))
    image[:, 500:520] = 65535
    found = find(image, mask=mask, saturation=60000)
    assert len(found.spots) <= 1
    assert found.saturated == 0
    assert found.background.level == pytest.approx(0.6, rel=0.03)


@pytest.mark.parametrize("saturation", [900.0, 1.0])
def test_saturated_pixels_are_counted(saturation: float) -> None:
    rng = np.random.default_rng(19)
    image = rng.poisson(0.6, SHAPE).astype(np.uint16)
    image[0, 0] = image[500, 400] = image[999, 899] = 1000
    image[600, 600] = 65535
    mask = np.zeros(SHAPE, bool)
    mask[200, 200] = True
    image[200, 200] = 1000
    expected = np.count_nonzero((image >= saturation) & (image < 65535) & ~mask)
    assert find(image, mask=mask, saturation=saturation).saturated == expected


def test_flatfield_corrects_and_masks() -> None:
    rng = np.random.default_rng(20)
    flat = np.ones(SHAPE, np.float32)
    flat[:, :450] = 0.5
    flat[400:500, 600:700] = np.nan
    flat[100:110, :] = 0
    image = rng.poisson(0.6 / np.where(np.nan_to_num(flat) > 0, flat, 1))
    image[400:500, 600:700] = rng.integers(0, 5000, (100, 100))
    found = find(image.astype(np.uint16), flatfield=flat)
    assert len(found.spots) <= 1
    assert found.background.level == pytest.approx(0.6, rel=0.05)


@pytest.mark.parametrize("dtype", [np.int16, np.int32])
def test_signed_pixels_with_electronic_noise(dtype: type) -> None:
    rng = np.random.default_rng(21)
    noise = rng.normal(0, 0.6, SHAPE)
    image = np.rint(rng.poisson(0.3, SHAPE) + noise).astype(dtype)
    image[300] = np.iinfo(dtype).min
    assert len(find(image).spots) <= 1
    truth = grid(rng, 30)
    hit = with_spots(image.astype(np.int64), truth[truth[:, 1] > 320], 80, rng)
    hit[300] = np.iinfo(dtype).min
    spots = find(hit.astype(dtype)).spots
    assert abs(len(spots) - np.count_nonzero(truth[:, 1] > 320)) <= 1


def test_negative_flags_of_photon_counters_are_bad_pixels() -> None:
    rng = np.random.default_rng(23)
    image = rng.poisson(4.0, SHAPE).astype(np.int32)
    image[:, 300:310] = -1
    image[::50, :] = -2
    found = find(image)
    assert len(found.spots) <= 1
    assert found.background.underload == 0
    assert found.background.level == pytest.approx(4.0, rel=0.02)


def test_crowds_of_spots_take_bounded_work() -> None:
    image = np.zeros((1200, 1200), np.uint16)
    image[4::4, 4::4] = 50
    image[5::4, 4::4] = 40
    image[4::4, 5::4] = 40
    found = find(image, geometry=None)
    assert len(found.spots) <= 1000


def test_thin_images_and_odd_sizes() -> None:
    for shape in ((1, 1), (2, 2), (10, 10), (9, 3), (3, 400), (400, 9), (17, 65)):
        rng = np.random.default_rng(22)
        for level in (0, 3):
            image = rng.poisson(level, shape).astype(np.uint8)
            center = Geometry(shape, (75e-6, 75e-6), 0.1, (1.0, 1.0), 1.0)
            for geometry in (center, None):
                assert len(find(image, geometry=geometry).spots) <= 1
