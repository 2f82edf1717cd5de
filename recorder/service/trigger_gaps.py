"""Says, while a run goes on and when it is sealed, that trigger rows did not come."""

from __future__ import annotations

import numpy as np

from recorder.runs.run import Run
from recorder.runtime.log import get_logger
from recorder.ssx.arrays import Int64Array

log = get_logger("runs")

SHOWN = 5
"""Gaps that a line names; all missing rows are counted. Chosen, not tuned."""


class TriggerGaps:
    """Remembers what was said of each run."""

    def __init__(self) -> None:
        self._before: dict[str, int] = {}
        """Missing rows at the last look, by uid: a row may only be late."""
        self._said: dict[str, int] = {}

    def forget(self, uid: str) -> None:
        """A run is over."""
        self._before.pop(uid, None)
        self._said.pop(uid, None)

    def look(self, run: Run) -> None:
        """Warn once while it can still be mended, and at the seal of what is so then.

        Args:
            run: The run; one that goes on is looked at again and again.
        """
        rows = run.events.rows()
        if rows.restarts:
            return  # its numbers do not say how many rows there should be
        gaps = trigger_gaps(rows.xray)
        missing = int(gaps[:, 2].sum())
        before = self._before.get(run.uid, 0)
        self._before[run.uid] = missing
        said = self._said.get(run.uid)
        due = missing != said if run.final else said is None and before > 0
        if not missing or not due:
            return
        self._said[run.uid] = missing
        log.warning(
            "trigger_gap",
            run=run.number,
            uid=run.uid,
            clock=rows.clock,
            rows=int(rows.xray.size),
            missing=missing,
            gaps=int(gaps.shape[0]),
            after=gaps[:SHOWN, 0].tolist(),
            before=gaps[:SHOWN, 1].tolist(),
            hint="rows of the timing hardware did not come: the broker dropped them "
            "(its max_queued_messages; MQTT 5 lets it send ahead), or the sender did",
        )


def trigger_gaps(numbers: Int64Array) -> Int64Array:
    """Where rows are missing: number before, number after, how many, shape (n, 3).

    Args:
        numbers: Trigger numbers, ascending, each once, shape (m,). Where only every
            n-th trigger has a row, that is no gap.
    """
    steps = np.diff(numbers)
    stride = int(np.gcd.reduce(steps)) if steps.size else 1
    wide = np.flatnonzero(steps > stride)
    missing = steps[wide] // stride - 1
    return np.stack((numbers[wide], numbers[wide + 1], missing), axis=1)
