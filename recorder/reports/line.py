"""Rates over a run, as a line that fits a page however long the run is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recorder.records.image_outcome import INDEXED, NON_HIT, NON_INDEXED_HIT
from recorder.records.image_report import LineReport

POINTS = 200
"""Points of the line, at most: one for every few pixels of a page, and 2 kB. Chosen,
not tuned."""


def line_report(outcome: NDArray[np.uint8]) -> LineReport:
    """Images by class, in points of as many image_ids.

    Args:
        outcome: Codes by image_id, as in :mod:`recorder.records.image_outcome`.
    """
    if not outcome.size:
        return LineReport()
    step = -(-outcome.size // POINTS)
    starts = np.arange(0, outcome.size, step)
    indexed = outcome == INDEXED
    hits = indexed | (outcome == NON_INDEXED_HIT)
    classified = hits | (outcome == NON_HIT)
    sums = (
        tuple(np.add.reduceat(mask.astype(np.int64), starts).tolist())
        for mask in (classified, hits, indexed)
    )
    return LineReport(step, *sums)
