"""Who and what a run that is not serial is of, by its announcement."""

from __future__ import annotations

from recorder.records import Announcement
from recorder.records.run_about import RunAbout


def about_of(told: Announcement) -> RunAbout:
    """What an announcement says that no plan has.

    Args:
        told: The announcement.
    """
    sample, beam, flow = told.sample, told.beam, told.workflow
    exposure = told.detector.exposure_time if told.detector else None
    if exposure is None and told.spectrum is not None:
        exposure = told.spectrum.exposure_time
    return RunAbout(
        workflow=(flow.title or flow.type) if flow else None,
        workflow_id=flow.id if flow else None,
        protein=sample.protein.acronym if sample and sample.protein else None,
        sample=sample.name if sample else None,
        sample_id=sample.id if sample else None,
        prefix=told.files.prefix if told.files else None,
        exposure_time=exposure,
        transmission=beam.transmission if beam else None,
        flux=beam.flux if beam else None,
        beam_size=beam.size if beam else None,
        part_of=told.part.of if told.part else None,
    )
