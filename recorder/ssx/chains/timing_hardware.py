"""Set-ups of timing hardware as event chains: what they will do if they work.

PandABox sequencer: each row waits for its trigger, then holds ``outputs1`` for
``time1`` and ``outputs2`` for ``time2``, ``repeats`` times; times in ticks of 8 ns
times ``prescale``. Zebra: gates of a position-compare block, and pulse blocks that each
gate starts after their delay.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from recorder.records import Chain, ChainEvent, EventType

PANDA_TICK_S = 8e-9
"""Clock tick of a PandABox, s: it runs at 125 MHz."""
MAX_PULSES = 100_000
"""Pulses of one pass of a table."""
_DIGITS = 12
"""Decimals of times (s) that are kept, 1 ps: sums of ticks of 8 ns carry dust below."""
_IMMEDIATE = ("immediate", "")


class HardwareSetupError(ValueError):
    """A set-up that cannot be read; the message says why."""


def hardware_chain(setup: Any) -> Chain:
    """The chain that a set-up amounts to.

    Args:
        setup: An object with ``device``: ``panda-seq`` or ``zebra``; see
            docs/reference/mqtt.md.

    Raises:
        HardwareSetupError: It is none, or cannot be known in advance.
    """
    if not isinstance(setup, Mapping):
        raise HardwareSetupError("it is no object")
    device = setup.get("device")
    if device == "panda-seq":
        return _panda(setup)
    if device == "zebra":
        return _zebra(setup)
    raise HardwareSetupError(f"device {device!r} is neither 'panda-seq' nor 'zebra'")


def _value(item: Mapping[str, Any], key: str, default: float | None = None) -> float:
    value = item.get(key, default)
    good = isinstance(value, int | float) and not isinstance(value, bool)
    if not good or not math.isfinite(value) or value < 0:
        raise HardwareSetupError(f"{key} {value!r} is no number of at least 0")
    return float(value)


def _count(item: Mapping[str, Any], key: str, default: int) -> int:
    value = _value(item, key, default)
    if value != int(value) or value < 1:
        raise HardwareSetupError(f"{key} {value:g} is no whole number of at least 1")
    return int(value)


def _kind(item: Any) -> tuple[EventType, str | None]:
    """Event type and name that an output stands for."""
    entry = {"type": item} if isinstance(item, str) else item
    if not isinstance(entry, Mapping) or entry.get("type") not in tuple(EventType):
        known = ", ".join(EventType)
        raise HardwareSetupError(f"output {item!r} stands for none of {known}")
    name = entry.get("name")
    return EventType(entry["type"]), None if name is None else str(name)


# -- PandABox sequencer ------------------------------------------------------------


def _panda(setup: Mapping[str, Any]) -> Chain:
    rows, outputs = setup.get("rows"), setup.get("outputs")
    if not isinstance(rows, list) or not rows:
        raise HardwareSetupError("rows is no list with rows")
    if not isinstance(outputs, Mapping) or not outputs:
        raise HardwareSetupError("outputs does not say what each output stands for")
    tick = PANDA_TICK_S * _count(setup, "prescale", 1)
    pulses, length, waits = _one_pass(rows, tick)
    passes = _count(setup, "repeats", 1)
    events: list[ChainEvent] = []
    for output, meaning in outputs.items():
        kind, name = _kind(meaning)
        mine = pulses.get(str(output).upper(), [])
        events += _events(kind, name, mine, length, 1 if waits else passes)
    if not events:
        raise HardwareSetupError("no output that stands for an event ever rises")
    events.sort(key=lambda event: event.offset)
    name = str(setup.get("name") or "Detections")
    return Chain(name, "position" if waits else "collection", tuple(events))


def _one_pass(
    rows: list[Any], tick: float
) -> tuple[dict[str, list[tuple[float, float]]], float, bool]:
    """Start and length of every pulse by output; the pass's length; who waits."""
    pulses: dict[str, list[tuple[float, float]]] = {}
    high: dict[str, float] = {}
    now, waits, total = 0.0, False, 0
    for number, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise HardwareSetupError(f"row {number} is no object")
        trigger = str(row.get("trigger") or "").strip().lower()
        if trigger not in _IMMEDIATE:
            if number:
                raise HardwareSetupError(
                    f"row {number} waits for {row['trigger']!r}: when it comes cannot "
                    "be known in advance; declare event_chains instead"
                )
            waits = True
        repeats = _count(row, "repeats", 1)
        if waits and not number and repeats > 1 and len(rows) > 1:
            raise HardwareSetupError(
                f"row 0 waits {repeats} times for {row['trigger']!r} before row 1 "
                "comes: declare event_chains instead"
            )
        total += repeats
        if total > MAX_PULSES:
            raise HardwareSetupError(f"more than {MAX_PULSES} pulses in one pass")
        for _ in range(1 if waits and not number else repeats):
            for phase in ("1", "2"):
                length = _value(row, f"time{phase}", 0.0) * tick
                if length == 0.0:
                    continue
                wanted = _outputs(row.get(f"outputs{phase}"))
                for output in [o for o in high if o not in wanted]:
                    start = high.pop(output)
                    pulses.setdefault(output, []).append((start, now - start))
                for output in wanted:
                    high.setdefault(output, now)
                now += length
    for output, start in high.items():
        pulses.setdefault(output, []).append((start, now - start))
    return pulses, now, waits


