"""Images of a part that may be of another one: no angle and no cell of the plan."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recorder.mx.wedges import UNKNOWN, Wedges
from recorder.runs.run import Run


def doubtful(run: Run) -> NDArray[np.bool_]:
    """Whether each received image of a run is in doubt, (n,) by ascending image_id."""
    ids = run.images.ids
    found = np.zeros(ids.size, np.bool_)
    for first, last in run.in_doubt:
        found |= (ids >= first) & (ids <= last)
    return found


def unsettled(run: Run) -> bool:
    """Whether the count of a run's images tells nothing of where they are.

    Images of it may be of another part, or a part before it has such.
    """
    return bool(run.in_doubt) or run.moved


def wedges_with_doubts(run: Run, wedges: Wedges | None) -> Wedges | None:
    """Wedges of a run's images; unknown where they may be of another part.

    Args:
        run: The run.
        wedges: As its own images and plan say; None: all are of one. Of several, none
            is known then: the images that are in doubt were counted for them.
    """
    if not unsettled(run) or (wedges is None and not run.in_doubt):
        return wedges
    off, ids = doubtful(run), run.images.ids
    notes: tuple[str, ...] = ()
    if wedges is not None:
        off = np.ones(ids.size, np.bool_)
        notes = (
            "a trigger of the series was missed: nothing tells for certain which of "
            f"its triggers made the {ids.size} images; let timing hardware capture the "
            "axis at each trigger",
        )
    index = np.zeros(ids.size, np.int64) if wedges is None else wedges.index
    within = ids if wedges is None else wedges.within
    return Wedges(
        np.where(off, UNKNOWN, index),
        np.where(off, UNKNOWN, within),
        notes=notes,
    )
