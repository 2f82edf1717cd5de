"""A small image file, as a detector writes it, of simulated stills."""

from __future__ import annotations

from pathlib import Path

import h5py
import hdf5plugin

from recorder.simulate.stills.settings import StillSettings, default_geometry
from recorder.simulate.stream.series import Series, synthetic_series

SETTINGS = StillSettings(geometry=default_geometry(512), hit_share=0.5)


def write_stills(folder: Path, images: int = 8) -> Path:
    """Write stills of lysozyme, half of them hits, with the geometry of the detector.

    Returns:
        The HDF5 file.
    """
    series = synthetic_series(images, 1, pool=images, settings=SETTINGS)
    path = folder / "stills.h5"
    write_series(path, series, images, SETTINGS)
    return path


def write_series(
    path: Path, series: Series, images: int, settings: StillSettings
) -> None:
    """Write the images of a series, and the geometry of its detector."""
    geometry = settings.geometry
    with h5py.File(path, "w") as file:
        data = file.create_dataset(
            "entry/data/data",
            (images, *geometry.shape),
            settings.dtype,
            chunks=(1, *geometry.shape),
            **hdf5plugin.Bitshuffle(cname="lz4"),
        )
        for n in range(images):
            data.id.write_direct_chunk((n, 0, 0), bytes(series.frame(n).payload.data))
        detector = file.create_group("entry/instrument/detector")
        detector["detector_distance"] = geometry.distance
        detector["beam_center_x"], detector["beam_center_y"] = geometry.beam_center
        detector["x_pixel_size"], detector["y_pixel_size"] = geometry.pixel_size
        if series.mask is not None:
            detector["pixel_mask"] = series.mask.astype("u4")
        file["entry/instrument/beam/incident_wavelength"] = geometry.wavelength
