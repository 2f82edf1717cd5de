"""Detector geometry: checked values, pixels to scattering vectors.

Laboratory frame: x along the fast pixel axis, y along the slow one, z along the
beam, so that x, y, z are right-handed. The scattering vector is ``q = s1 - s0``
with ``|s0| = |s1| = 1 / wavelength``.
"""

from __future__ import annotations

import math
from dataclasses import fields, replace

import numpy as np
from numpy.typing import NDArray

from recorder.records import DetectorInfo, Geometry
from recorder.records.units import HC
from recorder.ssx.arrays import FloatArray
from recorder.ssx.detector import panels

_DISTANCE_RANGE = (0.02, 5.0)
"""Detector distances (m) that are believed; what is a thousand times too long was given
in mm. Chosen, not tuned."""
_PIXEL_RANGE = (1e-6, 1e-3)
"""Sizes of a pixel (m) that are believed, 1 µm to 1 mm; others were given in another
unit. Chosen, not tuned."""
_ENERGY_TOLERANCE = 1e-3
"""Relative difference of wavelength and photon energy that is taken for rounding.
Chosen, not tuned."""


def resolve(
    info: DetectorInfo, overrides: DetectorInfo | None
) -> tuple[Geometry | None, tuple[str, ...]]:
    """Merge and check what is known of the detector.

    Args:
        info: What the header or the master file says.
        overrides: Values that win wherever they are not None.

    Returns:
        The geometry, or None if indexing is impossible with these values, and
        warnings for people that say what to do.
    """
    merged = _merge(info, overrides)
    warnings: list[str] = []
    shape = merged.shape
    if shape is None:
        warnings.append("indexing off: the image size is unknown")
    wavelength = _wavelength(merged, overrides, warnings)
    distance = _distance(merged.distance, warnings)
    pixel_size = _pixel_size(merged.pixel_size, warnings)
    center = _beam_center(merged.beam_center, shape, warnings)
    if (
        shape is None
        or wavelength is None
        or distance is None
        or pixel_size is None
        or center is None
    ):
        return None, tuple(warnings)
    return Geometry(shape, pixel_size, distance, center, wavelength), tuple(warnings)


def _merge(info: DetectorInfo, overrides: DetectorInfo | None) -> DetectorInfo:
    if overrides is None:
        return info
    given = {f.name: getattr(overrides, f.name) for f in fields(overrides)}
    return replace(info, **{k: v for k, v in given.items() if v is not None})


def _positive(value: float | None) -> bool:
    return value is not None and math.isfinite(value) and value > 0


def _wavelength(
    merged: DetectorInfo, overrides: DetectorInfo | None, warnings: list[str]
) -> float | None:
    wavelength, energy = merged.wavelength, merged.photon_energy
    if wavelength is None and energy is None:
        warnings.append("indexing off: no wavelength; set detector.wavelength (Å)")
        return None
    if wavelength is None:
        if energy is not None and _positive(energy):
            return HC / energy
        warnings.append(
            f"indexing off: photon energy is {energy}; set detector.wavelength (Å)"
        )
        return None
    if not _positive(wavelength):
        warnings.append(
            f"indexing off: wavelength is {wavelength}; set detector.wavelength (Å)"
        )
        return None
    if energy is not None and _positive(energy):
        return _agreed(wavelength, energy, overrides, warnings)
    return wavelength


def _agreed(
    wavelength: float,
    energy: float,
    overrides: DetectorInfo | None,
    warnings: list[str],
) -> float:
    """The wavelength to believe when the photon energy is given too."""
    if abs(wavelength * energy / HC - 1) <= _ENERGY_TOLERANCE:
        return wavelength
    announced = overrides is not None and overrides.wavelength is not None
    if not announced and overrides is not None and overrides.photon_energy is not None:
        wavelength = HC / energy
        used = f"the given photon energy is used ({wavelength:.5f} Å)"
    elif announced:
        used = f"the given wavelength {wavelength:.5f} Å is used"
    else:
        used = f"the wavelength {wavelength:.5f} Å is used; set detector.wavelength"
    warnings.append(
        f"wavelength and photon energy {energy:.1f} eV ({HC / energy:.5f} Å) "
        f"disagree: {used}"
    )
    return wavelength


