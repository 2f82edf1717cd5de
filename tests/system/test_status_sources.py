"""``recorder status`` shows each source's connection, with real sockets."""

from __future__ import annotations

import socket

import pytest

from recorder.records import RunState
from recorder.reports.life import find_problems
from recorder.service.connections import connections
from recorder.simulate.stream.messages import Stream2
from recorder.sources.link import Link
from tests.builders import announcement, collection, key, new_run
from tests.servers import free_port
from tests.system.beamline import RawDetector, make_beamline, small_series
from tests.system.test_status import wait_status

OF_PAUSES_AND_OF_THIS_HOST = [
    *("data_age", "none_come"),  # of the pauses that the test makes
    *("disk", "journal", "sink_lag", "backlog", "clock"),  # of whatever else runs here
]


def states(found: dict) -> dict[str, str]:
    return {source["name"]: source["state"] for source in found["sign"]["sources"]}


def test_a_detector_that_comes_and_goes(
    run_recorder, config_file, mosquitto, recorder_daemon
):
    """Shown at any time; a problem, and exit code 1, only while a run waits for it."""
    beamline = make_beamline(
        config_file,
        mosquitto,
        runs={"series_timeout_s": 60.0},
        alarms={"off": OF_PAUSES_AND_OF_THIS_HOST},
    )
    daemon = recorder_daemon(beamline.config)
    daemon.wait_for_event("broker_connected")

    def wait(test):
        return wait_status(run_recorder, beamline.config, test)

    code, found = wait(lambda s: states(s) == {"eiger": "away"})
    (source,) = found["sign"]["sources"]
    assert (code, found["problems"]) == (0, [])  # off, and nobody needs it
    assert (source["endpoint"], source["last_message_s"]) == (beamline.endpoint, None)

    beamline.publish("collection/start", announcement("live", images=20))
    code, found = wait(lambda s: s["problems"])
    assert code == 1
    (problem,) = found["problems"]
    assert problem.startswith("source eiger is not connected")
    assert "run 1 waits for it" in problem

    detector = RawDetector(beamline.endpoint)
    code, found = wait(lambda s: states(s) == {"eiger": "connected"})
    assert (code, found["problems"]) == (0, [])
    series = small_series(20)
    stream = Stream2(1, series.info, 20, appendix={"recorder_uid": "live"})
    detector.send(stream.start()[0])
    detector.send(stream.image(0, series.frame(0).payload, 0)[0])
    code, found = wait(lambda s: s["sign"]["sources"][0]["runs"] == [1])
    (source,) = found["sign"]["sources"]
    assert (code, source["state"]) == (0, "connected")
    assert 0 <= source["last_message_s"] < 60
    text = run_recorder("status", config=beamline.config).stdout
    assert "source     eiger: connected, last message" in text
    assert f"run 1 ({beamline.endpoint})" in text

    detector.close()  # in the middle of its series
    code, found = wait(lambda s: states(s) == {"eiger": "away"})
    assert (code, "source eiger is not connected" in found["problems"][0]) == (1, True)

    detector = RawDetector(beamline.endpoint)
    code, found = wait(lambda s: states(s) == {"eiger": "connected"})
    assert code == 0
    detector.send(stream.end()[0])
    daemon.wait_for_event("run_sealed", uid="live")
    detector.close()
    code, found = wait(lambda s: states(s) == {"eiger": "away"})
    assert (code, found["problems"]) == (0, [])


def test_what_only_accepts_is_not_connected(run_recorder, config_file, recorder_daemon):
    """A listener that does not speak ZeroMQ is no detector."""
    beamline = make_beamline(config_file, None)
    port = int(beamline.endpoint.rpartition(":")[2])
    with socket.create_server(("127.0.0.1", port)) as listener:
        recorder_daemon(beamline.config)
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.recv(1)  # ZeroMQ's greeting
            wait_status(
                run_recorder, beamline.config, lambda s: states(s) == {"eiger": "away"}
            )


def test_a_panda_that_goes_is_away(run_recorder, config_file, recorder_daemon):
    port = free_port()
    config = config_file(panda=[{"name": "panda", "port": port}])
    with socket.create_server(("127.0.0.1", port)) as listener:
        recorder_daemon(config)
        peer, _ = listener.accept()
        peer.sendall(b"OK\n")
        _, found = wait_status(
            run_recorder, config, lambda s: states(s)["panda"] == "connected"
        )
        last = next(s for s in found["sign"]["sources"] if s["name"] == "panda")
        assert last["last_message_s"] is not None
        peer.close()
    wait_status(run_recorder, config, lambda s: states(s)["panda"] == "away")


def _run(number, source=None, state=RunState.ANNOUNCED, names=None, kind="OSC"):
    told = {} if names is None else {"detector": names}
    announced = collection(experiment={"name": "e", "type": kind}, **told)
    of = None if source is None else key(source=source)
    return new_run(number=number, announcement=announced, key=of, state=state)


@pytest.mark.parametrize(
    ("run", "waited"),
    [
        (_run(1), {"a": [], "b": []}),  # a is there: it may be a's
        (_run(1, names="b"), {"a": [], "b": [1]}),
        (_run(1, names="a"), {"a": [1], "b": []}),
        (_run(1, "b", RunState.OPEN), {"a": [], "b": [1]}),
        (_run(1, "b", RunState.DRAINING), {"a": [], "b": []}),
        (_run(1, names="b", kind="XRF spectrum"), {"a": [], "b": []}),
    ],
)
def test_a_run_waits_for_the_detector_that_is_meant(run, waited):
    a, b = Link("tcp://a:1"), Link("tcp://b:1")
    a.connected, b.connected = True, False
    found = connections({"a": a, "b": b}, ["a", "b"], [run])
    assert {s["name"]: s["waited_for_by"] for s in found} == waited
    problems = find_problems({"sources": found}, 0.0)
    assert len(problems) == (1 if waited["b"] else 0)


def test_a_run_that_any_detector_may_make_waits_while_all_are_away():
    a, b = Link("tcp://a:1"), Link("tcp://b:1")
    a.connected = b.connected = False
    found = connections({"a": a, "b": b}, ["a", "b"], [_run(7)])
    assert [s["waited_for_by"] for s in found] == [[7], [7]]


def test_a_source_that_says_nothing_is_unknown_and_no_problem():
    (found,) = connections({"plug-in": None}, ["plug-in"], [_run(1)])
    assert (found["state"], found["last_message_s"]) == ("unknown", None)
    assert find_problems({"sources": [found]}, 0.0) == []
