"""Points and spectra in the journal: those of a run, and those that wait for one."""

from __future__ import annotations

import json
from collections.abc import Sequence

from recorder.journal.file import JournalFile
from recorder.journal.records import Record


class ReadingRows(JournalFile):
    """Reads records of what is measured without images."""

    def readings(self, names: Sequence[str]) -> list[Record]:
        """Points and spectra of a run, in order.

        Args:
            names: Under which names they stand.
        """
        rows = self._query(
            "SELECT seq, run, kind, time_ns, body FROM records WHERE run IN "
            f"({','.join('?' * len(names))}) AND kind IN ('points', 'spectrum') "
            "ORDER BY seq",
            tuple(names),
        )
        return [Record(s, r, k, t, json.loads(b)) for s, r, k, t, b in rows]

    def early_readings(self, since_ns: int, most: int) -> list[Record]:
        """The latest points and spectra that name no run that there is, oldest first.

        Args:
            since_ns: None that came before (Unix ns).
            most: So many at most.
        """
        rows = self._query(
            "SELECT seq, run, kind, time_ns, body FROM records AS r "
            "WHERE kind IN ('points', 'spectrum') AND time_ns >= ? AND NOT EXISTS "
            "(SELECT 1 FROM records AS o WHERE o.run = r.run AND o.kind = 'run')"
            " ORDER BY seq DESC LIMIT ?",
            (since_ns, most),
        )
        found = [Record(s, r, k, t, json.loads(b)) for s, r, k, t, b in rows]
        return found[::-1]