def _distance(value: float | None, warnings: list[str]) -> float | None:
    low, high = _DISTANCE_RANGE
    if value is None or not math.isfinite(value) or value == 0:
        said = "unknown" if value is None else f"{value:g}"
        warnings.append(
            f"indexing off: detector distance is {said}; set detector.distance (m)"
        )
        return None
    distance = abs(value)
    if low < distance < high:
        return distance
    if low < distance / 1000 < high:
        warnings.append(
            f"detector distance {value:g} taken as mm, {distance / 1000:g} m is used; "
            "set detector.distance (m) if this is wrong"
        )
        return distance / 1000
    warnings.append(
        f"indexing off: detector distance {value:g} m is not between {low:g} and "
        f"{high:g} m; set detector.distance (m)"
    )
    return None


def _pixel_size(
    value: tuple[float, float] | None, warnings: list[str]
) -> tuple[float, float] | None:
    low, high = _PIXEL_RANGE
    if value is None:
        warnings.append("indexing off: no pixel size; set detector.pixel_size (m)")
        return None
    # a comparison with NaN is false, so NaN is refused as well
    if not all(low <= v <= high for v in value):
        warnings.append(
            f"indexing off: pixel size {value[0]:g} x {value[1]:g} m is not between "
            f"{low:g} and {high:g} m; set detector.pixel_size (m)"
        )
        return None
    return value


def _beam_center(
    value: tuple[float, float] | None,
    shape: tuple[int, int] | None,
    warnings: list[str],
) -> tuple[float, float] | None:
    todo = "set detector.beam_center (x, y in pixels)"
    if value is None:
        warnings.append(f"indexing off: no beam centre; {todo}")
        return None
    if not all(math.isfinite(v) for v in value):
        warnings.append(f"indexing off: beam centre is {value}; {todo}")
        return None
    if value[0] == 0 and value[1] == 0:
        warnings.append(f"indexing off: beam centre is 0; {todo}")
        return None
    if shape is not None and not (
        0 <= value[0] <= shape[1] and 0 <= value[1] <= shape[0]
    ):
        warnings.append(
            f"beam centre ({value[0]:g}, {value[1]:g}) px is outside the detector of "
            f"{shape[1]} x {shape[0]} px; {todo} if this is wrong"
        )
    return value


def scattering_vectors(
    geometry: Geometry, x: NDArray[np.floating], y: NDArray[np.floating]
) -> FloatArray:
    """Map pixel positions to scattering vectors.

    Args:
        geometry: The detector.
        x: (n,) positions along the fast axis, px; pixel i has its middle at i + 0.5.
        y: (n,) positions along the slow axis, px.

    Returns:
        (n, 3) float64, q = s1 - s0 in 1/Å; NaN outside of all panels.
    """
    q = positions(geometry, x, y)
    q /= np.linalg.norm(q, axis=1)[:, None]
    q[:, 2] -= 1.0
    q /= geometry.wavelength
    return q


def positions(
    geometry: Geometry, x: NDArray[np.floating], y: NDArray[np.floating]
) -> FloatArray:
    """Where points of the detector are, seen from the sample.

    Args:
        geometry: The detector.
        x: (n,) positions along the fast axis, px; pixel i has its middle at i + 0.5.
        y: (n,) positions along the slow axis, px.

    Returns:
        (n, 3) float64, m, the beam along +z; NaN outside of all panels.
    """
    out = np.empty((len(x), 3))
    out[:, 0], out[:, 1], out[:, 2] = x, y, 0.0
    pixel = np.array([*geometry.pixel_size, 1.0])
    if geometry.panels:
        out = panels.positions(geometry.panels, geometry.shape, out)
    else:
        out *= pixel
    out -= np.array([*geometry.beam_center, 0.0]) * pixel
    out[:, 2] += geometry.distance
    return out
