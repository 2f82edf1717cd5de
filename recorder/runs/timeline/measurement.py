"""The chains of a run as measured, held against the commanded ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from recorder.records import EventType
from recorder.runs.run import Run
from recorder.ssx.chains.pattern import cycle_length, pattern
from recorder.ssx.chains.scopes import NO_SEQUENCE, PositionSequence
from recorder.ssx.clocks.unknown import NO_ORDINAL, NO_TIME
from recorder.ssx.labels.timeline import Timeline
from recorder.ssx.measured.audit import Verdict, audit
from recorder.ssx.measured.chains import (
    MAX_PULSES,
    MeasuredChain,
    Pulses,
    measure_chains,
    measure_positions,
)
from recorder.ssx.measured.pulse_trains import find_trains

DETECTOR_CLOCK = "detector"


class EventPattern(Protocol):
    """An event as it was declared or as it was seen, here or in a report."""

    @property
    def type(self) -> EventType:
        """Which event."""

    @property
    def name(self) -> str | None:
        """Its name, if it has one."""

    @property
    def offset(self) -> float:
        """From where its chain counts (s)."""

    @property
    def duration(self) -> float | None:
        """How long it lasts (s), None if nobody knows."""


EventLists = Sequence[Sequence[EventPattern]]
"""Events by chain."""


@dataclass(frozen=True, slots=True)
class PulseFacts:
    """What the times of images are held against."""

    pump_s: float | None = None
    """Duration of a laser pulse, as measured, else as declared."""
    reactions: Mapping[str, float] = field(default_factory=dict)
    """Offset (s) of each reaction trigger by name, as measured, else as declared."""
    first_ns: int = 0
    """Declared time of the first trigger from the run's start."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """What a run's events amount to."""

    chains: tuple[MeasuredChain, ...]
    verdicts: tuple[Verdict, ...]
    pulses: PulseFacts = field(default_factory=PulseFacts)
    sequence: PositionSequence = NO_SEQUENCE
    """Positions, or cycles of a run without any."""


NOT_MEASURED = Measurement((), ())


def measure(run: Run, timeline: Timeline) -> Measurement:
    """Measured chains and verdicts of a run, as far as it has come."""
    pulses, first_ordinal = seen_pulses(run, timeline)
    chains = run.chains
    over_run = [(n, c) for n, c in enumerate(chains) if c.scope != "position"]
    shots = _shots(run)
    positions, sequence = None, _cycles(run)
    found: list[MeasuredChain] = []
    if shots:
        xray = [p for p in pulses if p.type is EventType.XRAY_DETECTION]
        if xray:
            positions = -(-xray[0].time_ns.size // shots)
            sequence = PositionSequence(positions, _even(xray[0].time_ns[::shots]))
        found += [
            measure_positions(n, chain, pulses, shots)
            for n, chain in enumerate(chains)
            if chain.scope == "position"
        ]
    declared = timeline.pattern
    first_ns = 0
    if declared is not None and first_ordinal < declared.time_ns.size and not shots:
        first_ns = int(declared.time_ns[first_ordinal])
    measured = measure_chains([chain for _, chain in over_run], pulses, first_ns)
    for item in measured:
        if item.chain is None:
            # With positions the trains over the run are the positions' own pulses.
            found += [] if shots else [item]
        else:
            found.append(replace(item, chain=over_run[item.chain][0]))
    found.sort(key=lambda item: len(chains) if item.chain is None else item.chain)
    return Measurement(
        chains=tuple(found),
        verdicts=audit(chains, found, positions=positions, goes_on=not run.final),
        pulses=pulse_facts(
            [chain.events for chain in chains],
            [item.events for item in found],
            first_declared_ns(timeline),
        ),
        sequence=sequence,
    )


def _cycles(run: Run) -> PositionSequence:
    detections, seconds = cycle_length(run.chains)
    count = (run.declared_images or run.images.size) // max(1, detections)
    return PositionSequence(count, seconds)


def _even(starts: NDArray[np.int64]) -> float | None:
    """Time from position to position (s), if they follow evenly."""
    trains = find_trains(starts[:MAX_PULSES])
    only = trains[0] if len(trains) == 1 else None
    return only.period_ns / 1e9 if only is not None and only.period_ns else None


def first_declared_ns(timeline: Timeline) -> int:
    """Declared time (ns) of the first trigger from the run's start; 0 without one."""
    start = timeline.pattern
    return int(start.time_ns[0]) if start and start.time_ns.size else 0


