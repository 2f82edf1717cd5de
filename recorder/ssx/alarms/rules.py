"""Rules: what is announced and what comes must agree."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from recorder.ssx.alarms.events import Severity
from recorder.ssx.alarms.judging import Judged
from recorder.ssx.alarms.observation import Observation

NONE_COME_S = 10.0
"""An announced run without an image for so long: arming a detector takes seconds."""


@dataclass(frozen=True, slots=True)
class Coming:
    """Whether images come."""

    run_uid: str | None = None
    images: int = 0
    """Of this run."""
    first_s: float = math.nan
    """When the run was first seen."""
    last_s: float = math.nan
    """When the newest image came."""


def coming_after(coming: Coming, seen: Observation) -> Coming:
    """With what this slice brought."""
    uid = None if seen.run is None else seen.run.uid
    if uid != coming.run_uid:
        coming = Coming(run_uid=uid, first_s=seen.time_s)
    came = max(
        seen.images.image_id.size, int(seen.fates.lost.size - seen.fates.lost.sum())
    )
    if not came:
        return coming
    return replace(coming, images=coming.images + came, last_s=seen.time_s)


def rules(seen: Observation, coming: Coming) -> tuple[Judged, ...]:
    """What is thought of the run that goes on."""
    run, recent = seen.run, seen.time_s - coming.last_s < NONE_COME_S
    unannounced = coming.images > 0 and (run is None or not run.announced)
    found = [
        Judged(
            "not_announced",
            Severity.AMBER,
            bad=unannounced and recent,
            good=not (unannounced and recent),
            text="Images come, but nobody announced a run: they are recorded under a "
            "run without sample or chains. Send collection/start.",
            recovered="A run was announced, or no more images come.",
        )
    ]
    if run is not None and run.announced:
        since = coming.first_s if run.since_s is None else run.since_s
        waits = run.open and coming.images == 0
        found.append(
            Judged(
                "none_come",
                Severity.RED,
                bad=waits and seen.time_s - since >= NONE_COME_S,
                good=not waits,
                text=f"A run was announced {seen.time_s - since:.0f} s ago and no "
                "image came: is the detector armed, and does the trigger fire?",
                recovered="Images come, or the run is over.",
            )
        )
    return tuple(found)
