"""The measured timeline end to end: simulator, daemon, timing hardware, database."""

from __future__ import annotations

import asyncio
import json

import pytest

from recorder.records import Evidence
from recorder.simulate.stream.connections import detector_socket, timing_broker
from recorder.simulate.stream.experiment import Simulator
from recorder.simulate.stream.simulated_run import SimulatedRun
from recorder.simulate.timing.faults import parse_faults
from recorder.simulate.timing.panda import LASER_PLACE, panda_server
from tests.ispyb import esrf_site
from tests.servers import free_port
from tests.system.beamline import (
    assert_equals_truth,
    make_beamline,
    small_series,
    wait_sealed,
)

SEED = [
    {
        "name": "Detections",
        "scope": "collection",
        "events": [
            {
                "type": "LaserExcitation",
                "offset": 0.1,
                "duration": 0.5,
                "period": 1,
                "repetition": 100,
            },
            {
                "type": "XrayDetection",
                "offset": 0.7,
                "duration": 0.1,
                "period": 1,
                "repetition": 100,
            },
            {
                "type": "XrayDetection",
                "offset": 0.9,
                "duration": 0.1,
                "period": 1,
                "repetition": 100,
            },
        ],
    },
    {
        "name": "Sample preparation",
        "scope": "collection",
        "events": [
            {"type": "ReactionTrigger", "name": "mixed a", "offset": -50},
            {"type": "ReactionTrigger", "name": "mixed b", "offset": -50},
            {"type": "ReactionTrigger", "name": "mixed c", "offset": 0},
        ],
    },
]


@pytest.fixture(scope="module")
def series():
    return small_series(200)


FAULTS = [
    "lost=0.03,missed=0.03,skew=150,drift=20,duplicate=0.02,reorder=0.05",
    "misfire=0.1,extra_shot=0.03,lost=0.02,missed=0.02",
    "late=0.2,repeat=0.2,lost_bursts=2:0.1,missed_bursts=2:0.1",
    "step=0.5:0.0131,lost=0.02,counter_bits=16",
    "missed_head=2,lost=0.02",
]


@pytest.mark.parametrize("spec", FAULTS)
def test_faults_cost_no_wrong_label_and_no_count(
    config_file, mosquitto, recorder_daemon, series, tmp_path, spec
):
    beamline = make_beamline(config_file, mosquitto, classify={"index": False})
    daemon = recorder_daemon(beamline.config)
    daemon.wait_for_event("recorder_ready")
    truth_file = tmp_path / "truth.jsonl"
    truth = beamline.simulate(series, faults=spec, rate_hz=200.0, truth=truth_file)
    run = wait_sealed(daemon, beamline, truth["uid"])
    assert_equals_truth(run, truth)
    assert run["ledger"]["closed"], run["ledger"]
    assert run["images"]["missed_triggers"] == truth["missed"]
    assert run["timeline"]["start"] == "proven"


def test_an_aborted_and_restarted_series_is_two_runs(
    config_file, mosquitto, recorder_daemon, series
):
    beamline = make_beamline(config_file, mosquitto, classify={"index": False})
    daemon = recorder_daemon(beamline.config)
    daemon.wait_for_event("recorder_ready")
    truth = beamline.simulate(series, faults="restart=50", rate_hz=200.0, number=1)
    run = wait_sealed(daemon, beamline, truth["uid"])
    assert_equals_truth(run, truth)
    others = [r for r in beamline.report().values() if r["uid"] != truth["uid"]]
    assert [(r["run"], r["status"]) for r in others] == [(1, "aborted")]
    assert others[0]["images"]["received"] == 50
    assert others[0]["ledger"]["closed"]


