"""Fixtures for all tests; the servers are described in ``tests/servers.py``."""

from __future__ import annotations

import asyncio
import inspect
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from recorder.config import Settings
from tests import guards, laws
from tests.directory import Slapd
from tests.disks import memory_folder
from tests.guards import Event
from tests.hdf5_writer import SwmrWriter
from tests.openid.server import OpenIdServer
from tests.servers import (
    Certificates,
    Database,
    MariaDB,
    Mosquitto,
    Recorder,
    make_certificates,
    recorder_environment,
)

pytest_plugins = ["tests.left_out"]

laws.register()

# Quick, offline, and without processes of its own unless a test asks for them.
DEFAULTS: dict[str, dict[str, Any]] = {
    "mqtt": {"enabled": False, "status_interval_s": 0.5},
    "pool": {"workers": 0},
    "ispyb": {"retry_max_s": 0.05, "connect_timeout_s": 5.0},
    # How the disk of the host fills is not up to a test.
    "alarms": {"off": ["disk"]},
}


# -- guards ----------------------------------------------------------------------------


@pytest.fixture(scope="session", autouse=True)
def _loopback_only() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        guards.stay_on_loopback(monkeypatch)
        yield


@pytest.fixture(autouse=True)
def _isolated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    guards.isolate_environment(monkeypatch, tmp_path)
    guards.hurry_retries(monkeypatch)


@pytest.fixture
def log_events(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Event]]:
    """Log events of the test: dictionaries with ``event``, ``level`` and fields.

    ``await guards.logged(log_events, "run_sealed")`` waits for one.
    """
    yield from guards.captured_logs(monkeypatch)


@pytest.fixture(autouse=True)
def _no_error_log(
    request: pytest.FixtureRequest, log_events: list[Event]
) -> Iterator[None]:
    yield
    guards.refuse_errors(request, log_events)


@pytest.fixture
async def _leaked_tasks() -> AsyncIterator[None]:
    before = asyncio.all_tasks()
    yield
    if leaked := await guards.leaked_tasks(before):
        pytest.fail(f"the test leaves tasks: {leaked}", pytrace=False)


@pytest.fixture(autouse=True)
def _no_leaked_tasks(request: pytest.FixtureRequest) -> None:
    if inspect.iscoroutinefunction(getattr(request, "function", None)):
        request.getfixturevalue("_leaked_tasks")


@pytest.fixture(autouse=True)
def _slow_ones_unmeasured(request: pytest.FixtureRequest) -> Iterator[None]:
    """Coverage costs such a test half its time again, and finds nothing new in it.

    Nor in a law's examples after the first few.
    """
    if (tracer := sys.gettrace()) is None:
        yield
        return
    with ExitStack() as stack:
        stack.callback(sys.settrace, tracer)
        if request.node.get_closest_marker("slow") is not None:
            sys.settrace(None)
        elif hasattr(request.function, "hypothesis"):
            stack.enter_context(laws.first_measured(request.function))
        yield


# -- files that are being written ------------------------------------------------------


@pytest.fixture
def make_writer(tmp_path: Path) -> Iterator[Callable[..., SwmrWriter]]:
    """Starts processes that write ``x.h5`` in the test's folder; ends them with it."""
    made: list[SwmrWriter] = []

    def make(**options: Any) -> SwmrWriter:
        made.append(SwmrWriter(tmp_path / "x.h5", **options))
        return made[-1]

    yield make
    for one in made:
        one.kill()


# -- configuration ---------------------------------------------------------------------


@pytest.fixture
def sections(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """A configuration as dictionaries: the tests' defaults with changes."""

    def make(**changes: Any) -> dict[str, Any]:
        data: dict[str, Any] = {"state_directory": str(tmp_path / "state")}
        data |= {name: dict(section) for name, section in DEFAULTS.items()}
        for name, value in changes.items():
            old = data.get(name)
            merge = isinstance(old, dict) and isinstance(value, dict)
            data[name] = {**old, **value} if merge else value
        return data

    return make


@pytest.fixture
def settings(sections: Callable[..., dict[str, Any]]) -> Callable[..., Settings]:
    """Makes settings: ``settings(beamline="x", ispyb={"url": ...})``.

    State in the test's folder, no broker, classification in the process itself.
    """
    return lambda **changes: Settings(**sections(**changes))


@pytest.fixture
def config_file(
    sections: Callable[..., dict[str, Any]], tmp_path: Path
) -> Callable[..., Path]:
    """The same as ``settings``, written as a TOML file for a ``recorder`` process."""

    def make(**changes: Any) -> Path:
        path = tmp_path / "recorder.toml"
        path.write_text(_toml(sections(**changes)), encoding="utf-8")
        return path

    return make


def _toml(data: dict[str, Any]) -> str:
    """Values and inline tables; JSON's strings, numbers and lists are TOML's."""
    return "".join(f"{name} = {_value(value)}\n" for name, value in data.items())


def _value(value: Any) -> str:
    if isinstance(value, dict):
        items = ", ".join(
            f"{json.dumps(name)} = {_value(item)}"
            for name, item in value.items()
            if item is not None
        )
        return f"{{{items}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    plain = str(value) if isinstance(value, Path) else value
    return json.dumps(plain, ensure_ascii=False)


# -- servers ---------------------------------------------------------------------------


@pytest.fixture(scope="session")
def _mariadb_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDB]:
    with memory_folder(tmp_path_factory.mktemp("mariadb")) as folder:
        server = MariaDB(folder)
        try:
            yield server.start()
        finally:
            server.stop()


