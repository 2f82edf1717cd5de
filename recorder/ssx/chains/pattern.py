"""Event chains: declared patterns, and what they say of each image.

A chain with scope ``collection`` is unrolled over the run: offsets count from the
run's start. One with scope ``position`` describes one position (or trigger) and
repeats. The k-th X-ray detection in time is image k. **A laser pulse lights the next
pulse of every X-ray detection event of its chain**: so two detections per laser pulse
are two light slots with two delays, while one detection event at twice the laser's
rate gives light and dark in turn (docs/explanations/labels.md).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from recorder.records import Chain, ChainEvent, EventType
from recorder.ssx.clocks.unknown import NO_DARK_N, NO_DELAY

SCOPES = ("collection", "position")
MAX_CYCLE = 4096
"""Longest cycle (in shortest periods) that is looked for."""
_MOST_PARTS = 64
"""Largest denominator of a ratio of periods: finer ones make no cycle that is worth
having. Chosen, not tuned."""
_EXACT = 1e-5
"""Relative error of such a ratio that is taken for rounding. Chosen, not tuned."""


@dataclass(frozen=True, slots=True, eq=False)
class Pattern:
    """What the declared chains say of images 0 … n - 1; all arrays have length n."""

    light: NDArray[np.bool_]
    dark_n: NDArray[np.int64]
    """n-th trigger after the last light one; -1 before the first light one."""
    delay_ns: NDArray[np.int64]
    """Start of the detection minus start of the last laser pulse."""
    chain: NDArray[np.int64]
    slot: NDArray[np.int64]
    """Index of the detection event within its chain, by offset."""
    has_laser: bool
    periodic: bool
    """True: the pattern repeats for ever (scope ``position``)."""
    time_ns: NDArray[np.int64]
    """Start of each detection (ns) from the run's start; of the first position alone
    if the pattern is periodic: when the next position comes is not declared."""
    cycle: NDArray[np.int64]
    """How often the whole pattern has passed before; -1 if it never repeats."""
    total: int | None
    """Detections in the whole run; None if the chains go on for ever."""
    shots: int = 0
    """Detections of one position; 0 for chains over the whole run."""

    def part(self, first: int, size: int) -> Pattern:
        """What is said of ``size`` images from ``first`` on, for chains over a run."""
        here = slice(first, first + size)
        return replace(
            self,
            light=self.light[here],
            dark_n=self.dark_n[here],
            delay_ns=self.delay_ns[here],
            chain=self.chain[here],
            slot=self.slot[here],
            time_ns=self.time_ns[here],
            cycle=self.cycle[here],
        )


def pattern(chains: Sequence[Chain], images: int) -> Pattern | None:
    """What the chains say of the first ``images`` images.

    Returns:
        None if no chain has an X-ray detection. The arrays are shorter than
        ``images`` where the chains end earlier.
    """
    for scope in SCOPES:
        chosen = [
            (number, chain)
            for number, chain in enumerate(chains)
            if chain.scope == scope and _of(chain, EventType.XRAY_DETECTION)
        ]
        if chosen:
            repeats = scope == "position"
            lasers = [chain for chain in chains if chain.scope == scope]
            unrolled = _unroll(chosen, lasers, images, repeats)
            if repeats:
                tiled = _tile(unrolled, images)
                return replace(tiled, shots=_total(chosen, 1) or 0)
            per_cycle, _ = cycle_length(c for c in chains if c.scope == scope)
            return replace(
                unrolled,
                cycle=_cycles(len(unrolled.light), per_cycle),
                total=_total(chosen, None),
            )
    return None


def cycle_length(chains: Iterable[Chain]) -> tuple[int, float | None]:
    """One cycle of all periodic events: X-ray detections, and seconds.

    Returns:
        0 and None if there is no cycle, or a very long one.
    """
    chains = tuple(chains)
    wanted = (EventType.XRAY_DETECTION, EventType.LASER_EXCITATION)
    events = [e for chain in chains for e in chain.events if e.type in wanted]
    repeated = [e for e in events if e.period and e.repetition != 1]
    xray = [e.period for e in repeated if e.type is EventType.XRAY_DETECTION]
    shortest = min((p for p in xray if p), default=0.0)
    if not shortest:
        return 0, None
    whole = 1
    for event in repeated:
        ratio = Fraction((event.period or 0.0) / shortest).limit_denominator(
            _MOST_PARTS
        )
        exact = abs((event.period or 0.0) / shortest - ratio) < _EXACT * ratio
        if not exact or ratio.numerator > MAX_CYCLE:
            return 0, None
        whole = math.lcm(whole, ratio.numerator)
    return sum(round(whole * shortest / p) for p in xray if p), whole * shortest


def _cycles(size: int, per_cycle: int) -> NDArray[np.int64]:
    index = np.arange(size, dtype=np.int64)
    return index // per_cycle if per_cycle else np.full(size, -1, np.int64)


def _total(chosen: Sequence[tuple[int, Chain]], default: int | None) -> int | None:
    """Detections that the chains declare in all; None if they go on for ever.

    ``default`` stands for a repetition that is not given.
    """
    total = 0
    for _, chain in chosen:
        for event in _of(chain, EventType.XRAY_DETECTION):
            count = (event.repetition or default) if event.period else 1
            if count is None:
                return None
            total += count
    return total


def _of(chain: Chain, kind: EventType) -> list[ChainEvent]:
    found = [event for event in chain.events if event.type == kind]
    return sorted(found, key=lambda event: event.offset)


def _pulses(event: ChainEvent, most: int, default: int | None) -> NDArray[np.int64]:
    """Start times (ns) of the first ``most`` pulses of an event."""
    period = event.period if event.period and event.period > 0 else None
    count = event.repetition if event.repetition else default
    if period is None:
        count = 1
    elif count is None:
        count = most
    # From integers and one product each: adding up a period would drift.
    steps = np.arange(min(count, most), dtype=np.int64)
    first = round(event.offset * 1e9)
    after: NDArray[np.int64] = np.rint(steps * ((period or 0.0) * 1e9)).astype(np.int64)
    return first + after


@dataclass(frozen=True, slots=True, eq=False)
class _Detection:
    """One X-ray detection event, unrolled."""

    chain: int
    slot: int
    pulses: NDArray[np.int64]
    light: NDArray[np.bool_]
    delay: NDArray[np.int64]
    has_laser: bool


def _unroll(
    chosen: Sequence[tuple[int, Chain]],
    laser_chains: Sequence[Chain],
    images: int,
    repeats: bool,
) -> Pattern:
    default = 1 if repeats else None
    parts: list[_Detection] = []
    for number, chain in chosen:
        own = [chain] if _of(chain, EventType.LASER_EXCITATION) else laser_chains
        laser = _laser_pulses(own, 2 * images + 2, default)
        for slot, event in enumerate(_of(chain, EventType.XRAY_DETECTION)):
            pulses = _pulses(event, images, default)
            light, delay = _light(pulses, laser)
            parts.append(_Detection(number, slot, pulses, light, delay, laser.size > 0))
    order = np.argsort(np.concatenate([p.pulses for p in parts]), kind="stable")
    order = order[:images]
    part_of = np.repeat(np.arange(len(parts)), [len(p.pulses) for p in parts])[order]
    light = np.concatenate([p.light for p in parts])[order]
    return Pattern(
        light=light,
        dark_n=dark_numbers(light),
        delay_ns=np.concatenate([p.delay for p in parts])[order],
        chain=np.array([p.chain for p in parts], np.int64)[part_of],
        slot=np.array([p.slot for p in parts], np.int64)[part_of],
        has_laser=any(p.has_laser for p in parts),
        periodic=repeats,
        time_ns=np.concatenate([p.pulses for p in parts])[order],
        cycle=np.full(len(order), -1, np.int64),
        total=None,
    )


def _laser_pulses(
    chains: Sequence[Chain], most: int, default: int | None
) -> NDArray[np.int64]:
    pulses = [
        _pulses(event, most, default)
        for chain in chains
        for event in _of(chain, EventType.LASER_EXCITATION)
    ]
    return np.sort(np.concatenate(pulses)) if pulses else np.empty(0, np.int64)


def _light(
    pulses: NDArray[np.int64], laser: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Which pulses are the next after a laser pulse, and their delays (ns)."""
    light = np.zeros(len(pulses), np.bool_)
    target = np.searchsorted(pulses, laser, side="left")
    light[target[target < len(pulses)]] = True
    delay = np.full(len(pulses), NO_DELAY, np.int64)
    last = np.searchsorted(laser, pulses, side="right") - 1
    after = last >= 0
    delay[after] = pulses[after] - laser[last[after]]
    return light, delay


def dark_numbers(light: NDArray[np.bool_]) -> NDArray[np.int64]:
    """0 for light, n for the n-th after the last light one, -1 before the first.

    Args:
        light: Whether each trigger is light, in order, shape (n,).
    """
    index = np.arange(len(light), dtype=np.int64)
    last = np.maximum.accumulate(np.where(light, index, NO_DARK_N))
    return np.where(last < 0, NO_DARK_N, index - last)


def _tile(one: Pattern, images: int) -> Pattern:
    """Repeat the pattern of one position over the run."""
    shots = len(one.light)
    pick = np.arange(images) % shots if shots else np.empty(0, np.int64)
    light = one.light[pick]
    return Pattern(
        light=light,
        dark_n=dark_numbers(light),
        delay_ns=one.delay_ns[pick],
        chain=one.chain[pick],
        slot=one.slot[pick],
        has_laser=one.has_laser,
        periodic=True,
        time_ns=one.time_ns,
        cycle=_cycles(images, shots),
        total=None,
    )
