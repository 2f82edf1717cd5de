"""Everything that a run needs, real and killable: daemon, database, broker, disk."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recorder.config import Settings, load_settings
from tests.chaos.nodes import Nodes
from tests.chaos.proxy import Proxy
from tests.disks import memory_folder, small_disk
from tests.ispyb import esrf_site
from tests.published_models import ORACLES, Oracle, documented_rights, restrict
from tests.servers import HOST, Database, MariaDB, Mosquitto, Recorder, free_port
from tests.web import Web

DISK_MB = 256
ISPYB = {
    "image_rows": True,
    "update_interval_s": 0.5,
    "retry_max_s": 1.0,
    "runs_per_group": 1000,
}
SECTIONS = {
    "runs": {"drain_s": 1.0, "series_timeout_s": 60.0, "hold_s": 1.0},
    "pool": {"workers": 1},
    "log": {"format": "json"},
}


@dataclass
class Outage:
    """A time in which the daemon could not take what was sent."""

    begun: float
    in_flight: float
    """Since when what was sent may have been on its way when it began."""
    ended: float | None = None
    """Monotonic times; None while it lasts."""
    overtaken: int = 0
    """Images that nodes had, and that others may have overtaken for long."""


@dataclass
class Stage:
    """The servers, the daemon of the moment, and what became of the earlier ones."""

    folder: Path
    disk: Path
    flavour: str
    database: Database
    mariadb: MariaDB
    mosquitto: Mosquitto
    proxy: Proxy
    config: Path
    endpoint: str
    nodes: Nodes
    outages: list[Outage] = field(default_factory=list)
    stops: list[tuple[float, float]] = field(default_factory=list)
    """When the daemon, or its nodes, were stopped and went on: what was sent meanwhile
    waited."""
    past: list[Recorder] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)
    daemon: Recorder | None = None
    web: Web | None = None

    @property
    def settings(self) -> Settings:
        """The daemon's configuration."""
        return load_settings(self.config)

    def new_database(self) -> Database:
        """A database of the flavour, with nothing of the recorder in it."""
        return _database(self.mariadb, self.flavour)

    def start_daemon(self) -> None:
        """Start it, as systemd would, and wait until it is ready."""
        with self.lock:
            daemon = Recorder(sys.executable, ("run",), self.config)
            self.past.append(daemon)
            self.daemon = daemon
            daemon.wait_for_event("recorder_ready")
            if self.outages and self.outages[-1].ended is None:
                self.outages[-1].ended = time.monotonic()

    def end_daemon(self, how: Callable[[Recorder], Any], in_flight_s: float) -> None:
        """Have it end; what is sent from now on is an outage."""
        with self.lock:
            assert self.daemon is not None
            now = time.monotonic()
            since = now - in_flight_s
            for stopped, resumed in reversed(self.stops):
                # what waited takes a while: no longer than it took to come
                if resumed >= since - (resumed - stopped):
                    since = min(since, stopped - in_flight_s)
            self.outages.append(Outage(now, since, overtaken=self.nodes.held))
            how(self.daemon)
            self.daemon = None

    def page(self) -> Web:
        """The web process beside the daemon, started where none runs."""
        if self.web is None or not self.web.running:
            self.web = Web(self.config)
        return self.web

    def log(self) -> list[dict[str, Any]]:
        """What all daemons logged, in order."""
        return [event for daemon in self.past for event in daemon.log]

    def wait_logged(self, event: str, timeout_s: float, **fields: Any) -> None:
        """Wait until one of the daemons has logged an event.

        Raises:
            ServerError: None did in time.
        """
        for daemon in self.past:
            for found in daemon.log:
                if found.get("event") == event and fields.items() <= found.items():
                    return
        assert self.daemon is not None
        self.daemon.wait_for_event(event, timeout_s=timeout_s, **fields)

    def worker_pids(self) -> list[int]:
        """The daemon's worker processes."""
        assert self.daemon is not None
        pid = self.daemon.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii")
        return [int(child) for child in children.split()]

    def forget_daemons(self) -> None:
        """Drop the logs of daemons that ended: a round begins."""
        self.past = [self.daemon] if self.daemon else []
        self.outages.clear()
        self.stops.clear()


@contextmanager
def stage(folder: Path, flavour: str = "esrf") -> Iterator[Stage]:
    """Set everything up, and take it down again."""
    with (
        small_disk(folder / "disk", DISK_MB) as disk,
        memory_folder(folder / "mariadb") as home,
    ):
        yield from _on(folder, disk, home, flavour)


def _on(folder: Path, disk: Path, tables: Path, flavour: str) -> Iterator[Stage]:
    """The stage on its disk, with its database at home."""
    mariadb = MariaDB(tables).start()
    (folder / "mosquitto").mkdir()
    mosquitto = Mosquitto(folder / "mosquitto").start()
    proxy = Proxy(mariadb.port)
    database = _database(mariadb, flavour)
    endpoint = f"tcp://{HOST}:{free_port()}"
    url = f"mariadb+pymysql://{database.user}@{HOST}:{proxy.port}/{database.name}"
    ispyb = {**ISPYB, "flavour": flavour, "url": url, "password": database.password}
    home = free_port()
    config = _configuration(
        folder,
        disk,
        endpoint,
        mqtt=mosquitto.section(),
        ispyb=ispyb,
        cluster={"listen": f"tcp://{HOST}:{home}"},
    )
    servers = (database, mariadb, mosquitto, proxy)
    nodes = Nodes(home)
    made = Stage(folder, disk, flavour, *servers, config, endpoint, nodes)
    if flavour != "esrf":
        restrict(database, documented_rights(made.settings))
    try:
        made.start_daemon()
        yield made
    finally:
        for process in (made.daemon, made.web):
            if process is not None and process.running:
                process.kill()
        nodes.close()
        proxy.close()
        mosquitto.kill()
        mariadb.kill()


def _database(mariadb: MariaDB, flavour: str) -> Database:
    """With the tables of a flavour, and what a user office would enter."""
    database = mariadb.create_database()
    if flavour == "esrf":  # a server's own dump; the models know the common tables only
        esrf_site(database)
    else:
        Oracle(ORACLES[flavour]).create(database)
    return database


def _configuration(
    folder: Path, disk: Path, endpoint: str, **sections: dict[str, Any]
) -> Path:
    """The daemon's configuration file."""
    lines = [
        f'state_directory = "{disk / "state"}"',
        "[[detector]]",
        'name = "eiger"',
        f'endpoint = "{endpoint}"',
    ]
    for name, values in {**SECTIONS, **sections}.items():
        lines.append(f"[{name}]")
        lines += [f"{key} = {_toml(value)}" for key, value in values.items()]
    path = folder / "recorder.toml"
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return path


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{value}"' if isinstance(value, str) else str(value)
