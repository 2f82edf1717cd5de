"""The published models of ESRF's and MAX IV's ISPyB read what the recorder wrote.

They live in an environment of their own (``.cache/oracles``), made once from pinned
versions; they create the schema, and their own classes read it back.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from recorder.config import Settings
from recorder.records import Json
from tests.ispyb import announcement, record, run_bodies
from tests.servers import Database

ORACLES = Path(__file__).parents[1] / "oracles"
CACHE = Path(__file__).parents[2] / ".cache" / "oracles"
ZONE = "Europe/Paris"
LINKS = ("dataCollectionId", "dataCollectionGroupId", "detectorId")
# What the schema sets by itself.
DEFAULTS = ("printableForReport", "sessionId", "binning")


def environment(requirements: Path) -> Path:
    """Python of a virtual environment with these requirements; made if it is new."""
    text = f"{sys.version}\n{requirements.read_text('utf-8')}"
    folder = CACHE / hashlib.sha256(text.encode()).hexdigest()[:16]
    python, ready = folder / "bin" / "python", folder / "ready"
    CACHE.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not ready.exists():
            shutil.rmtree(folder, ignore_errors=True)
            _run(sys.executable, "-m", "venv", folder)
            _run(python, "-m", "pip", "install", "--quiet", "--no-deps",
                 "--disable-pip-version-check", "-r", requirements)  # fmt: skip
            ready.touch()
    return python


def _run(*arguments: str | Path, **variables: str) -> str:
    done = subprocess.run(
        [str(argument) for argument in arguments],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{arguments}: {done.stderr[-3000:]}"
    return done.stdout


Oracle = Callable[[str, Database], str]


@pytest.fixture(scope="session")
def oracle() -> Oracle:
    """Runs the oracle's script on a database."""
    python = environment(ORACLES / "esrf-requirements.txt")

    def run(command: str, database: Database) -> str:
        url = database.url.replace("@", f":{database.password}@", 1)
        return _run(python, ORACLES / "esrf.py", command, ORACLE_URL=url)

    return run


@pytest.fixture
async def written(
    oracle: Oracle,
    settings: Callable[..., Settings],
    mariadb_database: Database,
    tmp_path: Path,
) -> tuple[list[Json], list[Json]]:
    """Two runs as the oracle reads them, and as the journal has them."""
    oracle("create", mariadb_database)
    configured = settings(timezone=ZONE, ispyb=mariadb_database.section())
    await record(configured, tmp_path, announcement(run=3), announcement(run=4))
    return json.loads(oracle("read", mariadb_database)), run_bodies(configured)


def without(row: Json, *names: str) -> Json:
    return {name: value for name, value in row.items() if name not in names}


def close(expected: Any) -> Any:
    """The same, numbers to what MariaDB shows of a FLOAT."""
    if isinstance(expected, dict):
        return {name: close(value) for name, value in expected.items()}
    if isinstance(expected, str):
        return expected
    return pytest.approx(expected, rel=1e-5)


async def test_the_oracle_reads_every_value_back(
    written: tuple[list[Json], list[Json]],
) -> None:
    runs, bodies = written
    assert len(runs) == 2
    for n, (run, body) in enumerate(zip(runs, bodies, strict=True)):
        _collection(run, body, 3 + n)
        _sample(run)
        _chains(run)
        _program(run, body)
    groups = {run["group"]["dataCollectionGroupId"] for run in runs}
    samples = {run["group"]["blSampleId"] for run in runs}
    assert (len(groups), len(samples)) == (1, 1)


