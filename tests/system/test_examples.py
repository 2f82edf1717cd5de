"""The example packages of the how-to pages: installed as such, tested, and used."""

from __future__ import annotations

import csv
import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from recorder.ispyb.flavours.esrf import ESRF
from recorder.testing.flavours import create_tables
from tests.ispyb import announcement, image_file
from tests.packages import write_package
from tests.servers import Process, free_port
from tests.system.beamline import QUICK_RUNS

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples"
PACKAGES = sorted(path.name for path in EXAMPLES.iterdir() if path.is_dir())


@pytest.fixture(scope="module")
def site_packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pip put the packages; nothing is fetched from anywhere."""
    target = tmp_path_factory.mktemp("site-packages")
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--no-index"),
            *("--no-deps", "--no-build-isolation", "--target", target),
            *(EXAMPLES / name for name in PACKAGES),
        ],
        check=True,
    )
    return target


@pytest.fixture
def installed(site_packages: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The packages are installed for every process that the test starts."""
    monkeypatch.setenv("PYTHONPATH", str(site_packages))
    return site_packages


def test_there_is_one_of_each_group():
    assert PACKAGES == [
        "recorder-csv",
        "recorder-house",
        "recorder-lines",
        "recorder-powder",
        "recorder-scrypt",
        "recorder-threads",
    ]


@pytest.mark.parametrize("name", PACKAGES)
def test_it_passes_the_suite_of_its_group(installed: Path, name: str) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
            *("-c", os.devnull, "--rootdir", EXAMPLES / name),
            *("--import-mode", "importlib", EXAMPLES / name),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed" in done.stdout


def test_check_names_them_and_their_packages(installed, config_file, run_recorder):
    listed = run_recorder("check", config=config_file()).stdout
    assert "dectris, lines (recorder-lines 0.1.0), panda" in listed
    assert "csv (recorder-csv 0.1.0), ispyb, results" in listed
    assert "diamond, esrf, house (recorder-house 0.1.0), maxiv" in listed
    assert "powder (recorder-powder 0.1.0)" in listed
    assert "dask, inline, nodes, processes, threads (recorder-threads 0.1.0)" in listed


def test_the_schema_knows_their_settings(installed, run_recorder):
    schema = json.loads(run_recorder("config", "schema").stdout)
    kinds = {
        schema_["properties"]["kind"]["const"]
        for schema_ in schema["properties"]["source"]["items"]["oneOf"]
    }
    assert kinds == {"dectris", "panda", "lines"}


def test_the_source_records_what_its_simulator_sends(
    installed, config_file, recorder_daemon, run_recorder
):
    port = free_port()
    source = {"kind": "lines", "name": "line-camera", "port": port}
    config = config_file(source=[source], runs=QUICK_RUNS)
    daemon = recorder_daemon(config)
    assert daemon.wait_for_event("recorder_ready")["sources"] == ["line-camera"]
    found = daemon.wait_for_event("plugins_found")
    assert "lines (recorder-lines 0.1.0)" in found["sources"]
    Process(
        sys.executable, "-m", "recorder_lines", "--port", str(port), "--images", "20"
    ).wait()
    sealed = daemon.wait_for_event("run_sealed")
    assert (sealed["expected"], sealed["received"], sealed["lost"]) == (20, 20, 0)
    assert sealed["unprocessed"] == {}
    assert daemon.terminate() == 0


def replayed(run_recorder, config: Path, tmp_path: Path) -> dict:
    """Four images through the pipeline; the report of their run."""
    collection = tmp_path / "collection.json"
    collection.write_text(json.dumps(announcement(uid="example")))
    file = image_file(tmp_path / "images.h5")
    done = run_recorder(
        "replay", file, "--collection", collection, "--json", config=config
    )
    assert done.returncode == 0, done.stderr
    (experiment,) = json.loads(done.stdout)["experiments"]
    (run,) = experiment["runs"]
    assert set(run["sinks"].values()) == {"written"}
    return run


def test_the_sink_writes_a_line(installed, config_file, run_recorder, tmp_path):
    file = tmp_path / "runs.csv"
    config = config_file(sink=[{"kind": "csv", "file": str(file)}])
    run = replayed(run_recorder, config, tmp_path)
    assert run["sinks"].keys() == {"csv", "ispyb", "results"}
    with file.open(newline="") as lines:
        (line,) = csv.DictReader(lines)
    assert (line["uid"], line["received"]) == ("example", "4")


def test_the_flavour_writes_chains_by_position(
    installed, config_file, run_recorder, tmp_path
):
    database = tmp_path / "house.sqlite"
    engine = create_engine(f"sqlite:///{database}")
    create_tables(engine, ESRF)  # the house has no column flux
    with engine.begin() as db:
        db.exec_driver_sql("ALTER TABLE DataCollection DROP COLUMN flux")
    engine.dispose()
    ispyb = {"flavour": "house", "url": f"sqlite:///{database}"}
    config = config_file(ispyb=ispyb)
    assert "flavour house" in run_recorder("check", config=config).stdout
    replayed(run_recorder, config, tmp_path)
    with closing(sqlite3.connect(database)) as db:
        (runs,) = db.execute("SELECT COUNT(*) FROM DataCollection").fetchone()
        chains = db.execute("SELECT offset, repetition FROM Event").fetchall()
    assert runs == 1
    assert chains
    assert max(repetition or 1 for _, repetition in chains) < 10_000  # as announced


def test_the_engine_classifies(installed, config_file, run_recorder, tmp_path):
    config = config_file(pool={"engine": "threads", "workers": 2})
    run = replayed(run_recorder, config, tmp_path)
    assert run["images"]["classified"] == 4
    plain = replayed(run_recorder, config_file(), tmp_path)
    assert plain["classes"] == run["classes"]


def test_one_that_cannot_be_imported_is_left_out_and_the_daemon_runs(
    config_file, recorder_daemon, run_recorder, tmp_path, monkeypatch
):
    folder = tmp_path / "packages"
    write_package(folder, "site-bad", "bad", "1 / 0")
    monkeypatch.setenv("PYTHONPATH", str(folder))
    daemon = recorder_daemon(config_file())
    left_out = daemon.wait_for_event("plugin_left_out")
    assert (left_out["name"], left_out["package"]) == ("bad", "site-bad")
    assert daemon.wait_for_event("recorder_ready")
    assert daemon.terminate() == 0
    listed = run_recorder("check", config=config_file()).stdout
    assert "dectris, panda; left out: bad (site-bad 1.0): it cannot be" in listed
    refused = run_recorder("run", config=config_file(source=[{"kind": "bad"}]))
    assert refused.returncode == 2
    assert "source.0: source kind 'bad' is left out: it cannot be" in (refused.stderr)
