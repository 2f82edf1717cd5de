"""Reports as JSON: written, read again, and the schema; one codec for all of it."""

from __future__ import annotations

from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from recorder.errors import ReportError, shown
from recorder.records.image_report import Calibration, DriftPoint
from recorder.records.run_report import FullReport, RunReport
from recorder.records.times import parse_time
from recorder.records.units import Json

_SHOWN = 3
"""Problems of a report that are named: one is enough to know, all are too many."""


def report_to_json(report: RunReport) -> Json:
    """The report of a run as the journal, files and programs have it."""
    body: Json = _run().dump_python(report, mode="json")
    return body


def full_to_json(report: FullReport) -> Json:
    """The reports of experiments as programs have them."""
    body: Json = _full().dump_python(report, mode="json")
    return body


def report_from_json(body: Any) -> RunReport:
    """The reverse of :func:`report_to_json`, also for what earlier recorders wrote.

    Keys that were added later have their defaults; keys nobody knows are left out.

    Raises:
        ReportError: It is none, or a value cannot be what it should be.
    """
    try:
        return _run().validate_python(_brought_up(body))
    except ValidationError as error:
        raise ReportError(f"the report cannot be read: {_problems(error)}") from error


def calibration_to_json(calibration: Calibration) -> Json:
    """A calibration as the journal and the log have it."""
    body: Json = _calibration().dump_python(calibration, mode="json")
    return body


def calibration_from_json(body: Any) -> Calibration:
    """The reverse of :func:`calibration_to_json`.

    Raises:
        ReportError: It cannot be read.
    """
    try:
        return _calibration().validate_python(body)
    except ValidationError as error:
        raise ReportError(f"calibration cannot be read: {_problems(error)}") from error


def read_drift(body: Any) -> list[DriftPoint]:
    """Points of a curve as the journal has them; none if they cannot be read."""
    try:
        return TypeAdapter(list[DriftPoint]).validate_python(body or [])
    except ValidationError:
        return []


def counted_in(body: Any) -> dict[str, int]:
    """The ``counts`` of a report, as far as they can be read: a restart needs them."""
    counts = body.get("counts") if isinstance(body, dict) else None
    items = counts.items() if isinstance(counts, dict) else ()
    return {str(name): n for name, n in items if isinstance(n, int)}


def report_schema() -> Json:
    """The JSON schema of ``recorder report --json``."""
    found = _full().json_schema(mode="serialization", schema_generator=_Strict)
    return {
        "$schema": GenerateJsonSchema.schema_dialect,
        **found,
        "title": "Report of recorder report --json",
    }


class _Strict(GenerateJsonSchema):
    """All keys are there, and no others.

    Defaults are for what is read; titles would only repeat names.
    """

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def field_is_required(self, field: Any, total: bool) -> bool:
        return True

    def dataclass_schema(self, schema: core_schema.DataclassSchema) -> JsonSchemaValue:
        return {**super().dataclass_schema(schema), "additionalProperties": False}

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def _brought_up(body: Any) -> Any:
    """A report of an earlier recorder with the keys of this one.

    Before times were there as numbers they were read from the text; the first
    histograms of cells were by parameter.
    """
    if not isinstance(body, dict):
        return body
    found = dict(body)
    for name, text in (("started_ns", "start_time"), ("ended_ns", "end_time")):
        if name not in body and isinstance(body.get(text), str):
            try:
                found[name] = parse_time(body[text])
            except ValueError:
                found[name] = body[text]  # is refused, by its name
    cell = body.get("unit_cell")
    if isinstance(cell, dict) and isinstance(by := cell.get("histograms"), dict):
        listed = [
            {"parameter": name, **item}
            for name, item in by.items()
            if isinstance(item, dict)
        ]
        found["unit_cell"] = {**cell, "histograms": listed}
    return found


def _problems(error: ValidationError) -> str:
    items = error.errors(include_url=False, include_context=False)
    parts = [
        f"{'.'.join(map(str, item['loc'])) or 'it'}: {item['msg']}, "
        f"not {shown(item['input'])}"
        for item in items[:_SHOWN]
    ]
    more = len(items) - len(parts)
    return "; ".join(parts) + (f"; and {more} more" if more else "")


@cache
def _run() -> TypeAdapter[RunReport]:
    return TypeAdapter(RunReport)


@cache
def _full() -> TypeAdapter[FullReport]:
    return TypeAdapter(FullReport)


@cache
def _calibration() -> TypeAdapter[Calibration]:
    return TypeAdapter(Calibration)
