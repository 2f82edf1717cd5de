"""What NXmx, DECTRIS and CXI files say of the detector; every key may be absent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from recorder.errors import RecorderError
from recorder.records import DetectorInfo
from recorder.sources.hdf5.chunks import read_array

# The first path that holds a usable value is taken. Writers differ: names, units and
# depth; links may lead to files that are not there.
_DETECTOR = ("/entry/instrument/detector", "/entry_1/instrument_1/detector_1")
_SPECIFIC = "detectorSpecific"
_LENGTHS = {"m": 1.0, "mm": 1e-3, "um": 1e-6, "cm": 1e-2, "angstrom": 1e-10}
_WAVELENGTHS = {"angstrom": 1.0, "a": 1.0, "å": 1.0, "nm": 10.0, "m": 1e10}
_ENERGIES = {"ev": 1.0, "kev": 1e3, "j": 1 / 1.602176634e-19}
_TIMES = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}


def read_info(file: h5py.File) -> DetectorInfo:
    """Detector metadata of an open file."""
    pixel = _pair(file, ("x_pixel_size", "y_pixel_size"), _LENGTHS)
    wavelength = _first(
        file,
        (
            "/entry/instrument/beam/incident_wavelength",
            "/entry/sample/beam/incident_wavelength",
            "/entry/instrument/monochromator/wavelength",
            "/entry_1/instrument_1/source_1/wavelength",
        ),
        _WAVELENGTHS,
    )
    energy = _first(
        file,
        (
            *(f"{base}/{_SPECIFIC}/photon_energy" for base in _DETECTOR),
            *(f"{base}/photon_energy" for base in _DETECTOR),
            "/entry/instrument/beam/incident_energy",
            "/entry_1/instrument_1/source_1/energy",
        ),
        _ENERGIES,
    )
    return DetectorInfo(
        shape=_shape(file),
        pixel_size=pixel,
        distance=_distance(file),
        beam_center=_pair(file, ("beam_center_x", "beam_center_y"), None),
        wavelength=wavelength,
        photon_energy=_joules(energy),
        saturation=_detector(
            file, ("saturation_value", f"{_SPECIFIC}/countrate_correction_count_cutoff")
        ),
        exposure_time_s=_detector(file, ("count_time",), _TIMES),
        frame_time_s=_detector(file, ("frame_time",), _TIMES),
        sensor_material=_text(file, "sensor_material"),
        sensor_thickness=_detector(file, ("sensor_thickness",), _LENGTHS),
        description=_text(file, "description"),
        serial_number=_text(file, "detector_number") or _text(file, "serial_number"),
    )


def _joules(energy: float | None) -> float | None:
    """CXI files give joules without saying so: 10 keV are 1.6e-15 J."""
    return energy / 1.602176634e-19 if energy and energy < 1e-10 else energy


def _shape(file: h5py.File) -> tuple[int, int] | None:
    y = _detector(file, (f"{_SPECIFIC}/y_pixels_in_detector", "y_pixels_in_detector"))
    x = _detector(file, (f"{_SPECIFIC}/x_pixels_in_detector", "x_pixels_in_detector"))
    if y and x:
        return int(y), int(x)
    size = _value(file, f"{_DETECTOR[0]}/module/data_size")
    if isinstance(size, np.ndarray) and size.size == 2:
        return int(size[0]), int(size[1])
    return None


def _distance(file: h5py.File) -> float | None:
    found = _detector(file, ("detector_distance", "distance"), _LENGTHS)
    if found is not None:
        return found
    return _first(
        file,
        (
            "/entry/instrument/detector/transformations/det_z",
            "/entry/instrument/detector_z/det_z",
            "/entry/instrument/transformations/det_z",
        ),
        _LENGTHS,
    )


def _value(file: h5py.File, path: str) -> Any:
    """A dataset's value, None if it or the file it is linked from is not there."""
    try:
        item = file[path]
        return item[()] if isinstance(item, h5py.Dataset) and item.size <= 16 else None
    except (KeyError, OSError, RuntimeError):
        return None


def _units(file: h5py.File, path: str) -> str:
    units = file[path].attrs.get("units", "")
    text = units.decode(errors="replace") if isinstance(units, bytes) else str(units)
    return text.strip().lower()


def _first(
    file: h5py.File, paths: tuple[str, ...], units: dict[str, float] | None
) -> float | None:
    for path in paths:
        value = _value(file, path)
        try:
            number = float(np.asarray(value, np.float64).reshape(-1)[0])
        except (TypeError, ValueError, IndexError):
            continue
        if np.isfinite(number):
            factor = units.get(_units(file, path), 1.0) if units else 1.0
            return number * factor
    return None


def _detector(
    file: h5py.File, names: tuple[str, ...], units: dict[str, float] | None = None
) -> float | None:
    paths = tuple(f"{base}/{name}" for base in _DETECTOR for name in names)
    return _first(file, paths, units)


def _pair(
    file: h5py.File, names: tuple[str, str], units: dict[str, float] | None
) -> tuple[float, float] | None:
    x, y = (_detector(file, (name,), units) for name in names)
    return None if x is None or y is None else (x, y)


def _text(file: h5py.File, name: str) -> str | None:
    value = _value(file, f"{_DETECTOR[0]}/{name}")
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    return value if isinstance(value, str) else None


def read_mask(
    file: h5py.File, shape: tuple[int, int] | None
) -> tuple[NDArray[np.bool_] | None, tuple[str, ...]]:
    """The pixel mask (True = bad), and what is wrong with it."""
    for base in _DETECTOR:
        for name in ("pixel_mask", f"{_SPECIFIC}/pixel_mask", "mask"):
            path = f"{base}/{name}"
            try:
                item = file[path]
            except (KeyError, OSError, RuntimeError):
                continue
            if not isinstance(item, h5py.Dataset) or item.ndim != 2:
                continue
            if shape is not None and item.shape != shape:
                return None, (f"{path} not used: {item.shape}, images are {shape}",)
            try:
                return read_array(item) != 0, ()
            except (RecorderError, OSError, RuntimeError) as error:
                return None, (f"{path} not used: {error}",)
    return None, ()


def read_times(path: Path, images: int) -> list[int]:
    """Start times (ns) by image from odin's ``_meta.h5``, empty if there are none."""
    stem = path.stem.removesuffix("_master")
    meta = path.with_name(f"{stem}_meta.h5")
    if not meta.is_file():
        return []
    try:
        with h5py.File(meta, "r", locking=False) as holder:
            starts = holder["start_time"][()]
    except (OSError, KeyError, RuntimeError):
        return []
    usable = starts.ndim == 1 and len(starts) == images and starts.any()
    return [int(value) for value in starts] if usable else []
