"""Classes of the images by pump state: do light and dark differ?"""

from __future__ import annotations

import numpy as np

from recorder.records import Pump, WorkLevel
from recorder.records.image_outcome import INDEXED, NON_HIT, NON_INDEXED_HIT
from recorder.records.image_report import PumpClasses, StateClasses
from recorder.runs.tables.image_table import ImageTable
from recorder.ssx.labels.timeline import PUMPS, Labels


def pump_classes(images: ImageTable, labels: Labels) -> PumpClasses:
    """Classified images, hits, tried and indexed ones of each pump state.

    Args:
        images: Of the run.
        labels: Theirs, in the order of ``images.ids``.
    """
    ids = images.ids
    outcome = images.column("outcome")[ids]
    indexed = outcome == INDEXED
    hit = indexed | (outcome == NON_INDEXED_HIT)
    tried = hit & (images.column("effort")[ids] != WorkLevel.NO_INDEXING)
    found = {
        state: StateClasses(
            *(
                int(np.count_nonzero(part & (labels.pump == n)))
                for part in (hit | (outcome == NON_HIT), hit, tried, indexed)
            )
        )
        for n, state in enumerate(PUMPS)
    }
    return PumpClasses(found[Pump.LIGHT], found[Pump.DARK], found[Pump.UNKNOWN])
