"""Database, journal, files, report and truth of one run, image by image."""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py

from recorder.journal import Journal
from recorder.records import Classification, ImageOutcome, Json
from recorder.records.report_json import full_to_json
from recorder.reports.store import ReportStore
from tests.chaos.stage import Outage, Stage

OUT_OF_ORDER = 3
"""Images that a later one may overtake on its way to the journal."""
ONCE = {
    "DataCollectionGroup": 1,
    "Protein": 1,
    "Crystal": 1,
    "BLSample": 1,
    "Component": 3,
    "SampleComposition": 3,
}
"""Rows that all rounds share: the same sample in the same experiment."""
RUN_STATUS = {
    "success": "DataCollection Successful",
    "failed": "DataCollection Failed",
}
PROGRAM_STATUS = {"success": "SUCCESS", "failed": "FAILED"}
DEFECTS = ("ledger_open", "step_failed", "record_parked")
"""ERROR events that none of the faults excuses."""


@dataclass
class Verdict:
    """What was found."""

    problems: list[str] = field(default_factory=list)
    delivered: int = 0
    recorded: int = 0
    passed: int = 0
    """Delivered while the daemon was down, or on their way when it was killed."""
    lost: int = 0
    """Delivered while it was up, and not recorded."""
    doubled: int = 0
    rows: int = 0
    """Database rows that were compared."""
    unknown: int = 0
    wrong: int = 0
    closed: bool = False

    @property
    def good(self) -> bool:
        """Nothing is lost, doubled, wrong, open or different."""
        bad = self.problems or self.lost or self.doubled or self.wrong
        return self.closed and not bad

    def expect(self, what: str, found: Any, wanted: Any) -> None:
        """Note a difference."""
        if found != wanted:
            self.problems.append(f"{what}: {_short(found)}, wanted {_short(wanted)}")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 200 else f"{text[:200]}…"


def verify(
    stage: Stage, uid: str, truth: list[Json], sent: dict[int, float], status: str
) -> Verdict:
    """Compare everything that knows of a run whose end was announced like this."""
    verdict = Verdict()
    settings = stage.settings
    journal = Journal(settings.journal_path, read_only=True)
    try:
        rows = {row.image_id: row for row in journal.image_rows(uid)}
        store = ReportStore(journal, ("ispyb", "results"))
        report = full_to_json(store.full(run=uid))
    finally:
        journal.close()
    (run,) = [r for e in report["experiments"] for r in e["runs"]] or [None]
    if run is None:
        verdict.problems.append("the run is not in the journal")
        return verdict
    made = {e["image_id"]: e for e in truth if e["image_id"] is not None}
    _images(verdict, rows, made, sent, stage.outages)
    verdict.expect(f"status ({run['reason']})", run["status"], status)
    _report(verdict, run, rows, made)
    folder = _folder(stage, uid)
    _files(verdict, folder, run, rows, made)
    if stage.flavour == "esrf":
        _database(verdict, stage, uid, run, rows)
    _log(verdict, stage)
    return verdict


def _images(
    verdict: Verdict,
    rows: dict[int, ImageOutcome],
    made: dict[int, Json],
    sent: dict[int, float],
    outages: list[Outage],
) -> None:
    delivered = {n for n, entry in made.items() if entry["delivered"]}
    verdict.delivered, verdict.recorded = len(delivered), len(rows)
    verdict.expect("images nobody sent", sorted(set(rows) - delivered), [])
    recorded = sorted(sent[number] for number in set(rows) & set(sent))
    overtaken = [outage.overtaken for outage in outages]
    for number in sorted(delivered - set(rows)):
        if _in_outage(sent[number], outages, recorded, overtaken):
            verdict.passed += 1
        else:
            verdict.lost += 1
    for number in sorted(set(rows) & delivered):
        entry = made[number]
        wanted = "corrupt" if entry["corrupt"] else entry["class"]
        if rows[number].outcome != wanted:
            verdict.expect(f"class of image {number}", rows[number].outcome, wanted)


def _in_outage(
    moment: float, outages: list[Outage], recorded: list[float], overtaken: list[int]
) -> bool:
    """Sent while the daemon was down, or in flight when it went down.

    Images go through in order: one that was in flight was sent shortly before, and none
    after it arrived, but for what the worker finished out of order, and for the few
    that a node had.
    """
    for number, outage in enumerate(outages):
        if outage.ended is not None and moment > outage.ended:
            continue
        later = bisect_left(recorded, outage.begun) - bisect_right(recorded, moment)
        if moment >= outage.in_flight:
            if later <= OUT_OF_ORDER:
                return True
            if overtaken[number]:
                overtaken[number] -= 1
                return True
    return False


def _report(
    verdict: Verdict, run: Json, rows: dict[int, ImageOutcome], made: dict[int, Json]
) -> None:
    verdict.closed = run["state"] == "sealed" and run["ledger"]["closed"]
    verdict.expect("ledger", run["ledger"]["differences"], [])
    verdict.expect("state", run["state"], "sealed")
    verdict.expect("sinks", run["sinks"], {"ispyb": "written", "results": "written"})
    images = run["images"]
    verdict.expect("received", images["received"], len(rows))
    verdict.expect("expected", images["expected"], len(made))
    verdict.expect("lost by number", images["lost"], len(made) - len(rows))
    counts = _classes(rows)
    for name in ("indexed", "non_indexed_hits", "non_hits"):
        verdict.expect(name, run["classes"][name], counts[name])


