"""An announcement of several sweeps or planes is several collections."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.records import Announcement
from recorder.runs.read_announcement import read_announcement, read_stored
from recorder.runs.technique import technique_of

from ..builders import collection

SWEEP = {"start": 184.32, "range": 1.0, "images": 10}
PLANE = {"steps": [3, 4], "step_um": [20.0, 10.0], "snaked": True}
SCREENING = {"name": "lyso", "type": "Characterization"}
OSC = {"name": "lyso", "type": "OSC"}


def parts_of(announced: Announcement) -> tuple[Announcement, ...]:
    return technique_of(announced).parts(announced)


def swept(*sweeps: dict[str, object], **more: object) -> Announcement:
    scan = {"sweeps": list(sweeps), **more.pop("scan", {})}
    return collection("U", experiment=more.pop("experiment", OSC), scan=scan, **more)


pieces = st.fixed_dictionaries(
    {"start": st.integers(-360, 360), "range": st.sampled_from([-0.5, 0.0, 1])},
    optional={
        "first_image": st.integers(0, 60),
        "run": st.integers(0, 9),
        "kappa": st.integers(0, 9),
    },
)


@given(st.lists(st.tuples(pieces, st.integers(1, 20)), min_size=1, max_size=5))
def test_a_part_reads_the_same_from_what_is_stored_of_it(drawn):
    """And the parts have each image of the plan once."""
    whole = swept(*({**piece, "images": n} for piece, n in drawn))
    parts = parts_of(whole)
    for part in parts:
        again = read_stored(json.loads(json.dumps(part.message)))
        same = replace(again, problems=part.problems)
        assert same == replace(part, time_ns=again.time_ns)
        assert part.planned_images is not None
    assert sum(part.planned_images or 0 for part in parts) == sum(n for _, n in drawn)
    if len(parts) == 1:
        assert parts[0].uid == "U"
        assert len(drawn) == 1 or "in common" in " ".join(parts[0].problems)
        return
    seen = [
        part.part.first_image + n for part in parts for n in range(part.part.images)
    ]
    assert len(seen) == len(set(seen))
    assert [part.uid for part in parts] == [f"U.{n + 1}" for n in range(len(parts))]


def test_the_parts_keep_their_own_piece_and_know_their_size():
    whole = swept(*[SWEEP] * 30, more="x" * 1000)
    for part in parts_of(whole):
        assert len(part.message["scan"]["sweeps"]) == 1
        assert part.size < whole.size
        assert abs(part.size - len(json.dumps(part.message))) < 100


def test_parts_that_would_be_too_large_together_are_one():
    (only,) = parts_of(swept(*[SWEEP] * 90, more="x" * 200_000))
    assert (only.uid, only.planned_images) == ("U", 900)
    assert "send less beside the plan" in only.problems[-1]


def test_a_chip_with_an_axis_keeps_its_wells():
    announced = collection("U", scan={"rows": 2, "columns": 3, "axis": "omega"})
    assert announced.scan is not None and announced.scan.grid == (2, 3)
    assert "scan.'axis' is no key" in announced.problems[0]
    nothing = collection("U", scan={"axis": "omega"})
    assert "scan.sweeps: is missing" in nothing.problems[0]


def test_each_sweep_is_a_collection_with_a_number_of_its_own():
    found = parts_of(swept(SWEEP, {**SWEEP, "images": 5, "run": 9}, SWEEP, run=3))
    assert [part.run for part in found] == [3, 9, 5]
    assert [part.part.first_image for part in found] == [0, 10, 15]
    assert [part.planned_images for part in found] == [10, 5, 10]
    assert {part.part.of for part in found} == {"U"}


@pytest.mark.parametrize(
    ("second", "more"),
    [({**SWEEP, "range": 0.5}, {}), (SWEEP, {"scan": {"one_collection": False}})],
)
def test_wedges_of_a_characterisation_that_differ_or_are_said_to_be_several(
    second, more
):
    assert len(parts_of(swept(SWEEP, second, experiment=SCREENING, **more))) == 2


def test_each_plane_of_a_grid_is_a_collection():
    kind = {"name": "lyso", "type": "Mesh3D"}
    planes = [PLANE, {**PLANE, "steps": [3, 1], "angle": 90}]
    first, second = parts_of(collection("U", experiment=kind, grid={"planes": planes}))
    assert (first.planned_images, second.planned_images) == (12, 3)
    assert second.part.first_image == 12
    assert second.grid.planes[0].angle == 90


@pytest.mark.parametrize(
    "whole",
    [
        swept(SWEEP),
        swept(SWEEP, SWEEP, scan={"one_collection": True}),
        swept(SWEEP, SWEEP, experiment={"name": "e", "type": "SSX-Jet"}),
        collection("U", experiment=OSC),
        swept(SWEEP, {**SWEEP, "start": 274.32}, experiment=SCREENING),
    ],
)
def test_what_is_one_collection_stays_as_it_is(whole):
    assert parts_of(whole) == (whole,)


def test_ranges_that_share_images_make_no_parts_and_it_is_said():
    (one,) = parts_of(swept(SWEEP, {**SWEEP, "first_image": 9}))
    assert one.uid == "U"
    assert one.part is None
    assert "0 and 1 have image 9 in common" in one.problems[-1]


def test_parts_beyond_all_images_make_no_parts():
    (one,) = parts_of(swept(SWEEP, {**SWEEP, "first_image": 10**9 - 5}))
    assert "ends after image" in one.problems[-1]


def test_the_planes_of_a_grid_part_it_whatever_else_turns():
    kind = {"name": "lyso", "type": "Mesh"}
    more = {"grid": {"planes": [PLANE, PLANE]}, "scan": {"sweeps": [SWEEP]}}
    found = parts_of(collection("U", experiment=kind, **more))
    assert [part.planned_images for part in found] == [12, 12]


def test_images_that_are_not_those_of_the_plan_are_named():
    first, second = parts_of(swept(SWEEP, SWEEP, images=15))
    assert [first.planned_images, second.planned_images] == [10, 10]
    assert "images: 15, but scan.sweeps have 20" in first.problems[-1]


def test_nobody_else_says_which_part_a_run_is():
    sent = swept(SWEEP, SWEEP).message
    part = {"of": "V", "number": 2, "count": 2, "first_image": 5, "images": 5}
    found = read_announcement({**sent, "part": part})
    assert found.part is None
    assert any(problem.startswith("part: ") for problem in found.problems)
