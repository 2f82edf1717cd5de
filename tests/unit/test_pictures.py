"""A picture of an image, as a worker makes it, and the sums over hits."""

from __future__ import annotations

import time
from dataclasses import replace

import imagecodecs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from recorder.pool.pictures import Artist
from recorder.pool.wire import pack_shown, unpack_shown
from recorder.records import (
    ClassifierSetup,
    ClassifySettings,
    ImageClass,
    Learned,
    LearnedBackground,
)
from recorder.records.pictures import NOTHING_SHOWN, PICTURES, Picture, Shown, Wish, met
from recorder.simulate.stills.render import Still, StillGenerator
from recorder.simulate.stills.settings import StillSettings, default_geometry
from recorder.ssx.background.learned_map import BLOCK
from recorder.ssx.classification.classifier import Classifier
from recorder.ssx.classification.look import Look
from recorder.ssx.preview.binning import (
    binning,
)
from recorder.ssx.preview.spot_sums import MARK, SpotSums, marks

EVERYTHING = Wish.MARKS | Wish.LAST | Wish.INDEXED | Wish.UNINDEXED
STILLS = StillSettings(geometry=default_geometry(640), hit_share=1.0, multi_share=0.0)


def stills(count: int, settings: StillSettings = STILLS) -> list[Still]:
    generator = StillGenerator(settings, 5)
    return [generator.still(n) for n in range(count)]


# -- a whole picture -------------------------------------------------------------------


def set_up(settings: StillSettings = STILLS) -> tuple[Artist, Classifier]:
    mask = np.array(StillGenerator(settings, 5).mask)
    setup = ClassifierSetup(
        settings.geometry.shape,
        np.dtype(settings.dtype).name,
        settings.geometry,
        settings.cell,
        settings.space_group,
        mask,
        None,
        None,
        ClassifySettings(),
    )
    classifier = Classifier(setup)
    return Artist(setup, classifier), classifier


@pytest.fixture(scope="module")
def indexed() -> tuple[Artist, Look]:
    artist, classifier = set_up()
    looks = (classifier.look(np.array(still.pixels)) for still in stills(9))
    kind = ImageClass.INDEXED
    return artist, next(k for k in looks if k.classification.image_class is kind)


def picture_of(artist: Artist, look: Look) -> Picture:
    picture = artist.show(look, EVERYTHING).picture
    assert picture is not None
    return picture


def test_found_spots_are_on_dark_places_and_predicted_ones_on_found(indexed):
    artist, look = indexed
    picture = picture_of(artist, look)
    body = picture.body
    dark = 255 - imagecodecs.png_decode(picture.png)[..., 0].astype(int)
    assert dark.shape == (body["height"], body["width"])
    factor, spots = body["binning"], np.array(body["spots"])
    assert factor == binning(STILLS.geometry.shape)
    assert len(spots) == look.classification.spots
    assert spots[:, 0] * factor == pytest.approx(look.spots.x, abs=factor / 100)
    column, row = spots[:, :2].astype(int).T
    assert np.median(dark[row, column]) > np.quantile(dark, 0.99)
    at = np.array(body["predicted"])
    away = np.linalg.norm(spots[:, None, :2] - at, axis=2).min(axis=1) * factor
    explained = look.classification.lattices[0].spots
    assert np.count_nonzero(away < 3) >= 0.9 * explained
    assert body["lattices"] == 1
    assert body["outcome"] == "indexed"
    assert body["center"] == pytest.approx(
        [at / factor for at in STILLS.geometry.beam_center], abs=0.01
    )


