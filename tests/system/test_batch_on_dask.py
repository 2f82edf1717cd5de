"""A night on two hosts of dask: one is lost, and every run is as it would be."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pytest

from tests.batches import night, reports_of, rows_of
from tests.dask_cluster import dask_cluster, kill
from tests.servers import Process, recorder_environment

pytestmark = [pytest.mark.xdist_group("dask"), pytest.mark.slow]
COUNTS = (5, 8)
WAIT_S = 120.0


def replayed(config: Path, state: Path, *arguments: object) -> Process:
    environment = {
        **recorder_environment(config),
        "RECORDER_STATE_DIRECTORY": str(state),
    }
    command = (sys.executable, "-m", "recorder", "replay", *map(str, arguments))
    return Process(*command, env=environment)


def test_a_host_that_is_lost_costs_a_try(config_file, tmp_path):
    files = night(tmp_path / "night", COUNTS)
    config = config_file()
    for file in files:
        assert replayed(config, tmp_path / "one-by-one", file).wait(WAIT_S) == 0
    with dask_cluster(tmp_path / "dask") as cluster:
        config = config_file(
            pool={"workers": 1},
            cluster={
                "engine": "dask",
                "listen": cluster.listen,
                "scheduler": cluster.address.text,
                "tls": str(cluster.address.tls),
            },
        )
        shared, state = tmp_path / "shared", tmp_path / "state"
        options = ("--cluster", "--shared", shared, "--json")
        process = replayed(config, state, *files, *options)
        due = time.monotonic() + WAIT_S
        while not list(shared.glob("batch/*/*/status.json")):
            assert process.running, "\n".join(process.lines)
            assert time.monotonic() < due
            time.sleep(0.02)
        kill(cluster, "worker-1")
        assert process.wait(WAIT_S) == 0, "\n".join(process.lines)
    lines = process.lines
    text = "\n".join(lines[lines.index("{") : lines.index("}") + 1])
    rows = json.loads(text)["files"]
    assert [row["state"] for row in rows] == ["done"] * 2
    assert [row["runs"] for row in rows] == [[1], [2]]
    assert rows_of(state) == rows_of(tmp_path / "one-by-one")
    assert reports_of(state) == reports_of(tmp_path / "one-by-one")
    assert not list(shared.iterdir())
