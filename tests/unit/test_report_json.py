"""Reports as JSON: the same again, also those that earlier recorders wrote."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import jsonschema
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.errors import ReportError
from recorder.journal.file import dump
from recorder.records import EventType, RunState, Start
from recorder.records.image_report import DriftPoint
from recorder.records.report_json import (
    calibration_from_json,
    counted_in,
    full_to_json,
    report_from_json,
    report_schema,
    report_to_json,
)
from recorder.records.run_report import RunReport
from recorder.records.timeline_report import AuditVerdict, TimelineReport
from recorder.reports.experiments import by_experiment
from recorder.reports.run_report import run_report
from recorder.reports.text import report_text
from recorder.runs.run import Run
from recorder.runs.timeline.measurement import first_declared_ns, measure, pulse_facts
from recorder.runs.timeline.of_run import timeline_of
from recorder.simulate.timing.faults import parse_faults
from tests.builders import T0, announced, announcement, event, new_run, start
from tests.laws import examples
from tests.played import finish, play, pump_probe, recorded

Path = tuple[str | int, ...]
CALIBRATION = {
    "from_image": 3,
    "beam_center": [1.0, 2.0],
    "distance": 0.1,
    "unit_cell": [79.0, 79.0, 38.0, 90.0, 90.0, 90.0],
    "cell_found": True,
    "images": 5,
    "lattice": "tP",
    "misfit": 0.001,
}


@cache
def validator() -> Any:
    """The schema, checked and compiled once."""
    schema = report_schema()
    kind = jsonschema.validators.validator_for(schema)
    kind.check_schema(schema)
    return kind(schema)


@cache
def whole_run() -> Run:
    """Its report has no empty list that a run without pixels can fill."""
    faults = parse_faults("lost=0.05,missed=0.05,misfire=0.05,skew=150")
    played = play(pump_probe(100.0, 120), 120, faults)
    run = recorded(played)
    run.calibrations.append(calibration_from_json(CALIBRATION))
    run.drift.append(DriftPoint(3, (1.0, 2.0), 0.1, 1.0))
    run.note("as planned")
    run.counts["duplicate_images"] += 1
    return finish(run, played)


@cache
def whole() -> RunReport:
    return run_report(whole_run())


def body() -> dict[str, Any]:
    """Its JSON, as it comes out of the journal."""
    return json.loads(json.dumps(report_to_json(whole())))


def keys(node: Any, path: Path = ()) -> Iterator[Path]:
    """Where the keys of objects are."""
    items = node.items() if isinstance(node, dict) else ()
    for name, inner in items:
        yield (*path, name)
        yield from keys(inner, (*path, name))
    for n, inner in enumerate(node if isinstance(node, list) else ()):
        yield from keys(inner, (*path, n))


KEYS = sorted(keys(body()), key=repr)
NEEDED = {("run",), ("uid",)}


def without(node: Any, paths: list[Path]) -> Any:
    left = copy.deepcopy(node)
    for path in sorted(paths, key=len, reverse=True):
        place = left
        for step in path[:-1]:
            place = place[step]
        del place[path[-1]]
    return left


def test_a_report_comes_back_as_it_was():
    assert report_from_json(body()) == whole()
    assert whole().classification.calibrations[0].cell_found
    chain = whole().event_chains[0]
    assert chain.commanded and chain.measured and chain.audit
    assert chain.audit[0].verdict is AuditVerdict.DIFFERS
    assert chain.measured[0].type is EventType.LASER_EXCITATION
    assert whole().timeline.clocks and whole().images.lost_ranges and whole().delays


def test_what_was_measured_need_not_be_measured_again():
    """The results sink takes it from the sealed report."""
    run, chains = whole_run(), whole().event_chains
    timeline = timeline_of(run)
    found = pulse_facts(
        [c.commanded for c in chains],
        [c.measured for c in chains],
        first_declared_ns(timeline),
    )
    assert found == measure(run, timeline).pulses
    assert found.pump_s is not None


def test_the_schema_describes_it():
    found = json.loads(json.dumps(full_to_json(by_experiment([whole()]))))
    validator().validate(found)


@pytest.mark.parametrize(
    "change",
    [
        {"state": "gone"},
        {"revision": -1},
        {"announced": 1},
        {"end_time": 5},
        {"more": 1},
        {"images": {**body()["images"], "received": -1}},
        {"images": {**body()["images"], "unprocessed": {"bad luck": 1}}},
        {"images": {**body()["images"], "lost_ranges": [[1, 2, 3]]}},
        {"rates": {**body()["rates"], "hit": 1.5}},
        {"counts": {"duplicate_images": -1}},
        {"timeline": {**body()["timeline"], "start": "perhaps"}},
        {"timeline": without(body()["timeline"], [("walk",)])},
        {"unit_cell": {**body()["unit_cell"], "median": [1, 2, 3]}},
    ],
)
def test_the_schema_refuses_what_is_none(change: dict[str, Any]):
    found = json.loads(json.dumps(full_to_json(by_experiment([whole()]))))
    found["experiments"][0]["runs"][0].update(change)
    with pytest.raises(jsonschema.ValidationError):
        validator().validate(found)


@given(st.lists(st.sampled_from(KEYS), min_size=1, max_size=20, unique=True))
def test_keys_that_are_missing_have_defaults(paths: list[Path]):
    """An earlier recorder did not know them."""
    left = without(body(), paths)
    if NEEDED & set(paths):
        with pytest.raises(ReportError, match="cannot be read"):
            report_from_json(left)
        return
    found = report_from_json(left)
    assert "Run 1" in report_text(by_experiment([found]))
    again = json.loads(json.dumps(full_to_json(by_experiment([found]))))
    validator().validate(again)


@given(
    st.sampled_from(KEYS),
    st.sampled_from([None, -1, "x", [], {}, [1], {"a": "b"}, 2**70, float("inf")]),
)
def test_what_is_damaged_is_read_or_named(path: Path, value: Any):
    damaged = body()
    place: Any = damaged
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    try:
        found = report_from_json(damaged)
    except ReportError as error:
        assert str(path[0]) in str(error)
    else:
        assert isinstance(found, RunReport)


@pytest.mark.parametrize("nothing", [None, [], "report", 3, {}])
def test_no_report_at_all_is_named(nothing: Any):
    with pytest.raises(ReportError, match="cannot be read"):
        report_from_json(nothing)


def test_a_report_of_the_first_format():
    """No timeline, no audit, no classification, times as text alone."""
    left = without(
        body(),
        [
            ("timeline",),
            ("classification",),
            ("started_ns",),
            ("ended_ns",),
            ("as_of",),
            ("experiment",),
            ("event_chains", 0, "audit"),
            ("unit_cell", "histograms"),
            ("resolution", "edges"),
        ],
    )
    left["event_chains"][0]["measured"] = []
    left["start_time"] = "2026-11-23T18:30:00.500000+01:00"
    left["end_time"] = "2026-11-23T17:31:00.000000+00:00"
    found = report_from_json(left)
    assert (found.timeline, found.timeline.start) == (TimelineReport(), Start.UNCERTAIN)
    assert found.started_ns == 1_795_455_000_500_000_000
    assert found.ended_ns == 1_795_455_060_000_000_000
    assert found.state is RunState.SEALED


def test_histograms_by_parameter_become_a_list():
    old = body()
    old["unit_cell"]["histograms"] = {"c": {"first": 1.0, "last": 2.0, "counts": [3]}}
    (one,) = report_from_json(old).unit_cell.histograms
    assert (one.parameter, one.first, one.last, one.counts) == ("c", 1.0, 2.0, (3,))


def test_keys_of_a_later_recorder_are_left_out():
    assert report_from_json({**body(), "weather": "fine"}) == whole()


@pytest.mark.parametrize("bad", [None, {}, {"counts": None}, {"counts": {"a": "b"}}])
def test_counts_that_a_restart_cannot_read_are_none(bad: Any):
    assert counted_in(bad) == {}
    assert counted_in({"counts": {"late_images": 2}}) == {"late_images": 2}


@settings(max_examples=examples(50))
@given(st.data())
def test_what_can_be_reported_can_be_read(data: st.DataObject):
    """Whatever came of a run: sealed once, its report must be readable for ever."""
    made = run_report(drawn_run(data))
    stored = json.loads(dump(report_to_json(made)))
    assert report_from_json(stored) == made
    validator().validate(full_to_json(by_experiment([made])))


def drawn_run(data: st.DataObject) -> Run:
    """Images, triggers and what was announced need not fit together."""
    draw = data.draw
    images = draw(st.integers(0, 40), "images")
    declared = draw(st.sampled_from([None, images, images + 5]), "declared")
    period = draw(st.sampled_from([10**7, 10**9]), "period (ns)")
    run = new_run(announcement=announced(announcement(images=declared)))
    run.start = replace(start(), expected_images=declared)
    lost = draw(st.sets(st.integers(0, 40)), "lost images")
    for number in sorted(set(range(images)) - lost):
        at = T0 + number * period
        run.images.receive(number, at, at + period // 10)
    first, last = draw(st.integers(0, 10), "first"), draw(st.integers(0, 50), "last")
    unseen = draw(st.sets(st.integers(0, 50)), "triggers that are not seen")
    for number in sorted(set(range(first, last)) - unseen):
        at = 2 * T0 + number * period + draw(st.integers(0, period // 3), "jitter")
        run.events.add(event("XrayDetection", number + 1, "u", at))
    run.state = draw(st.sampled_from(RunState), "state")
    return run


def test_more_images_than_triggers_are_said_as_they_are():
    """The rows of the first trigger never came."""
    run = new_run(announcement=announced(announcement(images=40)))
    steps = np.random.default_rng(1).integers(0, 3 * 10**7, 40)
    for number in range(40):
        at = number * 10**8 + int(steps[number])
        run.images.receive(number, T0 + at, T0 + at + 10**7)
        if number:
            run.events.add(event("XrayDetection", number + 1, "u", 2 * T0 + at))
    made = run_report(run)
    assert made.images.missed_triggers < 0
    assert report_from_json(json.loads(dump(report_to_json(made)))) == made
