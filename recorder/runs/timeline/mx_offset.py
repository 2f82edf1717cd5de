"""Whether an axis stood equally far from its plan in all images of a run."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recorder.mx.angles import STANDING, apart
from recorder.mx.sweeps import sweep_of
from recorder.records.mx_plan import Sweep
from recorder.runs.run import Run


def only_offset(
    run: Run, sweeps: Sequence[Sweep], captured: NDArray[np.float64] | None
) -> bool:
    """Whether all images were made, each where the axis was as much off as in others.

    No trigger was missed then: the captured angles count, and contradict the plan.

    Args:
        run: The run.
        sweeps: Those of its plan.
        captured: Angle at each image's trigger, (n,) degrees, NaN unknown; None: not
            captured.
    """
    ids = run.images.ids
    if captured is None or not sweeps or not ids.size:
        return False
    made = max(run.end.images or 0 if run.end else 0, int(ids[-1]) + 1)
    if made < sum(sweep.images for sweep in sweeps):
        return False
    index, within = sweep_of(ids, sweeps)
    known = (index >= 0) & (within >= 0) & np.isfinite(captured)
    if not known.any():
        return False
    start = np.array([one.start for one in sweeps])[index[known]]
    step = np.array([one.step for one in sweeps])[index[known]]
    off = apart(captured[known], start + within[known] * step)
    spread = np.abs(apart(off, off[:1]))
    return bool((spread <= np.maximum(np.abs(step) / 2, STANDING)).all())
