"""Event chains: declared patterns, and what they say of each image.

A chain with scope ``collection`` is unrolled over the run: offsets count from the
run's start. One with scope ``position`` describes one position (or trigger) and
repeats. The k-th X-ray detection in time is image k. **A laser pulse lights the next
pulse of every X-ray detection event of its chain**: so two detections per laser pulse
are two light slots with two delays, while one detection event at twice the laser's
rate gives light and dark in turn (docs/explanations/labels.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorder.records import Chain, ChainEvent, EventType

NO_DELAY = np.iinfo(np.int64).min
NO_DARK_N = -1
SCOPES = ("collection", "position")


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
    light_steps: tuple[int, ...]
    """Images lit by one laser pulse, relative to the first of them."""
    periodic: bool
    """True: the pattern repeats for ever (scope ``position``)."""


def parse_chains(body: Mapping[str, Any]) -> tuple[Chain, ...]:
    """The chains of a validated ``collection/start`` message."""
    return tuple(
        Chain(
            name=str(chain.get("name") or ""),
            scope=str(chain.get("scope") or "collection"),
            events=tuple(_event(event) for event in chain.get("events", ())),
        )
        for chain in body.get("event_chains") or ()
    )


def _event(event: Mapping[str, Any]) -> ChainEvent:
    repetition = event.get("repetition")
    return ChainEvent(
        type=EventType(event["type"]),
        offset=float(event["offset"]),
        name=event.get("name"),
        duration=event.get("duration"),
        period=event.get("period"),
        repetition=None if repetition is None else int(repetition),
    )


def chain_problems(chains: Sequence[Chain]) -> list[str]:
    """What a declaration leaves open, for people."""
    return [
        f"chain {chain.name!r}: {event.type} has repetition {event.repetition} but no "
        "period: it is taken as one pulse"
        for chain in chains
        for event in chain.events
        if (event.repetition or 0) > 1 and not event.period
    ]


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
            return _tile(unrolled, images) if repeats else unrolled
    return None


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
        light_steps=_light_steps(light, part_of),
        periodic=repeats,
    )


def _light_steps(
    light: NDArray[np.bool_], part_of: NDArray[np.int64]
) -> tuple[int, ...]:
    """Where the first light image of each detection event lies after the first."""
    lit = np.flatnonzero(light)
    if not lit.size:
        return (0,)
    _, first = np.unique(part_of[lit], return_index=True)
    places = np.sort(lit[first])
    return tuple(int(n) for n in places - places[0])


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
    """0 for light, n for the n-th after the last light one, -1 before the first."""
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
        light_steps=one.light_steps,
        periodic=True,
    )
