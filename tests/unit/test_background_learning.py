"""Learned background: what it takes in, what it leaves out, and what it is good for."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from recorder.records import LearnedBackground
from recorder.simulate.stills.render import StillGenerator
from recorder.simulate.stills.settings import StillSettings, default_geometry
from recorder.ssx.background.learned_map import MapBackground
from recorder.ssx.learning.background import learn_background
from recorder.ssx.spots.connected import where_true
from recorder.ssx.spots.finder import SpotFinder

PLAIN = StillSettings(geometry=default_geometry(800), hit_share=0.5)
UNEVEN = replace(PLAIN, azimuthal=(0.1, 0.25), streak=1.5, background_drift=(0.3, 1000))
IMAGES = 8


def finder_of(generator: StillGenerator) -> SpotFinder:
    settings = generator.settings
    return SpotFinder(
        settings.geometry.shape,
        np.dtype(settings.dtype),
        settings.geometry,
        generator.mask,
    )


def learn(
    settings: StillSettings, seed: int = 3
) -> tuple[StillGenerator, SpotFinder, LearnedBackground]:
    generator = StillGenerator(settings, seed)
    finder = finder_of(generator)
    images = [generator.still(n, "miss").pixels for n in range(IMAGES)]
    learned = learn_background(finder, images, None, non_hits=IMAGES)
    assert learned is not None
    finder.learn(1, learned)
    return generator, finder, learned


@given(hnp.arrays(np.bool_, st.tuples(st.integers(0, 30), st.integers(0, 300))))
def test_the_few_true_ones_are_found(flags):
    assert where_true(flags).tolist() == np.flatnonzero(flags).tolist()


def test_true_ones_of_a_large_sparse_array():
    flags = np.zeros((700, 701), np.bool_)
    flags.ravel()[np.random.default_rng(1).integers(0, flags.size, 900)] = True
    assert where_true(flags).tolist() == np.flatnonzero(flags).tolist()


def test_hot_pixels_are_found_and_good_ones_kept():
    generator, _, learned = learn(replace(PLAIN, hot_pixels_per_mpx=60))
    hot = np.zeros(learned.bad.shape, np.bool_)
    hot.ravel()[generator.hot_pixels] = True
    assert learned.bad[hot].mean() > 0.9
    # but for a few at the edge of the beamstop
    assert (learned.bad & ~hot).mean() < 1e-4


def test_dead_pixels_are_found_where_the_background_is_bright():
    settings = replace(PLAIN, background=6.0, dead_pixels_per_mpx=200)
    generator, _, learned = learn(settings)
    pixels = np.stack([generator.still(n, "miss").pixels for n in range(50, 58)])
    bright = np.kron(learned.grid, np.ones((8, 8)))[:800, :800] > 4.0
    lit = generator.background.shadow > 0.9  # the beamstop's shadow is not dead
    dead = (pixels == 0).all(axis=0) & ~generator.mask & bright & lit
    assert dead.sum() > 20
    assert learned.bad[dead].mean() > 0.9


def test_the_map_is_the_mean_of_the_images():
    generator, _, learned = learn(UNEVEN)
    images = [generator.still(n, "miss").pixels for n in range(IMAGES)]
    mean = np.mean([image.astype(float) for image in images], axis=0)
    good = ~generator.mask & ~learned.bad
    size = learned.grid.shape
    blocks = [
        (
            learned.grid[j, i],
            mean[8 * j : 8 * j + 8, 8 * i : 8 * i + 8],
            good[8 * j : 8 * j + 8, 8 * i : 8 * i + 8],
        )
        for j in range(0, size[0], 7)
        for i in range(0, size[1], 7)
    ]
    pairs = [(g, m[ok].mean()) for g, m, ok in blocks if ok.sum() > 40]
    found, true = np.array(pairs).T
    assert np.median(np.abs(found / true - 1)) < 0.03


def test_spots_of_hits_do_not_enter_the_map():
    generator = StillGenerator(PLAIN, 3)
    finder = finder_of(generator)
    images = [generator.still(n, "hit").pixels for n in range(IMAGES)]
    learned = learn_background(finder, images, None, non_hits=0)
    plain = learn(PLAIN)[2]
    assert learned is not None
    some = plain.grid > 0.1
    ratio = learned.grid[some] / plain.grid[some]
    ratio /= np.median(ratio)
    assert np.percentile(np.abs(ratio - 1), 99) < 0.35
    # a crystal that does not move must not be taken for hot pixels
    still = learn_background(finder, [images[0]] * IMAGES, None, non_hits=0)
    assert still is not None
    spots = generator.still(0, "hit").spots[0]
    strong = spots[spots[:, 2] > 100][:, :2].astype(int)
    assert still.bad[strong[:, 1], strong[:, 0]].mean() < 0.2 or len(strong) == 0


def test_too_few_images_teach_nothing():
    generator = StillGenerator(PLAIN, 3)
    image = generator.still(0, "miss").pixels
    finder = finder_of(generator)
    assert learn_background(finder, [image] * 3, None, non_hits=3) is None


@pytest.mark.parametrize(
    ("changes", "gain"),
    [
        ({}, 1.0),
        ({"gain": 2}, 2.0),
        ({"dtype": "int32", "gain": 12, "noise": 3.0}, 12.0),
        ({"dtype": "int16", "gain": 30, "noise": 20.0}, 30.0),
    ],
)
def test_gain_is_estimated(changes, gain):
    _, _, learned = learn(replace(PLAIN, **changes))
    assert learned.gain == pytest.approx(gain, rel=0.15)


def test_noise_below_zero_is_no_flag():
    _, _, learned = learn(replace(PLAIN, dtype="int32", gain=12, noise=3.0))
    assert learned.underload == -math.inf
    assert learned.read_noise == pytest.approx((3 / 12) ** 2, rel=0.6)
    assert learned.bad.mean() < 0.001


@pytest.mark.parametrize("settings", [PLAIN, UNEVEN], ids=["plain", "uneven"])
def test_a_learned_map_finds_more_and_no_false_spots(settings):
    generator, finder, _ = learn(settings)
    blanks = [generator.still(n, "miss").pixels for n in range(300, 310)]
    false = [len(finder.find(image, None, 4.0, 1).spots) for image in blanks]
    assert np.mean(false) <= 0.5
    assert max(false) <= 2
    hits = [generator.still(n, "hit") for n in range(320, 328)]
    counts = {
        number: sum(len(finder.find(s.pixels, None, 4.0, number).spots) for s in hits)
        for number in (0, 1)
    }
    assert counts[1] > 1.02 * counts[0]


def test_the_map_follows_level_and_solvent():
    generator, finder, _ = learn(PLAIN)
    brighter = StillGenerator(replace(PLAIN, background=1.8), 3)
    image = brighter.still(0, "miss").pixels
    found = finder.find(image, None, 4.0, 1)
    ring = finder.find(generator.still(0, "miss").pixels, None, 4.0, 1)
    assert found.background.level / ring.background.level == pytest.approx(3, rel=0.5)
    assert found.background.solvent == pytest.approx(ring.background.solvent, rel=0.1)
    assert len(found.spots) <= 2


def test_unknown_numbers_fall_back_to_the_images_own_background():
    generator, finder, _ = learn(PLAIN)
    image = generator.still(40, "hit").pixels
    own = finder.find(image, None, 4.0)
    other = finder.find(image, None, 4.0, learned=77)
    assert own.spots.x.tolist() == other.spots.x.tolist()


def test_old_maps_are_given_up():
    _, finder, learned = learn(PLAIN)
    for number in range(2, 9):
        finder.learn(number, learned)
    assert len(finder._learned) == 3


def test_an_empty_map_makes_no_spots():
    generator, finder, _ = learn(PLAIN)
    shape = generator.mask.shape
    grid = np.zeros((-(-shape[0] // 8), -(-shape[1] // 8)), np.float32)
    empty = LearnedBackground(grid, np.zeros(shape, np.bool_), 1.0)
    source = MapBackground(finder.bins, ~generator.mask, None, empty)
    background = source.estimate(np.zeros(shape, np.uint16))
    assert np.isfinite(background.at(np.array([5, 700]), np.array([5, 600]))).all()


@pytest.mark.parametrize("level", [30.0, 0.0, 60_000.0])
def test_an_image_unlike_the_map_speaks_for_itself(level):
    generator, finder, _ = learn(PLAIN)
    rng = np.random.default_rng(4)
    image = np.minimum(rng.poisson(level, generator.mask.shape), 65_534)
    found = finder.find(image.astype(np.uint16), None, 4.0, 1)
    assert len(found.spots) <= 2
    assert found.background.level == pytest.approx(level, rel=0.1, abs=0.01)