def _classes(rows: dict[int, ImageOutcome]) -> Counter[str]:
    plural = {"non_indexed_hit": "non_indexed_hits", "non_hit": "non_hits"}
    return Counter(plural.get(row.outcome, row.outcome) for row in rows.values())


def _folder(stage: Stage, uid: str) -> Path:
    journal = Journal(stage.settings.journal_path, read_only=True)
    try:
        record = journal.latest("run", uid)
    finally:
        journal.close()
    assert record is not None
    return stage.settings.results / str(record.body["folder"])


def _files(
    verdict: Verdict,
    folder: Path,
    run: Json,
    rows: dict[int, ImageOutcome],
    made: dict[int, Json],
) -> None:
    with h5py.File(folder / "results.h5") as file:
        images = file["entry/images"]
        ids = images["image_id"][:].tolist()
        pump = images["pump"].asstr()[:].tolist() if _is_text(images["pump"]) else None
        codes = images["pump"][:] if pump is None else None
        enum = h5py.check_enum_dtype(images["pump"].dtype)
    if pump is None:
        names = {value: name for name, value in (enum or {}).items()}
        pump = [names[int(code)] for code in codes]
    verdict.expect("images in results.h5", ids, sorted(rows))
    for number, label in zip(ids, pump, strict=True):
        verdict.unknown += label == "unknown"
        verdict.wrong += label not in ("unknown", made[number]["pump"])
    stats = json.loads((folder / "ssx_stats.json").read_text("utf-8"))
    counts = _classes(rows)
    verdict.expect("nbIndexed", stats["nbIndexed"], counts["indexed"])
    hits = counts["indexed"] + counts["non_indexed_hits"]
    verdict.expect("nbHits", stats["nbHits"], hits)
    written = json.loads((folder / "report.json").read_text("utf-8"))
    verdict.expect("images in report.json", written["images"], run["images"])


def _is_text(data: Any) -> bool:
    return h5py.check_string_dtype(data.dtype) is not None


def _database(
    verdict: Verdict, stage: Stage, uid: str, run: Json, rows: dict[int, ImageOutcome]
) -> None:
    """Rows of flavour ``esrf``; :mod:`faultfree` compares those of every flavour."""
    query = stage.database.rows
    mark = f"%[recorder:{uid}]%"
    runs = query("SELECT * FROM DataCollection WHERE comments LIKE %s", mark)
    verdict.doubled += max(0, len(runs) - 1)
    verdict.expect("rows of the run", len(runs), 1)
    if not runs:
        return
    key = runs[0]["dataCollectionId"]
    verdict.expect("numberOfImages", runs[0]["numberOfImages"], len(rows))
    verdict.expect("runStatus", runs[0]["runStatus"], RUN_STATUS.get(run["status"]))
    programs = query("SELECT * FROM AutoProcProgram WHERE dataCollectionId=%s", key)
    program = programs[0]["autoProcProgramId"] if programs else 0
    wanted = {
        "SSXDataCollection": ("dataCollectionId", key, 1),
        "EventChain": ("dataCollectionId", key, len(run["event_chains"])),
        "AutoProcProgram": ("dataCollectionId", key, 1),
        "AutoProcIntegration": ("dataCollectionId", key, 1),
        "AutoProcProgramAttachment": ("autoProcProgramId", program, 5),
    }
    chains = "(SELECT eventChainId FROM EventChain WHERE dataCollectionId=%s)"
    events = query(
        f"SELECT COUNT(*) AS n FROM Event WHERE eventChainId IN {chains}", key
    )
    declared = sum(len(c["commanded"] or c["measured"]) for c in run["event_chains"])
    verdict.expect("rows of Event", events[0]["n"], declared)
    verdict.doubled += max(0, events[0]["n"] - declared)
    for table, count in ONCE.items():
        found = query(f"SELECT COUNT(*) AS n FROM {table}")
        verdict.expect(f"rows of {table} in all", found[0]["n"], count)
    verdict.rows += len(runs)
    for table, (column, value, count) in wanted.items():
        found = query(f"SELECT COUNT(*) AS n FROM {table} WHERE {column}=%s", value)
        verdict.doubled += max(0, found[0]["n"] - count)
        verdict.expect(f"rows of {table}", found[0]["n"], count)
        verdict.rows += found[0]["n"]
    if programs:
        message = str(programs[0]["processingMessage"])
        ended = PROGRAM_STATUS.get(run["status"])
        verdict.expect("program", programs[0]["processingStatus"], ended)
        verdict.expect("message", message.split(" ")[0], str(len(rows)))
    _image_rows(verdict, query, key, rows)


def _image_rows(
    verdict: Verdict, query: Any, key: int, rows: dict[int, ImageOutcome]
) -> None:
    found = query(
        "SELECT imageNumber, spotTotal FROM ImageQualityIndicators "
        "WHERE dataCollectionId=%s",
        key,
    )
    numbers = Counter(row["imageNumber"] for row in found)
    verdict.rows += len(found)
    verdict.doubled += sum(numbers.values()) - len(numbers)
    wanted = {
        row.image_id + 1: (
            row.found.spots if isinstance(row.result, Classification) else None
        )
        for row in rows.values()
    }
    there = {row["imageNumber"]: row["spotTotal"] for row in found}
    verdict.expect("image rows", there == wanted, True)


def _log(verdict: Verdict, stage: Stage) -> None:
    """Every ERROR says what to do or what was wrong; none tells of an open ledger."""
    for event in stage.log():
        if event.get("level") != "error":
            continue
        told = event.get("hint") or event.get("error")
        if not told or event["event"] in DEFECTS:
            verdict.problems.append(f"log: {_short(event)}")
