"""Fluorescence spectra: ``XFEFluorescenceSpectrum``."""

from __future__ import annotations

from recorder.ispyb.schema import tables as t
from recorder.ispyb.schema.capabilities import Capability
from recorder.records import Beam, Json
from recorder.records.reading_report import SpectrumReport
from recorder.records.run_report import RunReport
from recorder.sinks.ispyb.step import Step
from recorder.sinks.ispyb.techniques import readings
from recorder.sinks.results.reading_names import PLOT, SPECTRUM_CSV, SPECTRUM_TEXT

_KEY = "xfeFluorescenceSpectrumId"


class XrfRows:
    """See :class:`~recorder.sinks.ispyb.techniques.rows.TechniqueRows`."""

    needs = (Capability.SPECTRUM,)

    def begin(self, step: Step) -> Json:
        """The row with what was announced: one transaction."""
        with step.begin() as rows:
            number, _ = readings.open_reading(rows, step, t.spectrum)
            if not step.run.final:
                readings.update(rows, t.spectrum, number, _values(step, None))
        return {_KEY: number}

    def update(self, step: Step, ids: Json, report: RunReport) -> None:
        """Nothing changes in it until it is over."""

    def end(self, step: Step, ids: Json, report: RunReport) -> Json:
        """What was measured, and its files."""
        found = report.spectrum or SpectrumReport()
        said = "" if found.channels else "no spectrum came"
        with step.begin() as rows:
            values = {
                **readings.ended(step, report, said),
                **_values(step, found),
                **(_files(step) if found.channels else {}),
            }
            readings.update(rows, t.spectrum, ids[_KEY], values)
        return ids


ROWS = XrfRows()


def _values(step: Step, found: SpectrumReport | None) -> Json:
    """Energy of the beam, and times: as measured, else as announced."""
    announced, unit = step.run.announcement, step.site.flavour.readings.energy_unit_ev
    plan, beam = announced.spectrum, announced.beam or Beam()
    choices = (
        found.energy if found else None,
        plan.energy if plan else None,
        beam.energy,
    )
    energy = next((value for value in choices if value is not None), None)
    values: Json = {
        "energy": None if energy is None else energy / unit,
        "beamTransmission": beam.transmission,
    }
    exposure = plan.exposure_time if plan else None
    if exposure is None and found is not None:
        exposure = found.real_time
    if exposure is not None:
        values["exposureTime"] = exposure
    return values


def _files(step: Step) -> Json:
    """The sender's where it names them, else ours."""
    given, dialect = readings.files_of(step), step.site.flavour.readings
    text = given.scan or readings.own_file(step, SPECTRUM_TEXT)
    plot = given.plot or readings.own_file(step, PLOT)
    return {
        "scanFileFullPath": text,
        "fittedDataFileFullPath": given.fit or readings.own_file(step, SPECTRUM_CSV),
        "jpegScanFileFullPath": plot,
        "annotatedPymcaXfeSpectrum": given.report,
        "filename": text if dialect.whole_file_names else text.rsplit("/", 1)[-1],
        "workingDirectory": text.rsplit("/", 1)[0],
    }
