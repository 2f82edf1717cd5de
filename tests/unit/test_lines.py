"""Line-shaped background: streaks, edges, bad columns; no crystal is made of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.records import ClassifierSetup, ClassifySettings, ImageClass, Learned
from recorder.simulate.stills.render import StillGenerator
from recorder.simulate.stills.settings import StillSettings, default_geometry
from recorder.ssx.classification.classifier import Classifier
from recorder.ssx.spots.spot_lines import on_lines

PX = 600
SETTINGS = StillSettings(geometry=default_geometry(PX), hit_share=0.5)
Y, X = np.mgrid[0:PX, 0:PX] + 0.5
Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def streak(width: float, peak: float, *, tails: bool, angle: float) -> Change:
    """A jet's scatter that wobbles: Gaussian or exponential across, FWHM in px."""

    def change(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        turned = angle + np.radians(rng.normal(0, 2))
        x0, y0 = SETTINGS.geometry.beam_center
        across = (Y - y0) * np.cos(turned) - (X - x0) * np.sin(turned)
        across = np.abs(across - rng.normal(0, 3)) / width
        profile = np.exp(-1.386 * across) if tails else np.exp(-2.77 * across**2)
        return image + rng.poisson(peak * rng.uniform(0.5, 1.5) * profile)

    return change


def edge(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A shadow whose edge moves."""
    bright = (Y - 250 - rng.normal(0, 3)) * 0.8 - (X - 300) * 0.6 > 0
    return np.where(bright, image, rng.binomial(image, 0.2))


def columns(image: np.ndarray, rng: np.random.Generator, turned: bool = False):
    """Noisy columns, or rows, some of which end at half height."""
    out = image.T.copy() if turned else image.copy()
    for n, column in enumerate((41, 160, 161, 333, 478)):
        rows = slice(0, PX // (1 + n % 2))
        size = len(out[rows, column])
        out[rows, column] = rng.poisson(np.exp(rng.normal(1.4, 0.8, size)))
    return out.T if turned else out


def rows(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return columns(image, rng, turned=True)


def modules(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Pixels at the edges of modules are larger."""
    out = image.copy()
    for place in (199, 200, 399, 400):
        out[:, place] += rng.poisson(1.2, PX)
        out[place] += rng.poisson(1.2, PX)
    return out


CONDITIONS: dict[str, Change] = {
    "faint, 1 px": streak(1, 3, tails=False, angle=0.9),
    "upright, 2 px": streak(2, 6, tails=False, angle=np.pi / 2),
    "3 px, 10 photons": streak(3, 10, tails=False, angle=1.2),
    "3 px, 50 photons": streak(3, 50, tails=False, angle=2.7),
    "6 px, tails": streak(6, 5, tails=True, angle=0.1),
    "10 px, tails, 50 photons": streak(10, 50, tails=True, angle=0.5),
    "edge": edge,
    "columns": columns,
    "rows": rows,
    "modules": modules,
}


@dataclass
class Images:
    mask: np.ndarray
    blanks: list[np.ndarray]
    hits: list[np.ndarray]


@pytest.fixture(scope="module")
def plain() -> Iterator[Images]:
    generator = StillGenerator(SETTINGS, 8)
    yield Images(
        generator.mask,
        [generator.still(n, "miss").pixels for n in range(36)],
        [generator.still(n, "hit").pixels for n in range(40, 46)],
    )


def changed(images: list[np.ndarray], change: Change, bad: np.ndarray, seed: int):
    rng = np.random.default_rng(seed)
    out = [change(np.where(bad, 0, image).astype(np.int64), rng) for image in images]
    return [np.where(bad, 65535, np.minimum(i, 65534)).astype(np.uint16) for i in out]


@pytest.mark.slow
@pytest.mark.parametrize("name", CONDITIONS)
def test_line_shaped_background_is_no_crystal(plain: Images, name: str) -> None:
    change = CONDITIONS[name]
    blanks = changed(plain.blanks, change, plain.mask, 1)
    hits = changed(plain.hits, change, plain.mask, 2)
    geometry = SETTINGS.geometry
    classifier = Classifier(
        ClassifierSetup(
            geometry.shape,
            "uint16",
            geometry,
            SETTINGS.cell,
            SETTINGS.space_group,
            plain.mask,
            None,
            None,
            ClassifySettings(),
        )
    )
    first = [classifier.classify(image) for image in blanks[:16]]
    assert sum(r.image_class is not ImageClass.NON_HIT for r in first) <= 1
    # a run full of false hits must heal: none of the images is called a non-hit
    classifier.take(classifier.learn(1, Learned(0), blanks[:10], 0, []))
    for number in (0, 1):
        results = [classifier.classify(image, number) for image in blanks[16:]]
        assert sum(r.image_class is not ImageClass.NON_HIT for r in results) <= 1
        assert not any(r.lattices for r in results)
        found = [classifier.classify(image, number) for image in hits]
        assert all(r.image_class is ImageClass.INDEXED for r in found)


@given(
    st.integers(8, 60),
    st.floats(0, np.pi),
    st.floats(0.2, 1.5),
    st.integers(0, 2**32 - 1),
)
def test_spots_on_one_line_make_no_hit(n: int, angle: float, sigma: float, seed: int):
    rng = np.random.default_rng(seed)
    along, off = rng.uniform(-280, 280, n), rng.normal(0, sigma, n)
    x = 300 + along * np.cos(angle) - off * np.sin(angle)
    y = 300 + along * np.sin(angle) + off * np.cos(angle)
    other = rng.uniform(0, 600, (2, 3))
    found = on_lines(np.append(x, other[0]), np.append(y, other[1]), (600, 600))
    assert found[:n].mean() > 0.5
    assert np.count_nonzero(~found) < ClassifySettings().min_spots_hit


def test_spots_of_a_crystal_are_on_no_line() -> None:
    """Its rows hold no more than half of its spots."""
    generator = StillGenerator(SETTINGS, 9)
    for n in range(20):
        spots = np.concatenate(generator.still(n, "multi" if n % 3 else "hit").spots)
        spots = spots[spots[:, 2] > 30]
        spots = spots[np.argsort(-spots[:, 2])]
        assert not on_lines(spots[:, 0], spots[:, 1], (PX, PX)).any()


def test_few_spots_are_not_judged() -> None:
    assert not on_lines(np.zeros(0), np.zeros(0), (600, 600)).any()
    same = np.array([5.0, 5.0, 5.0])
    assert not on_lines(same, np.array([1.0, 90.0, 300.0]), (600, 600)).any()