async def _with_panda(beamline, port, series, daemon, **run):
    async with (
        panda_server(port) as panda,
        detector_socket(beamline.endpoint) as socket,
        timing_broker(beamline.settings) as broker,
    ):
        async with asyncio.timeout(120):
            await panda.connected.wait()
        await panda.send(b"<head")  # garbage: it connects anew
        await panda.drop()
        async with asyncio.timeout(120):
            await panda.connected.wait()
        simulator = Simulator(beamline.settings, socket, broker, panda=panda)
        plan = SimulatedRun(number=1, images=200, rate_hz=200.0, **run)
        return await simulator.simulate(plan, series)


def test_a_pandabox_says_which_triggers_came_and_which_were_lit(
    config_file, mosquitto, recorder_daemon, series
):
    port = free_port()
    panda = [{"name": "panda-1", "port": port, "lasers": {LASER_PLACE: "pump"}}]
    beamline = make_beamline(
        config_file, mosquitto, classify={"index": False}, panda=panda
    )
    daemon = recorder_daemon(beamline.config)
    daemon.wait_for_event("panda_unreachable")
    faults = parse_faults("lost=0.03,missed=0.03,skew=120")
    truth = asyncio.run(_with_panda(beamline, port, series, daemon, faults=faults))
    run = wait_sealed(daemon, beamline, truth["uid"])
    assert_equals_truth(run, truth)
    assert run["timeline"]["against"] == "panda-1"
    assert run["timeline"]["clocks"][0]["ppm"] == pytest.approx(120, abs=0.1)
    assert run["evidence"][Evidence.MEASURED] == truth["received"]
    assert run["ledger"]["closed"]


def test_the_seeds_example_comes_back_from_the_database_as_measured(
    config_file, mosquitto, recorder_daemon, series, mariadb_database, run_recorder
):
    ispyb = esrf_site(mariadb_database).section
    beamline = make_beamline(
        config_file, mosquitto, classify={"index": False}, ispyb=ispyb
    )
    daemon = recorder_daemon(beamline.config)
    daemon.wait_for_event("ispyb_connected")
    truth = beamline.simulate(
        series,
        chains=tuple(SEED),
        rate_hz=2.0,
        speed=100.0,
        faults="lost=0.01,missed=0.01,jitter=3e-6",
    )
    run = wait_sealed(daemon, beamline, truth["uid"])
    assert run["pump"]["light"] == truth["light"] == truth["received"]
    assert daemon.terminate() == 0  # it writes what it has before it goes
    rows = mariadb_database.rows(
        "SELECT c.name AS chain, t.name AS type, e.name, e.offset, e.duration, "
        "e.period, e.repetition FROM Event e JOIN EventChain c USING (eventChainId) "
        "JOIN EventType t USING (eventTypeId) ORDER BY e.eventId"
    )
    declared = [(c["name"], e) for c in SEED for e in c["events"]]
    assert len(rows) == 6
    for row, (chain, event) in zip(rows, declared, strict=True):
        assert (row["chain"], row["type"]) == (chain, event["type"])
        assert row["name"] == event.get("name")
        for key in ("offset", "duration", "period", "repetition"):
            wanted = event.get(key)
            if wanted is None:
                assert row[key] is None
            else:
                # Read over the text protocol, with its six digits.
                assert float(row[key]) == pytest.approx(wanted, rel=1e-5, abs=1e-5)
    (comment,) = mariadb_database.rows("SELECT comments FROM DataCollection")
    assert "timeline: 6 events as commanded" in comment["comments"]
    names = mariadb_database.rows("SELECT fileName FROM AutoProcProgramAttachment")
    assert "timeline.json" in {row["fileName"] for row in names}
    why = run_recorder("why", "1", "7", "--json", "-c", str(beamline.config))
    answer = json.loads(why.stdout)
    assert answer["label"]["evidence"] == "captured"
    assert answer["label"]["since_reactions_s"]["mixed a"] == pytest.approx(
        54.1, abs=1.1
    )
    assert [rung["rung"] for rung in answer["evidence"]][:2] == ["captured", "clock"]
    report = run_recorder("report", "-c", str(beamline.config))
    assert "Detections: laser ok" in report.stdout
