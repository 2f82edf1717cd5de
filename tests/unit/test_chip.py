"""The chip of a run: its map, its report, and the columns that tell the wells."""

from __future__ import annotations

import json
from base64 import b64decode
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.errors import UsageError
from recorder.records import ImageClass, RunState
from recorder.records.image_outcome import CODES
from recorder.records.report_json import report_from_json, report_to_json
from recorder.records.scan import Along, Corner
from recorder.reports.chip_answer import STATES, chip_of_run
from recorder.reports.experiments import by_experiment
from recorder.reports.run_report import run_report
from recorder.reports.text import report_text
from recorder.runs.run import Run
from recorder.runs.timeline.chip import chip_of
from recorder.runs.timeline.live_timeline import LiveTimeline
from recorder.runs.timeline.of_run import LONG_RUN, timeline_of
from recorder.simulate.stream.chip import SimulatedChip, parse_chip
from recorder.simulate.timing.faults import parse_faults
from recorder.ssx.scan.walk import walk_of
from recorder.ssx.scan.wells import WellState
from tests.builders import announced, announcement, new_run, outcome
from tests.played import finish, play, pump_probe, recorded


def wells_of(answer: dict[str, Any]) -> Any:
    """The map of an answer, as a page would read it."""
    raw = np.frombuffer(b64decode(answer["wells"]), np.uint8)
    return raw.reshape(answer["shape"])


def run_over(scan: dict[str, Any], story: dict[int, str], **more: Any) -> Run:
    """A run that nobody times: images by id with their class, or "pending"."""
    run = new_run(announcement=announced(announcement("u", scan=scan)), **more)
    for image_id, name in story.items():
        run.images.receive(image_id, None)
        if name != "pending":
            run.images.finish(outcome(image_id, ImageClass(name)))
    return run


def test_the_best_of_the_shots_counts_and_the_rest_is_told_apart():
    scan = {
        "rows": 2,
        "columns": 4,
        "shots_per_position": 2,
        "skip": [{"row": 1, "column": 3}],
    }
    story = {
        0: "non_hit",
        1: "indexed",
        2: "non_indexed_hit",
        6: "pending",
        8: "non_hit",
    }
    run = run_over(scan, story, state=RunState.OPEN)
    answer = json.loads(json.dumps(chip_of_run(run)))
    names = [[STATES[code] for code in row] for row in wells_of(answer)]
    assert names == [
        ["indexed", "non_indexed_hit", "lost", "unclassified"],
        ["non_hit", "unseen", "unseen", "skipped"],
    ]
    wells = answer["scan"]["wells"]
    assert wells == {
        "total": 7,
        "skipped": 1,
        "indexed": 1,
        "non_indexed_hits": 1,
        "non_hits": 1,
        "unclassified": 1,
        "lost": 1,
        "unknown": 0,
        "unseen": 2,
    }