@pytest.fixture
def mariadb(_mariadb_server: MariaDB) -> Iterator[MariaDB]:
    """The session's database server; it runs again after a test that stopped it."""
    yield _mariadb_server.start()
    _mariadb_server.start()


@pytest.fixture
def mariadb_database(mariadb: MariaDB) -> Iterator[Database]:
    """A fresh empty database, and a user who may do everything in it."""
    database = mariadb.create_database()
    yield database
    mariadb.start()
    database.drop()


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """An authority and a server certificate for 127.0.0.1."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def make_mosquitto(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[..., Mosquitto]]:
    """Makes brokers; they take the arguments of :class:`Mosquitto` and are started."""
    made: list[Mosquitto] = []

    def make(**options: Any) -> Mosquitto:
        broker = Mosquitto(tmp_path_factory.mktemp("mosquitto"), **options)
        made.append(broker)
        return broker.start()

    yield make
    for broker in made:
        broker.stop()


@pytest.fixture
def mosquitto(make_mosquitto: Callable[..., Mosquitto]) -> Mosquitto:
    """A broker of the test's own."""
    return make_mosquitto()


# -- directories and providers ---------------------------------------------------------


@pytest.fixture
def make_slapd(
    tmp_path_factory: pytest.TempPathFactory, certificates: Certificates
) -> Iterator[Callable[..., Slapd]]:
    """Makes directories; they take the arguments of :class:`Slapd` and are started."""
    made: list[Slapd] = []

    def make(**options: Any) -> Slapd:
        options = {"certificates": certificates, **options}
        made.append(Slapd(tmp_path_factory.mktemp("slapd"), **options))
        return made[-1].start()

    yield make
    for one in made:
        one.kill()


@pytest.fixture(scope="session")
def _slapd(
    tmp_path_factory: pytest.TempPathFactory, certificates: Certificates
) -> Iterator[Slapd]:
    server = Slapd(tmp_path_factory.mktemp("slapd"), certificates)
    try:
        yield server.start()
    finally:
        server.kill()


@pytest.fixture
def slapd(_slapd: Slapd) -> Slapd:
    """The session's directory; tests leave it as it was."""
    return _slapd.start()


@pytest.fixture
def make_openid(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[..., OpenIdServer]]:
    """Makes providers; they take the arguments of :class:`OpenIdServer`."""
    made: list[OpenIdServer] = []

    def make(**options: Any) -> OpenIdServer:
        made.append(OpenIdServer(tmp_path_factory.mktemp("openid"), **options))
        return made[-1].start()

    yield make
    for one in made:
        one.kill()


@pytest.fixture(scope="session")
def _openid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenIdServer]:
    server = OpenIdServer(tmp_path_factory.mktemp("openid"))
    try:
        yield server.start()
    finally:
        server.kill()


@pytest.fixture
def openid(_openid: OpenIdServer) -> OpenIdServer:
    """The session's provider; tests leave it as it was."""
    return _openid.start()


# -- the recorder's commands -----------------------------------------------------------


@pytest.fixture
def run_recorder() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs ``recorder ARGUMENTS`` to its end."""

    def run(
        *arguments: str | Path, config: Path | None = None, timeout: float = 300.0
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "recorder", *map(str, arguments)],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=timeout,
            check=False,
            env=recorder_environment(config),
        )

    return run


@pytest.fixture
def recorder_daemon(
    request: pytest.FixtureRequest,
) -> Iterator[Callable[..., Recorder]]:
    """Starts the daemon; returns when it is ready. Its ERROR lines fail the test."""
    started: list[Recorder] = []

    def start(
        config: Path,
        *,
        arguments: tuple[str, ...] = ("run",),
        ready: bool = True,
        env: dict[str, str] | None = None,
    ) -> Recorder:
        process = Recorder(sys.executable, arguments, config, env)
        started.append(process)
        if ready:
            process.wait_for_event("recorder_ready")
        return process

    yield start
    for process in started:
        if process.running:
            process.terminate()
    guards.refuse_errors(
        request, [event for process in started for event in process.log]
    )
