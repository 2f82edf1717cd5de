"""HDF5 files of small images, written as others write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from recorder.records import Image
from recorder.sources.hdf5.file import Hdf5File
from recorder.sources.pixels import decode

SHAPE = (30, 41)


def stack(n: int, dtype: str = "uint16", seed: int = 2) -> np.ndarray:
    """Images, (n, slow, fast), each of them different."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 200, (n, *SHAPE)).astype(dtype)


def read(path: Path, **options: Any) -> tuple[Hdf5File, list[Image]]:
    """A file, and all its images."""
    source = Hdf5File(path, **options)
    return source, list(source.images(source.start()))


def pixels(images: list[Image]) -> np.ndarray:
    """The images decoded, (n, slow, fast); all of them must be readable."""
    assert [image.problem for image in images] == [None] * len(images)
    return np.stack([decode(image.payload) for image in images])


def units(item: Any, unit: Any) -> None:
    """Give a dataset its unit; nothing for None."""
    if unit is not None:
        item.attrs["units"] = unit


def nexus(file: Any, names: dict[str, str] | None = None) -> dict[str, Any]:
    """Groups of an NXmx file with their classes, called as ``names`` has it."""
    called = {"entry": "entry", "instrument": "instrument", "detector": "detector"}
    called |= {"beam": "beam", "data": "data", "specific": "detectorSpecific"}
    called |= names or {}
    groups: dict[str, Any] = {}
    for kind, parent, nx_class in (
        ("entry", None, "NXentry"),
        ("data", "entry", "NXdata"),
        ("instrument", "entry", "NXinstrument"),
        ("detector", "instrument", "NXdetector"),
        ("beam", "instrument", "NXbeam"),
        ("specific", "detector", "NXcollection"),
    ):
        group = (groups[parent] if parent else file).create_group(called[kind])
        group.attrs["NX_class"] = nx_class
        groups[kind] = group
    return groups


def describe(groups: dict[str, Any]) -> None:
    """Geometry, energy and mask of the images."""
    detector = groups["detector"]
    for name, value, unit in (
        ("detector_distance", 150.0, "mm"),
        ("beam_center_x", 20.0, "pixel"),
        ("beam_center_y", 15.0, "pixel"),
        ("x_pixel_size", 75e-6, "m"),
        ("y_pixel_size", 75e-6, "m"),
        ("count_time", 0.01, "s"),
        ("saturation_value", 60000, None),
    ):
        detector[name] = value
        units(detector[name], unit)
    detector["pixel_mask"] = np.eye(*SHAPE, dtype="u4")
    groups["beam"]["incident_wavelength"] = 1.0
    units(groups["beam"]["incident_wavelength"], "angstrom")
    groups["specific"]["nimages"] = 4
    groups["specific"]["ntrigger"] = 1


def virtual(
    group: Any, name: str, shape: tuple[int, ...], pieces: list[tuple[Any, ...]]
) -> None:
    """A virtual dataset.

    Args:
        group: Where.
        name: Of the dataset.
        shape: Of the dataset.
        pieces: (selection here, file, dataset, its shape, selection there) each.
    """
    layout = h5py.VirtualLayout(shape, "u2")
    for here, file, dataset, dims, there in pieces:
        layout[here] = h5py.VirtualSource(file, dataset, dims)[there]
    group.create_virtual_dataset(name, layout)
