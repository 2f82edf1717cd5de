"""What is said of a binding that is not certain, and of a series that has none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from recorder.records import Image, SeriesStart
from recorder.runs.book.actions import Action, Noticed, notice
from recorder.runs.book.binding import (
    Choice,
    may_get_series,
    meant_source,
    why_not,
    why_not_by_order,
)
from recorder.runs.book.parts import first_parts
from recorder.runs.book.waiting_series import Waiting
from recorder.runs.run import Run

STRAY = "an image of another series came in between: it is left out"
HINT = "name the detector or series_unique_id in collection/start, or send recorder_uid"
_SHOWN = 5
"""Uids that one log line names."""


def order_spoke(choice: Choice, detectors: Sequence[str]) -> list[Action]:
    """Say that only the order of arrival told which run a series belongs to."""
    run, rivals = choice.run, choice.rivals
    if not choice.by_order:
        return []
    if rivals:
        why = f"{len(rivals)} more announced runs waited for one"
        run.note(f"bound by the order of arrival: {why}")
        return [_ambiguous(run, rivals, why)]
    if len(detectors) > 1 and meant_source(run.announcement, detectors) is None:
        why = f"there are {len(detectors)} detectors, and its announcement names none"
        run.note(f"bound by the order of arrival: {why}")
    return []


def adopted_one_of(choice: Choice) -> list[Action]:
    """Say that a late announcement may have been for another run as well."""
    if not choice.rivals:
        return []
    why = f"{len(choice.rivals)} more runs that nobody had announced were there"
    choice.run.note(f"its announcement came late, and may be another run's: {why}")
    return [_ambiguous(choice.run, choice.rivals, why)]


def _ambiguous(run: Run, rivals: Sequence[Run], why: str) -> Noticed:
    uids = [rival.uid for rival in rivals[:_SHOWN]]
    return notice(
        "bound_by_order", "warning", run.key, run, why=why, rivals=uids, hint=HINT
    )


def missed_by(
    run: Run,
    waiting: Waiting,
    runs: Iterable[Run],
    detectors: Sequence[str],
    window_s: float | None,
) -> list[Action]:
    """Say, once for each announcement, why an unannounced series did not get it."""
    actions: list[Action] = []
    of_series = why_not_by_order(waiting)
    for other in first_parts(run for run in runs if may_get_series(run)):
        if other.miss_told:
            continue
        other.miss_told = True
        why = why_not(other, waiting, detectors, window_s) or of_series
        run.note(f"announcement {other.uid} waits, but {why}")
        missed = notice(
            "announcement_not_bound",
            "warning",
            waiting.key,
            run,
            uid=other.uid,
            why=why,
        )
        actions.append(missed)
    return actions


def header_contradicts(run: Run, start: SeriesStart) -> list[Action]:
    """Say that a header that came late names another run than the one it has."""
    named = start.recorder_uid
    of = run.part.of if run.part else None
    if named is None or named in (run.uid, run.announcement.uid, of):
        return []
    run.note(f"its header came after its images, and names another run: {named}")
    return [notice("header_names_another_run", "error", start.key, run, uid=named)]


def stray(run: Run, image: Image) -> list[Action]:
    """Count an image of another series that came while a run went on."""
    run.counts["stray_images"] += 1
    run.note(STRAY)
    said: Noticed = notice(
        "stray_image", "warning", image.key, run, image_id=image.image_id
    )
    return [said]


def no_stray(run: Run) -> None:
    """The image was the first of a series of its own."""
    run.counts["stray_images"] -= 1
    if not run.counts["stray_images"]:
        del run.counts["stray_images"]
        run.notes = [note for note in run.notes if note != STRAY]
