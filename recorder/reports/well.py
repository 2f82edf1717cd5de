"""Where on its chip an image is from, and why that is believed."""

from __future__ import annotations

import numpy as np

from recorder.records import Json
from recorder.runs.run import Run
from recorder.runs.timeline.chip import chip_of
from recorder.ssx.clocks.unknown import NO_ORDINAL
from recorder.ssx.labels.timeline import Timeline
from recorder.ssx.scan.placing import PlacedBy
from recorder.ssx.scan.walk import NOWHERE

_BECAUSE = {
    PlacedBy.TRIGGER: "by its trigger {n} on the declared walk",
    PlacedBy.IMAGE_ID: "counted: image {n} has trigger {n} of the declared walk",
}


def well_of(run: Run, timeline: Timeline, place: int, why_not: str) -> Json | None:
    """Block, row, column and shot of an image, None for a run without a scan.

    Args:
        run: The run.
        timeline: Its labels.
        place: Which of its received images.
        why_not: Why its trigger is not known, if it is not.
    """
    chip = chip_of(run, timeline)
    if chip is None:
        return None
    ordinal = int(chip.seen.ordinal[place])
    wells = chip.walk.at(np.array([ordinal]))
    columns = {
        "block": wells.block,
        "row": wells.row,
        "column": wells.column,
        "shot": wells.shot,
    }
    found = {name: int(column[0]) for name, column in columns.items()}
    if ordinal == NO_ORDINAL:
        because = f"its trigger is not known: {why_not}"
    else:
        because = _BECAUSE[chip.by].format(n=ordinal)
        if found["block"] == NOWHERE:
            because += f": the walk ends after {chip.walk.triggers} triggers"
    known = {name: None if n == NOWHERE else n for name, n in found.items()}
    return {**known, "by": chip.by.value, "because": because}
