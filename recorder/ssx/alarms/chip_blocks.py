"""The hit rate on a chip: each block beside the same rows of the blocks before."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field, replace

import numpy as np

from recorder.ssx.alarms.baseline import ARMS_AT, Baseline, bounds
from recorder.ssx.alarms.comparing import SURE
from recorder.ssx.alarms.events import Evidence, Hint
from recorder.ssx.alarms.following import follow
from recorder.ssx.alarms.hit_rate import HIT_RATE
from recorder.ssx.alarms.observation import NOWHERE, Images
from recorder.ssx.alarms.rates import (
    RateState,
    Said,
    Signal,
    Sum,
    Trials,
    new_rate,
    refer,
)
from recorder.ssx.arrays import BoolArray, FloatArray, Int64Array

HIT_RATE_BLOCK = replace(HIT_RATE, kind="hit_rate_block", given=True)
_LINES = 256
"""Rows, or columns, of a block that are kept apart; those beyond count as the last."""
_WELLS = 30.0
"""Wells whose worth the overall rate has in that of a row: a row of few wells says
little."""
_PARTS = 4
"""Parts of a block, by rows and by columns, that are looked at apart."""
_REST = 0.75
"""Hits over those expected in the rest of the block, at least, for one part to be the
fault: else the whole block has few."""


@dataclass(frozen=True, slots=True)
class Wells:
    """Counts by row and by column; (2, lines) each."""

    trials: Int64Array = field(default_factory=lambda: np.zeros((2, _LINES), np.int64))
    hits: Int64Array = field(default_factory=lambda: np.zeros((2, _LINES), np.int64))


@dataclass(frozen=True, slots=True)
class ChipState:
    """The blocks that are over, and the one that goes on."""

    rate: RateState
    block: int = NOWHERE
    over: Wells = field(default_factory=Wells)
    now: Wells = field(default_factory=Wells)


@dataclass(frozen=True, slots=True)
class BlockSignal:
    """Something to say about a block, and where on it the hits are missing."""

    signal: Signal
    hints: tuple[Hint, ...]


def new_chip() -> ChipState:
    """No block was seen."""
    return ChipState(new_rate(HIT_RATE_BLOCK))


def follow_blocks(
    state: ChipState, images: Images
) -> tuple[ChipState, tuple[BlockSignal, ...]]:
    """Takes images in; those that are not on a chip are left out."""
    which = np.flatnonzero(images.processed & (images.block != NOWHERE))
    said: list[BlockSignal] = []
    if not which.size:
        return state, ()
    block = images.block[which]
    edges = [0, *(np.flatnonzero(np.diff(block)) + 1).tolist(), which.size]
    for begin, end in itertools.pairwise(edges):
        if int(block[begin]) != state.block:
            state = _next_block(state, int(block[begin]))
        state, more = _within(state, images, which[begin:end])
        said += more
    return state, tuple(said)


def _next_block(state: ChipState, block: int) -> ChipState:
    """A fresh start: a block that was calm joins those that are over."""
    over = state.over
    if state.rate.standing is None:
        over = _sum(over, state.now)
    rate = state.rate
    trials, hits = int(over.trials[0].sum()), int(over.hits[0].sum())
    if trials >= ARMS_AT and hits:
        rate = refer(HIT_RATE_BLOCK, rate, bounds(Baseline(trials, hits))[0])
    rate = replace(rate, sums=(Sum(),) * len(rate.sums))
    return ChipState(rate, block, over, Wells())


def _within(
    state: ChipState, images: Images, which: Int64Array
) -> tuple[ChipState, list[BlockSignal]]:
    """Images of one block."""
    lines = np.clip(np.stack([images.row[which], images.column[which]]), 0, _LINES - 1)
    hit = images.hit[which]
    share = None
    if not math.isnan(state.rate.reference):
        share = _shares(state.over, state.rate.reference)[0][lines[0]]
    trials = Trials(images.image_id[which], images.time_s[which], hit, share)
    rate, signals = follow(HIT_RATE_BLOCK, state.rate, trials)
    said = []
    for one in signals:
        end = int(np.searchsorted(trials.image_id, one.at_image, side="right"))
        now = _sum(state.now, _wells(lines[:, :end], hit[:end]))
        hints = () if one.said is Said.CLEARED else _pattern(state.over, now)
        said.append(BlockSignal(one, hints))
    now = _sum(state.now, _wells(lines, hit))
    return replace(state, rate=rate, now=now), said


def _sum(one: Wells, other: Wells) -> Wells:
    return Wells(one.trials + other.trials, one.hits + other.hits)


def _wells(lines: Int64Array, hit: BoolArray) -> Wells:
    """Counts of some images."""
    counts = [
        [np.bincount(line[which], minlength=_LINES) for line in lines]
        for which in (slice(None), hit)
    ]
    return Wells(np.array(counts[0]), np.array(counts[1]))


def _shares(over: Wells, overall: float) -> FloatArray:
    """(2, lines) expected hit rates, drawn towards the overall one where few are known.

    Args:
        over: The blocks that are over.
        overall: Bound of their hit rate; those of the lines are lowered as much.
    """
    trials, hits = over.trials, over.hits
    mean = float(hits[0].sum()) / max(1, int(trials[0].sum()))
    share = (hits + _WELLS * mean) / (trials + _WELLS)
    lowered = overall / mean if mean > 0 else 1.0
    return np.asarray(share * min(1.0, lowered))


def _pattern(over: Wells, now: Wells) -> tuple[Hint, ...]:
    """Whether the hits are missing in one part of the block only."""
    mean = float(over.hits[0].sum()) / max(1, int(over.trials[0].sum()))
    expected = now.trials * _shares(over, mean)
    worst: tuple[float, str, Evidence] | None = None
    for axis, name in enumerate(("rows", "columns")):
        seen = np.flatnonzero(over.trials[axis])
        if seen.size < _PARTS:
            continue
        for part in np.array_split(np.arange(seen[0], seen[-1] + 1), _PARTS):
            found = _missing(expected[axis], now.hits[axis], now.trials[axis], part)
            if found is not None and (worst is None or found[0] < worst[0]):
                z, before, after = found
                label = f"{name} {part[0] + 1} to {part[-1] + 1}"
                worst = z, label, Evidence(f"hit rate, {label}", before, after, z)
    if worst is None:
        return ()
    text = (
        f"Perhaps the chip is misaligned: hits are missing in {worst[1]} alone "
        f"({worst[2].before:.2g} to {worst[2].after:.2g})."
    )
    return (Hint("chip", text, (worst[2],)),)


def _missing(
    expected: FloatArray, hits: Int64Array, trials: Int64Array, part: Int64Array
) -> tuple[float, float, float] | None:
    """Score, expected and found rate of a part that alone has too few hits."""
    e, k, n = (
        float(expected[part].sum()),
        int(hits[part].sum()),
        int(trials[part].sum()),
    )
    rest = float(expected.sum()) - e
    if n == 0 or e <= 0 or rest <= 0:
        return None
    z = (k - e) / math.sqrt(e * max(1 - e / n, 0.01))
    if z >= -SURE or (int(hits.sum()) - k) / rest < _REST:
        return None
    return z, e / n, k / n
