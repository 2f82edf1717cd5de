"""An announcement is read once, the same from a message and from a journal."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from recorder.config.recording import UnannouncedSection
from recorder.journal.run_record import (
    read_run_record,
    run_record,
)
from recorder.records import Beam, DetectorPlace, Files, SsxDelivery
from recorder.records.limits import MAX_TEXT
from recorder.runs.read_announcement import read_announcement
from recorder.runs.run import Run
from tests.builders import announced, announcement, stand_in

LENIENT = {"beam": Beam, "detector": DetectorPlace, "ssx": SsxDelivery, "files": Files}
GOOD: dict[str, Any] = {
    "beam": {
        "wavelength": 1.0,
        "flux": 1e12,
        "transmission": 100,
        "size": [0.005, 0.1],
        "energy": 12398.4,
        "energy_bandwidth": 1e-4,
        "shape": "gaussian",
        "polarisation": 0.99,
        "filling_mode": "16 bunch",
        "undulator": "CPMU18",
        "undulator_gap": 6.5,
        "focusing_optic": "CRL",
        "monochromator": "Si(111)",
    },
    "detector": {
        "name": "eiger",
        "distance": 0.15,
        "beam_center": [1034.0, 1081.0],
        "exposure_time": 1e-4,
        "type": "hybrid pixel",
        "manufacturer": "Dectris",
    },
    "ssx": {
        "repetition_rate": 10,
        "laser_energy": 1e-6,
        "jet_speed": 1.0,
        "jet_size": 0.1,
        "chip_model": "a",
        "chip_pattern": 7,
        "mono_stripe": "Si",
    },
    "files": {
        "directory": "/data",
        "template": "run3_master.h5",
        "prefix": "run3",
        "suffix": "h5",
        "snapshots": ["/data/a.jpg", "/data/b.jpg"],
    },
}
KEYS = [(name, f.name) for name, kind in LENIENT.items() for f in fields(kind)]
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.text(max_size=9)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


def test_all_values_are_used_where_they_are_good():
    found = announced(announcement(**GOOD))
    assert found.problems == ()
    for section, key in KEYS:
        value = getattr(getattr(found, section), key)
        sent = GOOD[section][key]
        assert value == (
            tuple(sent)
            if isinstance(sent, list)
            else str(sent)
            if isinstance(value, str)
            else sent
        )


@given(st.sampled_from(("ph", "ratio", "concentration_type")), JSON)
def test_a_bad_value_of_a_component_costs_itself_only(key, value):
    """As an unknown key did before it was known: the announcement stands."""
    component = {"name": "a", "type": "Buffer", "abundance": 0.5, key: value}
    sample = {"name": "s", "components": [component], "crystal": {}}
    found = announced(announcement(sample=sample, session_id=value))
    assert found.sample is not None
    (part,) = found.sample.components
    assert (part.name, part.type, part.abundance) == ("a", "Buffer", 0.5)
    kept = getattr(part, key)
    unused = kept is None and value is not None
    assert any(f"components.{key}:" in p for p in found.problems) == unused
    assert found.session_id is None or 0 <= found.session_id < 2**31
    unused = found.session_id is None and value is not None
    assert any(p.startswith("session_id:") for p in found.problems) == unused


@given(st.sampled_from(KEYS), JSON)
def test_a_bad_value_costs_itself_only(place, value):
    """Used or named, and every other value is what it is without it."""
    section, key = place
    sent = {**GOOD, section: {**GOOD[section], key: value}}
    found, good = announced(announcement(**sent)), announced(announcement(**GOOD))
    for other in KEYS:
        if other != place:
            assert getattr(getattr(found, other[0]), other[1]) == getattr(
                getattr(good, other[0]), other[1]
            )
    used = getattr(getattr(found, section), key)
    assert (used is None and value is not None) == bool(found.problems)
    assert all(problem.startswith(f"{section}.{key}: ") for problem in found.problems)
    assert found.message[section][key] == value


@pytest.mark.parametrize(
    "body",
    [
        {"experiment": {}},
        {"sample": {"name": ""}},
        {"sample": {"name": "a", "protein": {}}},
        {"proposal": "ghost"},
        {"images": -1},
        {"visit": 2**31},
        {"unit_cell": [1, 2, 3, 90, 90]},
        {"event_chains": {}},
        {"beam": [1.0]},
    ],
)
def test_what_a_run_cannot_do_without_is_required(body):
    with pytest.raises(ValidationError):
        announced(announcement(**body))


def test_a_journal_gives_back_what_was_announced():
    for found in (announced(announcement(**GOOD, colour="blue"), 7), stand_in()):
        run = Run("u", 3, 10**18, found, folder="a/b", notes=["n"])
        again = read_run_record(run_record(run, "opened"))
        assert again.announcement == found
        assert again.announcement.message == found.message
        assert again.announced == found.announced


def test_what_earlier_recorders_stored_is_read():
    """They stored every key, those that nobody sent as null."""
    stored = announcement(
        **GOOD,
        run=None,
        images=10,
        series_unique_id=None,
        unit_cell=None,
        space_group=None,
        event_chains=None,
        timing_hardware=None,
        time_ns=1795541400123456789,
    )
    stored["sample"] = {
        "name": "laagg",
        "support": None,
        "protein": None,
        "crystal": {"size": None, "components": []},
        "components": [],
    }
    found = read_announcement(stored)
    assert (found.images, found.run, found.chains) == (10, None, ())
    assert found.sample is not None and found.sample.crystal is not None
    assert found.sample.crystal.components == ()


def test_a_stored_message_that_cannot_be_read_costs_no_restart():
    run = Run("u", 3, 10**18, announced(announcement()))
    body = run_record(run, "opened")
    body["body"] = {"experiment": {"name": "old"}, "proposal": 7, "images": "many"}
    again = read_run_record(body)
    assert (again.experiment, again.announced) == ("old", True)
    assert again.announcement.proposal == "7"
    (problem,) = again.announcement.problems
    assert problem.startswith("images: 'many' is left out")


CELL = (79.1, 79.1, 38.2, 90.0, 90.0, 90.0)


@pytest.mark.parametrize(
    ("changed", "left_out"),
    [
        ({"proposal": "commissioning"}, None),
        ({"proposal": "ih-ls3456"}, None),
        ({"experiment": ""}, "experiment"),
        ({"sample": ""}, "sample"),
        ({"protein": ""}, "sample"),
        ({"visit": 2**31}, "visit"),
        ({"unit_cell": (79.1, 79.1, 38.2, 90.0, 90.0, 0.0)}, "unit_cell"),
        ({"space_group": "P" * (MAX_TEXT + 1)}, "space_group"),
    ],
)
def test_after_a_restart_an_unannounced_run_is_what_it_was(changed, left_out):
    """One configured value that no message may have costs that value only.

    Most are refused where they are read; an older journal may hold them.
    """
    configured = {"unit_cell": CELL, "space_group": "P43212", "visit": 7, **changed}
    before = UnannouncedSection().model_copy(update=configured).announcement()
    run = Run("u", 1, 10**18, before)
    again = read_run_record(json.loads(json.dumps(run_record(run, "opened"))))
    after = again.announcement
    assert after.proposal == before.proposal
    assert again.experiment == run.experiment
    for name in {"visit", "sample", "unit_cell", "space_group"} - {left_out}:
        assert getattr(after, name) == getattr(before, name), name
    assert [text.split(":")[0] for text in after.problems] == (
        [left_out] if left_out else []
    )


def test_one_side_of_the_beam_is_kept_without_the_other():
    found = announced(announcement(beam={"size": [None, 0.1]}))
    assert found.beam is not None
    assert (found.beam.size, found.problems) == ((None, 0.1), ())
