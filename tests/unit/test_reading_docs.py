"""docs/reference/mqtt-scans.md against the code."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

import pytest

from recorder.records import BadMessage, EndFacts, ReadingFiles, ScanResult
from recorder.runs.book.readings_desk import KEPT_READINGS
from recorder.sinks.results import reading_names
from recorder.sources.control import readings
from recorder.sources.control.messages import READINGS, parse_message
from tests.unit.test_docs import REFERENCE, blocks, names, rows, sections

PAGE = REFERENCE / "mqtt-scans.md"
MODELS: dict[str, Any] = {
    "scan/points": readings._Points,
    "spectrum": readings._Spectrum,
}


@pytest.mark.parametrize("topic", READINGS)
def test_every_key(topic):
    documented = {row[0].strip("`"): row[1] for row in rows(sections(PAGE)[topic])}
    model = MODELS[topic].model_fields
    assert documented == {
        name: "yes" if field.is_required() else "no" for name, field in model.items()
    }


def test_the_keys_of_an_end():
    real = {"flux_end", "points"}
    real |= {f"result.{item.name}" for item in fields(ScanResult)}
    real |= {f"files.{item.name}" for item in fields(ReadingFiles)}
    assert set(names(sections(PAGE)["The end of a scan"])) == real
    assert {item.name for item in fields(EndFacts)} == {
        *("points", "flux", "result", "files", "problems")
    }


def test_the_examples_are_valid():
    examples = blocks(PAGE, "json")
    assert len(examples) == len(READINGS)
    for topic, block in zip(READINGS, examples, strict=True):
        assert json.loads(block)["schema"]
        for record in parse_message(topic, block.encode()):
            assert not isinstance(record, BadMessage), record.detail
            assert record.problems == ()
    assert str(KEPT_READINGS) in PAGE.read_text(encoding="utf-8")


def test_every_file():
    text = sections(REFERENCE / "files.md")["Files of scans and spectra"]
    assert {*names(text), reading_names.SPECTRUM_PLOT} == {
        value for name, value in vars(reading_names).items() if name.isupper()
    }
    assert reading_names.SPECTRUM_PLOT in text
