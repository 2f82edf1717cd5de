"""Where a run's detector was, and how far it reached."""

from __future__ import annotations

import math
from dataclasses import replace

from recorder.mx.resolution import Reach, reach, wavelength_of
from recorder.records import Announcement, Beam, DetectorInfo, DetectorPlace, Geometry
from recorder.runs.run import Run
from recorder.ssx.detector.geometry import resolve


def announced_info(announcement: Announcement) -> DetectorInfo:
    """What an announcement says of beam and detector, which counts most.

    Its energy stands for the wavelength where that is not given.
    """
    beam, place = announcement.beam or Beam(), announcement.detector or DetectorPlace()
    known = _wavelength(beam.wavelength, beam.energy)
    return DetectorInfo(
        distance=place.distance,
        beam_center=place.beam_center,
        wavelength=beam.wavelength if known is None else known,
        exposure_time_s=place.exposure_time,
    )


def wavelength(run: Run) -> float | None:
    """Å: of the announced wavelength, else energy, else of the header's."""
    header = run.start.info if run.start else DetectorInfo()
    announced = _wavelength(announced_info(run.announcement).wavelength, None)
    if announced is not None:
        return announced
    return _wavelength(header.wavelength, header.photon_energy)


def _wavelength(length: float | None, energy: float | None) -> float | None:
    """Å: the wavelength, else that of the energy (eV); None without one above 0."""
    if length is not None and length > 0:
        return length
    found = wavelength_of(energy) if energy is not None and energy > 0 else math.inf
    return found if math.isfinite(found) else None


def flat_geometry(run: Run) -> Geometry | None:
    """Its detector as one flat piece; None if header and announcement do not say it."""
    header = run.start.info if run.start else DetectorInfo()
    said = replace(announced_info(run.announcement), wavelength=wavelength(run))
    geometry, _ = resolve(
        replace(header, photon_energy=None), replace(said, photon_energy=None)
    )
    return geometry


def two_theta(run: Run) -> float:
    """Degrees of the detector's arm; a header's 0 may as well be nothing."""
    axes = run.start.goniometer if run.start else ()
    return next((one.start for one in axes if one.axis == "two_theta"), 0.0)


def reach_of(run: Run) -> Reach:
    """Resolution at the edge and the corner of its detector, as far as known."""
    geometry = flat_geometry(run)
    return Reach(None, None) if geometry is None else reach(geometry, two_theta(run))
