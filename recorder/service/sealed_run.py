"""What is told of a sealed run beside its numbers: a grid's crystals, open sums."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial

from recorder.journal.writer import JournalWriter
from recorder.records import Json
from recorder.records.run_report import RunReport
from recorder.runs.run import Run
from recorder.runtime.log import get_logger
from recorder.service.outbox import Outbox

log = get_logger("runs")

TOPIC = "grid/centre"
SCHEMA = "recorder.grid-centre/1"


def grid_centre(run: Run, report: RunReport) -> Json | None:
    """The message of a sealed run; None of a run that is no grid.

    Args:
        run: The run.
        report: Its report.
    """
    if report.mx is None or (grid := report.mx.grid) is None:
        return None
    part, told = run.announcement.part, run.announcement
    return {
        "schema": SCHEMA,
        "uid": run.uid,
        "collection": part.of if part else told.uid,
        "time": report.end_time or report.start_time,
        "run": run.number,
        "revision": report.revision,
        "proposal": told.proposal if run.announced else None,
        "experiment": run.experiment,
        "part": part.number if part else None,
        "parts": part.count if part else None,
        "status": str(report.status),
        "steps": grid.steps,
        "step_um": grid.step_um,
        "angle": grid.angle,
        "placed_by": grid.placed_by,
        "received": grid.received,
        "lost": grid.lost,
        "not_reached": grid.not_reached,
        "unplaced": grid.unplaced,
        "shifts": [asdict(one) for one in grid.shifts],
        "crystals": [asdict(one) for one in grid.crystals],
    }


def tell_sealed(
    run: Run, report: RunReport, writer: JournalWriter, outbox: Outbox
) -> None:
    """Say that the sums of a run do not hold, and where the crystals of a grid are.

    Args:
        run: The run.
        report: Its report, which is journalled.
        writer: What journals: nothing is told before the report is on disk.
        outbox: What publishes.
    """
    if said := list(report.ledger.differences):
        log.error("ledger_open", run=run.number, uid=run.uid, differences=said)
    if (centre := grid_centre(run, report)) is not None:
        writer.after_commit(partial(outbox.add, TOPIC, centre))
