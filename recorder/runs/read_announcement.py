"""Reads a ``collection/start`` message into an announcement, its chains included.

What comes is read strictly; what was accepted once and stored, as far as it goes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from recorder.errors import shown
from recorder.records import Announcement, Chain, EventType, Experiment
from recorder.records.announcement import MAX_TARGETS, UNNAMED, Target
from recorder.records.scan import Scan
from recorder.records.texts import STORED
from recorder.ssx.chains.declared import read_chains

T = TypeVar("T")


@dataclass(frozen=True)
class _Lists:
    """What must be lists; what is in them is read leniently."""

    event_chains: list[Any] | None = None
    timing_hardware: list[Any] | None = None


_OURS = {
    "chains",
    "chain_problems",
    "targets",
    "problems",
    "message",
    "received_ns",
    "size",
}
"""What is not in a message, but made of it."""


@cache
def _adapter(kind: type[T]) -> TypeAdapter[T]:
    """Made when it is first needed: that takes 50 ms, and who only lists runs waits."""
    return TypeAdapter(kind)


_STAND_INS = {"proposal": "x0", "experiment": {"name": UNNAMED}}
"""Used where a stored message has no such value that can be used."""
_SENT = tuple(f.name for f in fields(Announcement) if f.name not in (*_OURS, "sweeps"))


def read_announcement(
    message: Mapping[str, Any], received_ns: int = 0, *, stored: bool = False
) -> Announcement:
    """The announcement that a message makes, the same whenever it is read.

    Args:
        message: As it came, with ``time_ns``; or as an earlier recorder stored it.
        received_ns: Host time (Unix ns).
        stored: It was accepted once: names that would be refused now stand.

    Raises:
        pydantic.ValidationError: Something that a run cannot do without is missing or
            wrong.
    """
    problems: list[str] = []
    _adapter(_Lists).validate_python(message)
    sent = {name: message[name] for name in _SENT if name in message}
    if not stored and sent.pop("part", None) is not None:
        problems.append("part: is left out: the recorder parts what it is told of")
    if _turns(sent.get("scan")):
        sent["sweeps"] = sent.pop("scan")
    context = {"problems": problems, "stored": stored}
    found: Announcement = _adapter(Announcement).validate_python(sent, context=context)
    declared = read_chains(message)
    return replace(
        found,
        chains=declared.chains,
        chain_problems=declared.problems,
        targets=read_targets(message.get("targets"), problems),
        problems=(*problems, *_shots_disagree(found.scan, declared.chains)),
        message=dict(message),
        received_ns=received_ns,
        size=len(json.dumps(message)),
    )


def _turns(scan: Any) -> bool:
    """Whether a ``scan`` is of a rotation axis, and not of a chip."""
    if not isinstance(scan, dict):
        return False
    chip = "rows" in scan or "columns" in scan
    return "sweeps" in scan or ("axis" in scan and not chip)


def read_targets(value: Any, problems: list[str]) -> tuple[Target, ...]:
    """The targets that can be used, by delay; what cannot is named.

    Args:
        value: As it was sent; None is none.
        problems: What is left out, for people, is added.
    """
    if value is None:
        return ()
    if not isinstance(value, list):
        problems.append(f"targets: {shown(value)} is left out: it must be a list")
        return ()
    found: dict[float, Target] = {}
    for item in value[:MAX_TARGETS]:
        try:
            target = _adapter(Target).validate_python(item)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, ("targets", *first["loc"])))
            problems.append(f"{where}: {shown(item)} is left out: {first['msg']}")
            continue
        if target.delay in found:
            text = f"targets: {target.delay} s has several: the last one counts"
            problems.append(text)
        found[target.delay] = target
    if len(value) > MAX_TARGETS:
        problems.append(
            f"targets: {len(value)} of them: only the first {MAX_TARGETS} are used"
        )
    return tuple(found[delay] for delay in sorted(found))


def _shots_disagree(scan: Scan | None, chains: Sequence[Chain]) -> list[str]:
    """Whether chains say another number of shots at each position than the scan."""
    by_position = [chain for chain in chains if chain.scope == "position"]
    shots = [
        (event.repetition or 0) if event.period else 1
        for chain in by_position
        for event in chain.events
        if event.type is EventType.XRAY_DETECTION
    ]
    if scan is None or not all(shots) or sum(shots) in (0, scan.shots_per_position):
        return []  # 0 stands for a number that nobody says
    return [
        f"scan.shots_per_position is {scan.shots_per_position}, but the event chains "
        f"have {sum(shots)} X-ray detections at each position: wells follow the scan"
    ]


def stored_experiment(message: Mapping[str, Any]) -> str:
    """Name of the experiment that :func:`read_stored` finds; the rest is not read."""
    try:
        found: Experiment = _adapter(Experiment).validate_python(
            message.get("experiment"), context=STORED
        )
    except ValidationError:
        return UNNAMED
    return found.name


def read_stored(message: Mapping[str, Any]) -> Announcement:
    """The announcement that a stored message makes, as far as it can be read.

    A value that cannot be used now (an earlier recorder or the configuration let it
    pass) is left out and named in ``problems``; the rest of the message stands. The
    proposal is kept as it is: whether there is such a one is for the sinks to say.
    """
    unusable: dict[str, str] = {}
    while True:
        usable = {name: v for name, v in message.items() if name not in unusable}
        try:
            found = read_announcement({**_STAND_INS, **usable}, stored=True)
        except ValidationError as error:
            items = error.errors(include_url=False, include_context=False)
            unusable |= {str(item["loc"][0]): item["msg"] for item in items}
        else:
            break
    left_out = tuple(
        f"{name}: {shown(message.get(name))} is left out: {why}"
        for name, why in unusable.items()
        if name != "proposal"
    )
    return replace(
        found,
        proposal=str(message.get("proposal")),
        problems=(*found.problems, *left_out),
        message=dict(message),
    )
