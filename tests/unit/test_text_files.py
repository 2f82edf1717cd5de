"""Text files that people edit cope with the marks and encodings of their editors."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.errors import UsageError
from recorder.records.text_files import TextError, text_of
from recorder.service.replay import ReplayOptions, read_control
from recorder.sources.crystfel_geometry import read_geometry
from tests.builders import announcement
from tests.unit.test_panels import PLAIN

EVENT = {
    "schema": "recorder.event/1",
    "uid": "e",
    "type": "LaserExcitation",
    "time_ns": 5,
    "collection": "uid-1",
}


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_a_mark_changes_no_text(text):
    if not text.startswith("\ufeff"):
        assert text_of(text.encode()) == text
    assert text_of(b"\xef\xbb\xbf" + text.encode()) == text


@given(st.binary(max_size=60))
def test_any_bytes_are_text_or_named(raw):
    try:
        text_of(raw)
    except TextError as error:
        assert "save" in str(error)


def control(folder: Path, encoding: str) -> list[object]:
    start, events = folder / "start.json", folder / "events.jsonl"
    start.write_bytes(json.dumps(announcement()).encode(encoding))
    events.write_bytes(f"{json.dumps(EVENT)}\n".encode(encoding))
    found = read_control(ReplayOptions(folder, collection=start, events=events))
    assert len(found) == 2
    return [replace(record, received_ns=0) for record in found]


def test_announcements_and_events_with_a_mark_are_read(tmp_path):
    assert control(tmp_path, "utf-8-sig") == control(tmp_path, "utf-8")


def test_announcements_in_utf_16_are_named(tmp_path):
    with pytest.raises(UsageError, match=r"start\.json: .*UTF-16.*save it as UTF-8"):
        control(tmp_path, "utf-16")


def test_geometry_files_with_a_mark_are_read(tmp_path):
    path = tmp_path / "detector.geom"
    path.write_bytes(PLAIN.encode("utf-8-sig"))
    assert read_geometry(path).shape == (40, 50)
    path.write_bytes(PLAIN.encode("utf-16"))
    with pytest.raises(UsageError, match=r"detector\.geom: .*UTF-16"):
        read_geometry(path)
