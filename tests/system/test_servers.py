"""The test servers themselves: they end, come back and keep what they were given."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import aiomqtt
import pytest

from recorder.config import Settings
from recorder.errors import ServerMissingError
from recorder.runtime.log import configure, get_logger
from recorder.runtime.mqtt import Client
from tests import servers
from tests.guards import Event
from tests.servers import Certificates, Database, MariaDB, Mosquitto, Recorder

MakeBroker = Callable[..., Mosquitto]
MakeSettings = Callable[..., Settings]


def test_a_database_survives_the_death_of_its_server(
    mariadb: MariaDB, mariadb_database: Database
) -> None:
    mariadb_database.execute("CREATE TABLE t (n INT)", "INSERT INTO t VALUES (17)")
    mariadb.kill()
    mariadb.start()
    assert mariadb_database.rows("SELECT n FROM t") == [{"n": 17}]


async def _publish(settings: Settings, topic: str, payload: str) -> None:
    async with Client(settings.mqtt, "publisher") as broker:
        await broker.publish(topic, payload, qos=1)


async def _first_payload(settings: Settings, topic: str) -> str:
    async with Client(settings.mqtt, "subscriber", persistent=True) as broker:
        await broker.subscribe(topic, qos=1)
        async for message in broker.messages:
            return str(message.payload, "utf-8")  # type: ignore[arg-type]
    raise AssertionError("the broker said nothing")


async def test_a_broker_keeps_messages_over_a_restart(
    mosquitto: Mosquitto, settings: MakeSettings
) -> None:
    configured = settings(mqtt=mosquitto.section())
    async with Client(configured.mqtt, "subscriber", persistent=True) as broker:
        await broker.subscribe("t", qos=1)
    await _publish(configured, "t", "kept")
    mosquitto.stop()
    mosquitto.start()
    assert await _first_payload(configured, "t") == "kept"


async def test_a_client_whose_broker_dies_leaves_no_complaint_behind(
    mosquitto: Mosquitto, settings: MakeSettings
) -> None:
    """asyncio logs an error for a future whose exception nobody asked for."""
    configured = settings(mqtt=mosquitto.section())
    with pytest.raises(aiomqtt.MqttError):
        async with Client(configured.mqtt, "publisher") as broker:
            await broker.publish("t", "1", qos=1)
            mosquitto.kill()
            broker.timeout = 0.2  # s that a publication waits for its confirmation
            while True:
                await broker.publish("t", "2")
                await asyncio.sleep(0)
    del broker
    gc.collect()


@pytest.mark.parametrize("timeout_s", [None, 60.0])
async def test_who_is_cancelled_while_the_broker_answers_stays_cancelled(
    settings: MakeSettings, timeout_s: float | None
) -> None:
    """A Ctrl-C in the midst of publications was lost with Python 3.11's wait_for."""
    client = Client(settings().mqtt, "publisher")
    answer = asyncio.get_running_loop().create_future()
    asking = asyncio.create_task(client._wait_for(answer, timeout_s))
    await asyncio.sleep(0)
    answer.set_result("here")
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    with pytest.raises(aiomqtt.MqttError, match="timed out"):
        await client._wait_for(asyncio.Event().wait(), 0.01)


async def test_a_broker_asks_for_tls_and_password(
    make_mosquitto: MakeBroker, settings: MakeSettings, certificates: Certificates
) -> None:
    broker = make_mosquitto(users={"ssx": "geheim"}, certificates=certificates)
    await _publish(settings(mqtt=broker.section()), "t", "x")
    with pytest.raises(aiomqtt.MqttError):
        await _publish(settings(mqtt=broker.section(password="wrong")), "t", "x")


TALKS = """
import sys
with open(sys.argv[1], "wb", buffering=0) as answers:
    for n in range(500):
        print(f"line {n}", flush=True)
        answers.write(b".")
print("half a line", end="")
"""


def test_what_a_process_said_before_it_answered_is_there_with_the_answer(
    tmp_path: Path,
) -> None:
    """No test waits for a line that was written, nor misses one."""
    os.mkfifo(path := tmp_path / "answers")
    process = servers.Process(sys.executable, "-c", TALKS, path)
    with path.open("rb", buffering=0) as answers:
        for n in range(500):
            assert answers.read(1) == b"."
            assert f"line {n}" in process.lines
    assert process.wait() == 0
    assert process.lines[-2:] == ["line 499", "half a line"]


def test_no_port_is_given_twice() -> None:
    given = [servers.free_port() for _ in range(200)]
    assert len(set(given)) == len(given)


def test_the_daemon_is_ready_and_ends_when_asked(
    recorder_daemon: Callable[..., Recorder], config_file: Callable[..., Path]
) -> None:
    port = servers.free_port()
    detector = [{"endpoint": f"tcp://127.0.0.1:{port}"}]
    daemon = recorder_daemon(config_file(detector=detector))
    assert daemon.terminate() == 0
    daemon.wait_for_event("recorder_stopped")


def test_a_command_runs_with_its_configuration(
    run_recorder: Callable[..., subprocess.CompletedProcess[str]],
    config_file: Callable[..., Path],
) -> None:
    done = run_recorder("config", "show", config=config_file(beamline="id29"))
    assert done.returncode == 0, done.stderr
    assert "id29" in done.stdout


def test_a_missing_server_says_how_to_install_it() -> None:
    with pytest.raises(ServerMissingError, match="apt-get install -y mosquitto"):
        servers.program("no-such-server")


@pytest.mark.allow_error_log("broken")
@pytest.mark.parametrize("fmt", ["json", "console"])
def test_log_events_are_seen_whatever_is_configured(
    fmt: str, log_events: list[Event]
) -> None:
    configure("info", fmt)
    get_logger("here").error("broken", run=3)
    expected = {"event": "broken", "level": "error", "part": "here", "run": 3}
    assert expected.items() <= log_events[-1].items()


def test_the_host_does_not_configure_tests(tmp_path: Path) -> None:
    assert not [name for name in os.environ if name.startswith("RECORDER_")]
    assert Path(os.environ["XDG_STATE_HOME"]).is_relative_to(tmp_path)
