"""Which technique an announcement means, and its plan: whole or not at all."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.plugins.groups import TECHNIQUES
from recorder.records import Announcement
from recorder.runs.read_announcement import read_announcement
from recorder.runs.technique import technique_of, technique_problems
from recorder.runs.technique_names import name_of, types_by_name

SWEEP = {"start": 184.32, "range": 0.05, "images": 7200}
PLANE = {"steps": [30, 8], "step_um": [20.0, 20.0]}
TYPES = [(name, kind) for name, types in types_by_name().items() for kind in types]


def announced(kind: str = "OSC", **more: Any) -> Announcement:
    body = {"proposal": "mx1", "experiment": {"name": "e", "type": kind}, **more}
    return read_announcement(body)


@pytest.mark.parametrize(("name", "kind"), TYPES)
def test_each_type_means_one_technique(name, kind):
    assert [one for one, other in TYPES if other == kind] == [name]
    for written in (kind, kind.upper(), f" {kind} "):
        assert name_of(announced(written)) == name
    assert technique_problems(announced(kind)) == ()


def test_all_of_ours_can_be_used():
    assert all(plugin.why == "" for plugin in TECHNIQUES.all())
    assert set(types_by_name()) == {
        *("ssx", "mx-rotation", "mx-characterisation", "mx-grid"),
        *("energy-scan", "xrf"),
    }


def test_a_type_that_nobody_knows_is_named_with_those_that_are():
    (problem,) = technique_problems(announced("Toast"))
    assert "Toast" in problem
    assert all(kind in problem for _, kind in TYPES)
    assert name_of(announced("Toast")) == "ssx"


def test_a_technique_that_nobody_knows_is_named_and_the_type_counts():
    found = announced("Mesh", technique="tomography")
    assert name_of(found) == "mx-grid"
    (problem,) = technique_problems(found)
    assert "tomography" in problem
    assert "mx-grid" in problem


def test_a_technique_counts_more_than_a_type_that_means_another():
    found = announced("SSX-Jet", technique="mx-rotation")
    assert name_of(found) == "mx-rotation"
    (problem,) = technique_problems(found)
    assert "ssx" in problem
    assert "mx-rotation" in problem


def test_a_scan_with_sweeps_is_of_a_rotation_and_one_with_rows_of_a_chip():
    turned = announced(scan={"axis": "phi", "sweeps": [SWEEP, {**SWEEP, "start": -9}]})
    assert turned.sweeps is not None
    assert turned.scan is None
    assert turned.planned_images == 14400
    assert [sweep.step for sweep in turned.sweeps.sweeps] == [0.05, 0.05]
    chip = announced("SSX-Chip", scan={"rows": 3, "columns": 4})
    assert (chip.sweeps, chip.problems) == (None, ())
    assert chip.scan is not None


def test_images_that_are_announced_count_more_than_those_of_the_plan():
    assert announced(grid={"planes": [PLANE]}).planned_images == 240
    assert announced(grid={"planes": [PLANE]}, images=9).planned_images == 9


BAD = st.sampled_from([None, "x", True, [], {}, float("nan"), -(10**12), 10**40])


@given(st.sampled_from(["start", "range", "images"]), BAD)
def test_a_sweep_with_one_bad_value_gives_no_plan_and_says_why(key, value):
    """The rest of the announcement stands."""
    if key != "images" and isinstance(value, int) and value is not True:
        value = "x"  # any number is an angle
    found = announced(scan={"sweeps": [SWEEP, {**SWEEP, key: value}]}, images=5)
    assert found.sweeps is None
    assert found.images == 5
    assert any(f"scan.sweeps.1.{key}" in problem for problem in found.problems)
    assert technique_of(found).takes_images


@pytest.mark.parametrize(
    ("where", "body"),
    [
        ("scan.sweeps.0.'stop'", {"scan": {"sweeps": [{**SWEEP, "stop": 9}]}}),
        ("grid.planes.0.'size'", {"grid": {"planes": [{**PLANE, "size": 9}]}}),
        ("spectrum.'time'", {"spectrum": {"time": 1.0}}),
    ],
)
def test_a_key_that_nobody_reads_is_named(where, body):
    found = announced(**body)
    assert any(where in problem for problem in found.problems), found.problems
    assert found.sweeps or found.grid or found.spectrum
