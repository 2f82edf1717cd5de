"""Our own plug-ins pass the tests that other packages are asked to pass."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from recorder.config import Settings
from recorder.nodes.plugin import PLUGIN
from recorder.plugins.groups import GROUPS
from recorder.pool.pool import Pool
from recorder.pool.protocols import ClusterOptions, EngineOptions
from recorder.simulate.stream.messages import Stream1, Stream2
from recorder.testing import (
    EngineConformance,
    FlavourConformance,
    PortalConformance,
    SinkConformance,
    SourceConformance,
)
from recorder.testing.recorded import plain_settings
from tests.nodes import NodeProcess
from tests.peers import dectris_peer, panda_peer
from tests.system import test_authenticators, test_dask, test_techniques
from tests.unit import test_portals


class TestDectrisStream1(SourceConformance):
    kind = "dectris"

    def peer(self, folder: Path):
        return dectris_peer(Stream1)


class TestDectrisStream2(SourceConformance):
    kind = "dectris"

    def peer(self, folder: Path):
        return dectris_peer(Stream2)


class TestPanda(SourceConformance):
    kind = "panda"

    def peer(self, folder: Path):
        return panda_peer()


class TestResults(SinkConformance):
    kind = "results"

    def outcome(self, settings: Settings, section: Any) -> Any:
        files = sorted(p for p in settings.results.rglob("*") if p.is_file())
        return {str(path): contents(path) for path in files}


def contents(path: Path) -> Any:
    """Of an HDF5 file all values; the file itself holds times."""
    if path.suffix != ".h5":
        return path.read_bytes()
    found: dict[str, Any] = {}
    with h5py.File(path) as file:

        def note(name: str, item: Any) -> None:
            values = np.asarray(item).tolist() if isinstance(item, h5py.Dataset) else 0
            found[name] = repr((values, dict(item.attrs)))

        file.visititems(note)
    return found


WRITTEN = {"bltimeStamp", "recordTimeStamp"}
"""Columns with a default of the database: the time of the write."""


class TestIspyb(SinkConformance):
    kind = "ispyb"

    def settings(self, folder: Path) -> Settings:
        return plain_settings(folder, ispyb={}, timezone="UTC")

    def outcome(self, settings: Settings, section: Any) -> Any:
        with closing(sqlite3.connect(settings.state_directory / "ispyb.sqlite")) as db:
            tables = db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            return {name: rows_of(db, name) for (name,) in tables.fetchall()}


def rows_of(db: sqlite3.Connection, table: str) -> list[dict[str, Any]]:
    """All rows, without what the database itself notes: when they were written."""
    found = db.execute(f"SELECT * FROM {table}")
    names = [column[0] for column in found.description]
    return [
        {n: v for n, v in zip(names, row, strict=True) if n not in WRITTEN}
        for row in found
    ]


class TestEsrf(FlavourConformance):
    name = "esrf"


class TestMaxiv(FlavourConformance):
    name = "maxiv"


class TestDiamond(FlavourConformance):
    name = "diamond"


class TestInline(EngineConformance):
    name = "inline"


@pytest.mark.allow_error_log("worker_lost")
class TestProcesses(EngineConformance):
    name = "processes"

    def kill_worker(self) -> bool:
        pid = next(workers(os.getpid()))
        os.kill(pid, signal.SIGKILL)
        return True


@pytest.mark.allow_error_log("node_lost")
class TestNodes(EngineConformance):
    """Two nodes of this host; one that is killed is started again by whoever did."""

    name = "nodes"

    @pytest.fixture(autouse=True)
    def _nodes(self, tmp_path: Path) -> Iterator[None]:
        self.folder = tmp_path
        self.nodes = [self._node(number) for number in range(2)]
        yield
        for node in self.nodes:
            node.end()

    def _node(self, number: int) -> NodeProcess:
        log = self.folder / f"node-{number}.log"
        address = f"ipc://{self.folder}/home"
        return NodeProcess(address, log, "--workers", "1")

    def make_pool(self) -> Pool:
        cluster = ClusterOptions(f"ipc://{self.folder}/home", None, self.folder)
        options = EngineOptions(0, 60.0, 2, cluster)
        return Pool(0, cluster=lambda work: PLUGIN.make(work, options))

    def kill_worker(self) -> bool:
        self.nodes[0].end()
        self.nodes[0] = self._node(2)
        return True


def workers(parent: int) -> Iterator[int]:
    """Worker processes of a process."""
    for task in Path(f"/proc/{parent}/task").iterdir():
        for pid in (task / "children").read_text().split():
            if b"recorder.pool.worker" in Path(f"/proc/{pid}/cmdline").read_bytes():
                yield int(pid)


def test_every_plugin_of_ours_is_tested():
    suites = {
        SourceConformance,
        SinkConformance,
        FlavourConformance,
        EngineConformance,
        PortalConformance,
        test_authenticators.AuthenticatorConformance,
        test_techniques.TechniqueConformance,
    }
    tested = {
        getattr(cls, "kind", getattr(cls, "name", None))
        for suite in suites
        for cls in suite.__subclasses__()
    }
    assert test_dask.TestDask.name in tested
    assert {test_portals.TestFolder.kind, test_portals.TestHttp.kind} <= tested
    for group in GROUPS:
        assert {plugin.name for plugin in group.usable()} <= tested
