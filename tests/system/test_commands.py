"""Commands as people call them: quick help, exit codes, one-line errors."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import h5py
import numpy as np
import pytest

from recorder.cli import COMMANDS
from recorder.journal import Journal
from recorder.journal.lock import is_recorded_into
from recorder.records.report_json import full_to_json
from recorder.reports.store import ReportStore
from recorder.simulate.stream.messages import Stream2
from tests.builders import announcement
from tests.busy import in_time
from tests.servers import Recorder
from tests.stills import write_stills
from tests.system.beamline import RawDetector, make_beamline, small_series


def test_help_does_not_import_the_heavy_parts(run_recorder):
    done = run_recorder("--help")
    assert done.returncode == 0
    assert all(name in done.stdout for name in COMMANDS)
    for name in COMMANDS:
        assert run_recorder(name, "--help").returncode == 0


HEAVY = ("numpy", "pydantic", "sqlalchemy", "h5py", "zmq", "structlog")


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_no_help_imports_the_heavy_parts(name):
    """Told by what is imported: a time would depend on the machine."""
    program = (
        "import sys; from recorder.cli import main"
        "\nsys.argv = ['recorder', *sys.argv[1:]]"
        "\ntry: main()\nexcept SystemExit: pass"
        f"\nprint('HEAVY', [m for m in {HEAVY!r} if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *([name] if name else []), "--help"],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert "Usage: recorder" in done.stdout
    assert done.stdout.splitlines()[-1] == "HEAVY []"


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["report"], 1, "no journal yet"),
        (["why", "1", "0"], 1, "no journal yet"),
        (["replay", "/absent.h5"], 2, "no such file"),
        (["replay"], 2, "Missing argument"),
        (["report", "--run", "1", "--experiment", "x"], 2, "not both"),
        (["simulate", "--faults", "gremlins"], 2, "no such fault"),
        (["simulate", "--faults", "lost=2"], 2, "between 0 and 1"),
        (["run", "-c", "/absent.toml"], 2, "no such configuration file"),
        (["dance"], 2, "No such command"),
    ],
)
def test_errors_are_short_and_have_the_right_code(
    run_recorder, config_file, arguments, code, says
):
    done = run_recorder(*arguments, config=config_file())
    assert done.returncode == code, done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= 4


@pytest.mark.parametrize(
    ("option", "content", "says"),
    [
        ("--collection", "{", "payload is not JSON"),
        ("--collection", json.dumps({"uid": "x"}), "proposal: Field required"),
        ("--events", '{"uid": 1}', "events.jsonl:1"),
        ("--dataset", "/absent", "no dataset /absent"),
    ],
)
def test_replay_refuses_bad_companions(
    run_recorder, config_file, tmp_path, option, content, says
):
    value = content
    if option != "--dataset":
        value = tmp_path / "events.jsonl"
        value.write_text(content)
    file = write_stills(tmp_path, 2)
    done = run_recorder("replay", file, option, value, config=config_file())
    assert done.returncode in (1, 2)
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_why_and_report_answer_from_the_journal(run_recorder, config_file, tmp_path):
    path = tmp_path / "data.h5"
    with h5py.File(path, "w") as file:
        file["data"] = np.random.default_rng(1).poisson(1, (3, 64, 64)).astype("u2")
    config = config_file()
    assert run_recorder("replay", path, config=config).returncode == 0
    why = run_recorder("why", "1", "2", config=config).stdout
    assert "non_hit" in why
    assert "unannounced: no chain is declared" in why
    asked = run_recorder("why", "1", "3", config=config)
    assert "has no image 3" in asked.stderr
    absent = run_recorder("report", "--run", "9", config=config)
    assert (absent.returncode, "not in the journal" in absent.stderr) == (1, True)
    for name in ("1", "unannounced"):
        option = "--run" if name == "1" else "--experiment"
        assert "3 images" in run_recorder("report", option, name, config=config).stdout


def test_check_says_what_to_do(run_recorder, config_file, make_mosquitto):
    mosquitto = make_mosquitto(lines=("max_queued_messages 0",))
    beamline = make_beamline(config_file, mosquitto)
    done = run_recorder("check", config=beamline.config)
    assert done.returncode == 1
    assert "ok    broker" in done.stdout
    assert "nothing listens" in done.stdout
    detector = RawDetector(beamline.endpoint)
    done = run_recorder("check", config=beamline.config)
    detector.close()
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("ok ") == len(done.stdout.splitlines())


def test_run_is_visible_within_two_seconds_and_counts_while_it_goes_on(
    config_file, mosquitto, recorder_daemon
):
    beamline = make_beamline(
        config_file, mosquitto, ispyb={"update_interval_s": 0.5}, runs={"drain_s": 0.2}
    )
    daemon = recorder_daemon(beamline.config)
    series = small_series(20)
    beamline.publish("collection/start", announcement("live", images=20))
    begun = time.monotonic()
    settings = beamline.settings

    def wanted(test) -> dict:
        while time.monotonic() < begun + 120:
            if settings.journal_path.exists():
                journal = Journal(settings.journal_path, read_only=True)
                report = full_to_json(ReportStore(journal, settings.sink_names).full())
                journal.close()
                for experiment in report["experiments"]:
                    for run in experiment["runs"]:
                        if test(run):
                            return run
        raise AssertionError("never came")

    with in_time(2.0):
        seen = wanted(lambda run: run["data_collection_id"] is not None)
    assert seen["state"] == "announced"
    detector = RawDetector(beamline.endpoint)
    stream = Stream2(1, series.info, 20, appendix={"recorder_uid": "live"})
    detector.send(stream.start()[0])
    for n in range(10):
        detector.send(stream.image(n, series.frame(n).payload, n)[0])
    folder = settings.results / "mx2345-1" / "fvkhb" / "run001"
    stats: dict = {}
    while not stats.get("nbHits") and time.monotonic() < begun + 120:
        file = folder / "ssx_stats.json"
        stats = json.loads(file.read_text()) if file.exists() else {}
    assert 0 < stats["nbHits"] <= 10
    assert not (folder / "report.json").exists()
    detector.send(stream.end()[0])
    detector.close()
    daemon.wait_for_event("run_sealed", uid="live")


@pytest.mark.parametrize(("protocol", "told"), [("stream1", True), ("stream2", False)])
def test_a_bare_simulator_is_bound_to_the_announcement_of_others(
    config_file, mosquitto, recorder_daemon, run_recorder, protocol, told
):
    beamline = make_beamline(config_file, mosquitto, classify={"index": False})
    daemon = recorder_daemon(beamline.config)
    daemon.wait_for_event("broker_connected")
    now = time.time_ns()
    beamline.publish(
        "collection/start", announcement("real", images=5, time=None, time_ns=now)
    )
    daemon.wait_for_event("run_started", uid="real")
    options = ("--images", "5", "--pixels", "128", "--protocol", protocol)
    more = ("--uid", "real") if told else ()
    done = run_recorder(
        "simulate", "--no-mqtt", *options, *more, config=beamline.config
    )
    assert done.returncode == 0, done.stderr
    sealed = daemon.wait_for_event("run_sealed")
    assert (sealed["uid"], sealed["received"]) == ("real", 5)
    assert list(beamline.report()) == ["real"]


@pytest.mark.parametrize("broker", ["mosquitto", "amqtt"])
def test_demo_equals_truth(run_recorder, tmp_path, broker):
    """With the real broker, and with the pure-Python one where that is missing."""
    folder = tmp_path / "demo"
    done = run_recorder(
        "demo", "--dir", folder, "--images", "40", "--broker", broker, timeout=500
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"broker: {broker}" in done.stdout
    assert done.stdout.count("equals the simulator's truth") == 2
    assert "live page: http://127.0.0.1:" in done.stdout
    lines = (folder / "truth" / "run001.jsonl").read_text().splitlines()
    assert len(lines) == 40
    assert {
        "ordinal",
        "image_id",
        "delivered",
        "kind",
        "lattices",
        "pump",
        "dark_n",
        "delay",
        "start_time_ns",
    } <= set(json.loads(lines[0]))
    report = run_recorder("report", "--json", config=folder / "recorder.toml")
    assert len(json.loads(report.stdout)["experiments"][0]["runs"]) == 2
    assert (folder / "ispyb.sqlite").exists()


def test_demo_keeps_daemon_and_page_until_told(tmp_path):
    """The page is there within seconds, before the runs, and shows both of them."""
    arguments = ("demo", "--dir", str(tmp_path / "demo"), "--images", "20", "--keep")
    demo = Recorder(sys.executable, arguments, None)
    address = demo.wait_for(lambda line: line.startswith("live page: ")).split()[2]
    assert not any(line.startswith("run 1") for line in demo.lines)
    demo.wait_for(lambda line: line.startswith("daemon and live page run on"))
    with urllib.request.urlopen(f"{address}api/v1/runs") as answer:
        runs = json.load(answer)["runs"]
    assert [(run["run"], run["state"]) for run in runs] == [
        (2, "sealed"),
        (1, "sealed"),
    ]
    with urllib.request.urlopen(f"{address}api/v1/status") as answer:
        assert json.load(answer)["alive"] == "running"
    demo.signal(signal.SIGINT)
    assert demo.wait() == 0
    with pytest.raises(OSError):
        urllib.request.urlopen(address)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_demo_that_is_stopped_in_its_runs_ends_politely(tmp_path, number):
    arguments = ("demo", "--dir", str(tmp_path), "--images", "5000", "--keep")
    demo = Recorder(sys.executable, arguments, None)
    address = demo.wait_for(lambda line: line.startswith("live page: ")).split()[2]
    with urllib.request.urlopen(f"{address}api/v1/live") as events:
        next(line for line in events if b'"received":' in line)  # a run goes on
    demo.signal(number)
    assert demo.wait() == 130
    assert not [line for line in demo.lines if "Abort" in line or "Traceback" in line]
    demo.wait_for(lambda line: "nothing runs on" in line)
    demo.wait_for(
        lambda line: line.startswith("files so far") and str(tmp_path) in line
    )
    assert not is_recorded_into(tmp_path / "journal.sqlite")
