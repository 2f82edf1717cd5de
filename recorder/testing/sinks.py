"""What every sink must do, whatever it writes."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from recorder.config import Settings, SinkSection
from recorder.errors import SinkError
from recorder.journal import Journal, RecordKind
from recorder.journal.records import SINK_KINDS
from recorder.records import CheckLine
from recorder.sinks.protocols import Sink, sink_plugin
from recorder.testing.recorded import (
    copy_journal,
    journal_of,
    plain_settings,
)
from recorder.testing.sections import check_settings


class SinkConformance:
    """Derive from it, set ``kind`` and write ``outcome``."""

    kind: ClassVar[str]

    def section(self, folder: Path) -> dict[str, Any]:
        """Settings of the sink beside ``kind``; what it writes lies in the folder."""
        return {"name": self.kind}

    def settings(self, folder: Path) -> Settings:
        """The whole configuration; state and results lie in the folder."""
        return plain_settings(folder)

    def outcome(self, settings: Settings, section: Any) -> Any:
        """All that was written, in a form that can be compared.

        Times of writing must not be in it.
        """
        raise NotImplementedError

    # -- the tests -------------------------------------------------------------------

    def test_settings(self) -> None:
        """They refuse unknown keys, and each has a description."""
        check_settings(sink_plugin(self.kind).settings, self.kind)

    def test_the_same_records_twice(self, tmp_path: Path) -> None:
        """Applied again, as after a crash, records change nothing."""
        settings, section = self._fresh(tmp_path)
        self._apply(settings, section)
        once = self.outcome(settings, section)
        assert once, "nothing was written"
        self._apply(settings, section)
        assert self.outcome(settings, section) == once

    def test_ids_that_were_lost(self, tmp_path: Path) -> None:
        """It died between writing and the journal's note of it: nothing is doubled."""
        settings, section = self._fresh(tmp_path)
        self._apply(settings, section)
        once = self.outcome(settings, section)
        with closing(sqlite3.connect(settings.journal_path)) as db, db:
            db.execute("DELETE FROM ids")
        self._apply(settings, section)
        assert self.outcome(settings, section) == once

    def test_each_record_twice(self, tmp_path: Path) -> None:
        """As by a sink that is told of each record twice."""
        settings, section = self._fresh(tmp_path)
        self._apply(settings, section)
        once = self.outcome(settings, section)
        settings, section = self._fresh(tmp_path)
        self._apply(settings, section, times=2)
        assert self.outcome(settings, section) == once

    def test_closed_and_opened_between_records(self, tmp_path: Path) -> None:
        """A restart at any record leads to the same."""
        settings, section = self._fresh(tmp_path)
        self._apply(settings, section)
        once = self.outcome(settings, section)
        settings, section = self._fresh(tmp_path)
        self._apply(settings, section, reopen=True)
        assert self.outcome(settings, section) == once

    def test_a_run_that_nobody_knows(self, tmp_path: Path) -> None:
        """It is refused as such, or ignored: no other error."""
        settings, section = self._fresh(tmp_path)
        with journal_of(settings) as journal:
            (*_, last) = journal.records(kinds=(RecordKind.RUN_SEALED,))
            sink = self._open(settings, section, journal)
            try:
                sink.apply(replace(last, run="nobody", seq=last.seq + 1))
            except SinkError:
                pass
            finally:
                sink.close()

    def test_check_writes_nothing(self, tmp_path: Path) -> None:
        """It answers, and the sink begins from nothing afterwards."""
        settings, section = self._fresh(tmp_path)
        check = sink_plugin(self.kind).check(section, settings)
        lines = asyncio.run(check)
        assert all(isinstance(line, CheckLine) for line in lines)
        assert [line.ok for line in lines] == [True] * len(lines) != []
        self._apply(settings, section)
        assert self.outcome(settings, section)

    # -- how they run ------------------------------------------------------------------

    def _fresh(self, folder: Path) -> tuple[Settings, SinkSection]:
        """Nothing written yet; at the same paths as the time before."""
        place = folder / "sink"
        shutil.rmtree(place, ignore_errors=True)
        settings = self.settings(place)
        copy_journal(settings)
        values = {"kind": self.kind, **self.section(place)}
        return settings, sink_plugin(self.kind).settings.model_validate(values)

    def _open(self, settings: Settings, section: Any, journal: Journal) -> Sink:
        sink = sink_plugin(self.kind).make(section, settings)
        assert sink.name == section.name
        sink.open(journal)
        return sink

    def _apply(
        self, settings: Settings, section: Any, *, times: int = 1, reopen: bool = False
    ) -> None:
        """Apply every record of the journal, from the first one on."""
        with journal_of(settings) as journal:
            sink = self._open(settings, section, journal)
            for record in journal.records(kinds=SINK_KINDS):
                for _ in range(times):
                    ids = sink.apply(record)
                    journal.advance(sink.name, record.seq, record.run, ids)
                if reopen:
                    sink.close()
                    sink = self._open(settings, section, journal)
            sink.close()
