"""The journal's runs, found without reading their records."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from recorder.journal.file import JournalFile
from recorder.records import RunState
from recorder.runs.read_announcement import stored_experiment

Seq = int
_SELECT = (
    "SELECT run, opened, last, time_ns, number, state, texts, updated, sealed, pruned "
    "FROM runs"
)
_HIGHEST = "\U0010ffff"
"""Follows every text that begins with the one before it."""
_INT64 = 2**63
"""Numbers from here on are none of SQLite's."""


@dataclass(frozen=True, slots=True)
class Headline:
    """What tells runs apart, as the last description of each has it."""

    uid: str
    number: int
    experiment: str
    sealed: bool
    folder: str
    collection_uid: str | None
    """The announced uid, under which events may stand; None without one."""
    opened: Seq
    """The record that opened it."""
    described: Seq
    """Its last description."""
    described_ns: int
    """When that was written (Unix ns)."""
    updated: Seq | None
    """Its last report while it went on."""
    reported: Seq | None
    """Its last report as a sealed run."""
    pruned: bool
    """Its images were removed."""

    @property
    def event_names(self) -> list[str]:
        """Under which names its events stand: its uid, and the announced one."""
        return sorted({self.uid, self.collection_uid or self.uid})

    @property
    def written(self) -> Seq:
        """The last record that sinks write."""
        return max(self.described, self.updated or 0, self.reported or 0)


class RunIndex(JournalFile):
    """Reads the index of the runs, which the database keeps (``journal/schema.py``)."""

    def run_uids(self) -> list[str]:
        """All runs, oldest first."""
        rows = self._query("SELECT run FROM runs ORDER BY opened")
        return [uid for (uid,) in rows]

    def headline(self, uid: str) -> Headline | None:
        """A run by its uid, None if there is none."""
        return next(self._headlines("WHERE run = ?", (uid,)), None)

    def headlines(self) -> list[Headline]:
        """All runs, oldest first."""
        return list(self._headlines("ORDER BY opened"))

    def unsealed(self) -> list[Headline]:
        """Runs that were not sealed, oldest first."""
        return list(self._headlines("WHERE state <> 'sealed' ORDER BY opened"))

    def headlines_before(self, before: Seq | None = None) -> Iterator[Headline]:
        """Runs, latest first, as they are asked for.

        Args:
            before: Only runs that were opened before this record; None takes all.
        """
        where = "" if before is None else "WHERE opened < ?"
        values = () if before is None else (before,)
        yield from self._headlines(f"{where} ORDER BY opened DESC", values)

    def named(self, name: str, prefix: int) -> list[Headline]:
        """Runs that people may mean, oldest first.

        Args:
            name: A run number, a uid, or how one begins.
            prefix: Characters that a beginning has at least.
        """
        try:
            name.encode()
        except UnicodeEncodeError:
            return []
        number = int(name) if name.isascii() and name.isdecimal() else None
        if number is None or number >= _INT64 or str(number) != name:
            number = None
        end = name + _HIGHEST if len(name) >= prefix else name
        return list(
            self._headlines(
                "WHERE number = ?1 OR run = ?2 OR (run > ?2 AND run < ?3) "
                "ORDER BY opened",
                (number, name, end),
            )
        )

    def _headlines(self, which: str, values: Sequence[Any] = ()) -> Iterator[Headline]:
        return map(_headline, self._query(f"{_SELECT} {which}", values))


def _headline(row: tuple[Any, ...]) -> Headline:
    uid, opened, last, time_ns, number, state, texts, updated, sealed, pruned = row
    folder, collection_uid, experiment = json.loads(texts)
    return Headline(
        uid=uid,
        number=number,
        experiment=stored_experiment({"experiment": experiment}),
        sealed=state == RunState.SEALED,
        folder=folder,
        collection_uid=collection_uid,
        opened=opened,
        described=last,
        described_ns=time_ns,
        updated=updated,
        reported=sealed,
        pruned=pruned is not None,
    )
