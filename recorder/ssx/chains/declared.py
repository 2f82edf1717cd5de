"""Event chains as an announcement declares them: read, checked, never guessed.

What is wrong with one event is said and leaves the others, and the run, as they are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from recorder.foreign_text import plain
from recorder.records import Chain, ChainEvent, EventType
from recorder.ssx.chains.timing_hardware import HardwareSetupError, hardware_chain

SCOPES = ("collection", "position")
MAX_EVENTS = 1000
"""Events of one chain."""
MAX_CHAINS, MAX_SETUPS = 100, 5
"""Chains, or set-ups of timing hardware, of one announcement."""
MAX_NAME = 255
"""Characters of a chain's or an event's name; the rest is cut off."""
MAX_PROBLEMS, _PROBLEM_LENGTH = 50, 300
"""What is said of one announcement: it goes to the log and to the notes of the run."""
_LIMIT_S = 1e9
"""Largest time (s) of a declared event, 30 years: in ns it stays within 64 bits."""
_COMPARED = 50
"""Detections of a chain of which each pair is compared: 1225 pairs, of 1000 events
there would be half a million. Chosen, not tuned."""


@dataclass(frozen=True, slots=True)
class Declared:
    """The chains that can be used, and what is wrong with the others."""

    chains: tuple[Chain, ...]
    problems: tuple[str, ...] = ()


def read_chains(body: Mapping[str, Any]) -> Declared:
    """The chains of a ``collection/start`` message.

    ``event_chains`` as they stand; without any, those that the ``timing_hardware``
    set-ups amount to.
    """
    problems: list[str] = []
    chains = [
        _chain(item, number, problems)
        for number, item in enumerate(_list(body, "event_chains", MAX_CHAINS, problems))
    ]
    setups = _list(body, "timing_hardware", MAX_SETUPS, problems)
    if setups and chains:
        problems.append("timing_hardware is not used: event_chains are declared")
    elif setups:
        for number, item in enumerate(setups):
            try:
                chains.append(hardware_chain(item))
            except HardwareSetupError as error:
                problems.append(f"timing_hardware {number}: {error}")
    for chain in chains:
        problems += _oddities(chain)
    return Declared(tuple(chains), tuple(_some(problems)))


def _some(problems: list[str]) -> list[str]:
    """The first problems, cut: they quote what was sent."""
    found = [plain(problem)[:_PROBLEM_LENGTH] for problem in problems[:MAX_PROBLEMS]]
    more = len(problems) - len(found)
    return found + ([f"and {more} more problems of the chains"] if more else [])


def parse_chains(body: Mapping[str, Any]) -> tuple[Chain, ...]:
    """The chains of :func:`read_chains` alone."""
    return read_chains(body).chains


def _list(
    item: Mapping[str, Any], key: str, most: int, problems: list[str], where: str = ""
) -> list[Any]:
    value = item.get(key)
    if value is None:
        return []
    if isinstance(value, list):
        if len(value) > most:
            problems.append(f"{where}only the first {most} {key} are used")
        return value[:most]
    problems.append(f"{value!r:.80} is no list of chains")
    return []


def _chain(item: Any, number: int, problems: list[str]) -> Chain:
    item = item if isinstance(item, Mapping) else {}
    name = _one_line(item.get("name") or "")
    scope = str(item.get("scope") or "collection")
    if scope not in SCOPES:
        problems.append(f"chain {name!r}: scope {scope!r} is taken as 'collection'")
        scope = "collection"
    events = []
    raw = _list(item, "events", MAX_EVENTS, problems, f"chain {name!r}: ")
    for place, entry in enumerate(raw):
        where = f"chain {name or number!r}, event {place}"
        event = _event(entry, where, problems)
        if event is not None:
            events.append(event)
    return Chain(name, scope, tuple(events))


def _event(entry: Any, where: str, problems: list[str]) -> ChainEvent | None:
    """One event, None if it cannot be used."""
    if not isinstance(entry, Mapping):
        problems.append(f"{where}: left out, it is no object")
        return None
    kind = entry.get("type")
    if kind not in tuple(EventType):
        known = ", ".join(EventType)
        problems.append(f"{where}: left out, type {kind!r} is none of {known}")
        return None
    offset = _number(entry.get("offset"))
    if offset is None:
        problems.append(
            f"{where}: left out, its offset {entry.get('offset')!r} is no "
            "number of seconds"
        )
        return None
    name = entry.get("name")
    return ChainEvent(
        type=EventType(kind),
        offset=offset,
        name=None if name is None else _one_line(name),
        duration=_not_negative(entry, "duration", where, problems),
        period=_not_negative(entry, "period", where, problems),
        repetition=_repetition(entry, where, problems),
    )


def _one_line(name: Any) -> str:
    """A name, of which only control characters are changed, to escapes."""
    return plain(str(name)[:MAX_NAME])[:MAX_NAME]


def _number(value: Any) -> float | None:
    good = isinstance(value, int | float) and not isinstance(value, bool)
    if not good or not math.isfinite(value) or abs(value) > _LIMIT_S:
        return None
    return float(value)


def _not_negative(
    entry: Mapping[str, Any], key: str, where: str, problems: list[str]
) -> float | None:
    if entry.get(key) is None:
        return None
    value = _number(entry[key])
    if value is None or value < 0:
        problems.append(f"{where}: {key} {entry[key]!r} is not used")
        return None
    if value == 0 and key == "period" and (entry.get("repetition") or 1) != 1:
        problems.append(f"{where}: period 0 is not used: it is taken as one pulse")
    return value


def _repetition(
    entry: Mapping[str, Any], where: str, problems: list[str]
) -> int | None:
    """Pulses; 0 and null mean that nobody knows, not that there are none."""
    if entry.get("repetition") is None:
        return None
    value = _number(entry["repetition"])
    if value is None or value < 0 or value != int(value):
        problems.append(f"{where}: repetition {entry['repetition']!r} is not used")
        return None
    if value == 0:
        problems.append(f"{where}: repetition 0 is taken as not known")
        return None
    return int(value)


def _oddities(chain: Chain) -> list[str]:
    """What a chain leaves open, or what contradicts itself in it."""
    found = [
        f"chain {chain.name!r}: {event.type} has repetition {event.repetition} but no "
        "period: it is taken as one pulse"
        for event in chain.events
        if (event.repetition or 0) > 1 and event.period is None
    ]
    found += [
        f"chain {chain.name!r}: {event.type} begins after {event.offset:g} s, beyond "
        f"its period of {event.period:g} s: its repetitions count from there"
        for event in chain.events
        if event.period and event.offset >= event.period and chain.scope == SCOPES[0]
    ]
    slots = [e for e in chain.events if e.type is EventType.XRAY_DETECTION]
    found += [
        f"chain {chain.name!r}: the X-ray detections at {a.offset:g} s and "
        f"{b.offset:g} s overlap"
        for a, b in combinations(slots[:_COMPARED], 2)
        if _overlap(a, b)
    ]
    return found


def _overlap(a: ChainEvent, b: ChainEvent) -> bool:
    """Whether two detections of one cycle are on at the same time."""
    apart = b.offset - a.offset
    if a.period and a.period == b.period:
        apart = apart % a.period
        return apart < (a.duration or 0.0) or a.period - apart < (b.duration or 0.0)
    first, second = (a, b) if apart >= 0 else (b, a)
    return (
        not (a.period or b.period)
        and abs(apart) < (first.duration or 0.0)
        and (second.duration is not None)
    )


def chain_problems(chains: Sequence[Chain]) -> list[str]:
    """What chains leave open, for people."""
    return [problem for chain in chains for problem in _oddities(chain)]
