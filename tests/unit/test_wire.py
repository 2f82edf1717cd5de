"""What travels to workers comes back as it was."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from recorder.pool.wire import (
    ImageHead,
    image_message,
    pack_learned,
    pack_lesson,
    pack_result,
    pack_setup,
    read_image,
    unpack_learned,
    unpack_lesson,
    unpack_result,
    unpack_setup,
)
from recorder.records import (
    Classification,
    ClassifierSetup,
    ClassifySettings,
    Finding,
    FindingKind,
    Geometry,
    ImageClass,
    Lattice,
    Learned,
    LearnedBackground,
    Lesson,
    Panel,
    Place,
    WorkLevel,
)
from tests.builders import SHAPE, payload

SETUP = ClassifierSetup(
    shape=SHAPE,
    dtype="uint16",
    geometry=Geometry(SHAPE, (75e-6, 75e-6), 0.1, (5.0, 6.0), 1.0),
    cell=(79.1, 79.1, 38.2, 90.0, 90.0, 90.0),
    space_group="P43212",
    mask=np.arange(120).reshape(SHAPE) % 7 == 0,
    flatfield=np.full(SHAPE, 0.9, np.float32),
    saturation=60000.0,
    settings=ClassifySettings(gain=2.0),
)


@pytest.mark.parametrize(
    "setup",
    [SETUP, replace(SETUP, geometry=None, cell=None, mask=None, flatfield=None)],
)
def test_setup(setup):
    again = unpack_setup([bytes(frame) for frame in pack_setup(setup)])
    assert (again.cell, again.settings, again.shape) == (
        setup.cell,
        setup.settings,
        setup.shape,
    )
    assert (again.geometry is None) == (setup.geometry is None)
    if setup.geometry is not None:
        assert again.geometry.beam_center == (5.0, 6.0)
    for name in ("mask", "flatfield"):
        assert np.array_equal(getattr(again, name), getattr(setup, name))


def test_an_image_is_two_frames():
    head = ImageHead(7, 3, 2, WorkLevel.ONE_LATTICE, 5)
    frames = image_message(head, payload(3))
    assert (len(frames), frames[1]) == (2, payload(3).data)
    again, image = read_image(frames)
    assert again == head
    assert (image.encoding, image.shape, image.dtype) == ("raw", SHAPE, "<u2")
    assert (image.data, image.column_major) == (payload(3).data, False)


def test_result():
    lattice = Lattice((1.0,) * 3 + (90.0,) * 3, (1.0,) * 9, 20, -30.0, 0.001)
    result = Classification(ImageClass.INDEXED, 25, (lattice,), 1.9, 0.6, 3, 0)
    assert unpack_result(pack_result(result)) == result


def test_results_with_positions():
    spots = np.arange(8, dtype=np.float32).reshape(4, 2)
    result = Classification(
        ImageClass.NON_INDEXED_HIT, 4, effort=WorkLevel.NO_RETRY, positions=spots
    )
    again = unpack_result([bytes(frame) for frame in pack_result(result)])
    assert again == result
    assert again.effort is WorkLevel.NO_RETRY
    assert np.array_equal(again.positions, spots)


@pytest.mark.parametrize("underload", [-math.inf, 0.0])
def test_learned_states(underload):
    rng = np.random.default_rng(1)
    background = LearnedBackground(
        rng.random((2, 2)).astype(np.float32),
        rng.random(SHAPE) > 0.5,
        2.0,
        0.1,
        underload,
        images=10,
        non_hits=7,
    )
    learned = Learned(
        3,
        background,
        SETUP.geometry,
        (1.0, 2.0, 3.0, 90.0, 90.0, 90.0),
        True,
        9,
        lattice="tI",
        misfit=0.001,
        findings=(Finding(FindingKind.DISAGREE, "they disagree: so"),),
        places=(Place(7, (1.5, 2.5), 0.1, 1.001),),
        in_vain=3,
        resting=2,
    )
    again = unpack_learned([bytes(frame) for frame in pack_learned(learned)])
    assert (again.number, again.geometry, again.cell) == (
        3,
        SETUP.geometry,
        learned.cell,
    )
    assert (again.cell_found, again.images) == (True, 9)
    assert (again.lattice, again.misfit, again.centring) == ("tI", 0.001, "I")
    assert again.findings == learned.findings
    assert again.places == learned.places
    assert (again.in_vain, again.resting) == (3, 2)
    assert (again.background.images, again.background.non_hits) == (10, 7)
    assert np.array_equal(again.background.grid, background.grid)
    assert np.array_equal(again.background.bad, background.bad)
    assert (again.background.read_noise, again.background.underload) == (0.1, underload)
    empty = unpack_learned([bytes(frame) for frame in pack_learned(Learned(1))])
    assert (empty.background, empty.geometry, empty.cell) == (None, None, None)


def test_lessons():
    hits = (np.ones((3, 2), np.float32), np.zeros((5, 2), np.float32))
    lesson = Lesson(4, (payload(1), payload(2)), 1, hits, (8, 9), 96.0, last=True)
    again = unpack_lesson([bytes(frame) for frame in pack_lesson(lesson)])
    assert (again.number, again.non_hits) == (4, 1)
    assert (again.hit_ids, again.used_at, again.last) == ((8, 9), 96.0, True)
    assert [bytes(image.data) for image in again.images] == [
        bytes(image.data) for image in lesson.images
    ]
    assert [xy.shape for xy in again.hits] == [(3, 2), (5, 2)]
    nothing = unpack_lesson([bytes(f) for f in pack_lesson(Lesson(1))])
    assert (nothing.images, nothing.hits) == ((), ())


def test_panels_travel():
    panel = Panel("p", (0, 0), (4, 4), (0.0, 0.0, 0.1), (1e-4, 0, 0), (0, 1e-4, 0))
    setup = replace(SETUP, geometry=replace(SETUP.geometry, panels=(panel,)))
    again = unpack_setup([bytes(frame) for frame in pack_setup(setup)])
    assert again.geometry == setup.geometry