def pulse_facts(declared: EventLists, seen: EventLists, first_ns: int) -> PulseFacts:
    """What is known of laser pulses and reaction triggers; what was seen counts more.

    Args:
        declared: The chains as they were declared.
        seen: As they were measured, in the same order; undeclared ones last.
        first_ns: Declared time of the first trigger from the run's start.
    """
    return PulseFacts(
        pump_s=_pump_s((*seen, *declared)),
        reactions=_reactions((*declared, *seen)),
        first_ns=first_ns,
    )


def _pump_s(chains: EventLists) -> float | None:
    events = (event for chain in chains for event in chain)
    lasers = (e for e in events if e.type is EventType.LASER_EXCITATION)
    return next((e.duration for e in lasers if e.duration), None)


def _reactions(chains: EventLists) -> dict[str, float]:
    offsets: dict[str, float] = {}
    for events in chains:
        for n, event in enumerate(events):
            if event.type is EventType.REACTION_TRIGGER:
                offsets[event.name or f"reaction trigger {n}"] = event.offset
    return dict(sorted(offsets.items(), key=lambda item: item[1]))


def _shots(run: Run) -> int:
    """X-ray detections of one position, 0 if no chain is declared by position."""
    positions = [chain for chain in run.chains if chain.scope == "position"]
    over_run = [
        event
        for chain in run.chains
        if chain.scope != "position"
        for event in chain.events
        if event.type is EventType.XRAY_DETECTION
    ]
    one = pattern(positions, 1) if positions and not over_run else None
    return int(one.shots) if one is not None else 0


def seen_pulses(run: Run, timeline: Timeline) -> tuple[list[Pulses], int]:
    """All pulses by type and name, and the ordinal of the first X-ray detection."""
    pulses = run.events.pulses()
    table = timeline.table
    xray = next((p for p in pulses if p.type is EventType.XRAY_DETECTION), None)
    if xray is not None and table.clock and table.time_ns.size:
        # Missing rows interpolated, repeated ones left out.
        count = table.triggers or table.time_ns.size
        usable = np.flatnonzero(table.usable[:count])
        if table.real is not None and table.real.any():
            usable = usable[usable >= int(np.argmax(table.real))]
        times = table.time_ns[usable]
        pulses[pulses.index(xray)] = replace(
            xray, time_ns=times, duration_s=xray.duration_s or _exposure(run)
        )
        return pulses, 0 if table.floating or not usable.size else int(usable[0])
    images = _image_pulses(run)
    if xray is not None or images.time_ns.size < 2:
        return pulses, 0
    known = timeline.labels.ordinal
    first = int(known[0]) if known.size and known[0] != NO_ORDINAL else 0
    return [images, *pulses], first


def _image_pulses(run: Run) -> Pulses:
    """X-ray detections as the detector's own clock saw them."""
    start = run.images.column("start_time_ns")[run.images.ids]
    start = start[start != NO_TIME]
    # A clock that goes back in mid-run has no one rate; the longest part is kept.
    rising = np.ones(start.size, np.bool_)
    rising[1:] = start[1:] > np.maximum.accumulate(start)[:-1]
    return Pulses(
        EventType.XRAY_DETECTION,
        "",
        DETECTOR_CLOCK,
        start[rising],
        _exposure(run),
        complete=False,
    )


def _exposure(run: Run) -> float | None:
    """Median exposure of the images (s)."""
    exposure = run.images.column("exposure_ns")
    exposure = exposure[exposure > 0]
    return float(np.median(exposure)) / 1e9 if exposure.size else None