def test_masked_pixels_are_shown_as_such(indexed):
    artist, look = indexed
    colours = imagecodecs.png_decode(picture_of(artist, look).png).astype(int)
    mask = np.array(StillGenerator(STILLS, 5).mask)
    factor = binning(mask.shape)
    height, width = (n // factor for n in mask.shape)
    cut = mask[: height * factor, : width * factor]
    whole = cut.reshape(height, factor, width, factor).all(axis=(1, 3))
    assert whole.any()
    coloured = np.ptp(colours[:height, :width], axis=2) > 0
    assert np.array_equal(coloured, whole)


def test_pixels_that_turned_out_to_be_bad_are_masked_too(indexed):
    artist, classifier = set_up()
    shape = STILLS.geometry.shape
    bad = np.zeros(shape, np.bool_)
    bad[100:140, 200:240] = True
    blocks = [-(-size // BLOCK) for size in shape]
    grid = np.full(blocks, 0.6, np.float32)
    background = LearnedBackground(grid=grid, bad=bad, gain=1.0, read_noise=0.0)
    classifier.take(Learned(1, background))
    look = classifier.look(indexed[1].pixels, learned=1)
    before = picture_of(artist, classifier.look(indexed[1].pixels)).png
    after = picture_of(artist, look).png
    factor = binning(shape)
    inside = np.s_[-(-100 // factor) : 140 // factor, -(-200 // factor) : 240 // factor]
    colours = imagecodecs.png_decode(after).astype(int)
    assert (np.ptp(colours[inside], axis=2) > 0).all()
    assert (np.ptp(imagecodecs.png_decode(before)[inside], axis=2) == 0).all()


@pytest.mark.parametrize("image_class", ImageClass)
@pytest.mark.parametrize("wish", [Wish.NOTHING, Wish.MARKS, *PICTURES, EVERYTHING])
def test_only_what_was_wished_is_drawn(indexed, image_class, wish):
    artist, look = indexed
    shown = artist.show(_of_class(look, image_class), wish)
    due = met(wish, image_class)
    assert (shown.picture is not None) == bool(due & ~Wish.MARKS)
    assert bool(shown.marks) == bool(due & Wish.MARKS)


def _of_class(look: Look, image_class: ImageClass) -> Look:
    found = replace(look.classification, image_class=image_class)
    return replace(look, classification=found)


def test_each_class_has_its_pictures():
    kinds = {c: {k for k in PICTURES if met(k, c)} for c in ImageClass}
    assert kinds == {
        ImageClass.INDEXED: {Wish.LAST, Wish.INDEXED},
        ImageClass.NON_INDEXED_HIT: {Wish.LAST, Wish.UNINDEXED},
        ImageClass.NON_HIT: {Wish.LAST},
    }


def test_drawing_changes_nothing(indexed):
    artist, classifier = set_up()
    for still in stills(4):
        pixels = np.array(still.pixels)
        before = pixels.copy()
        look = classifier.look(pixels)
        artist.show(look, EVERYTHING)
        assert np.array_equal(pixels, before)
        assert classifier.look(pixels).classification == look.classification


def test_an_image_without_geometry_or_spots_is_drawn_too():
    shape = (12, 10)
    setup = ClassifierSetup(
        shape, "int32", None, None, None, None, None, None, ClassifySettings()
    )
    classifier = Classifier(setup)
    artist = Artist(setup, classifier)
    body = picture_of(artist, classifier.look(np.zeros(shape, np.int32))).body
    assert (body["spots"], body["predicted"], body["rings"]) == ([], [], [])
    assert body["center"] is None


def test_what_is_shown_travels(indexed):
    shown = indexed[0].show(indexed[1], EVERYTHING)
    frames = [bytes(frame) for frame in pack_shown(shown)]
    assert unpack_shown(frames) == shown
    assert pack_shown(NOTHING_SHOWN) == []
    assert unpack_shown([]) == NOTHING_SHOWN
    only_marks = Shown(shown.shape, shown.marks)
    assert unpack_shown([bytes(f) for f in pack_shown(only_marks)]) == only_marks


def test_a_picture_costs_less_than_the_class_of_its_image():
    """Less than 2 % of 4 Mpx images at 100 Hz are drawn: 1 % of their time."""
    settings = StillSettings(geometry=default_geometry(2048), hit_share=1.0)
    artist, classifier = set_up(settings)
    pixels = np.array(StillGenerator(settings, 5).still(0).pixels)
    looked, drawn = [], []
    for _ in range(7):
        begun = time.process_time()
        look = classifier.look(pixels)
        looked.append(time.process_time() - begun)
        drawn.append(artist.show(look, EVERYTHING).cost_s)
    assert np.median(drawn) < np.median(looked)


# -- sums ------------------------------------------------------------------------------


def test_sums_are_those_of_all_spots_in_any_order(indexed):
    look = indexed[1]
    shape = STILLS.geometry.shape
    every = [
        marks(look.spots.select(np.arange(n, len(look.spots), 3)), look.q[n::3], shape)
        for n in range(3)
    ]
    one, other = SpotSums(shape), SpotSums(shape)
    one.add(np.concatenate(every), 1)
    for part in reversed(every):
        other.add(part, 0)
    assert np.array_equal(one.powder, other.powder)
    assert np.array_equal(one.peakogram, other.peakogram)
    assert one.powder.sum() == np.rint(look.spots.intensity).sum()
    assert one.peakogram.sum() == len(look.spots)
    factor = binning(shape)
    row, column = np.nonzero(one.powder)
    assert {
        (int(y // factor), int(x // factor))
        for x, y in zip(look.spots.x, look.spots.y, strict=True)
    } == set(zip(row.tolist(), column.tolist(), strict=True))


def test_without_geometry_spots_have_no_resolution(indexed):
    look, shape = indexed[1], STILLS.geometry.shape
    sums = SpotSums(shape)
    sums.add(marks(look.spots, None, shape), 1)
    assert sums.peakogram.sum() == 0
    assert sums.powder.sum() > 0


@given(arrays.arrays(MARK, st.integers(0, 30)))
def test_marks_of_any_kind_break_nothing(found):
    """They come from another process."""
    sums = SpotSums((40, 30))
    sums.add(found, 1)
    assert sums.hits == 1
