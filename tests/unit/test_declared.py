"""Declared chains and hardware set-ups: what is wrong is said, the rest is used."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from recorder.records import EventType
from recorder.ssx.chains.declared import read_chains
from recorder.ssx.chains.timing_hardware import HardwareSetupError, hardware_chain

X = {"type": "XrayDetection", "offset": 0.0, "period": 0.01, "repetition": 100}


def declared(*events, **chain):
    return read_chains(
        {"event_chains": [{"name": "c", **chain, "events": list(events)}]}
    )


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ({"type": "Sneeze", "offset": 0}, "type 'Sneeze' is none of XrayDetection"),
        ({"type": "XrayDetection"}, "its offset None is no number"),
        ({"type": "XrayDetection", "offset": "soon"}, "its offset 'soon'"),
        ({"type": "XrayDetection", "offset": float("nan")}, "its offset nan"),
        ("laser", "it is no object"),
    ],
)
def test_an_event_that_cannot_be_used_costs_only_itself(event, said):
    found = declared(event, X)
    assert len(found.chains[0].events) == 1
    assert any(said in problem for problem in found.problems), found.problems


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"period": -1}, "period -1 is not used"),
        ({"period": 0}, "period 0 is not used"),
        ({"repetition": 0}, "repetition 0 is taken as not known"),
        ({"repetition": -3}, "repetition -3 is not used"),
        ({"repetition": 1.5}, "repetition 1.5 is not used"),
        ({"period": None}, "but no period"),
        ({"offset": 0.5}, "beyond its period"),
        ({"duration": "long"}, "duration 'long' is not used"),
    ],
)
def test_odd_values_are_named_and_the_event_kept(change, said):
    found = declared({**X, **change})
    assert len(found.chains[0].events) == 1
    assert any(said in problem for problem in found.problems), found.problems


def test_overlapping_detections_are_named():
    found = declared(
        {**X, "duration": 0.004}, {**X, "offset": 0.003, "duration": 0.001}
    )
    assert any("overlap" in problem for problem in found.problems)
    assert declared({**X, "duration": 0.002}, {**X, "offset": 0.003}).problems == ()


def test_an_unknown_scope_is_the_usual_one():
    found = declared(X, scope="galaxy")
    assert found.chains[0].scope == "collection"
    assert "galaxy" in found.problems[0]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "name",
                    "scope",
                    "events",
                    "type",
                    "offset",
                    "period",
                    "repetition",
                    "duration",
                    "device",
                    "rows",
                    "outputs",
                    "gate",
                    "pulses",
                    "time1",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=25,
)


@given(JSON, JSON)
@example([{"name": "known", "events": [X]}], None)
def test_nothing_that_is_declared_crashes(chains, hardware):
    found = read_chains({"event_chains": chains, "timing_hardware": hardware})
    for chain in found.chains:
        for event in chain.events:
            assert event.type in EventType
            assert event.period is None or event.period >= 0


# -- hardware ------------------------------------------------------------

SEQ = {
    "device": "panda-seq",
    "repeats": 5000,
    "prescale": 125,
    "outputs": {"A": {"type": "LaserExcitation", "name": "pump"}, "B": "XrayDetection"},
    "rows": [
        {"trigger": "Immediate", "time1": 10, "outputs1": "A", "time2": 290},
        {"trigger": "Immediate", "time1": 100, "outputs1": ["B"], "time2": 9600},
    ],
}


def test_a_sequencer_table_is_a_chain():
    chain = hardware_chain(SEQ)
    laser, xray = chain.events
    assert chain.scope == "collection"
    assert (laser.name, laser.offset, laser.duration) == ("pump", 0.0, 1e-5)
    assert (laser.period, laser.repetition) == (0.01, 5000)
    assert (xray.type, xray.offset, xray.duration) == ("XrayDetection", 3e-4, 1e-4)
    assert (xray.period, xray.repetition) == (0.01, 5000)


def test_rows_that_repeat_are_a_train():
    table = {
        **SEQ,
        "repeats": 1,
        "prescale": 1,
        "rows": [{"repeats": 50, "time1": 1000, "outputs1": "B", "time2": 1000}],
    }
    (event,) = hardware_chain(table).events
    assert (event.period, event.repetition) == (1.6e-5, 50)


def test_a_table_that_waits_is_one_position():
    rows = [{**SEQ["rows"][0], "trigger": "BITA=1"}, *SEQ["rows"][1:]]
    chain = hardware_chain({**SEQ, "rows": rows})
    assert chain.scope == "position"
    assert [e.repetition for e in chain.events] == [1, 1]


def test_zebra_gates_are_a_chain():
    chain = hardware_chain(
        {
            "device": "zebra",
            "gate": {"start": 0.5, "width": 0.009, "step": 0.01, "count": 200},
            "pulses": [
                {"type": "LaserExcitation", "width": 1e-5},
                {"type": "XrayDetection", "delay": 0.003, "width": 1e-4},
            ],
        }
    )
    assert [(e.offset, e.period, e.repetition) for e in chain.events] == [
        (0.5, 0.01, 200),
        (0.503, 0.01, 200),
    ]
    free = {"device": "zebra", "pulses": [{"type": "XrayDetection", "width": 1e-4}]}
    assert hardware_chain(free).scope == "position"


@pytest.mark.parametrize(
    ("setup", "said"),
    [
        (3, "no object"),
        ({"device": "sundial"}, "neither"),
        ({**SEQ, "rows": []}, "rows is no list"),
        ({**SEQ, "outputs": {"A": "Sneeze"}}, "stands for none of"),
        ({**SEQ, "outputs": {"F": "XrayDetection"}}, "ever rises"),
        ({**SEQ, "prescale": 0}, "prescale 0"),
        ({**SEQ, "rows": [{"repeats": 10**9, "time1": 1}]}, "more than"),
        ({**SEQ, "rows": [*SEQ["rows"], {"trigger": "BITB=1"}]}, "cannot be known"),
        ({"device": "zebra", "pulses": [{"type": "XrayDetection"}]}, "width"),
        ({"device": "zebra", "gate": 1, "pulses": [{}]}, "gate is no object"),
    ],
)
def test_a_set_up_that_cannot_be_read_says_why(setup, said):
    with pytest.raises(HardwareSetupError, match=said):
        hardware_chain(setup)
    assert said in read_chains({"timing_hardware": [setup]}).problems[0]


def test_set_ups_are_used_where_no_chain_is_declared():
    assert len(read_chains({"timing_hardware": [SEQ]}).chains) == 1
    both = read_chains({"timing_hardware": [SEQ], "event_chains": [{"events": [X]}]})
    assert len(both.chains) == 1
    assert "not used" in both.problems[0]