@given(
    st.dictionaries(
        st.integers(0, 40), st.sampled_from([*ImageClass, "pending"]), max_size=30
    ),
    st.integers(1, 3),
)
def test_sums_hold(story, shots):
    scan = {"rows": 3, "columns": 2, "blocks": [1, 2], "shots_per_position": shots}
    run = run_over(scan, dict(sorted(story.items())), state=RunState.OPEN)
    found = run_report(run).scan
    assert found is not None
    assert found.placed + found.unplaced + found.beyond == len(story)
    assert found.beyond == sum(n >= 12 * shots for n in story)
    for items in (found.by_block, found.by_shot):
        assert sum(item.images for item in items) == found.placed
        for item in items:
            parts = item.indexed, item.non_indexed_hits, item.non_hits
            assert item.images == sum(parts) + item.unclassified
    wells = found.wells
    kinds = wells.indexed, wells.non_indexed_hits, wells.non_hits, wells.unclassified
    others = wells.lost, wells.unknown, wells.unseen
    assert wells.total == 12 == sum(kinds) + sum(others)
    states = Counter(wells_of(chip_of_run(run)).ravel().tolist())
    assert states[WellState.INDEXED] == wells.indexed
    assert states[WellState.LOST] == wells.lost
    best: dict[int, int] = {}
    for n, name in story.items():
        if n < 12 * shots:
            rank = CODES.get(name, 99)
            best[n // shots] = min(best.get(n // shots, 99), rank)
    assert wells.indexed == sum(rank == CODES["indexed"] for rank in best.values())


def test_people_are_told_wells_shots_and_what_has_no_well():
    scan = {"rows": 2, "columns": 2, "shots_per_position": 2}
    story = {0: "non_hit", 1: "indexed", 5: "non_hit", 8: "non_hit"}
    run = run_over(scan, story, state=RunState.OPEN)
    text = report_text(by_experiment([run_report(run)]))
    for line in (
        "chip       2 of 4 wells: indexed 1, non-indexed hits 0, non-hits 1, lost 2",
        "chip       3 images have a well, 0 have none, 1 are beyond the walk",
        "shot 0     1 images, 0 hits, 0 indexed",
        "shot 1     2 images, 1 hits, 1 indexed",
    ):
        assert line in text


def test_a_run_without_a_scan_has_none():
    run = new_run()
    assert run_report(run).scan is None
    answer = chip_of_run(run)
    assert (answer["scan"], answer["wells"]) == (None, None)


def test_an_older_report_has_no_scan():
    body = report_to_json(
        run_report(run_over({"rows": 2, "columns": 2}, {0: "indexed"}))
    )
    assert report_from_json(json.loads(json.dumps(body))) == report_from_json(body)
    del body["scan"]
    assert report_from_json(body).scan is None


SPECS = ["", "missed=0.05,lost=0.05", "missed_head=3", "missed_bursts=2:0.2,skew=80"]


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("rows", [True, False])
def test_a_missed_trigger_shifts_no_well(spec, rows):
    """Each image is on the well of its trigger, or on none."""
    triggers = 300
    scan = {"rows": 10, "columns": 15, "snake": True, "shots_per_position": 2}
    played = play(pump_probe(100.0, triggers), triggers, parse_faults(spec), rows=rows)
    run = recorded(played)
    body = {"images": triggers, "event_chains": played.chains, "scan": scan}
    run.announcement = announced(announcement("u", **body))
    chip = chip_of(run, timeline_of(run))
    assert chip is not None
    told = chip.seen.ordinal
    known = told >= 0
    assert (told[known] == played.trigger[known]).all()
    if not spec or rows:
        assert known.all()


def test_images_that_nobody_can_place_are_told():
    """Fewer images than triggers, and no time of any: each well may be wrong."""
    triggers = 40
    scan = {"rows": 4, "columns": 10}
    body = {
        "images": triggers,
        "scan": scan,
        "event_chains": pump_probe(10.0, triggers),
    }
    run = new_run(announcement=announced(announcement("u", **body)))
    for image_id in range(39):
        run.images.receive(image_id, None)
        run.images.finish(outcome(image_id, ImageClass.NON_HIT))
    played = play(body["event_chains"], triggers, parse_faults("missed_head=1"))
    found = run_report(finish(run, played)).scan
    assert found is not None
    assert (found.placed_by, found.placed, found.unplaced) == ("nothing", 0, 39)
    assert found.wells.unknown == 39


def test_one_report_of_a_large_chip_is_small():
    scan = {"rows": 10, "columns": 10, "blocks": [100, 100], "shots_per_position": 1000}
    run = run_over(scan, {0: "indexed"})
    body = json.dumps(report_to_json(run_report(run))["scan"])
    assert len(body) < 60_000


@given(
    st.builds(
        SimulatedChip,
        st.integers(1, 4),
        st.integers(1, 4),
        st.integers(1, 2),
        st.integers(1, 2),
        st.sampled_from(Along),
        st.booleans(),
        st.integers(1, 3),
        st.sampled_from(Corner),
    )
)
def test_the_simulator_walks_as_it_announces(chip):
    """Two walks, made apart: of the stage, and of the recorder."""
    scan = announced(announcement("u", scan=chip.announced)).scan
    assert scan is not None
    at = walk_of(scan).at(np.arange(chip.triggers + 3))
    told = zip(at.block.tolist(), at.row.tolist(), at.column.tolist(), strict=True)
    assert [step or (-1, -1, -1) for step in chip.walk(chip.triggers + 3)] == list(told)


@pytest.mark.parametrize(
    "spec",
    [
        "rows=0",
        "rows=1000,columns=1001",
        "shots=0",
        "order=diagonal",
        "corner=left",
        "filled=1.5",
        "empty=-1",
        "more=-20",
        "wells=3",
        "snake=perhaps",
    ],
)
def test_a_chip_that_cannot_be_simulated_is_refused(spec):
    with pytest.raises(UsageError):
        parse_chip(spec)


def test_a_long_run_that_goes_on_has_the_wells_of_its_settled_images():
    """Never another well than at the end; the latest images may have none yet."""
    triggers = LONG_RUN + 3000
    faults = parse_faults("missed=0.002,lost=0.002")
    played = play(pump_probe(1000.0, triggers), triggers, faults)
    scan = {"rows": 100, "columns": 230, "snake": True}
    body = {"images": triggers, "event_chains": played.chains, "scan": scan}
    run = recorded(played)
    run.announcement = announced(announcement("u", **body))
    run.state, run.end = RunState.OPEN, None
    chip = chip_of(run, timeline_of(run, LiveTimeline()))
    assert chip is not None
    known = chip.seen.ordinal >= 0
    assert (chip.seen.ordinal[known] == played.trigger[known]).all()
    assert known[:LONG_RUN].all()
    states = chip.states()
    assert np.count_nonzero(states == WellState.UNKNOWN) <= (~known).sum() + 1
