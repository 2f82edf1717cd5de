"""Recorded images and spot lists."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import h5py
import hdf5plugin  # noqa: F401  (registers the filter of the pixel mask)
import numpy as np
import pytest

from recorder.records import (
    Cell,
    Classification,
    ClassifierSetup,
    ClassifySettings,
    DetectorInfo,
    FindingKind,
    ImageClass,
    Learned,
    Payload,
)
from recorder.sources.pixels import decode
from recorder.ssx.classification.classifier import Classifier
from recorder.ssx.detector import geometry
from recorder.ssx.lattices import symmetry, unit_cell
from recorder.ssx.lattices.indexer import Indexer
from recorder.ssx.spots.finder import SpotFinder
from tests.recordings import recording

FITTED: Cell = (58.5, 58.5, 152.5, 90.0, 90.0, 90.0)
LITERATURE: Cell = (57.8, 57.8, 150.2, 90.0, 90.0, 90.0)
LYSOZYME: Cell = (36.9, 78.95, 78.95, 90.0, 90.0, 90.0)
HIT = [True] * 6 + [False] * 2


def bslz4(blob: bytes, shape: tuple[int, int]) -> np.ndarray:
    return decode(Payload(blob, "bslz4", shape, "<u2"))


@pytest.fixture(scope="module")
def thaumatin() -> tuple[list[np.ndarray], np.ndarray, DetectorInfo]:
    folder = recording("thaumatin")
    with h5py.File(folder / "thaumatin_master.h5") as master:
        detector = master["entry/instrument/detector"]
        mask = detector["detectorSpecific/pixel_mask"][()] != 0
        wavelength = master["entry/instrument/beam/incident_wavelength"][()]
        info = DetectorInfo(
            shape=mask.shape,
            pixel_size=(float(detector["x_pixel_size"][()]),) * 2,
            distance=float(detector["detector_distance"][()]),
            beam_center=(
                float(detector["beam_center_x"][()]),
                float(detector["beam_center_y"][()]),
            ),
            wavelength=float(wavelength),
            photon_energy=float(detector["detectorSpecific/photon_energy"][()]),
            saturation=float(detector["saturation_value"][()]),
        )
    with h5py.File(folder / "thaumatin_data_000001.h5") as file:
        data = file["entry/data/data"]
        images = [
            bslz4(data.id.read_direct_chunk((i, 0, 0))[1], mask.shape)
            for i in range(len(data))
        ]
    return images, mask, info


def classify(
    thaumatin: tuple[list[np.ndarray], np.ndarray, DetectorInfo],
    cell: Cell | None,
    *,
    with_geometry: bool = True,
) -> list[Classification]:
    images, mask, info = thaumatin
    detector, warnings = geometry.resolve(info, None)
    assert warnings == ()
    classifier = Classifier(
        ClassifierSetup(
            shape=mask.shape,
            dtype="uint16",
            geometry=detector if with_geometry else None,
            cell=cell,
            space_group="P41212",
            mask=mask,
            flatfield=None,
            saturation=info.saturation,
            settings=ClassifySettings(),
        )
    )
    return [classifier.classify(image) for image in images]


def spread(vectors: list[np.ndarray], cell: Cell) -> float:
    """Largest angle to the first orientation, modulo lattice symmetry."""
    reduced, matrix = symmetry.reduce_basis(unit_cell.vectors_from_cell(cell))
    same = symmetry.symmetry_matrices(reduced)
    first, *others = [matrix @ v.reshape(3, 3) for v in vectors]
    return max(
        min(symmetry.misorientation(m @ first, other) for m in same) for other in others
    )


@pytest.mark.recording("thaumatin")
@pytest.mark.parametrize("cell", [FITTED, LITERATURE])
def test_thaumatin_indexes_as_one_orientation(thaumatin, cell: Cell) -> None:
    results = classify(thaumatin, cell)
    indexed = [r.image_class is ImageClass.INDEXED for r in results]
    assert indexed == HIT
    for result in results[6:]:
        assert result.image_class is ImageClass.NON_HIT
        assert result.spots <= 4
    for result in results[:6]:
        assert len(result.lattices) == 1
        assert result.lattices[0].spots > 0.8 * min(result.spots, 300)
        assert result.lattices[0].cell[0] == pytest.approx(58.5, rel=0.01)
        assert result.lattices[0].cell[2] == pytest.approx(152.5, rel=0.015)
    vectors = [np.array(r.lattices[0].vectors) for r in results[:6]]
    assert spread(vectors, cell) < 1.0


@pytest.mark.recording("thaumatin")
@pytest.mark.parametrize("with_geometry", [True, False])
def test_thaumatin_without_a_cell(thaumatin, with_geometry: bool) -> None:
    results = classify(thaumatin, None, with_geometry=with_geometry)
    hits = [r.image_class is ImageClass.NON_INDEXED_HIT for r in results]
    assert hits == HIT
    assert all(r.lattices == () for r in results)


def scaled(cell: Cell, factor: float) -> Cell:
    a, b, c, *angles = cell
    return (a * factor, b * factor, c * factor, *angles)


@pytest.mark.recording("thaumatin")
@pytest.mark.parametrize(
    ("distance", "size"),
    [
        *((1.0, size) for size in (0.95, 0.98, 1.0, 1.02, 1.05, None)),
        *((distance, 1.0) for distance in (0.95, 0.98, 1.02, 1.05)),
        *((distance, None) for distance in (0.98, 1.02)),
    ],
)
def test_thaumatin_teaches_distance_and_cell(thaumatin, distance, size) -> None:
    """With a wrong cell, a wrong distance, and no cell at all: the same answer.

    The spots say that the detector is 1.3 % nearer than the header has it; with that
    the cell is the one of the literature.
    """
    images, mask, info = thaumatin
    detector, _ = geometry.resolve(info, None)
    assert detector is not None
    setup = ClassifierSetup(
        shape=mask.shape,
        dtype="uint16",
        geometry=replace(detector, distance=detector.distance * distance),
        cell=None if size is None else scaled(LITERATURE, size),
        space_group=None if size is None else "P41212",
        mask=mask,
        flatfield=None,
        saturation=info.saturation,
        settings=ClassifySettings(),
    )
    classifier = Classifier(setup)
    first = [classifier.classify(image) for image in images]
    hits = [found.positions for found in first if found.positions is not None]
    learned = classifier.learn(1, Learned(0), (), 0, hits)
    assert learned.cell == pytest.approx(LITERATURE, rel=0.005)
    assert learned.geometry is not None
    assert learned.geometry.distance == pytest.approx(0.3466, rel=0.003)
    if size is None:
        assert learned.lattice == "tP"
        assert [item.kind for item in learned.findings] == [FindingKind.CELL_FOUND]
        assert "spots at high angles tell the distance" in learned.findings[0].text
    classifier.take(learned)
    again = [classifier.classify(image, 1) for image in images]
    assert [found.image_class is ImageClass.INDEXED for found in again] == HIT
    assert all(found.image_class is ImageClass.NON_HIT for found in again[6:])


@pytest.mark.recording("thaumatin")
def test_thaumatin_background_is_photon_counting(thaumatin) -> None:
    images, mask, info = thaumatin
    detector, _ = geometry.resolve(info, None)
    assert len(images) == len(HIT)
    finder = SpotFinder(mask.shape, images[0].dtype, detector, mask, None, None)
    for image in images:
        assert finder.find(image, None, 4.0).background.gain == 1.0


@pytest.fixture(scope="module")
def eiger() -> Iterator[list[np.ndarray]]:
    folder = recording("eiger4m-stream1")
    yield [
        bslz4((folder / f"streamfile_{n}").read_bytes(), (2167, 2070))
        for n in (12, 16, 20)
    ]


def test_eiger_stream_has_three_hits_at_gain_two(eiger: list[np.ndarray]) -> None:
    setup = ClassifierSetup(
        shape=(2167, 2070),
        dtype="uint16",
        geometry=None,
        cell=None,
        space_group=None,
        mask=None,
        flatfield=None,
        saturation=None,
        settings=ClassifySettings(),
    )
    classifier = Classifier(setup)
    assert len(eiger) == 3
    finder = SpotFinder((2167, 2070), np.dtype(np.uint16))
    for image in eiger:
        good = image[image < 65535]
        assert good.max() == 12322
        assert good.mean() == pytest.approx(1.09, abs=0.01)
        result = classifier.classify(image)
        assert result.image_class is ImageClass.NON_INDEXED_HIT
        assert 300 <= result.spots <= 600
        estimated = finder.find(image, None, 4.0)
        assert estimated.background.gain == pytest.approx(2, abs=0.2)
        given = finder.find(image, 2.0, 4.0)
        assert len(given.spots) == pytest.approx(len(estimated.spots), rel=0.05)


def lists(finder: str) -> list[np.ndarray]:
    folder = recording("psi-lysozyme-spots")
    return [np.loadtxt(folder / f"image{i}_{finder}.txt", skiprows=1) for i in range(5)]


@pytest.mark.parametrize("finder", ["local", "peakfinder8", "radial"])
def test_psi_lysozyme_lists_all_index(finder: str) -> None:
    indexer = Indexer(LYSOZYME)
    vectors = []
    for q in lists(finder):
        found = indexer.index(q)
        assert len(found) == 1
        assert found[0].log10_nfa < -100
        assert found[0].spots > 0.35 * len(q)
        assert found[0].cell == pytest.approx(LYSOZYME, rel=0.01)
        vectors.append(np.array(found[0].vectors))
    assert spread(vectors, LYSOZYME) < 0.6
    for before, after in pairwise(vectors):
        assert spread([before, after], LYSOZYME) < 0.25
