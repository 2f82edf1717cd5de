"""What the alarms remember over a restart, as the journal keeps it."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass

from recorder.live.alarm_book import AlarmBook
from recorder.live.followed_run import Cursors
from recorder.ssx.alarms.watch import AlarmState

KIND = "alarms"
"""Under which the journal keeps it."""
VERSION = 1
"""Of this shape; of another version nothing is taken over."""
_LEVEL = 1
"""Of zlib: 60 kB are 15 kB in 1 ms."""


@dataclass(frozen=True, slots=True)
class Memory:
    """State, what is shown, and how far the run is that is followed."""

    state: AlarmState
    book: AlarmBook
    uid: str | None = None
    """Of the run that is followed."""
    cursors: Cursors = (0, 0, 0)
    left: tuple[str, ...] = ()
    """Uids of runs that were followed and are over."""


def pack_memory(memory: Memory) -> bytes:
    """As one value of the database."""
    body = {
        "version": VERSION,
        "state": memory.state.to_json(),
        "book": memory.book.to_json(),
        "uid": memory.uid,
        "cursors": memory.cursors,
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
        if found["version"] != VERSION:
            raise ValueError("of another version")
        images, fates, pulses = map(int, found["cursors"])
        return Memory(
            AlarmState.from_json(found["state"]),
            AlarmBook.from_json(found["book"]),
            found["uid"],
            (images, fates, pulses),
            tuple(map(str, found["left"])),
        )
    except (zlib.error, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"cannot be read: {error}") from error
