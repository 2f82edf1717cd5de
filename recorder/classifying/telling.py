"""What lessons change and find: said in the log, kept with the run."""

from __future__ import annotations

from recorder.classifying.setup import calibration, drift_points
from recorder.records import ClassifierSetup, Finding, FindingKind, Learned
from recorder.records.report_json import calibration_to_json
from recorder.runs.run import Run
from recorder.runtime.log import get_logger
from recorder.ssx.learning.drift import alarm, curve

log = get_logger("runs")


def tell_calibrated(
    run: Run, setup: ClassifierSetup, old: Learned, new: Learned, from_image: int
) -> None:
    """Geometry or cell changed: say it, and keep it with the run."""
    before, after = calibration(setup, old), calibration(setup, new, from_image)
    run.calibrations.append(after)
    log.info(
        "run_calibrated",
        run=run.number,
        uid=run.uid,
        before=calibration_to_json(before),
        **calibration_to_json(after),
    )


def tell_findings(run: Run, setup: ClassifierSetup, new: Learned) -> bool:
    """What a lesson found, and where the beam was.

    Returns:
        Whether there was anything.
    """
    # lessons look back: a hit that taught before makes no second point
    newest = run.drift[-1].image_id if run.drift else -1
    fresh = [place for place in new.places if place.image_id > newest]
    cell = new.cell or setup.cell
    found = [item.unit_cell for item in run.calibrations if item.unit_cell]
    first = setup.cell or (found[0] if found else cell)
    run.drift += drift_points(curve(fresh), cell, first)
    moved = alarm(run.drift)
    findings = (*new.findings, *([moved] if moved else []))
    for finding in findings:
        _say(run, finding)
    return bool(fresh or findings)


def _say(run: Run, finding: Finding) -> None:
    """One note for each case, however often lessons find it again."""
    said = finding.text.split(":")[0]
    if any(note.startswith(said) for note in run.notes):
        return
    run.note(finding.text)
    if finding.kind is FindingKind.CELL_FOUND:
        log.info("cell_found", run=run.number, uid=run.uid, text=finding.text)
    else:
        log.warning(
            "calibration_alarm",
            run=run.number,
            uid=run.uid,
            kind=finding.kind,
            text=finding.text,
        )
