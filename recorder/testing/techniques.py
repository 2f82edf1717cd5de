"""What every technique must be, and record."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar

from recorder.config import Settings
from recorder.ispyb.schema.capabilities import Capability
from recorder.journal.records import SINK_KINDS
from recorder.plugins.groups import TECHNIQUES
from recorder.records import Announcement
from recorder.records.report_json import report_to_json
from recorder.records.technique_report import TechniqueReport
from recorder.reports.run_report import run_report
from recorder.reports.store import ReportStore
from recorder.runs.read_announcement import read_announcement, read_stored
from recorder.runs.run import Run
from recorder.runs.technique import Technique, technique_named
from recorder.runs.technique_names import name_of, types_by_name
from recorder.runs.timeline.of_run import timeline_of
from recorder.sinks.ispyb.sink import IspybSink
from recorder.sinks.ispyb.techniques.rows import rows_of
from recorder.testing.recorded import (
    IMAGES,
    RUNS,
    Message,
    journal_of,
    plain_settings,
    record_one,
)


class TechniqueConformance:
    """Derive from it and set ``name``."""

    name: ClassVar[str]

    def announced(self) -> dict[str, Any]:
        """Keys of ``collection/start`` of a run of six images, or of none."""
        return {}

    def messages(self, uid: str) -> Iterable[Message]:
        """What the control system says, of a technique without images.

        Args:
            uid: Of the run.
        """
        return ()

    # -- the tests -------------------------------------------------------------------

    def test_its_types_mean_it(self) -> None:
        """And no other technique."""
        types = self._technique().types
        for kind in types:
            assert name_of(self._read(experiment={"name": "e", "type": kind})) == (
                self.name
            ), f"{kind} means another technique as well"
        assert types_by_name()[self.name] == types

    def test_an_announcement_with_no_plan(self) -> None:
        """It stands; what is missing may be said, and nothing is made up."""
        bare = self._read(technique=self.name)
        technique = self._technique()
        assert all(isinstance(text, str) for text in technique.check(bare))
        assert technique.parts(bare) == (bare,)
        run = Run(uid="u", number=1, opened_ns=0, announcement=bare)
        part = technique.report(run, timeline_of(run))
        assert isinstance(part, TechniqueReport)
        assert all(one.name for one in technique.sums(run, part))
        json.dumps(report_to_json(run_report(run)), allow_nan=False)

    def test_its_plan_is_right(self) -> None:
        """What is announced here is understood, and contradicts nothing."""
        found = self._planned()
        assert found.problems == ()
        assert self._technique().check(found) == ()

    def test_its_parts(self) -> None:
        """Each is a run by itself, reads the same again, and has images of its own."""
        technique, whole = self._technique(), self._planned()
        parts = technique.parts(whole)
        assert parts
        assert len({part.uid for part in parts}) == len(parts)
        if len(parts) == 1:
            assert parts == (whole,)
            return
        reached = 0
        for number, one in enumerate(parts, start=1):
            assert one.part is not None
            assert (one.part.of, one.part.number) == (whole.uid, number)
            assert one.part.first_image >= reached, "parts have images in common"
            reached = one.part.first_image + one.part.images
            assert technique.parts(one) == (one,)
            assert read_stored(one.message) == one

    def test_a_run_is_recorded(self, tmp_path: Path) -> None:
        """Sealed, its sums hold, its report can be read, all sinks have written."""
        settings = self._recorded(tmp_path)
        with journal_of(settings) as journal:
            reports = ReportStore(journal, ("ispyb", "results")).full().runs
        assert reports
        for report in reports:
            assert report.technique == self.name
            assert (report.state, report.status) == ("sealed", "success")
            assert report.ledger.differences == ()
            json.dumps(report_to_json(report), allow_nan=False)
            wanted = {"results"} | ({"ispyb"} if rows_of(self.name) else set())
            assert {n for n, how in report.sinks.items() if how == "written"} >= wanted
        takes = self._technique().takes_images
        received = sum(report.images.received for report in reports)
        assert received == (IMAGES if takes else 0)

    def test_rows_once(self, tmp_path: Path) -> None:
        """Told of all records again, with ids lost, it finds its rows again."""
        rows = rows_of(self.name)
        if rows is None:
            return
        assert all(isinstance(one, Capability) for one in rows.needs)
        settings = self._recorded(tmp_path)
        once = _row_counts(settings)
        assert sum(once.values()) > 0
        with closing(sqlite3.connect(settings.journal_path)) as db, db:
            db.execute("DELETE FROM ids")
        with journal_of(settings) as journal:
            sink = IspybSink(settings)
            sink.open(journal)
            for record in journal.records(kinds=SINK_KINDS):
                ids = sink.apply(record)
                journal.advance(sink.name, record.seq, record.run, ids)
            sink.close()
        assert _row_counts(settings) == once

    # -- how they run ------------------------------------------------------------------

    def _technique(self) -> Technique:
        assert self.name in {plugin.name for plugin in TECHNIQUES.usable()}
        return technique_named(self.name)

    def _read(self, **changes: Any) -> Announcement:
        body = {
            "uid": RUNS[0],
            "proposal": "mx2345",
            "experiment": {"name": "e", "type": self._technique().types[0]},
        }
        return read_announcement(body | changes)

    def _planned(self) -> Announcement:
        return self._read(technique=self.name, **self.announced())

    def _recorded(self, folder: Path) -> Settings:
        settings = plain_settings(folder, ispyb={}, timezone="UTC")
        kind = self._technique().types[0]
        body = {
            "technique": self.name,
            "experiment": {"name": "conformance", "type": kind},
            **self.announced(),
        }
        asyncio.run(record_one(settings, body, self.messages(RUNS[0])))
        return settings


def _row_counts(settings: Settings) -> dict[str, int]:
    """Rows of each table of the embedded database."""
    path = settings.state_directory / "ispyb.sqlite"
    with closing(sqlite3.connect(path)) as db:
        names = db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        return {
            name: db.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]
            for (name,) in names.fetchall()
        }
