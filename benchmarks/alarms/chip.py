"""Chips of blocks of 20 x 20 wells, of which one gets misaligned."""

from __future__ import annotations

from collections import Counter

import numpy as np

from benchmarks.alarms.simulated import START_S
from recorder.ssx.alarms.events import AlarmRaised, Event
from recorder.ssx.alarms.observation import Observation, RunFacts, images
from recorder.ssx.alarms.watch import AlarmState, step

SIDE, BLOCKS, BAD_BLOCK = 20, 10, 8
HZ = 50.0
LEFT = 0.03
"""Share of the hits that misaligned wells still have."""


def chip_events(seed: int, misaligned: bool, n: int = 0) -> list[Event]:
    """A chip with hits in half of its wells, fewer in its outer rows.

    Misaligned: the last blocks lose nearly all hits in the last quarter of their rows.
    """
    rng = np.random.default_rng([seed, n, 17])
    wells = SIDE * SIDE
    row, column = np.divmod(np.arange(wells), SIDE)
    column = np.where(row % 2, SIDE - 1 - column, column)
    outer = (row == 0) | (row == SIDE - 1)
    state = AlarmState()
    events: list[Event] = []
    for block in range(BLOCKS):
        rate = np.where(outer, 0.3, 0.5)
        if misaligned and block >= BAD_BLOCK:
            rate = np.where(row >= SIDE - SIDE // 4, rate * LEFT, rate)
        ids = block * wells + np.arange(wells)
        hit = rng.random(wells) < rate
        seen = images(
            ids,
            START_S + ids / HZ,
            hit,
            block=np.full(wells, block),
            row=row,
            column=column,
        )
        state, more = step(
            state,
            Observation(START_S + ids[-1] / HZ, RunFacts("chip"), images=seen),
        )
        events += more
    return events


def chip_runs(runs: int, seed: int) -> Counter[str]:
    """First hints of misaligned chips."""
    first: Counter[str] = Counter()
    for n in range(runs):
        raised = [
            event
            for event in chip_events(seed, True, n)
            if isinstance(event, AlarmRaised) and event.kind == "hit_rate_block"
        ]
        hints = [event.hints[0].cause for event in raised if event.hints]
        first[hints[-1] if hints else "none" if raised else "no alarm"] += 1
    return first
