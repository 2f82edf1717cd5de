"""Times of the images and triggers of a run, in seconds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recorder.records import RunStatus
from recorder.runs.run import Run
from recorder.runs.timeline.of_run import cut_short
from recorder.ssx.clocks.unknown import NO_TIME

FloatArray = NDArray[np.float64]


def start_s(run: Run) -> FloatArray | None:
    """Start of each received image from that of the first, (n,); None without times."""
    times = run.images.column("start_time_ns")[run.images.ids]
    known = times != NO_TIME
    if not known.any():
        return None
    since = (times - times[known][0]).astype(np.float64) / 1e9
    return np.where(known, since, np.nan)


def captured_once(run: Run, most: int) -> FloatArray | None:
    """Times of captured triggers that are one a wedge, (m,) ascending.

    Args:
        run: The run.
        most: Wedges that there are.

    Returns:
        None if there are none, or more than wedges: then they are one an image.
    """
    rows = run.events.rows()
    if not 0 < rows.xray.size <= most or not rows.timed:
        return None
    return np.sort(rows.xray_ns - rows.xray_ns[0]).astype(np.float64) / 1e9


def ended_well(run: Run) -> bool:
    """Whether the plan was carried out to its end: each trigger was sent."""
    good = run.status in (RunStatus.SUCCESS, RunStatus.RUNNING)
    return run.final and not cut_short(run) and (run.decided or good)
