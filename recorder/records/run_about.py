"""What the announcement says of a run that is not serial, beside its plan."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RunAbout:
    """Null, or left out, where nothing is announced: nothing is made up."""

    workflow: str | None = None
    """Its title, else its type."""
    workflow_id: int | None = None
    protein: str | None = None
    """Acronym."""
    sample: str | None = None
    sample_id: int | None = None
    """``BLSample.blSampleId``, as announced."""
    prefix: str | None = None
    """Of the detector's files."""
    exposure_time: float | None = None
    """s."""
    transmission: float | None = None
    """Per cent."""
    flux: float | None = None
    """Photons/s."""
    beam_size: tuple[float | None, float | None] | None = None
    """(x, y), mm."""
    part_of: str | None = None
    """Uid of the announcement, of one of several collections of it."""
