"""A map of the background that still fits is kept; one that does not is made anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from recorder.records import ClassifierSetup, ClassifySettings, Learned
from recorder.simulate.stills.render import StillGenerator
from recorder.simulate.stills.settings import StillSettings, default_geometry
from recorder.ssx.classification.classifier import Classifier
from recorder.ssx.learning.kept_map import LOOKED

PLAIN = StillSettings(geometry=default_geometry(800))
IMAGES = 10
CONDITIONS = {
    "plain": PLAIN,
    "uneven": replace(PLAIN, azimuthal=(0.1, 0.25), streak=1.5),
    "bright": replace(PLAIN, background=30.0),
    "dark": replace(PLAIN, background=0.05),
    "integrating": replace(PLAIN, dtype="int16", gain=10, noise=0.3, baseline=100),
    "brighter later": replace(PLAIN, background_drift=(0.3, 100)),
}


class Counted(list[np.ndarray]):
    """Images of a lesson, which counts those that were asked for."""

    asked = 0

    def __iter__(self):
        for image in list.__iter__(self):
            self.asked += 1
            yield image

    def __getitem__(self, place):
        assert isinstance(place, slice)
        chosen = list.__getitem__(self, place)
        self.asked += len(chosen)
        return chosen


def taught(settings: StillSettings) -> tuple[StillGenerator, Classifier, Learned]:
    """After one lesson of ten blanks."""
    generator = StillGenerator(settings, 3)
    setup = ClassifierSetup(
        shape=settings.geometry.shape,
        dtype=settings.dtype,
        geometry=settings.geometry,
        cell=None,
        space_group=None,
        mask=generator.mask,
        flatfield=None,
        saturation=None,
        settings=ClassifySettings(),
    )
    classifier = Classifier(setup)
    images = [generator.still(n, "miss").pixels for n in range(IMAGES)]
    first = classifier.learn(1, Learned(0), images, IMAGES, ())
    classifier.take(first)
    assert first.background is not None
    assert (first.background.images, first.background.non_hits) == (IMAGES, IMAGES)
    return generator, classifier, first


@pytest.mark.parametrize("name", CONDITIONS)
def test_a_map_that_fits_is_kept_after_a_look_at_few_images(name):
    generator, classifier, first = taught(CONDITIONS[name])
    blanks = [generator.still(n, "miss").pixels for n in range(100, 100 + IMAGES)]
    images = Counted(blanks)
    second = classifier.learn(2, first, images, IMAGES, ())
    assert second.background is first.background
    assert images.asked == LOOKED


def _streak(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    y, x = np.indices(image.shape)
    return image + rng.poisson(2 * np.exp(-0.5 * ((x - 300 - 0.2 * y) / 6) ** 2))


def _half(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    x = np.arange(image.shape[1])
    return image + rng.poisson(0.15, image.shape) * (x > 400)


def _shadow(image: np.ndarray, _: np.random.Generator) -> np.ndarray:
    dark = image.copy()
    dark[100:300, 150:350] //= 4
    return dark


def _hot(image: np.ndarray, _: np.random.Generator) -> np.ndarray:
    hot = image.copy()
    hot[np.arange(100, 700, 30), np.arange(120, 720, 30)] = 60
    return hot


def _noisy_column(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    noisy = image.astype(np.int64)
    noisy[:400, 222] += rng.poisson(0.2, 400) * 12
    return noisy


@pytest.mark.parametrize("change", [_streak, _half, _shadow, _hot, _noisy_column])
def test_a_map_that_does_not_fit_is_made_anew(
    change: Callable[[np.ndarray, np.random.Generator], np.ndarray],
):
    generator, classifier, first = taught(PLAIN)
    rng = np.random.default_rng(1)
    images = []
    for n in range(100, 100 + IMAGES):
        blank = generator.still(n, "miss").pixels
        other = change(blank, rng)
        images.append(np.where(generator.mask, blank, other).astype(blank.dtype))
    second = classifier.learn(2, first, images, IMAGES, ())
    fresh = Classifier(classifier._setup)
    assert second.background is not first.background
    wanted = fresh.learn(1, Learned(0), images, IMAGES, ()).background
    assert wanted is not None
    assert second.background is not None
    assert np.array_equal(second.background.grid, wanted.grid)
    assert np.array_equal(second.background.bad, wanted.bad)


def test_a_map_of_few_images_is_made_anew_from_more():
    generator, classifier, first = taught(PLAIN)
    assert first.background is not None
    few = replace(first.background, images=5, non_hits=5)
    images = [generator.still(n, "miss").pixels for n in range(100, 100 + IMAGES)]
    second = classifier.learn(2, replace(first, background=few), images, IMAGES, ())
    assert second.background is not None
    assert second.background.images == IMAGES


def test_a_map_that_was_not_taken_over_is_made_anew():
    generator, classifier, first = taught(PLAIN)
    images = [generator.still(n, "miss").pixels for n in range(100, 100 + IMAGES)]
    stranger = replace(first, number=7)
    second = classifier.learn(8, stranger, images, IMAGES, ())
    assert second.background is not first.background
