"""A daemon whose dask is broken records on, and imports nothing of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.servers import Recorder, free_port, recorder_environment

POISON = """
import os
with open({seen!r}, "a") as file:
    file.write(str(os.getpid()) + " ")
raise RuntimeError("broken")
"""
CLUSTER = {
    "engine": "dask",
    "listen": "tcp://127.0.0.1:{port}",
    "scheduler": "tcp://127.0.0.1:{other}",
}


@pytest.mark.parametrize("engine", [None, "dask"])
def test_the_daemon_never_imports_dask(
    config_file: Callable[..., Path], tmp_path: Path, engine: str | None
):
    broken = tmp_path / "broken"
    broken.mkdir()
    seen = tmp_path / "seen"
    seen.touch()
    for name in ("dask", "distributed"):
        (broken / f"{name}.py").write_text(POISON.format(seen=str(seen)))
    ports = {"port": free_port(), "other": free_port()}
    cluster = {name: text.format(**ports) for name, text in CLUSTER.items()}
    more_hosts = {"cluster": cluster, "pool": {"workers": 1}}
    config = config_file(**({} if engine is None else more_hosts))
    path = [str(broken), recorder_environment(config)["PYTHONPATH"]]
    more = {"PYTHONPATH": os.pathsep.join(path)}
    daemon = Recorder(sys.executable, ["run"], config, more)
    daemon.wait_for_event("recorder_ready")
    if engine == "dask":
        lost = daemon.wait_for_event("engine_lost")
        assert "dask's process ended" in lost["error"]
        assert daemon.running
    pids = set(seen.read_text().split())
    assert str(daemon.pid) not in pids
    assert bool(pids) == (engine == "dask")
    daemon.terminate()
    assert daemon.wait() == 0
