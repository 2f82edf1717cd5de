"""Lines of the text report that only a run that is not serial has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from recorder.records.run_report import RunReport
from recorder.reports.alarm_text import alarm_lines
from recorder.reports.image_text import image_lines
from recorder.reports.technique_card import card_lines
from recorder.reports.technique_words import run_words

_ON_A_LINE = 5
"""Names and values of the card that stand on one line. Chosen, not tuned."""


def technique_lines(run: RunReport, totals: Mapping[str, int]) -> list[str]:
    """What was done, in place of rates, light and dark, and delays.

    Args:
        run: The run.
        totals: Images of whole announcements.
    """
    told = [f"{name} {value}" for name, value in card_lines(run, totals) if value]
    lines = [
        f"    card       {'; '.join(told[n : n + _ON_A_LINE])}"
        for n in range(0, len(told), _ON_A_LINE)
    ]
    if _takes_images(run):
        lines += [*image_lines(run.images, serial=False), *_spots(run)]
    found = (*run_words(run), *_notes(run))
    lines += [f"    {name:<10} {text}" for name, text in found]
    return [*lines, *(f"    alarm      {line}" for line in alarm_lines(run.alarms))]


def _notes(run: RunReport) -> Iterable[tuple[str, str]]:
    """What the part says, where the run's own notes do not say it already."""
    found = run.mx.notes if run.mx else ()
    return (("note", text) for text in found if text not in run.notes)


def _takes_images(run: RunReport) -> bool:
    images = run.images
    return run.mx is not None or bool(images.received or images.expected)


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
