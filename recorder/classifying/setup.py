"""What the workers must know before the first image of a series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorder.config import GeometrySection
from recorder.errors import UnitCellError, UsageError
from recorder.records import (
    Announcement,
    Cell,
    ClassifierSetup,
    ClassifySettings,
    DetectorInfo,
    Geometry,
    Learned,
    Payload,
    Place,
)
from recorder.records.image_report import Calibration, DriftPoint
from recorder.records.masks import implausible, unusable
from recorder.records.units import HC
from recorder.runs.detector_reach import announced_info
from recorder.runs.run import Run
from recorder.sources.crystfel_geometry import CrystfelGeometry, read_geometry
from recorder.sources.pixels import pixel_dtype
from recorder.ssx.detector.flags import narrow_flag
from recorder.ssx.detector.geometry import resolve
from recorder.ssx.detector.panels import outside
from recorder.ssx.lattices.contradictions import contradiction
from recorder.ssx.lattices.unit_cell import check_cell


def make_setup(
    run: Run,
    payload: Payload,
    section: GeometrySection,
    settings: ClassifySettings,
) -> tuple[ClassifierSetup, tuple[str, ...]]:
    """The setup of a run's series, and what people should know about it.

    The announcement wins over the configuration, the configuration over what the
    detector or file says.

    Args:
        run: The run, its series bound.
        payload: Its first image: shape and pixel type are taken from it.
        section: Configured overrides of the detector or of replay.
        settings: How to classify.
    """
    start = run.start
    info = start.info if start else DetectorInfo()
    info = replace(info, shape=payload.shape)
    warnings: list[str] = []
    overrides = _merged(section.info(), announced_info(run.announcement))
    file = _panels(section.geometry_file, payload.shape, warnings)
    if file is not None:
        # the file counts where neither the header nor people say anything
        info = _merged(_of_panels(file), info)
        middle = (payload.shape[1] / 2, payload.shape[0] / 2)
        overrides = replace(overrides, pixel_size=file.pixel_size, beam_center=middle)
    geometry, problems = resolve(info, overrides)
    warnings += problems
    if section.geometry_file is not None and file is None:
        geometry = None
    elif geometry is not None and file is not None:
        geometry = replace(geometry, beam_center=(0.0, 0.0), panels=file.panels)
    cell = _cell(run.announcement, warnings)
    mask = _combined(
        start.mask if start else None, section.mask_file, payload.shape, warnings
    )
    if file is not None:
        off = outside(file.panels, payload.shape) | file.bad
        mask = off if mask is None else mask | off
        settings = _with_gain(settings, file, geometry)
    flatfield = None
    if start is not None and start.flatfield is not None:
        bad = unusable(start.flatfield)
        if start.flatfield.shape == payload.shape:
            mask = bad if mask is None else mask | bad
            if start.info.flatfield_applied is False:
                flatfield = start.flatfield
    saturation = overrides.saturation or info.saturation
    setup = ClassifierSetup(
        shape=payload.shape,
        dtype=pixel_dtype(payload).name,
        geometry=geometry,
        cell=cell,
        space_group=run.announcement.space_group,
        mask=mask,
        flatfield=flatfield,
        saturation=saturation,
        settings=settings,
        flag=narrow_flag(info, pixel_dtype(payload).name),
    )
    return setup, tuple(warnings)


def calibration(
    setup: ClassifierSetup, learned: Learned, from_image: int = 0
) -> Calibration:
    """Geometry and cell in use from some image on, for log and report."""
    geometry = learned.geometry or setup.geometry
    cell = learned.cell or setup.cell
    return Calibration(
        from_image=from_image,
        beam_center=None if geometry is None else _center(*geometry.beam_center),
        distance=None if geometry is None else round(float(geometry.distance), 7),
        unit_cell=None if cell is None else _cell_rounded(*cell),
        cell_found=learned.cell_found,
        images=learned.images,
        lattice=learned.lattice,
        misfit=None if learned.misfit is None else round(float(learned.misfit), 5),
    )


def drift_points(
    found: Sequence[Place], cell: Cell | None, first: Cell | None
) -> list[DriftPoint]:
    """Where the beam was, rounded for log and report.

    Args:
        found: Points of the curve, their sizes relative to the cell in use.
        cell: The cell in use.
        first: The cell that sizes are relative to in the report.
    """
    factor = 1.0
    if cell is not None and first is not None:
        factor = float(np.prod(cell[:3]) / np.prod(first[:3])) ** (1 / 3)
    return [
        DriftPoint(
            image_id=place.image_id,
            beam_center=_center(*place.beam_center),
            distance=round(float(place.distance), 7),
            scale=round(float(place.scale) * factor, 6),
        )
        for place in found
    ]


def _center(x: float, y: float) -> tuple[float, float]:
    return round(float(x), 3), round(float(y), 3)


def _cell_rounded(*values: float) -> Cell:
    a, b, c, alpha, beta, gamma = (round(float(value), 3) for value in values)
    return a, b, c, alpha, beta, gamma


def _panels(
    path: Path | None, shape: tuple[int, int], warnings: list[str]
) -> CrystfelGeometry | None:
    """The panels of the geometry file, if they are those of the images."""
    if path is None:
        return None
    try:
        file = read_geometry(path)
    except UsageError as error:
        warnings.append(f"indexing off: geometry_file: {error}")
        return None
    if file.shape != shape:
        warnings.append(
            f"indexing off: geometry_file has panels for {file.shape[0]} x "
            f"{file.shape[1]} pixels (slow x fast), images have {shape[0]} x {shape[1]}"
        )
        return None
    return file


def _with_gain(
    settings: ClassifySettings, file: CrystfelGeometry, geometry: Geometry | None
) -> ClassifySettings:
    """The counts per photon of a geometry file, unless they are set."""
    if settings.gain is not None:
        return settings
    if file.counts_per_photon is not None:
        return replace(settings, gain=file.counts_per_photon)
    if file.counts_per_ev is None or geometry is None:
        return settings
    return replace(settings, gain=file.counts_per_ev * HC / geometry.wavelength)


def _of_panels(file: CrystfelGeometry) -> DetectorInfo:
    """What a geometry file says beside its panels."""
    return DetectorInfo(distance=file.distance, wavelength=file.wavelength)


def _merged(*infos: DetectorInfo) -> DetectorInfo:
    """Later ones win where they say something."""
    values: dict[str, Any] = {}
    for info in infos:
        for item in fields(info):
            if (value := getattr(info, item.name)) is not None:
                values[item.name] = value
    return DetectorInfo(**values)


def _cell(announcement: Announcement, warnings: list[str]) -> Cell | None:
    """The announced unit cell, if it is one."""
    if announcement.unit_cell is None:
        warnings.append(
            "no unit cell: nothing is indexed until the hits show one; announce "
            "unit_cell, or set unannounced.unit_cell"
        )
        return None
    try:
        cell = check_cell(announcement.unit_cell)
        if (why := contradiction(cell, announcement.space_group)) is not None:
            warnings.append(why)
        return cell
    except UnitCellError as error:
        warnings.append(f"indexing off: {error}")
        return None


def _combined(
    mask: NDArray[np.bool_] | None,
    file: Path | None,
    shape: tuple[int, int],
    warnings: list[str],
) -> NDArray[np.bool_] | None:
    if mask is not None and mask.shape != shape:
        warnings.append(f"mask not used: {mask.shape} pixels, images have {shape}")
        mask = None
    if mask is not None and (why := implausible(mask)):
        warnings.append(f"mask not used: {why}")
        mask = None
    if file is None:
        return mask
    try:
        more: NDArray[np.bool_] = np.load(file, allow_pickle=False) != 0
    except (OSError, ValueError) as error:
        warnings.append(f"mask_file not used: {error}")
        return mask
    if more.shape != shape:
        warnings.append(f"mask_file not used: {more.shape}, images have {shape}")
        return mask
    if why := implausible(more):
        warnings.append(f"mask_file is used, but {why}")
    return more if mask is None else mask | more
