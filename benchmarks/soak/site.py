"""A beamline of its own: broker, database, configuration and daemon."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recorder.config import Settings, load_settings
from recorder.journal import Journal
from recorder.records.run_report import RunReport
from recorder.reports.store import ReportStore
from tests.ispyb import esrf_site
from tests.servers import Database, MariaDB, Mosquitto, Recorder, free_port

LOG_LINES = 20


@dataclass(frozen=True, slots=True)
class Servers:
    """What the daemon talks to."""

    folder: Path
    broker: Mosquitto
    database: Database


@contextmanager
def servers() -> Iterator[Servers]:
    """A mosquitto and a MariaDB with an empty ESRF-like database, in a folder."""
    with tempfile.TemporaryDirectory(prefix="recorder-soak-") as name:
        folder = Path(name)
        for part in ("mosquitto", "mariadb"):
            (folder / part).mkdir()
        broker = Mosquitto(folder / "mosquitto")
        mariadb = MariaDB(folder / "mariadb")
        try:
            broker.start()
            database = mariadb.start().create_database()
            esrf_site(database)
            yield Servers(folder, broker, database)
        finally:
            mariadb.stop()
            broker.stop()


class Site:
    """One configuration, in a state directory of its own.

    Args:
        servers: Broker and database.
        name: Of the configuration and its folder.
        sections: Tables of the configuration, such as ``pool={"workers": 1}``;
            ``detector`` without its endpoint.
    """

    def __init__(self, servers: Servers, name: str, **sections: dict[str, Any]) -> None:
        self.database = servers.database
        self.endpoint = f"tcp://127.0.0.1:{free_port()}"
        self.config = servers.folder / f"{name}.toml"
        detector = {"endpoint": self.endpoint, **sections.pop("detector", {})}
        tables = {
            "mqtt": servers.broker.section(),
            "ispyb": servers.database.section(),
            **sections,
        }
        state = json.dumps(str(servers.folder / name))
        lines = [f"state_directory = {state}", "[[detector]]", *_keys(detector)]
        for table, values in tables.items():
            lines += [f"[{table}]", *_keys(values)]
        self.config.write_text("\n".join([*lines, ""]), encoding="utf-8")

    @property
    def settings(self) -> Settings:
        """The configuration as the daemon reads it."""
        return load_settings(self.config)

    @contextmanager
    def daemon(self) -> Iterator[Recorder]:
        """``recorder run``, ready and with its workers; terminated at the end."""
        process = Recorder(sys.executable, ("run",), self.config)
        try:
            process.wait_for_event("recorder_ready")
            process.wait_for_event("worker_ready")
            yield process
        finally:
            process.terminate()

    def reports(self) -> dict[str, RunReport]:
        """Reports of all runs by uid, from the journal."""
        journal = Journal(self.settings.journal_path, read_only=True)
        try:
            store = ReportStore(journal, self.settings.sink_names)
            report = store.full()
        finally:
            journal.close()
        return {run.uid: run for run in report.runs}


def _keys(values: dict[str, Any]) -> list[str]:
    """Lines of a table; JSON's strings, numbers and booleans are TOML's."""
    return [f"{name} = {json.dumps(value)}" for name, value in values.items()]


def errors(daemon: Recorder) -> list[str]:
    """ERROR lines of the daemon's log, shortened."""
    found = [e for e in daemon.log if e.get("level") in ("error", "critical")]
    return [f"{e['event']}: {e.get('error', '')}"[:200] for e in found][:LOG_LINES]
