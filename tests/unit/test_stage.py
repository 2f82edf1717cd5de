"""Wells by captured positions: where the stage was, whatever the walk says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.records import EventType
from recorder.records.scan import Along, Corner, Scan, Skip, Stage
from recorder.reports.experiments import by_experiment
from recorder.reports.run_labels import labels_of
from recorder.reports.run_report import run_report
from recorder.reports.text import report_text
from recorder.runs.run import Run
from recorder.runs.timeline.chip import chip_of
from recorder.runs.timeline.of_run import timeline_of
from recorder.simulate.timing.faults import parse_faults
from recorder.ssx.clocks.unknown import NO_ORDINAL
from recorder.ssx.scan.stage import NEAR, ordinals_at, shots_at, wells_at
from recorder.ssx.scan.walk import NOWHERE, walk_of
from recorder.ssx.scan.wells import WellState
from tests.builders import announced, announcement
from tests.played import play, pump_probe, recorded

signs = st.sampled_from([-1.0, 1.0])
steps = st.tuples(st.floats(0.01, 1.0), signs).map(lambda pair: pair[0] * pair[1])


@st.composite
def stages(draw) -> tuple[Scan, Stage]:
    """A scan, and where its wells are; blocks do not lie upon each other."""
    rows, columns = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    blocks = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    step = draw(steps), draw(steps)
    gaps = draw(st.one_of(st.none(), st.tuples(*[st.floats(0, 2)] * 2)))
    block_step = None
    if gaps is not None:
        block_step = (step[0] * (columns + gaps[0]), step[1] * (rows + gaps[1]))
    origin = draw(st.tuples(*[st.floats(-50, 50)] * 2))
    stage = Stage(origin, step, block_step)
    walk = draw(st.tuples(st.sampled_from(Along), st.booleans(), st.integers(1, 3)))
    scan = Scan(
        rows=rows,
        columns=columns,
        blocks=blocks,
        order=walk[0],
        snake=walk[1],
        shots_per_position=walk[2],
        start_corner=draw(st.sampled_from(Corner)),
        skip=draw(st.sampled_from([(), (Skip(row=rows - 1, column=0),)]))
        if rows * columns > 1
        else (),
        stage=stage,
    )
    return scan, stage


def centres(scan: Scan, stage: Stage) -> tuple[np.ndarray, np.ndarray]:
    """Position of each well, told otherwise than the recorder does."""
    x, y = [], []
    jump = stage.block_step or (
        stage.step[0] * scan.columns,
        stage.step[1] * scan.rows,
    )
    for row in range(scan.grid[0]):
        for column in range(scan.grid[1]):
            across, in_block = divmod(column, scan.columns)
            down, in_row = divmod(row, scan.rows)
            x.append(stage.origin[0] + across * jump[0] + in_block * stage.step[0])
            y.append(stage.origin[1] + down * jump[1] + in_row * stage.step[1])
    return np.array(x), np.array(y)


@given(stages(), st.floats(-0.9, 0.9), st.floats(-0.9, 0.9), st.integers(0, 2**32 - 1))
def test_each_position_is_at_its_well_in_whatever_order(found, a, b, seed):
    scan, stage = found
    x, y = centres(scan, stage)
    order = np.random.default_rng(seed).permutation(x.size)
    off_x, off_y = a * NEAR * stage.step[0], b * NEAR * stage.step[1]
    walk = walk_of(scan)
    well = wells_at(walk, stage, x[order] + off_x, y[order] + off_y)
    assert well.tolist() == order.tolist()
    shot = np.arange(order.size) % scan.shots_per_position
    back = walk.at(ordinals_at(walk, well, shot))
    skipped = walk.place.ravel()[order] == NOWHERE
    assert (back.well == np.where(skipped, NOWHERE, order)).all()
    assert (back.shot == np.where(skipped, NOWHERE, shot)).all()


@given(stages(), st.floats(1.05, 1.2), st.sampled_from([0, 1]))
def test_between_wells_and_off_the_chip_is_no_well(found, share, axis):
    scan, stage = found
    x, y = centres(scan, stage)
    off = [0.0, 0.0]
    off[axis] = -share * NEAR * stage.step[axis]  # before the first one: never a gap
    at = slice(0, 1)
    walk = walk_of(scan)
    assert wells_at(walk, stage, x[at] + off[0], y[at] + off[1]).tolist() == [NOWHERE]
    for bad in (np.nan, 1e6, -1e6):
        one = np.array([bad])
        assert wells_at(walk, stage, one, y[at]).tolist() == [NOWHERE]
        assert wells_at(walk, stage, x[at], one).tolist() == [NOWHERE]


def test_shots_are_triggers_in_a_row_at_one_well():
    well = np.array([3, 3, 3, 7, NOWHERE, 3, 3])
    assert shots_at(well).tolist() == [0, 1, 2, 0, NOWHERE, 0, 1]
    assert shots_at(well[:0]).size == 0


STAGE = {"origin": [1.0, -2.0], "step": [0.125, -0.125]}
SCAN = {"rows": 4, "columns": 10, "snake": True, "stage": STAGE}
TRIGGERS = 40


def run_with(positions: dict[int, tuple[float, float]], faults: str = "") -> Run:
    """A run over SCAN whose triggers had these positions of the stage."""
    played = play(pump_probe(100.0, TRIGGERS), TRIGGERS, parse_faults(faults))
    events = [
        replace(event, body={"positions": dict(zip("xy", where, strict=True))})
        if event.type is EventType.XRAY_DETECTION
        and (where := positions.get(event.trigger)) is not None
        else event
        for event in played.events
    ]
    run = recorded(replace(played, events=events))
    body = {"images": TRIGGERS, "event_chains": played.chains, "scan": SCAN}
    run.announcement = announced(announcement("u", **body))
    assert run.announcement.scan is not None
    return run


def walked(ordinals: list[int]) -> dict[int, tuple[float, float]]:
    """Positions of triggers at which the stage was at these wells of the walk."""
    scan = announced(announcement("u", scan=SCAN)).scan
    assert scan is not None and scan.stage is not None
    x, y = centres(scan, scan.stage)
    well = walk_of(scan).wells[ordinals]
    return {n: (x[w], y[w]) for n, w in enumerate(well.tolist())}


@pytest.mark.parametrize("faults", ["", "missed=0.1,lost=0.1"])
def test_a_stage_that_left_a_line_out_is_seen(faults):
    """From trigger 10 on the stage is a line ahead of its announced walk."""
    order = [*range(10), *range(20, 40), *range(10, 20)]
    run = run_with(walked(order), faults)
    timeline = timeline_of(run)
    chip = chip_of(run, timeline)
    assert chip is not None
    trigger = timeline.labels.ordinal
    known = trigger != NO_ORDINAL
    assert chip.seen.ordinal[known].tolist() == [order[n] for n in trigger[known]]
    report = run_report(run)
    assert report.scan is not None
    assert report.scan.placed_by == "position"
    assert report.scan.moved == int((trigger[known] >= 10).sum())
    assert f"{report.scan.moved} images were at another well than announced" in (
        report_text(by_experiment([report]))
    )


def test_an_image_without_a_position_keeps_its_trigger_if_the_stage_kept_its_walk():
    where = walked(list(range(40)))
    del where[5]
    chip = chip_of(run := run_with(where), timeline_of(run))
    assert chip is not None
    assert chip.moved == 0
    assert chip.seen.ordinal.tolist() == list(range(40))
    where = walked([*range(20), *range(30, 40), *range(20, 30)])
    del where[5]
    chip = chip_of(run := run_with(where), timeline_of(run))
    assert chip is not None
    assert np.flatnonzero(chip.seen.ordinal == NO_ORDINAL).tolist() == [5]


def test_a_well_is_lost_if_the_stage_was_there_and_unseen_if_it_was_not():
    where = walked([0, 1, 2, *range(20, 40)])
    where |= dict.fromkeys(range(23, 40), (99.0, 99.0))
    run = run_with(where, "lost=0.2")
    chip = chip_of(run, timeline_of(run))
    assert chip is not None
    states = chip.states().ravel()[chip.walk.wells]
    assert set(states[3:20].tolist()) == {WellState.UNSEEN}
    assert WellState.UNSEEN not in states[:3]
    labels = labels_of(run)
    assert labels.facts.placed_by == "position"


def test_without_a_stage_positions_tell_no_well():
    run = run_with(walked(list(range(39, -1, -1))))
    scan = run.announcement.scan
    assert scan is not None
    run.announcement = replace(run.announcement, scan=replace(scan, stage=None))
    chip = chip_of(run, timeline_of(run))
    assert chip is not None
    assert (chip.by, chip.seen.visited) == ("trigger", None)


@pytest.mark.parametrize(
    ("stage", "says"),
    [
        ({"origin": [0, 0]}, "scan.stage.step: is missing"),
        ({"origin": [0, 0], "step": [0, 1]}, "a step cannot be 0"),
        ({"origin": [0, "a"], "step": [1, 1]}, "scan.stage.origin.1"),
        ({"origin": [0, 2e6], "step": [1, 1]}, "scan.stage.origin.1"),
        ({"origin": [0, 0], "step": [1, 1], "blockstep": [9, 9]}, "is no key"),
        (5, "scan.stage"),
    ],
)
def test_a_stage_that_is_wrong_is_no_scan(stage: Any, says: str):
    found = announced(announcement("u", scan={**SCAN, "stage": stage}))
    assert found.scan is None
    assert any(says in text for text in found.problems), found.problems
