"""Journals of all earlier recorders are brought up to date and say what they said."""

from __future__ import annotations

import gzip
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from recorder.errors import JournalError
from recorder.journal import Journal
from recorder.journal.file import FORMAT
from recorder.records.report_json import full_to_json
from recorder.reports.explain import explain_image
from recorder.reports.store import ReportStore

JOURNALS = Path(__file__).parents[1] / "journals"
OLD = sorted(
    path.name.removesuffix(".sqlite.gz") for path in JOURNALS.glob("*.sqlite.gz")
)


@pytest.fixture(params=OLD)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, dict[str, Any]]:
    """A journal as it was left, and what its recorder reported."""
    name = request.param
    path = tmp_path / "journal.sqlite"
    path.write_bytes(gzip.decompress((JOURNALS / f"{name}.sqlite.gz").read_bytes()))
    report = gzip.decompress((JOURNALS / f"{name}.report.json.gz").read_bytes())
    return path, json.loads(report)


def within(small: Any, large: Any) -> bool:
    """Whether all that is in one is in the other, at every depth."""
    if isinstance(small, dict):
        return all(key in large and within(small[key], large[key]) for key in small)
    if isinstance(small, list):
        return len(small) == len(large) and all(map(within, small, large))
    return bool(small == large)


def test_there_is_one_of_each_format():
    formats = {name.split("-")[1] for name in OLD}
    assert formats == {str(n) for n in range(1, int(FORMAT) + 1)}


def test_the_report_says_what_it_said(old):
    path, said = old
    journal = Journal(path)
    now = full_to_json(ReportStore(journal, ("ispyb", "results")).full())
    journal.close()
    (before,), (after,) = said["experiments"], now["experiments"]
    assert len(before["runs"]) == 2
    for then, run in zip(before["runs"], after["runs"], strict=True):
        assert {key for key in then if not within(then[key], run[key])} == set()
    assert within(before["cumulative"], after["cumulative"])


def test_every_image_is_explained(old):
    path, said = old
    journal = Journal(path)
    for run in said["experiments"][0]["runs"]:
        received = run["images"]["received"]
        found = [explain_image(journal, run["uid"], n) for n in range(received)]
        assert {item["label"]["pump"] for item in found} <= {"light", "dark", "unknown"}
        indexed = [item for item in found if item["image"]["outcome"] == "indexed"]
        assert indexed
        for item in indexed:
            assert len(item["image"]["lattices"][0]["cell"]) == 6
    journal.close()


def test_one_that_may_only_be_read_says_what_to_do(old):
    path, _ = old
    with sqlite3.connect(path) as db:
        (found,) = db.execute("SELECT value FROM meta WHERE key = 'format'").fetchone()
    db.close()
    if found != FORMAT:
        with pytest.raises(JournalError, match="start `recorder run` once"):
            Journal(path, read_only=True)
        Journal(path).close()
    Journal(path, read_only=True).close()


def test_one_of_a_later_format_is_refused(old):
    path, _ = old
    journal = Journal(path)
    with journal._transaction() as db:
        db.execute("UPDATE meta SET value = '99' WHERE key = 'format'")
    journal.close()
    with pytest.raises(
        JournalError, match=r"format 99.*use the recorder that wrote it"
    ):
        Journal(path)
