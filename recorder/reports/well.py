"""Where on its chip an image is from, and why that is believed."""

from __future__ import annotations

import numpy as np

from recorder.records import Json
from recorder.records.scan import Scan
from recorder.ssx.clocks.unknown import NO_ORDINAL
from recorder.ssx.scan.placing import PlacedBy
from recorder.ssx.scan.walk import NOWHERE, walk_of

_BECAUSE = {
    PlacedBy.POSITION: "by the captured position of the stage",
    PlacedBy.TRIGGER: "by its trigger {n} on the declared walk",
    PlacedBy.IMAGE_ID: "counted: image {n} has trigger {n} of the declared walk",
}


def well_of(scan: Scan, by: PlacedBy, ordinal: int, why_not: str) -> Json:
    """Block, row, column and shot of an image.

    Args:
        scan: The announced scan.
        by: What the wells of the run rest on.
        ordinal: The image's trigger on the walk, NO_ORDINAL if it is not known.
        why_not: Why the trigger is not known, if it is not.
    """
    walk = walk_of(scan)
    wells = walk.at(np.array([ordinal]))
    columns = {
        "block": wells.block,
        "row": wells.row,
        "column": wells.column,
        "shot": wells.shot,
    }
    found = {name: int(column[0]) for name, column in columns.items()}
    if ordinal == NO_ORDINAL:
        because = why_not
    else:
        because = _BECAUSE[by].format(n=ordinal)
        if found["block"] == NOWHERE:
            because += f": the walk ends after {walk.triggers} triggers"
    known = {name: None if n == NOWHERE else n for name, n in found.items()}
    return {**known, "by": by.value, "because": because}