def _local(time_ns: int) -> str:
    moment = datetime.fromtimestamp(time_ns // 10**9, ZoneInfo(ZONE))
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def _collection(run: Json, body: Json, number: int) -> None:
    assert (run["proposal"], run["visit"]) == ("2345", 1)
    assert run["group"]["experimentType"] == "SSX-Chip"
    assert run["group"]["comments"] == "first try"
    assert 0 < run["collection"]["resolution"] < 100
    assert without(run["collection"], "resolution", *LINKS, *DEFAULTS) == close(
        {
            "dataCollectionNumber": number,
            "startTime": _local(body["opened_ns"]),
            "endTime": _local(body["ended_ns"]),
            "runStatus": "DataCollection Successful",
            "numberOfImages": 4,
            "startImageNumber": 1,
            "imageDirectory": "/data/visitor/mx2345",
            "fileTemplate": "run3_master.h5",
            "imagePrefix": "run3",
            "wavelength": 1.234567,
            "detectorDistance": 150.0,
            "xBeam": 3.0,
            "yBeam": 3.75,
            "xBeamPix": 40.0,
            "yBeamPix": 50.0,
            "transmission": 87.5,
            "exposureTime": 0.0001,
            "beamSizeAtSampleX": 0.005,
            "beamSizeAtSampleY": 0.006,
            "flux": 1.23456789e12,
            "comments": f"first try [recorder:{body['uid']}]",
        }
    )
    assert run["detector"]["detectorSerialNumber"] == "E-00-0001"
    (ssx,) = run["ssx"]
    assert without(ssx, "dataCollectionId") == close(
        {
            "repetitionRate": 231.25,
            "energyBandwidth": 0.0001,
            "laserEnergy": 1e-6,
            "jetSize": 0.05,
            "chipModel": "Oxford",
            "chipPattern": "dots",
            "monoStripe": "Pd/B4C",
            "experimentName": "fvkhb",
        }
    )


def _sample(run: Json) -> None:
    assert run["sample"] == "laagg"
    assert (run["protein"]["acronym"], run["protein"]["name"]) == ("kljvz", "a protein")
    cell = ("cell_a", "cell_b", "cell_c", "cell_alpha", "cell_beta", "cell_gamma")
    assert [run["crystal"][name] for name in cell] == close(
        [79.1, 79.1, 38.2] + [90] * 3
    )
    size = [run["crystal"][f"size_{axis}"] for axis in "XYZ"]
    assert size == close([0.02, 0.03, 0.04])
    assert run["crystal"]["spaceGroup"] == "P43212"


def _chains(run: Json) -> None:
    found = [
        (chain["name"], [
            without(event, "eventId", "eventChainId", "eventTypeId", "componentId")
            for event in chain["events"]
        ])
        for chain in run["chains"]
    ]  # fmt: skip
    none = {"component": None, "component_type": None}
    pattern = {"period": 1.0, "repetition": 10000.0, **none}
    x = {"type": "XrayDetection", "duration": close(0.1), **pattern}
    laser = {"type": "LaserExcitation", "duration": 0.5, **pattern}
    mix = {"type": "ReactionTrigger"}
    assert found == [
        ("Detections", [
            {"offset": close(0.1), **laser},
            {"offset": close(0.7), **x},
            {"offset": close(0.9), **x},
        ]),
        ("Sample preparation", [
            {"name": "mixed a", "offset": -50.0, "component": "mixed a",
             "component_type": "Ligand", **mix},
            {"name": "mixed c", "offset": 0.0, "component": "mixed c",
             "component_type": "Buffer", **mix},
        ]),
    ]  # fmt: skip


def _program(run: Json, body: Json) -> None:
    (program,) = run["programs"]
    assert program["processingPrograms"] == "recorder"
    assert program["processingStatus"] == "SUCCESS"
    assert program["processingEnvironment"] == f"[recorder:{body['uid']}]"
    (stats,) = program["files"].pop("ssx_stats.json")
    (cells,) = program["files"].pop("ssx_cells.json")
    assert program["files"] == {}
    assert (stats["fileType"], cells["fileType"]) == ("Result", "Result")
    # The four keys that py-ISPyB needs, with the types that it needs.
    assert (stats["body"]["nbHits"], stats["body"]["nbIndexed"]) == (2, 0)
    assert isinstance(stats["body"]["laticeType"], str)
    assert isinstance(stats["body"]["estimatedResolution"], float)
    assert cells["body"] == {"unit_cells": []}
