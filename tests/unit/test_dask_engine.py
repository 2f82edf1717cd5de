"""The plug-in ``dask`` and its side of dask's process; no dask runs here."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from recorder.cluster import dask_process
from recorder.cluster.dask_process import DaskProcess
from recorder.cluster.order import NodeOrder, node_command
from recorder.cluster.placing import HINTS, Placing, tell
from recorder.cluster.plugin import PLUGIN
from recorder.cluster.said import WORDS, Said
from recorder.cluster.scheduler import SchedulerAddress
from recorder.config import DetectorSection
from recorder.errors import ConfigError, MissingExtraError
from recorder.pool.backlog import Backlog
from recorder.pool.protocols import (
    ClusterOptions,
    EngineOptions,
    Pulls,
    PullsDetectors,
)
from recorder.pool.share import Share
from tests.guards import Event
from tests.servers import free_port

CLUSTER = ClusterOptions(
    listen="tcp://127.0.0.1:9998",
    keys=None,
    state=Path("/nowhere"),
    scheduler="tcp://127.0.0.1:8786",
)
OPTIONS = EngineOptions(0, 60.0, 2, CLUSTER)


def make(options: EngineOptions) -> None:
    PLUGIN.make(Share(Backlog(1 << 20), nodes=True), options)


def test_it_is_for_other_hosts_only():
    with pytest.raises(ConfigError, match=r"set cluster\.engine, listen and"):
        make(replace(OPTIONS, cluster=None))


def test_an_address_that_its_hosts_cannot_reach_is_refused():
    make(OPTIONS)
    away = replace(CLUSTER, scheduler="tcp://192.0.2.20:8786")
    with pytest.raises(ConfigError, match="is reached from this host only"):
        make(replace(OPTIONS, cluster=away))
    make(replace(OPTIONS, cluster=replace(away, listen="tcp://0.0.0.0:9998")))


def test_its_nodes_receive_from_detectors_like_any_others():
    """Else they were told to receive, and nobody took what they report."""
    detector = DetectorSection(name="eiger", endpoint="tcp://127.0.0.1:9")
    pulls = Pulls((detector,), 1 << 20)
    options = replace(OPTIONS, cluster=replace(CLUSTER, pulls=pulls))
    hands = PLUGIN.make(Share(Backlog(1 << 20), nodes=True), options)
    assert isinstance(hands, PullsDetectors)
    assert hands.pulled() == {"eiger": False}


def test_without_dask_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingExtraError, match=r"ssx-recorder\[cluster\]"):
        make(OPTIONS)
    with pytest.raises(MissingExtraError, match=r"ssx-recorder\[cluster\]"):
        PLUGIN.batch(OPTIONS)


def test_dasks_process_gets_no_secret(monkeypatch: pytest.MonkeyPatch):
    for name in ("RECORDER_ISPYB__PASSWORD", "CREDENTIALS_DIRECTORY", "AWS_SECRET"):
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP", "12s")
    passed_on = dask_process._environment()
    assert "secret" not in passed_on.values()
    assert passed_on["DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP"] == "12s"


def test_a_node_without_keys_is_told_so():
    order = NodeOrder("tcp://192.0.2.10:9998", "1")
    assert "--no-encryption" not in node_command(order, None, 4)
    order = replace(order, encrypted=False, readable=("/data", "/more"))
    bare = node_command(order, "host-b", 4)
    assert bare[1:] == [
        *("-m", "recorder", "node", "--connect", "tcp://192.0.2.10:9998"),
        *("--workers", "4", "--log-level", "info", "--name", "host-b"),
        *("--read", "/data", "--read", "/more"),
        "--no-encryption",
    ]


async def test_what_is_no_message_is_passed_over():
    good = json.dumps({"word": "ready"})
    lines = f"['garbage', 'x' * 200_000, '[1]', '{{}}', {good!r}, '{{']"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", f"print('\\n'.join({lines}))"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    one = DaskProcess(process)
    assert [line async for line in one.lines()] == [{"word": "ready"}]
    await one.end()
    one.tell({"word": "too late"})  # nobody hears it


@pytest.mark.parametrize("what", WORDS)
def test_everything_that_is_said_is_logged(what: str, log_events: list[Event]):
    tell(Said(what, "host-b", "b", 1, None, "text"))
    (event,) = log_events
    assert (event["host"], event["dask_worker"]) == ("host-b", "b")
    if what in ("started", "found"):
        assert (event["event"], event["how"]) == ("node_placed", what)
    else:
        assert event["hint"] == HINTS[what]
        assert event["level"] == "warning"


def test_a_node_that_cannot_be_placed_is_shown_until_it_is(log_events: list[Event]):
    placing = Placing(SchedulerAddress("a", 1, None), NodeOrder("tcp://a:1", "1"))
    placing._heard(Said("absent", "host-b", "b", text="No module named 'recorder'"))
    placing._heard(Said("failed", "host-c", "c"))
    assert {n.name: n.state for n in placing.missing()} == {
        "b": "failing",
        "c": "failing",
    }
    placing._heard(Said("started", "host-b", "b", 1))
    assert [n.name for n in placing.missing()] == ["c"]


def _may_mount() -> bool:
    done = subprocess.run(["unshare", "--mount", "true"], check=False)
    return done.returncode == 0


@pytest.mark.skipif(not _may_mount(), reason="only root hides /proc/meminfo")
def test_dask_is_imported_where_systemd_hides_how_much_memory_there_is():
    """As in the daemon's unit: ``ProcSubset=pid``."""
    order = {"do": "ask", "host": "127.0.0.1", "port": free_port(), "tls": None}
    hidden = "mount -t proc -o subset=pid proc /proc && ! [ -e /proc/meminfo ] && exec"
    done = subprocess.run(
        [
            *("unshare", "--mount", "sh", "-c"),
            f"{hidden} {sys.executable} -m recorder.cluster.dask_main",
        ],
        input=json.dumps(order) + "\n",
        capture_output=True,
        text=True,
        check=False,
    )
    answer = json.loads(done.stdout)
    assert answer["word"] == "refused", done.stderr
    assert "Connection refused" in answer["text"]


@pytest.mark.allow_error_log("engine_lost")
def test_a_lost_scheduler_is_said_once_and_shown_until_it_is_back(
    log_events: list[Event],
):
    placing = Placing(SchedulerAddress("a", 1, None), NodeOrder("tcp://a:1", "1"))
    assert placing.missing() == ()
    for _ in range(3):
        placing._lost("it is gone")
    assert [event["event"] for event in log_events] == ["engine_lost"]
    (lost,) = placing.missing()
    assert (lost.state, lost.host) == ("away", "a")
    assert "it is gone" in str(lost.problem)
    placing._ready({"scheduler": "x", "workers": [], "node": "tcp://a:1"})
    assert placing.missing() == ()
