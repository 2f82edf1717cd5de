"""Readings and what the end of a run says of them, as journal bodies."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from recorder.journal.records import RecordKind
from recorder.records import (
    EndFacts,
    Found,
    Json,
    Reading,
    ReadingFiles,
    ScanPoints,
    ScanResult,
    Spectrum,
)


def reading_record(reading: Reading) -> tuple[RecordKind, str, Json]:
    """A reading as the journal has it: kind, uid of its run, body."""
    spectrum = isinstance(reading, Spectrum)
    kind = RecordKind.SPECTRUM if spectrum else RecordKind.POINTS
    return kind, reading.collection, asdict(reading)


def points_from_json(body: Json) -> ScanPoints:
    """The reverse of :func:`reading_record`."""
    return ScanPoints(**_tuples(body))


def spectrum_from_json(body: Json) -> Spectrum:
    """The reverse of :func:`reading_record`."""
    return Spectrum(**_tuples(body))


def _tuples(body: Json) -> dict[str, Any]:
    return {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in body.items()
    }


def facts_to_json(facts: EndFacts) -> Json:
    """What an end says of a scan, as a journal body."""
    return asdict(facts)


def facts_from_json(body: Json) -> EndFacts:
    """The reverse of :func:`facts_to_json`."""
    result, files = body["result"], body["files"]
    return EndFacts(
        points=body["points"],
        flux=body["flux"],
        result=None if result is None else _result(result),
        files=None if files is None else ReadingFiles(**files),
        problems=tuple(body["problems"]),
    )


def _result(body: Json) -> ScanResult:
    return ScanResult(
        **{name: None if one is None else Found(**one) for name, one in body.items()}
    )
