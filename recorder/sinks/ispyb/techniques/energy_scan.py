"""Energy scans: ``EnergyScan``, and the sample that was scanned."""

from __future__ import annotations

from recorder.ispyb.flavours.reading_dialect import ReadingDialect
from recorder.ispyb.schema import tables as t
from recorder.ispyb.schema.capabilities import Capability
from recorder.ispyb.schema.rows import Rows
from recorder.mx.elements import edge_of, symbol_of
from recorder.records import Beam, Found, Json, ScanResult
from recorder.records.reading_report import EnergyScanReport
from recorder.records.run_report import RunReport
from recorder.sinks.ispyb.step import Step
from recorder.sinks.ispyb.techniques import readings
from recorder.sinks.results.reading_names import PLOT, SCAN_POINTS

_MEASURED = ("startEnergy", "endEnergy")
_DIGITS = 9
"""Of energies written as text: a hundredth of an eV in keV, and more than a FLOAT."""


class EnergyScanRows:
    """See :class:`~recorder.sinks.ispyb.techniques.rows.TechniqueRows`."""

    needs = (Capability.ENERGY_SCAN,)

    def begin(self, step: Step) -> Json:
        """The row with what was announced: one transaction."""
        with step.begin() as rows:
            scan_id, values = readings.open_reading(rows, step, t.energy_scan)
            planned = planned_values(step)
            if step.run.final:  # what was measured stands there, or is about to
                planned = {n: v for n, v in planned.items() if n not in _MEASURED}
            readings.update(rows, t.energy_scan, scan_id, planned)
            _link(rows, step, scan_id, values.get("blSampleId"))
        return {"energyScanId": scan_id}

    def update(self, step: Step, ids: Json, report: RunReport) -> None:
        """Nothing changes in it until it is over."""

    def end(self, step: Step, ids: Json, report: RunReport) -> Json:
        """What was measured, and what its sender found."""
        scan = report.energy_scan or EnergyScanReport()
        with step.begin() as rows:
            said = _said(step, scan)
            values = {
                **readings.ended(step, report, said),
                **measured_values(step, scan),
            }
            readings.update(rows, t.energy_scan, ids["energyScanId"], values)
        return ids


ROWS = EnergyScanRows()


def _link(rows: Rows, step: Step, scan_id: int, sample_id: int | None) -> None:
    """The sample, in the table that only ESRF's family reads."""
    if sample_id is None or not step.site.can.can(Capability.SCANNED_SAMPLES):
        return
    pair = {"blSampleId": sample_id, "energyScanId": scan_id}
    rows.find_or_create(t.sample_has_energy_scan, pair, {})


def planned_values(step: Step) -> Json:
    """Columns that follow from the announcement."""
    announced, dialect = step.run.announcement, step.site.flavour.readings
    plan, beam = announced.energy_scan, announced.beam or Beam()
    place = announced.detector
    first, last = plan.range if plan and plan.range else (None, None)
    edge = plan.edge_energy if plan else None
    shown = None
    if edge is not None:
        shown = f"{edge / dialect.energy_unit_ev:.{_DIGITS}g}"
    transmission = beam.transmission
    if transmission is not None:
        transmission /= dialect.transmission_unit
    return {
        "element": (symbol_of(plan.element) or plan.element) if plan else None,
        "edgeEnergy": shown,
        "startEnergy": _energy(first, dialect),
        "endEnergy": _energy(last, dialect),
        "transmissionFactor": transmission,
        "fluorescenceDetector": (place.type or place.name) if place else None,
    }


def _energy(value: float | None, dialect: ReadingDialect) -> float | None:
    return None if value is None else value / dialect.energy_unit_ev


def measured_values(step: Step, scan: EnergyScanReport) -> Json:
    """Columns of what was measured and found: nothing of it is worked out by us."""
    dialect = step.site.flavour.readings
    result = readings.facts_of(step).result or ScanResult()
    values: Json = {}
    if scan.energy:
        values["startEnergy"] = _energy(scan.energy[0], dialect)
        values["endEnergy"] = _energy(scan.energy[-1], dialect)
    for place in ("peak", "inflection", "remote"):
        found: Found = getattr(result, place) or Found()
        values[f"{place}Energy"] = _energy(found.energy, dialect)
        values[f"{place}FPrime"] = found.f_prime
        values[f"{place}FDoublePrime"] = found.f_double_prime
    return {**values, **_files(step, dialect)}


def _files(step: Step, dialect: ReadingDialect) -> Json:
    """The sender's where it names them, else ours."""
    given = readings.files_of(step)
    scan = given.scan or readings.own_file(step, SCAN_POINTS)
    plot = given.plot or readings.own_file(step, PLOT)
    return {
        "scanFileFullPath": scan,
        "choochFileFullPath": given.efs,
        "jpegChoochFileFullPath": plot,
        "filename": scan if dialect.whole_file_names else scan.rsplit("/", 1)[-1],
        "workingDirectory": scan.rsplit("/", 1)[0],
    }


def _said(step: Step, scan: EnergyScanReport) -> str:
    """The edge, which has no column, and lost points."""
    plan, found = step.run.announcement.energy_scan, []
    if plan is not None:
        found.append(f"edge {edge_of(plan.edge) or plan.edge}")
    if scan.points.lost:
        found.append(f"{scan.points.lost} of {scan.points.expected} points lost")
    return ", ".join(found)
