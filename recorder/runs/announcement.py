"""Reads a ``collection/start`` message into an announcement, its chains included."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from pydantic import TypeAdapter

from recorder.records import Announcement
from recorder.ssx.chains.declared import read_chains

_ADAPTER = TypeAdapter(Announcement)


@dataclass(frozen=True)
class _Lists:
    """What must be lists; what is in them is read leniently."""

    event_chains: list[Any] | None = None
    timing_hardware: list[Any] | None = None


_LISTS = TypeAdapter(_Lists)
_OURS = {"chains", "chain_problems", "problems", "message", "received_ns"}
"""What is not in a message, but made of it."""
_SENT = tuple(f.name for f in fields(Announcement) if f.name not in _OURS)


def read_announcement(message: Mapping[str, Any], received_ns: int = 0) -> Announcement:
    """The announcement that a message makes, the same whenever it is read.

    Args:
        message: As it came, with ``time_ns``; or as an earlier recorder stored it.
        received_ns: Host time (Unix ns).

    Raises:
        pydantic.ValidationError: Something that a run cannot do without is missing or
            wrong.
    """
    problems: list[str] = []
    _LISTS.validate_python(message)
    sent = {name: message[name] for name in _SENT if name in message}
    found = _ADAPTER.validate_python(sent, context={"problems": problems})
    declared = read_chains(message)
    return replace(
        found,
        chains=declared.chains,
        chain_problems=declared.problems,
        problems=tuple(problems),
        message=dict(message),
        received_ns=received_ns,
    )
