"""Where the journal keeps snapshots: see :mod:`recorder.journal.snapshots`."""

from __future__ import annotations

import io
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorder.journal.file import JournalFile
from recorder.journal.records import Seq

SNAPSHOT_ROWS = 16_384
"""Image ids, or events, of one snapshot."""
OF_NO_RUN = ""
"""Stands for the run of a snapshot that is about the recorder itself."""


def pack_arrays(named: Mapping[str, NDArray[Any]]) -> bytes:
    """Arrays as the body of a snapshot."""
    buffer = io.BytesIO()
    np.savez(buffer, **dict[str, Any](named))
    return buffer.getvalue()


def unpack_arrays(body: bytes) -> dict[str, NDArray[Any]]:
    """The reverse of :func:`pack_arrays`.

    Raises:
        ValueError, zipfile.BadZipFile: The body is damaged.
    """
    with np.load(io.BytesIO(body), allow_pickle=False) as found:
        return {name: found[name] for name in found.files}


def unpack_array(body: bytes, name: str) -> NDArray[Any]:
    """One of the arrays alone; as :func:`unpack_arrays`."""
    with np.load(io.BytesIO(body), allow_pickle=False) as found:
        array: NDArray[Any] = found[name]
    return array


class Packed(JournalFile):
    """Reads and writes snapshots."""

    def snapshot(self, run: str, kind: str, number: int) -> tuple[Seq, bytes] | None:
        """A snapshot, and the last record in it."""
        row = self._one(
            "SELECT upto, body FROM chunks WHERE run = ? AND kind = ? AND number = ?",
            (run, kind, number),
        )
        return None if row is None else (int(row[0]), bytes(row[1]))

    def kept(self, kind: str) -> bytes | None:
        """What is kept once, of the recorder itself; None if there is nothing."""
        found = self.snapshot(OF_NO_RUN, kind, 0)
        return None if found is None else found[1]

    def snapshot_ends(self, run: str, kind: str) -> dict[int, Seq]:
        """The snapshots that a run has, and the last record in each."""
        return dict(
            self._query(
                "SELECT number, upto FROM chunks WHERE run = ? AND kind = ?",
                (run, kind),
            )
        )

    def keep_snapshot(
        self, run: str, kind: str, number: int, upto: Seq, body: bytes
    ) -> None:
        """Keep a snapshot, instead of the one that may be there."""
        with self._transaction() as db:
            self._insert_snapshot(db, run, kind, number, upto, body)

    @staticmethod
    def _insert_snapshot(db: sqlite3.Connection, *values: Any) -> None:
        db.execute("INSERT OR REPLACE INTO chunks VALUES (?, ?, ?, ?, ?)", values)

    def drop_snapshots(self, run: str) -> None:
        """Remove a run's snapshots."""
        with self._transaction() as db:
            db.execute("DELETE FROM chunks WHERE run = ?", (run,))

    def drop_snapshots_of(self, run: str, kinds: Sequence[str]) -> None:
        """Remove a run's snapshots of some kinds."""
        with self._transaction() as db:
            db.execute(
                "DELETE FROM chunks WHERE run = ? "
                f"AND kind IN ({','.join('?' * len(kinds))})",
                (run, *kinds),
            )

    def drop_snapshots_of_kind(self, kind: str, but: Sequence[str]) -> None:
        """Remove the snapshots of a kind, but those of some runs."""
        with self._transaction() as db:
            db.execute(
                "DELETE FROM chunks WHERE kind = ? "
                f"AND run NOT IN ({','.join('?' * len(but))})",
                (kind, *but),
            )
