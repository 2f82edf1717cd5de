"""The live state of a real daemon: counts that grow, equal the report, and go stale."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from pathlib import Path

import pytest

from recorder.journal import Journal, RecordKind
from recorder.records.live import LiveState
from recorder.records.live_json import live_from_json
from recorder.runtime.host_clock import since_boot_ns
from recorder.runtime.live_file import LIVE, live_folder, replace_file
from tests.builders import announcement
from tests.busy import crowd
from tests.system.beamline import make_beamline, small_series, wait_sealed

WAIT_S = 120.0


def read_live(beamline) -> LiveState:
    return live_from_json((folder(beamline) / LIVE).read_bytes())


def folder(beamline) -> Path:
    return live_folder(beamline.settings.state_directory)


def wait_live(beamline, test) -> LiveState:
    """The first state that passes."""
    end = time.monotonic() + WAIT_S
    while True:
        found = read_live(beamline)
        if test(found):
            return found
        assert time.monotonic() < end, found
        time.sleep(0.02)


class Watcher:
    """Keeps every state that is written."""

    def __init__(self, beamline) -> None:
        self.states: list[LiveState] = []
        self._beamline = beamline
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def _watch(self) -> None:
        while not self._end.wait(0.02):
            found = read_live(self._beamline)
            if not self.states or self.states[-1].id != found.id:
                self.states.append(found)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self._thread.join()


@pytest.fixture(scope="module")
def series():
    return small_series(400)


def test_a_run_grows_and_ends_as_its_report_says(
    config_file, mosquitto, recorder_daemon, series
):
    beamline = make_beamline(config_file, mosquitto, runs={"drain_s": 3.0})
    daemon = recorder_daemon(beamline.config)
    assert wait_live(beamline, lambda s: s.stage == "running").run is None
    with Watcher(beamline) as watcher:
        truth = beamline.simulate(series, rate_hz=100.0)
        report = wait_sealed(daemon, beamline, truth["uid"])
        wait_live(beamline, lambda s: s.run is None)
    states = [state for state in watcher.states if state.run is not None]
    going_on = [s for s in states if s.run.state == "open"]
    sources = {s.name: s for s in going_on[-1].sources}
    assert set(sources) == {"eiger", "mqtt"}
    assert sources["eiger"].state == sources["mqtt"].state == "ok"
    ages = [s.sources[0].age_ms for s in states if s.run.state == "draining"]
    assert ages == sorted(ages), "nothing comes any more: the age grows"
    assert max(s.sources[0].hz for s in states) == pytest.approx(100, rel=0.5 * crowd())
    assert states[-1].journal.disk_free > 0
    assert all(sink.state == "ok" for sink in states[-1].sinks)
    assert [s.id for s in watcher.states] == sorted({s.id for s in watcher.states})
    counts = [state.run.windows["run"].images for state in states]
    assert counts == sorted(counts)
    assert len(set(counts)) > 4, "it was written while the run went on"
    final = states[-1].run
    classes = report["classes"]
    hits = classes["indexed"] + classes["non_indexed_hits"]
    assert final.uid == truth["uid"]
    assert final.received == report["images"]["received"]
    for name in ("run", "60s", "all"):
        found = final.windows[name]
        assert found.images == report["images"]["received"], name
        assert found.classified == report["images"]["classified"], name
        assert (found.hits, found.indexed) == (hits, classes["indexed"]), name
    pump = report["pump"]
    assert final.pump.declared
    found = (final.pump.light.images, final.pump.dark.images, final.pump.unknown.images)
    assert found == (pump["light"], pump["dark"], pump["unknown"])
    assert final.pump.settled_to == final.received
    assert final.pump.dark_n[0].images == pump["dark"]
    told = [(d["images"], d["hits"], d["indexed"]) for d in report["delays"]]
    assert [(d.images, d.hits, d.indexed) for d in final.delays] == told
    assert final.delays[0].delay_s == pytest.approx(
        report["delays"][0]["delay"], rel=1e-3
    )
    assert sum(final.delay_histogram.counts) > 0
    assert (final.lost, final.pump.misfires) == (0, 0)
    assert final.pump.due == pump["light"]
    # light and dark came while it went on, a second behind at most
    behind = [
        s.run.received - (s.run.pump.settled_to or 0)
        for s in states
        if s.run.received > 200 and s.run.state == "open"
    ]
    assert max(behind) < 2 * 100 * crowd(), behind
    assert sum(final.line.hits) == hits
    assert sum(final.line.classified) == report["images"]["classified"]


def test_a_killed_daemon_leaves_a_file_that_grows_old(
    config_file, mosquitto, recorder_daemon
):
    beamline = make_beamline(config_file, mosquitto)
    daemon = recorder_daemon(beamline.config)
    first = wait_live(beamline, lambda s: s.stage == "running")
    later = wait_live(beamline, lambda s: s.id > first.id)
    assert later.boottime_ns > first.boottime_ns
    daemon.kill()
    left = read_live(beamline)
    assert left.stage == "running", "nobody said that it ended"
    assert left.identity["pid"] == daemon.pid
    again = recorder_daemon(beamline.config)
    found = wait_live(beamline, lambda s: s.identity["pid"] == again.pid)
    assert found.boottime_ns > left.boottime_ns
    again.terminate()
    ended = read_live(beamline)
    assert ended.stage == "stopped"
    assert ended.boottime_ns <= since_boot_ns()


def test_what_people_say_reaches_the_run_and_the_journal(
    config_file, mosquitto, recorder_daemon
):
    beamline = make_beamline(config_file, mosquitto)
    daemon = recorder_daemon(beamline.config)
    wanted = [{"delay": 0.003, "indexed": 10}, {"delay": 0.01, "indexed": 20}]
    beamline.publish("collection/start", announcement("wish", targets=wanted))
    wait_live(beamline, lambda s: targets(s) == {0.003: 10, 0.01: 20})
    said = folder(beamline) / "said"
    for name, body in {
        "target": {
            "what": "target",
            "run": "wish",
            "delay_s": 0.01,
            "indexed": 30,
            "by": "me",
            "time_ns": 5,
        },
        "seen": {"what": "seen", "alarm": "hit_rate/1", "by": "me", "time_ns": 6},
        "garbage": {"what": "stop"},
        "no-run": {
            "what": "target",
            "run": "nobody",
            "delay_s": 0.01,
            "indexed": 30,
            "by": "me",
        },
    }.items():
        replace_file(said / f"{name}.json", json.dumps(body).encode())
    found = wait_live(beamline, lambda s: targets(s) == {0.003: 10, 0.01: 30})
    found = wait_live(beamline, lambda s: not list(said.iterdir()))
    # garbage, an alarm and a run that nobody knows
    assert found.bad_messages == 3, "counted, and nothing else is lost"
    event = daemon.wait_for_event("message_refused", source="page")
    assert event["kind"] == "saying"
    with contextlib.closing(
        Journal(beamline.settings.journal_path, read_only=True)
    ) as journal:
        bodies = [r.body for r in journal.records(kinds=(RecordKind.TARGET,))]
    assert [(b["what"], b["by"]) for b in bodies] == [("target", "me")]
    daemon.kill()  # what was said outlives the daemon
    again = recorder_daemon(beamline.config)
    wait_live(
        beamline,
        lambda s: (
            s.identity["pid"] == again.pid and targets(s) == {0.003: 10, 0.01: 30}
        ),
    )
    beamline.publish(
        "collection/end", {"uid": "wish", "status": "aborted", "time_ns": 1}
    )
    report = wait_sealed(again, beamline, "wish")
    assert {t["delay"]: t["indexed"] for t in report["targets"]} == {
        0.003: 10,
        0.01: 30,
    }


def targets(state: LiveState) -> dict[float, int | None]:
    run = state.run
    return {} if run is None else {d.delay_s: d.target for d in run.delays}
