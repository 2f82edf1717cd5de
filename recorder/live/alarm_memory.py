"""What the alarms remember over a restart, as the journal keeps it."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from recorder.live.alarm_book import AlarmBook
from recorder.live.followed_run import Cursors
from recorder.ssx.alarms.watch import AlarmState

KIND = "alarms"
"""Under which the journal keeps it."""
VERSION = 2
"""Of this shape. Of version 1, in which one run had alarms, all is taken over; of
another nothing."""
_LEVEL = 1
"""Of zlib: 60 kB are 15 kB in 1 ms."""


@dataclass(frozen=True, slots=True)
class Memory:
    """States, what is shown, and how far each run is that is followed."""

    states: Mapping[str, AlarmState]
    """By uid of the run; empty: of what is of no run."""
    book: AlarmBook
    cursors: Mapping[str, Cursors] = field(default_factory=dict)
    left: tuple[str, ...] = ()
    """Uids of runs that were followed and are over."""


def pack_memory(memory: Memory) -> bytes:
    """As one value of the database."""
    body = {
        "version": VERSION,
        "states": {uid: state.to_json() for uid, state in memory.states.items()},
        "book": memory.book.to_json(),
        "cursors": dict(memory.cursors),
        "left": memory.left,
    }
    return zlib.compress(json.dumps(body).encode(), _LEVEL)


def unpack_memory(body: bytes) -> Memory:
    """The reverse of :func:`pack_memory`.

    Raises:
        ValueError: It cannot be read, or is of another version: begin anew.
    """
    try:
        found = json.loads(zlib.decompress(body))
        if found["version"] not in (1, VERSION):
            raise ValueError("of another version")
        book = AlarmBook.from_json(found["book"])
        left = tuple(map(str, found["left"]))
        if found["version"] == 1:
            return _of_one_run(found, book, left)
        states = {
            uid: AlarmState.from_json(state) for uid, state in found["states"].items()
        }
        states.setdefault("", AlarmState())
        cursors = {uid: _cursors(item) for uid, item in found["cursors"].items()}
        return Memory(states, book, cursors, left)
    except (zlib.error, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"cannot be read: {error}") from error


def _cursors(found: Any) -> Cursors:
    images, fates, pulses = map(int, found)
    return images, fates, pulses


def _of_one_run(found: Any, book: AlarmBook, left: tuple[str, ...]) -> Memory:
    """Version 1: the state of one run was that of sinks and host as well."""
    state, uid = AlarmState.from_json(found["state"]), found["uid"]
    moment = {f"{one.kind}/{one.number}" for one in state.judged.watched}
    mine = tuple(one for one in state.standing if one.id not in moment)
    none = replace(
        state,
        run=None,
        standing=tuple(one for one in state.standing if one.id in moment),
    )
    noted = tuple(
        replace(one, of="" if one.told_id in moment else one.uid or "")
        for one in book.noted
    )
    states, cursors = {"": none}, {}
    if state.run is not None:
        states[state.run.uid] = AlarmState(
            run=state.run, before=state.before, coming=state.coming, standing=mine
        )
    if uid is not None:
        cursors[str(uid)] = _cursors(found["cursors"])
    return Memory(states, AlarmBook(noted), cursors, left)
