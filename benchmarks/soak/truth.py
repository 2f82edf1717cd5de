"""Reports and database rows against what is true."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from benchmarks.soak.verdicts import Verdict, check
from recorder.records import Json, RunState
from recorder.records.run_report import RunReport
from recorder.service.demo import counted
from tests.servers import Database

SHOWN = 3
"""Differences that are named."""
ROWS = """
SELECT dc.comments, dc.runStatus AS status, dc.numberOfImages AS images,
  dc.startTime IS NOT NULL AND dc.endTime IS NOT NULL AS timed,
  (SELECT COUNT(*) FROM SSXDataCollection s
   WHERE s.dataCollectionId = dc.dataCollectionId) AS ssx,
  (SELECT COUNT(*) FROM EventChain c
   WHERE c.dataCollectionId = dc.dataCollectionId) AS chains,
  (SELECT COUNT(*) FROM EventChain c JOIN Event e USING (eventChainId)
   WHERE c.dataCollectionId = dc.dataCollectionId) AS events,
  (SELECT COUNT(*) FROM AutoProcProgram p
   WHERE p.dataCollectionId = dc.dataCollectionId) AS programs,
  (SELECT COUNT(*) FROM AutoProcIntegration i
   WHERE i.dataCollectionId = dc.dataCollectionId) AS integrations
FROM DataCollection dc
"""
CHILDREN = ("ssx", "chains", "events", "programs", "integrations")


def run_verdicts(runs: dict[str, RunReport], truths: list[Json]) -> list[Verdict]:
    """Every run sealed, closed and equal to the truth."""
    mine = [runs[truth["uid"]] for truth in truths if truth["uid"] in runs]
    sealed = sum(run.state is RunState.SEALED for run in mine)
    closed = sum(run.ledger.closed for run in mine)
    differences = []
    for truth in truths:
        found = counted(runs[truth["uid"]]) if truth["uid"] in runs else {}
        differences += [
            f"{truth['uid'][:8]} {name}: {value} against {truth[name]}"
            for name, value in found.items()
            if value != truth[name]
        ]
    total, images = len(truths), sum(truth["received"] for truth in truths)
    written = sum(set(run.sinks.values()) == {"written"} for run in mine)
    return [
        check(
            "every run is there once, and no other",
            len(runs) == total == len(mine),
            f"{len(runs)} runs of {total}",
        ),
        check("every run is sealed", sealed == total, f"{sealed} of {total}"),
        check("every ledger is closed", closed == total, f"{closed} of {total}"),
        check(
            "counts equal the simulator's truth",
            not differences,
            "; ".join(differences[:SHOWN]) or f"{total} runs, {images} images",
        ),
        check(
            "all sinks have written every run",
            written == total,
            f"{written} of {total}",
        ),
    ]


def database_verdicts(database: Database, received: dict[str, int]) -> list[Verdict]:
    """Every run in the database once, whole.

    Args:
        database: Where to look.
        received: Images received, by uid of the run.
    """
    rows = database.rows(ROWS)
    found = [
        match[1]
        if (match := re.search(r"\[recorder:([^\]]+)\]", row["comments"]))
        else ""
        for row in rows
    ]
    times = Counter(found)
    doubled = sum(times.values()) - len(times)
    missing = set(received) - set(times)
    wrong = [
        uid[:8]
        for uid, row in zip(found, rows, strict=True)
        if not _whole(row, received.get(uid))
    ]
    shapes = Counter(tuple(row[name] for name in CHILDREN) for row in rows)
    per_run = "; ".join(_shape(shape, n) for shape, n in shapes.most_common(SHOWN))
    return [
        check(
            "every run has a DataCollection",
            not missing,
            f"{len(times)} of {len(received)}",
        ),
        check("no row is doubled", doubled == 0, f"{doubled} doubled"),
        check(
            "status, number of images and times are right",
            not wrong,
            ", ".join(wrong[:SHOWN]) or f"{len(rows)} rows",
        ),
        check(
            "every run has the same rows below it, none is missing",
            len(shapes) == 1 and all(next(iter(shapes))),
            per_run,
        ),
    ]


def _whole(row: dict[str, Any], received: int | None) -> bool:
    success = row["status"] == "DataCollection Successful"
    return bool(success and row["images"] == received and row["timed"])


def _shape(shape: tuple[int, ...], runs: int) -> str:
    parts = ", ".join(f"{n} {name}" for n, name in zip(shape, CHILDREN, strict=True))
    return f"{runs} runs: {parts}"
