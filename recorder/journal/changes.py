"""Which image rows changed, in the order in which they were written.

Images have no order of arrival in their table: workers finish out of order, and a
second look changes a row that is long there. Each commit adds one entry for each run
whose images it wrote, in the same transaction. So a reader that goes on from the last
entry that it saw misses none, and reads none again that did not change.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from recorder.journal.file import JournalFile

KEPT = 100_000
"""Entries that are kept, the latest: at 20 commits a second more than an hour, some 25
MB. Chosen, not tuned: a reader looks several times a second."""
_SWEEP = 1000
"""Entries after which those beyond are removed: together, for it costs a transaction
some 2 ms. Chosen, not tuned."""


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """What one commit wrote of one run."""

    seq: int
    run: str
    """Uid."""
    image_ids: NDArray[np.int64]
    """Ascending, shape (n,)."""


class Changes(JournalFile):
    """Reads which image rows changed."""

    def last_change(self) -> int:
        """The last entry, 0 if there never was one."""
        row = self._one("SELECT seq FROM sqlite_sequence WHERE name = 'changes'")
        return int(row[0]) if row else 0

    def changes_since(self, seq: int, most: int = 1000) -> list[Change] | None:
        """What changed after an entry, oldest first.

        Args:
            seq: The last entry that the reader saw; 0 for all.
            most: Entries at most.

        Returns:
            None if entries after it are not kept any more: then the reader takes
            :meth:`last_change` and reads the images anew.
        """
        rows = list(
            self._query(
                "SELECT seq, uid, first, steps FROM changes "
                "JOIN run_ids ON run_ids.id = changes.run WHERE seq > ? "
                "ORDER BY seq LIMIT ?",
                (seq, most),
            )
        )
        following = int(rows[0][0]) if rows else self.last_change() + 1
        if following != seq + 1:
            return None
        return [Change(n, uid, unpack(first, body)) for n, uid, first, body in rows]


def note_changes(db: sqlite3.Connection, images: Mapping[int, Iterable[int]]) -> None:
    """Add an entry for each run; part of the transaction that writes the images.

    Args:
        db: In that transaction.
        images: image_ids by number of the run.
    """
    for run, ids in images.items():
        first, steps = pack(ids)
        done = db.execute(
            "INSERT INTO changes (run, first, steps) VALUES (?, ?, ?)",
            (run, first, steps),
        )
        if (seq := done.lastrowid or 0) % _SWEEP == 0:
            db.execute("DELETE FROM changes WHERE seq <= ?", (seq - KEPT,))


def pack(ids: Iterable[int]) -> tuple[int, bytes]:
    """The lowest id, and the steps from each to the next: a byte each, if they fit."""
    every = sorted(set(ids))
    steps = [after - before for before, after in pairwise(every)]
    if not steps or max(steps) < 255:
        return every[0], bytes(steps)
    return every[0], b"\xff" + np.array(steps, "<i8").tobytes()


def unpack(first: int, body: bytes) -> NDArray[np.int64]:
    """The reverse of :func:`pack`."""
    wide = body[:1] == b"\xff"
    steps = np.frombuffer(body[1:] if wide else body, "<i8" if wide else np.uint8)
    return first + np.concatenate(([0], np.cumsum(steps, dtype=np.int64)))
