"""Control characters of announced texts: names are refused, the rest is written out."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.foreign_text import is_name
from recorder.records import (
    Announcement,
    BadMessage,
    CollectionEnd,
    DetectorInfo,
    TimedEvent,
)
from recorder.reports.experiments import by_experiment
from recorder.reports.run_report import run_report
from recorder.reports.text import report_text
from recorder.runs.read_announcement import read_stored, stored_experiment
from recorder.sources.control.messages import parse_message
from tests.builders import announcement, dumps, new_run, stand_in

WICKED = ["a\nRun 99: sealed", "\x1b]0;t\x07", "nul\0x", "\ud800", "\x9b2J", "a\u2028b"]
BODY = announcement(
    sample={
        "name": "laagg",
        "protein": {"acronym": "kljvz"},
        "crystal": {"components": [{"name": "buffer"}]},
        "components": [{"name": "ligand"}],
    }
)
NAMES = [
    ("uid",),
    ("proposal",),
    ("experiment", "name"),
    ("sample", "name"),
    ("sample", "protein", "acronym"),
    ("sample", "crystal", "components", 0, "name"),
    ("sample", "components", 0, "name"),
]
COMMENTS = [
    ("experiment", "comments"),
    ("experiment", "type"),
    ("sample", "support"),
    ("sample", "components", 0, "composition"),
    ("space_group",),
    ("series_unique_id",),
]


def changed(path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    body = copy.deepcopy(BODY)
    place: Any = body
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    return body


def read(body: dict[str, Any], topic: str = "collection/start") -> Any:
    (record,) = parse_message(topic, json.dumps(body).encode(), 1)
    return record


@pytest.mark.parametrize("path", NAMES, ids=lambda path: ".".join(map(str, path)))
@pytest.mark.parametrize("text", WICKED, ids=ascii)
def test_a_name_with_control_characters_is_refused(path, text):
    record = read(changed(path, text))
    assert isinstance(record, BadMessage)
    assert record.kind == "invalid"
    assert ".".join(map(str, path)) in record.detail
    assert path == ("proposal",) or "send the name without it" in record.detail
    assert record.detail.isprintable()


@pytest.mark.parametrize("path", COMMENTS, ids=lambda path: ".".join(map(str, path)))
@pytest.mark.parametrize("text", WICKED, ids=ascii)
def test_a_comment_costs_nothing(path, text):
    record = read(changed(path, text))
    assert isinstance(record, Announcement)
    value: Any = record
    for part in path:
        value = value[part] if isinstance(part, int) else getattr(value, part)
    assert is_name(value.replace("\n", ""))


@pytest.mark.parametrize("text", WICKED, ids=ascii)
def test_files_that_cannot_be_named_are_left_out_and_said(text):
    record = read({**BODY, "files": {"directory": text, "template": "run3.h5"}})
    assert record.files.directory is None
    assert record.files.template == "run3.h5"
    (problem,) = record.problems
    assert "files.directory" in problem
    assert problem.isprintable()


@pytest.mark.parametrize("text", WICKED, ids=ascii)
def test_names_of_chains_and_events(text):
    chains = [
        {
            "name": text,
            "scope": text,
            "events": [
                {"type": "ReactionTrigger", "name": text, "offset": 0},
                {"type": text, "offset": 0},
            ],
        }
    ]
    record = read({**BODY, "event_chains": chains})
    (chain,) = record.chains
    assert chain.name.isprintable()
    assert chain.events[0].name.isprintable()
    assert all(problem.isprintable() for problem in record.chain_problems)
    event = {"uid": "e", "type": "ReactionTrigger", "time_ns": 1, "name": text}
    seen = read(event, "event")
    assert isinstance(seen, TimedEvent)
    assert seen.name == chain.events[0].name, "they are matched by name"


@pytest.mark.parametrize("text", WICKED, ids=ascii)
def test_the_reason_of_an_end(text):
    body = {"uid": "u", "time_ns": 1, "status": "failed", "reason": text}
    record = read(body, "collection/end")
    assert isinstance(record, CollectionEnd)
    assert is_name(record.reason.replace("\n", ""))


@pytest.mark.parametrize("text", WICKED, ids=ascii)
def test_what_an_earlier_recorder_accepted_stands(text):
    stored = changed(("experiment", "name"), text)
    stored["sample"]["name"] = text
    found = read_stored({**stored, "time_ns": 1})
    assert found.experiment.name.isprintable()
    assert found.experiment.name == stored_experiment(stored) != "unnamed"
    assert found.sample is not None
    assert found.message["sample"]["name"] == text


@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=40))
def test_no_name_makes_a_line_of_the_report(experiment, chain, reason):
    """Whatever way it came: from a journal, a file, or the configuration."""
    run = new_run(announcement=stand_in(experiment={"name": "x"}))
    run.reason, run.uid = reason, chain
    run.note(experiment)
    report = run_report(run)
    told = report_text(by_experiment([report]))
    plain = report_text(by_experiment([run_report(new_run())]))
    extra = 1  # the note
    assert len(told.splitlines()) <= len(plain.splitlines()) + extra
    assert all(c.isprintable() or c == "\n" for c in told)


def test_a_forged_line():
    run = new_run()
    run.reason = "stopped\n  Run 99: sealed, success"
    run.note("\x1b[2J\x1b]0;owned\x07\nRun 99: sealed")
    told = report_text(by_experiment([run_report(run)]))
    assert not [ln for ln in told.splitlines() if ln.strip().startswith("Run 99")]
    assert "\x1b" not in told
    assert "\x07" not in told


def test_texts_of_headers():
    info = DetectorInfo(description="\x1b[2JEIGER\n", serial_number="E-32\0\0")
    assert (info.description, info.serial_number) == ("\\x1b[2JEIGER\\x0a", "E-32")


def test_good_texts_are_as_they_were():
    body = changed(("experiment", "comments"), "first line\nsecond\tcolumn, 5 µm 🙂")
    body["experiment"]["name"] = "lyso 5 µm, 🙂"
    body["ssx"] = {"chip_model": "padded\0\0"}
    record = read(body)
    assert record.ssx.chip_model == "padded"
    assert record.experiment.comments == "first line\nsecond\tcolumn, 5 µm 🙂"
    assert record.experiment.name == "lyso 5 µm, 🙂"
    assert parse_message("collection/start", dumps(body), 1) == [record]
