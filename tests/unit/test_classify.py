from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from recorder.errors import UnitCellError
from recorder.records import (
    Cell,
    Classification,
    ClassifierSetup,
    ClassifySettings,
    Geometry,
    ImageClass,
)
from recorder.ssx.classification.classifier import Classifier
from recorder.ssx.lattices import symmetry, unit_cell
from recorder.ssx.spots import powder_rings as rings
from tests.crystallography import pixel_positions
from tests.laws import examples

SHAPE = (900, 1000)
DETECTOR = Geometry(SHAPE, (75e-6, 75e-6), 0.07, (490.0, 455.0), 1.0)
CELL: Cell = (79.0, 79.0, 38.0, 90.0, 90.0, 90.0)
DTYPES = ("uint8", "uint16", "uint32", "int16", "int32")


def setup(**changes: object) -> ClassifierSetup:
    plain = ClassifierSetup(
        shape=SHAPE,
        dtype="uint16",
        geometry=DETECTOR,
        cell=CELL,
        space_group="P43212",
        mask=None,
        flatfield=None,
        saturation=None,
        settings=ClassifySettings(),
    )
    return dataclasses.replace(plain, **changes)


def blank(rng: np.random.Generator) -> np.ndarray:
    return rng.poisson(0.6, SHAPE).astype(np.uint16)


def add(
    image: np.ndarray, x: np.ndarray, y: np.ndarray, n: int, rng: np.random.Generator
) -> np.ndarray:
    """Spots of n photons with a point spread of 0.8 px."""
    out = image.copy()
    for cx, cy in zip(x, y, strict=True):
        px = (cx + rng.normal(0, 0.8, n)).astype(int)
        py = (cy + rng.normal(0, 0.8, n)).astype(int)
        np.add.at(out, (py, px), 1)
    return out


