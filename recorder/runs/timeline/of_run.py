"""The timeline of a run: the label of every image, from all that is known of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recorder.records import RunStatus
from recorder.runs.run import Run
from recorder.runs.technique import technique_of
from recorder.runs.timeline.live_timeline import LiveTimeline
from recorder.ssx.labels.timeline import Facts, Timeline, label_images
from recorder.ssx.triggers.captured import CapturedTriggers

LONG_RUN = 20_000
"""Images from which on a run that goes on is labelled block by block: to label so many
anew takes 20 ms, and it is done every few seconds (`make timeline-bench`)."""


def is_long(run: Run) -> bool:
    """It goes on and is too long to be worked out as a whole again and again."""
    return not run.final and run.images.received > LONG_RUN


def timeline_of(run: Run, live: LiveTimeline | None = None) -> Timeline:
    """Labels of the received images in ascending image_id, and their reasons.

    Args:
        run: The run.
        live: What is settled of it already, if somebody keeps that. Of a long run that
            goes on, the latest images are not labelled yet then.
    """
    each = each_has_a_trigger(run)
    if each and live is not None and is_long(run) and live.serves(run):
        return live.update(run)
    return label_images(
        run.images.ids,
        run.chains,
        run.events.rows() if each else CapturedTriggers(),
        facts=facts_of(run),
        start_ns=start_times(run) if each else None,
    )


def each_has_a_trigger(run: Run) -> bool:
    """Whether triggers and pauses tell of images one by one.

    Else a captured row is of a line or a wedge, and a pause is what lies between two of
    them: the labels then follow the count of the images.
    """
    return technique_of(run.announcement).one_trigger_each or captured_each(run)


def captured_each(run: Run) -> bool:
    """Whether timing hardware captured a row for each image, and not one a wedge."""
    captured = run.events.triggers
    return captured is not None and captured >= run.images.received


def start_times(run: Run) -> NDArray[np.int64]:
    """Start of each received image on the detector's clock (ns), shape (n,)."""
    return run.images.column("start_time_ns")[run.images.ids]


def facts_of(run: Run) -> Facts:
    """What the timeline needs to know besides images and events."""
    return Facts(
        announced=run.announced,
        header=run.start is not None,
        ended=run.final,
        success=run.final and not cut_short(run),
        made=run.end.images if run.end else None,
        triggers=run.declared_images,
        going_on=not run.final,
    )


def cut_short(run: Run) -> bool:
    """Whether somebody saw that a run ended before its plan did.

    A timeout shows it, a new header, or ``collection/end``. That there are fewer images
    than declared does not: triggers may have been missed.
    """
    if run.end is not None:
        return run.end.status is not RunStatus.SUCCESS
    if run.given_up:
        return True
    ended_well = run.status in (RunStatus.RUNNING, RunStatus.SUCCESS)
    return not ended_well and not run.decided
