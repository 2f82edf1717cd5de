"""Pedestals and gains: what the images show, what a geometry file says, what is odd."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from recorder.classifying.gain import note_gain
from recorder.classifying.setup import make_setup
from recorder.config import GeometrySection
from recorder.errors import UsageError
from recorder.records import (
    ClassifierSetup,
    ClassifySettings,
    ImageClass,
    Learned,
    LearnedBackground,
)
from recorder.simulate.stills.render import StillGenerator
from recorder.simulate.stills.settings import StillSettings, default_geometry
from recorder.sources.crystfel_geometry import read_geometry
from recorder.ssx.background.photon_transfer import photon_transfer
from recorder.ssx.classification.classifier import Classifier
from tests.builders import new_run, payload
from tests.unit.test_panels import PLAIN, written

SETTINGS = StillSettings(geometry=default_geometry(600), hit_share=0.5)


def digitised(
    photons: np.ndarray, pedestal: float, gain: float, noise: float, dtype: str
) -> np.ndarray:
    """Counts of an integrating detector; masked pixels keep their flag."""
    info = np.iinfo(dtype)
    flag = info.min if info.min < 0 else info.max
    rng = np.random.default_rng(int(photons.sum()) % 1000)
    counts = pedestal + gain * photons.astype(float)
    counts = np.rint(counts + noise * rng.normal(size=photons.shape))
    counts = np.clip(counts, info.min + 1 if info.min < 0 else 0, info.max - 1)
    return np.where(photons == 65535, flag, counts).astype(dtype)


@pytest.fixture(scope="module")
def stills() -> tuple[StillGenerator, list[np.ndarray], list[np.ndarray]]:
    generator = StillGenerator(SETTINGS, 4)
    blanks = [generator.still(n, "miss").pixels for n in range(14)]
    return generator, blanks, [generator.still(n, "hit").pixels for n in range(50, 54)]


@pytest.mark.parametrize(
    ("pedestal", "gain", "noise", "dtype"),
    [
        (10, 1, 0, "uint16"),
        (100, 1, 0, "uint16"),
        (100, 12, 0, "uint16"),
        (500, 12, 4, "uint16"),
        (1000, 100, 10, "uint32"),
        (100, 12, 3, "int32"),
        (1000, 30, 10, "int16"),
        (0, 12, 3, "int32"),
    ],
)
def test_a_pedestal_changes_no_class(stills, pedestal, gain, noise, dtype) -> None:
    generator, blanks, hits = stills
    blanks = [digitised(b, pedestal, gain, noise, dtype) for b in blanks]
    hits = [digitised(h, pedestal, gain, noise, dtype) for h in hits]
    geometry = SETTINGS.geometry
    classifier = Classifier(
        ClassifierSetup(
            geometry.shape,
            dtype,
            geometry,
            SETTINGS.cell,
            SETTINGS.space_group,
            generator.mask,
            None,
            None,
            ClassifySettings(),
        )
    )
    learned = classifier.learn(1, Learned(0), blanks[:8], 8, [])
    background = learned.background
    assert background is not None
    assert background.gain == pytest.approx(gain, rel=0.1)
    assert background.pedestal == pytest.approx(pedestal, rel=0.02, abs=1.0)
    classifier.take(learned)
    for number in (0, 1):
        found = [classifier.classify(image, number) for image in blanks[8:]]
        assert all(r.spots <= 2 for r in found)
        found = [classifier.classify(image, number) for image in hits]
        assert all(r.image_class is ImageClass.INDEXED for r in found)


def test_pieces_without_all_their_pixels_tell_the_same_gain() -> None:
    """Masked pixels are no zeros: half of them change neither gain nor pedestal."""
    rng = np.random.default_rng(6)
    mean = rng.uniform(50, 150, 4000)
    whole = photon_transfer(mean, 12.0 * (mean - 40), None)
    assert whole.gain == pytest.approx(12)
    assert whole.pedestal == pytest.approx(40)
    assert whole.told


@pytest.mark.parametrize("flagged", [0.1, 0.3])
def test_flagged_pixels_are_no_zeros(stills, flagged: float) -> None:
    generator, blanks, _ = stills
    rng = np.random.default_rng(7)
    classifier = Classifier(
        ClassifierSetup(
            SETTINGS.geometry.shape,
            "int32",
            SETTINGS.geometry,
            None,
            None,
            generator.mask,
            None,
            None,
            ClassifySettings(),
        )
    )
    images = [digitised(blank, 200, 12, 3, "int32") for blank in blanks]
    for image in images:
        image[rng.random(image.shape) < flagged] = np.iinfo(np.int32).min
    learned = classifier.learn(1, Learned(0), images[:8], 8, [])
    assert learned.background is not None
    assert learned.background.gain == pytest.approx(12, rel=0.1)
    assert learned.background.pedestal == pytest.approx(200, rel=0.02)
    classifier.take(learned)
    expected = 200 + 12 * 0.6
    for number in (0, 1):
        result = classifier.classify(images[10], number)
        assert result.background == pytest.approx(expected, rel=0.02)
        assert result.spots <= 2


def test_a_geometry_file_tells_the_gain(tmp_path: Path) -> None:
    per_ev = read_geometry(written(tmp_path, PLAIN))
    assert per_ev.counts_per_ev == 0.001
    assert per_ev.counts_per_photon is None
    per_photon = PLAIN.replace("adu_per_eV = 0.001", "adu_per_photon = 7")
    assert read_geometry(written(tmp_path, per_photon)).counts_per_photon == 7
    with pytest.raises(UsageError, match="adu_per_photon is -7"):
        read_geometry(written(tmp_path, per_photon.replace("7", "-7")))


def test_odd_gains_are_questioned() -> None:
    run = new_run()
    grid, bad = np.ones((2, 2), np.float32), np.zeros((9, 9), np.bool_)

    def learned(gain: float, measured: float | None = None) -> Learned:
        background = LearnedBackground(grid, bad, gain, measured_gain=measured)
        return Learned(1, background)

    assert note_gain(run, "uint16", Learned(0), None) == ""
    assert run.gain is None
    assert note_gain(run, "uint16", learned(2.0), None) == ""
    assert (run.gain, run.pedestal) == (2.0, 0.0)
    assert "cannot be right" in note_gain(run, "uint16", learned(40_000.0), None)
    assert "cannot be right" in note_gain(run, "int32", Learned(0), 1e-5)
    disagree = note_gain(run, "int32", learned(30.0, measured=1.0), 30.0)
    assert "scatter as if it were 1" in disagree
    assert note_gain(run, "int32", learned(30.0, measured=25.0), 30.0) == ""


def test_the_gain_of_a_geometry_file_is_used(tmp_path: Path) -> None:
    path = written(tmp_path, PLAIN.replace("0.001", "0.003"))
    section = GeometrySection(geometry_file=path)
    image = payload(shape=(40, 50))
    setup, _ = make_setup(new_run(), image, section, ClassifySettings())
    assert setup.settings.gain == pytest.approx(0.003 * 12398.42, rel=1e-3)
    setup, _ = make_setup(new_run(), image, section, ClassifySettings(gain=3.0))
    assert setup.settings.gain == 3.0