def _outputs(value: Any) -> list[str]:
    """Outputs that are on: ``"AB"`` or ``["A", "B"]``."""
    if value is None:
        return []
    if isinstance(value, str | list):
        return [str(item).upper() for item in value]
    raise HardwareSetupError(f"outputs {value!r} are neither letters nor a list")


def _events(
    kind: EventType,
    name: str | None,
    pulses: list[tuple[float, float]],
    cycle: float,
    passes: int,
) -> list[ChainEvent]:
    """Pulses of one pass as events, evenly spaced ones of one length together."""
    if not pulses:
        return []
    starts = [start for start, _ in pulses]
    lengths = {round(length, _DIGITS) for _, length in pulses}
    steps = {round(b - a, _DIGITS) for a, b in pairwise(starts)}
    if passes > 1:
        steps.add(round(cycle - starts[-1] + starts[0], _DIGITS))
    if len(lengths) == 1 and len(steps) == 1:
        return [
            ChainEvent(
                kind,
                _tidy(starts[0]),
                name,
                _tidy(pulses[0][1]),
                _tidy(steps.pop()),
                len(pulses) * passes,
            )
        ]
    period = _tidy(cycle) if passes > 1 else None
    return [
        ChainEvent(kind, _tidy(start), name, _tidy(length), period, passes)
        for start, length in pulses
    ]


def _tidy(value: float) -> float:
    """Without the dust of adding up ticks."""
    return round(value, _DIGITS)


# -- Zebra ---------------------------------------------------------------------------


def _zebra(setup: Mapping[str, Any]) -> Chain:
    pulses = setup.get("pulses")
    if not isinstance(pulses, list) or not pulses:
        raise HardwareSetupError("pulses is no list with pulse blocks")
    gate = setup.get("gate")
    start, period, count = 0.0, None, 1
    if isinstance(gate, Mapping):
        start = _value(gate, "start", 0.0)
        count = _count(gate, "count", 1)
        period = _value(gate, "step") if count > 1 else None
        if period is not None and not 0 < _value(gate, "width", 0.0) <= period:
            raise HardwareSetupError("gate width is not above 0 and within its step")
    elif gate is not None:
        raise HardwareSetupError("gate is no object")
    events = []
    for number, item in enumerate(pulses):
        if not isinstance(item, Mapping):
            raise HardwareSetupError(f"pulse {number} is no object")
        kind, name = _kind(item)
        width = _value(item, "width")
        if width == 0:
            raise HardwareSetupError(f"pulse {number} has no width")
        offset = start + _value(item, "delay", 0.0)
        events.append(ChainEvent(kind, _tidy(offset), name, width, period, count))
    events.sort(key=lambda event: event.offset)
    scope = "collection" if gate is not None else "position"
    return Chain(str(setup.get("name") or "Detections"), scope, tuple(events))