def crystal(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A turned cell and the places of its spots on the detector."""
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    turn *= np.sign(np.linalg.det(turn))
    basis = unit_cell.vectors_from_cell(CELL) @ turn.T
    axes = [np.arange(-m, m + 1) for m in (30, 30, 15)]
    h = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    q = h[np.any(h != 0, axis=1)] @ np.linalg.inv(basis).T
    q = q[np.linalg.norm(q, axis=1) < 0.38]
    q = q[np.abs(np.linalg.norm(q + np.array([0, 0, 1]), axis=1) - 1) < 3e-4]
    x, y = pixel_positions(DETECTOR, q)
    inside = (x > 10) & (x < SHAPE[1] - 10) & (y > 10) & (y < SHAPE[0] - 10)
    return basis, x[inside], y[inside]


def test_a_blank_is_a_non_hit() -> None:
    result = Classifier(setup()).classify(blank(np.random.default_rng(41)))
    assert result.image_class is ImageClass.NON_HIT
    assert result.lattices == ()
    assert result.background == pytest.approx(0.6, rel=0.03)


def test_a_crystal_is_indexed() -> None:
    rng = np.random.default_rng(42)
    basis, x, y = crystal(rng)
    result = Classifier(setup()).classify(add(blank(rng), x, y, 150, rng))
    assert result.image_class is ImageClass.INDEXED
    assert len(result.lattices) == 1
    found = np.array(result.lattices[0].vectors).reshape(3, 3)
    same = symmetry.symmetry_matrices(unit_cell.vectors_from_cell(CELL))
    assert min(symmetry.misorientation(m @ basis, found) for m in same) < 0.3
    assert result.lattices[0].cell == pytest.approx(CELL, rel=5e-4)
    assert result.resolution is not None
    assert 2.6 < result.resolution < 3.2
    assert result.spots == pytest.approx(len(x), rel=0.15)


@pytest.mark.parametrize(
    "changes",
    [{"cell": None}, {"geometry": None}, {"settings": ClassifySettings(index=False)}],
)
def test_without_cell_or_geometry_a_hit_is_still_a_hit(
    changes: dict[str, object],
) -> None:
    rng = np.random.default_rng(43)
    _, x, y = crystal(rng)
    image = add(blank(rng), x, y, 150, rng)
    result = Classifier(setup(**changes)).classify(image)
    assert result.image_class is ImageClass.NON_INDEXED_HIT
    assert result.lattices == ()
    assert (result.resolution is None) == ("geometry" in changes)


def test_spots_at_random_are_a_non_indexed_hit() -> None:
    rng = np.random.default_rng(44)
    x, y = rng.uniform(20, 980, 25), rng.uniform(20, 880, 25)
    result = Classifier(setup()).classify(add(blank(rng), x, y, 150, rng))
    assert result.image_class is ImageClass.NON_INDEXED_HIT


def test_an_ice_ring_is_not_a_hit() -> None:
    rng = np.random.default_rng(45)
    phi = rng.uniform(0, 2 * np.pi, 80)
    radius = np.tan(2 * np.arcsin(1 / (2 * 3.67))) * 0.07 / 75e-6
    x, y = 490 + radius * np.cos(phi), 455 + radius * np.sin(phi)
    result = Classifier(setup()).classify(add(blank(rng), x, y, 150, rng))
    assert result.image_class is ImageClass.NON_HIT
    assert result.rings > 40
    assert result.spots < 8


def test_a_crystal_under_an_ice_ring_is_indexed() -> None:
    rng = np.random.default_rng(46)
    _, x, y = crystal(rng)
    phi = rng.uniform(0, 2 * np.pi, 160)
    radius = np.tan(2 * np.arcsin(1 / (2 * 3.67))) * 0.07 / 75e-6
    ice = 490 + radius * np.cos(phi), 455 + radius * np.sin(phi)
    image = add(add(blank(rng), x, y, 150, rng), *ice, 150, rng)
    assert Classifier(setup()).classify(image).image_class is ImageClass.INDEXED


def test_several_ice_rings_count_together() -> None:
    rng = np.random.default_rng(47)
    spacing = rng.choice([3.90, 3.67, 3.44], 60)
    protein = rng.uniform(0.05, 0.4, 6)
    norm = np.concatenate([1 / spacing + rng.normal(0, 5e-4, 60), protein])
    shells = rings.shells_of(DETECTOR, np.ones(SHAPE, np.bool_))
    assert rings.on_rings(norm, 0.6, shells)[:60].sum() >= 55
    assert not rings.on_rings(rng.choice(shells.norm, 60), 0.6, shells).any()
    assert not rings.on_rings(np.zeros(0), 0.6, shells).any()


def test_zingers_are_not_a_hit() -> None:
    rng = np.random.default_rng(48)
    image = blank(rng)
    for i in range(40):
        x, y = rng.integers(20, 880, 2)
        for j in range(i % 3 + 1):
            image[y, x + j] += rng.integers(30, 800)
    result = Classifier(setup()).classify(image)
    assert result.image_class is ImageClass.NON_HIT


def test_the_images_before_do_not_matter() -> None:
    rng = np.random.default_rng(49)
    _, x, y = crystal(rng)
    hit, other = add(blank(rng), x, y, 150, rng), blank(rng)
    classifier = Classifier(setup())
    first = classifier.classify(hit)
    classifier.classify((other * 40).astype(np.uint16))
    classifier.classify(np.full(SHAPE, 65535, np.uint16))
    assert classifier.classify(hit) == first
    assert Classifier(setup()).classify(hit) == first


def test_the_image_is_not_changed() -> None:
    image = blank(np.random.default_rng(50))
    image.setflags(write=False)
    copy = image.copy()
    Classifier(setup(flatfield=np.full(SHAPE, 2, np.float32))).classify(image)
    np.testing.assert_array_equal(image, copy)


def test_an_image_that_is_not_contiguous_or_not_native_is_taken() -> None:
    rng = np.random.default_rng(51)
    image = blank(rng)
    plain = Classifier(setup()).classify(image)
    assert Classifier(setup()).classify(np.asfortranarray(image)) == plain
    swapped = image.astype(">u2")
    assert Classifier(setup(dtype=">u2")).classify(swapped) == plain


def test_the_wrong_shape_or_type_is_refused() -> None:
    classifier = Classifier(setup())
    with pytest.raises(ValueError, match="set up for"):
        classifier.classify(np.zeros((4, 4), np.uint16))
    with pytest.raises(ValueError, match="set up for"):
        classifier.classify(np.zeros(SHAPE, np.uint32))


def test_an_impossible_cell_is_refused_at_once() -> None:
    with pytest.raises(UnitCellError):
        Classifier(setup(cell=(10, 10, 10, 120, 120, 121)))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("value", ["min", "zero", "one", "high", "max"])
def test_constant_images_are_non_hits(dtype: str, value: str) -> None:
    info = np.iinfo(dtype)
    number = {"min": info.min, "zero": 0, "one": 1, "high": info.max - 1}
    image = np.full((200, 300), number.get(value, info.max), dtype)
    for where in (DETECTOR, None):
        result = Classifier(
            setup(shape=image.shape, dtype=dtype, geometry=where, saturation=100.0)
        ).classify(image)
        assert result.image_class is ImageClass.NON_HIT
        assert result.spots == 0


def test_saturation_is_counted() -> None:
    image = np.full((200, 300), 65534, np.uint16)
    mask = np.zeros(image.shape, bool)
    mask[:100] = True
    result = Classifier(
        setup(shape=image.shape, mask=mask, saturation=65000.0)
    ).classify(image)
    assert result.saturated_pixels == 100 * 300


def test_all_masked_is_a_non_hit() -> None:
    image = np.arange(60000, dtype=np.uint16).reshape(200, 300)
    mask = np.ones(image.shape, bool)
    result = Classifier(setup(shape=image.shape, mask=mask)).classify(image)
    reason = "all pixels are masked"
    assert result == Classification(
        ImageClass.NON_HIT, 0, background=0.0, reason=reason
    )


def test_a_hundred_thousand_spots_end_in_time() -> None:
    rng = np.random.default_rng(52)
    image = rng.poisson(0.3, (1600, 1600)).astype(np.uint16)
    image[2::5, 2::5] += 60
    image[3::5, 2::5] += 30
    image[2::5, 3::5] += 30
    result = Classifier(setup(shape=image.shape)).classify(image)
    assert result.spots <= 1000


@pytest.mark.slow
@settings(max_examples=examples(150), deadline=None)
@given(data=st.data())
def test_no_array_makes_it_raise(data: st.DataObject) -> None:
    dtype = data.draw(st.sampled_from(DTYPES))
    shape = data.draw(st.sampled_from([(1, 1), (2, 2), (10, 10), (12, 31), (40, 25)]))
    image = data.draw(hnp.arrays(dtype, shape))
    geometry_known = data.draw(st.booleans())
    mask = data.draw(st.none() | hnp.arrays(bool, shape))
    flatfield = data.draw(st.none() | hnp.arrays(np.float32, shape))
    result = Classifier(
        setup(
            shape=shape,
            dtype=dtype,
            geometry=DETECTOR if geometry_known else None,
            mask=mask,
            flatfield=flatfield,
            saturation=data.draw(st.none() | st.floats(0, 1e6)),
            settings=ClassifySettings(gain=data.draw(st.sampled_from([None, 0.5, 7]))),
        )
    ).classify(image)
    assert result.spots >= 0
    assert result.background is None or np.isfinite(result.background)
