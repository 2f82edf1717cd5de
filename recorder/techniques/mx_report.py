"""What the report says of a rotation, a characterisation and a grid alike."""

from __future__ import annotations

from dataclasses import replace

from recorder.mx.resolution import energy_of
from recorder.mx.sweeps import images_made
from recorder.records import Beam, RunStatus
from recorder.records.technique_report import MxReport
from recorder.runs.detector_reach import (
    announced_info,
    flat_geometry,
    reach_of,
    wavelength,
)
from recorder.runs.run import Run
from recorder.runs.timeline.mx_images import MxImages
from recorder.runs.timeline.of_run import cut_short


def made_images(run: Run) -> int:
    """Images that the run has: those that its detector or its plan say, else seen."""
    seen = run.images.size
    if run.end is not None and run.end.images is not None:
        return max(seen, run.end.images)
    good = run.status in (RunStatus.SUCCESS, RunStatus.RUNNING)
    aborted = not run.final or not good or cut_short(run)
    return images_made(seen - 1, run.declared_images, aborted=aborted)


def mx_head(run: Run, images: MxImages | None) -> MxReport:
    """All but axis and grid.

    Args:
        run: The run.
        images: What is known of its images.
    """
    beam = run.announcement.beam or Beam()
    part, info = run.announcement.part, announced_info(run.announcement)
    if run.start is not None and info.exposure_time_s is None:
        info = replace(info, exposure_time_s=run.start.info.exposure_time_s)
    length, reach, geometry = wavelength(run), reach_of(run), flat_geometry(run)
    return MxReport(
        planned=run.announcement.planned_images,
        images=made_images(run),
        part=part.number if part else None,
        parts=part.count if part else None,
        series_first_image=part.first_image if part else 0,
        resolution_edge=_rounded(reach.edge, 4),
        resolution_corner=_rounded(reach.corner, 4),
        wavelength=_rounded(length, 6),
        energy=None if length is None else round(energy_of(length), 2),
        transmission=beam.transmission,
        flux=beam.flux,
        flux_end=run.end.facts.flux if run.end else None,
        exposure_time=info.exposure_time_s,
        distance=geometry.distance if geometry else info.distance,
        notes=(*_contradictions(run), *_said(images)),
    )


def _said(images: MxImages | None) -> tuple[str, ...]:
    """Notes on wedges and cells; those on angles stand with the axis."""
    if images is None:
        return ()
    wedges = images.wedges.notes if images.wedges else ()
    return (*wedges, *(images.cells.notes if images.cells else ()))


def _contradictions(run: Run) -> tuple[str, ...]:
    """What the header says otherwise than the plan, beside the angle that turns."""
    if run.start is None:
        return ()
    found = []
    planned, armed = run.announcement.planned_images, run.start.expected_images
    if None not in (planned, armed) and planned != armed:
        found.append(
            f"the detector is armed for {armed} images, the plan has {planned}: the "
            "plan counts"
        )
    sweeps = run.announcement.sweeps
    axes = {one.axis: one for one in run.start.goniometer if one.increment == 0}
    for name in ("kappa", "chi", "phi"):
        said = {getattr(one, name) for one in sweeps.sweeps} if sweeps else set()
        header = axes.get(name)
        # a header's 0 says nothing
        if header is None or not header.start or len(said) != 1 or None in said:
            continue
        (value,) = said
        if abs(value - header.start) > _SETTLED:
            found.append(
                f"header {name} is {header.start:g}°, announced {value:g}°: the "
                "announcement counts"
            )
    return tuple(found)


_SETTLED = 0.05
"""Degrees by which a standing axis may be off: see :data:`recorder.mx.angles.STANDING`.
Chosen, not tuned."""


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
