"""The scan of an announcement: used whole, or named and left out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.journal.run_record import read_run_record, run_record
from recorder.records.limits import MAX_SHOTS, MAX_SKIPS, MAX_WELLS
from recorder.records.scan import Skip, scan_problems
from recorder.runs.run import Run
from recorder.ssx.scan.walk import walk_of
from tests.builders import announced, announcement
from tests.unit.test_announcement import JSON

GOOD = {
    "rows": 20,
    "columns": 20,
    "blocks": [8, 8],
    "order": "columns",
    "snake": True,
    "shots_per_position": 2,
    "start_corner": "bottom-right",
    "skip": [{"row": 0, "column": 0}, {"block": 3}],
    "block_order": "columns",
    "block_snake": True,
}


def test_a_good_scan_is_used_and_survives_the_journal():
    found = announced(announcement(scan=GOOD))
    assert found.problems == ()
    assert found.scan is not None
    kept = {name: getattr(found.scan, name) for name in GOOD}
    assert kept == {
        **GOOD,
        "blocks": (8, 8),
        "skip": (Skip(row=0, column=0), Skip(block=3)),
    }
    run = Run("u", 3, 10**18, found, folder="a/b")
    assert read_run_record(run_record(run, "opened")).announcement.scan == found.scan


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (7, "scan: 7"),
        ([1, 2], "scan: [1, 2]"),
        ({"columns": 3}, "scan.rows: is missing"),
        ({"rows": 0, "columns": 3}, "scan.rows: 0"),
        ({"rows": True, "columns": 3}, "scan.rows: True"),
        ({"rows": "x", "columns": 3}, "scan.rows: 'x'"),
        ({"rows": 1.5, "columns": 3}, "scan.rows: 1.5"),
        ({"rows": MAX_WELLS + 1, "columns": 1}, "scan.rows:"),
        ({"rows": MAX_WELLS, "columns": 2}, "scan: 1000000 x 2 wells"),
        ({"rows": 10**300, "columns": 2}, "scan.rows:"),
        ({"rows": 3, "columns": 3, "blocks": [2]}, "scan.blocks"),
        ({"rows": 3, "columns": 3, "blocks": [2, 0]}, "scan.blocks.1: 0"),
        ({"rows": 3, "columns": 3, "blocks": [2, 2, 2]}, "scan.blocks"),
        ({"rows": 3, "columns": 3, "order": "row"}, "scan.order: 'row'"),
        ({"rows": 3, "columns": 3, "snake": "yes"}, "scan.snake: 'yes'"),
        (
            {"rows": 3, "columns": 3, "start_corner": "left"},
            "scan.start_corner: 'left'",
        ),
        ({"rows": 3, "columns": 3, "shots_per_position": 0}, "scan.shots_per_position"),
        (
            {"rows": 3, "columns": 3, "shots_per_position": MAX_SHOTS + 1},
            "scan.shots_per_position",
        ),
        ({"rows": 3, "columns": 3, "skip": {"row": 1}}, "scan.skip"),
        ({"rows": 3, "columns": 3, "skip": [{}]}, "scan: skip.0: names no"),
        ({"rows": 3, "columns": 3, "skip": [{"row": 3}]}, "scan: skip.0.row: 3"),
        ({"rows": 3, "columns": 3, "skip": [{"block": 1}]}, "scan: skip.0.block: 1"),
        (
            {"rows": 3, "columns": 3, "skip": [{"row": 0, "rov": 1}]},
            "scan: skip.0: 'rov'",
        ),
        (
            {"rows": 3, "columns": 3, "skip": [{"row": 0}] * (MAX_SKIPS + 1)},
            "scan.skip",
        ),
        (
            {"rows": 2, "columns": 3, "skip": [{"row": 0}, {"row": 1}]},
            "scan: skip: leaves no well",
        ),
    ],
)
def test_a_scan_that_cannot_be_used_is_named(wrong, named):
    found = announced(announcement(scan=wrong, images=7))
    assert found.scan is None and found.images == 7
    assert len(found.problems) == 1
    assert found.problems[0].startswith(named)
    assert len(found.problems[0]) < 500


def test_every_wrong_value_is_named():
    wrong = {"rows": "x", "columns": -1, "snake": 2, "order": None}
    found = announced(announcement(scan=wrong))
    keys = {text.split(":")[0] for text in found.problems}
    assert keys == {f"scan.{name}" for name in wrong}


def test_an_unknown_key_is_named_and_costs_nothing():
    found = announced(announcement(scan={**GOOD, "pitch": 0.125}))
    assert found.scan is not None
    assert found.problems == ("scan.'pitch' is no key of a scan and is not used",)


@pytest.mark.parametrize(
    ("shots", "repetition", "told"),
    [(3, 3, False), (1, 3, True), (2, None, False), (1, 1, False)],
)
def test_chains_that_have_another_number_of_shots_are_named(shots, repetition, told):
    detection = {"type": "XrayDetection", "offset": 0.0, "period": 0.01}
    if repetition:
        detection["repetition"] = repetition
    chain = {"name": "a", "scope": "position", "events": [detection]}
    scan = {**GOOD, "shots_per_position": shots}
    found = announced(announcement(scan=scan, event_chains=[chain]))
    assert found.scan is not None
    assert any("X-ray detections" in text for text in found.problems) == told


@given(st.sampled_from(sorted(GOOD)), JSON)
def test_any_value_is_used_or_named(key, value):
    found = announced(announcement(scan={**GOOD, key: value}))
    assert (found.scan is None) == bool(found.problems)
    if found.scan is not None:
        assert scan_problems(found.scan) == ()
        assert walk_of(found.scan).triggers > 0
