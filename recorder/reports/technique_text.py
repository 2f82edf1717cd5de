"""Lines of the text report that only a run that is not serial has."""

from __future__ import annotations

from recorder.records.run_report import RunReport
from recorder.reports.alarm_text import alarm_lines
from recorder.reports.image_text import image_lines


def technique_lines(run: RunReport) -> list[str]:
    """What was done, in place of rates, light and dark, and delays."""
    lines: list[str] = []
    if _takes_images(run):
        lines += [*image_lines(run.images), *_spots(run)]
    return [*lines, *(f"    alarm      {line}" for line in alarm_lines(run.alarms))]


def _takes_images(run: RunReport) -> bool:
    images = run.images
    return bool(images.received or images.declared or images.expected)


def _spots(run: RunReport) -> list[str]:
    """No rates: images of one crystal are no trials."""
    classes, limit = run.classes, run.resolution.median
    if not run.images.classified:
        return []
    text = f"    spots      on {classes.hits} images"
    if run.classification.tried:
        text += f", {classes.indexed} of {run.classification.tried} tried indexed"
    if limit is not None:
        text += f"   resolution {limit:.2f} A (median)"
    return [text]
