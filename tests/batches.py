"""Nights of small image files, and what a journal has of their runs."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from recorder.journal import Journal
from recorder.reports.store import ReportStore
from recorder.simulate.stream.series import synthetic_series
from tests.stills import SETTINGS, write_series


def night(folder: Path, counts: Sequence[int]) -> list[Path]:
    """Files of stills, each of other ones."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for n, count in enumerate(counts):
        series = synthetic_series(count, 100 + n, pool=count, settings=SETTINGS)
        files.append(folder / f"crystal{n:02d}.h5")
        write_series(files[-1], series, count, SETTINGS)
    return files


def rows_of(state: Path) -> dict[int, list[tuple[Any, ...]]]:
    """Image rows by number of the run, without the times of arrival."""
    path = state / "journal.sqlite"
    with closing(Journal(path, read_only=True)) as journal:
        numbers = {known.uid: known.number for known in journal.headlines()}
    assert len(set(numbers.values())) == len(numbers)
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        db.row_factory = sqlite3.Row
        found = db.execute(
            "SELECT run_ids.uid, images.* FROM images JOIN run_ids "
            "ON run_ids.id = images.run ORDER BY images.run, image_id"
        ).fetchall()
    rows: dict[int, list[tuple[Any, ...]]] = {n: [] for n in numbers.values()}
    for row in found:
        kept = [
            row[key] for key in row.keys() if key not in ("run", "uid", "received_ns")
        ]
        rows[numbers[row["uid"]]].append(tuple(kept))
    return rows


def reports_of(state: Path) -> dict[int, dict[str, Any]]:
    """Counts and classes of the reports, by number of the run."""
    from recorder.records.report_json import report_to_json

    with closing(Journal(state / "journal.sqlite", read_only=True)) as journal:
        store = ReportStore(journal)
        found = [store.get(uid) for uid in journal.run_uids()]
        folders = {known.number: known.folder for known in journal.headlines()}
    bodies = {r.run: report_to_json(r) for r in found if r is not None}
    wanted = ("run", "status", "reason", "images", "classes", "rates", "cells", "notes")
    return {
        number: {"folder": folders[number], **{k: body[k] for k in wanted if k in body}}
        for number, body in bodies.items()
    }
