"""A demonstration's own beamline: its folder, configuration and daemon."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from recorder.config import load_settings
from recorder.errors import RecorderError
from recorder.journal import Journal
from recorder.records import RunState
from recorder.records.run_report import FullReport, RunReport
from recorder.reports.store import ReportStore
from recorder.service.demo_page import end
from recorder.service.demo_people import PASSWORDS, sign_in_config
from recorder.simulate.stream.broker import Broker

SEAL_TIMEOUT_S = 120.0
"""Seconds after which the demo gives up waiting for a run to be sealed: many times what
a slow machine needs. Chosen, not tuned."""
OURS = (
    "recorder.toml",
    "ispyb.sqlite",
    "journal",
    "mosquitto.conf",
    "daemon.log",
    "web.log",
    "status.json",
    PASSWORDS,
)
Say = Callable[[str], None]
Show = Callable[["DemoResult"], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What was recorded, and whether it is what happened."""

    report: FullReport
    comparison: list[str]
    equal: bool


def clear(folder: Path) -> None:
    """Make the folder, without what an earlier demonstration left there."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if path.name.startswith(OURS):
            path.unlink()
    for name in ("results", "truth", "live", "web"):
        shutil.rmtree(folder / name, ignore_errors=True)


def write_config(
    folder: Path, broker: Broker, endpoint: str, *, sign_in: bool = False
) -> Path:
    """Write the configuration of the demonstration."""
    path = folder / "recorder.toml"
    path.write_text(
        f'beamline = "demo"\nstate_directory = "{folder}"\n\n'
        f'[[detector]]\nname = "simulated"\nendpoint = "{endpoint}"\n\n'
        f'[mqtt]\nport = {broker.port}\nprotocol = "{broker.protocol}"\n'
        + (sign_in_config(folder) if sign_in else ""),
        encoding="utf-8",
    )
    return path


@asynccontextmanager
async def demo_daemon(config: Path, log: Path) -> AsyncIterator[None]:
    """The real daemon, as a process of its own.

    Raises:
        RecorderError: It did not start.
    """
    with log.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "recorder",
            "run",
            "-c",
            str(config),
            stderr=file,
            stdout=file,
            cwd=Path(__file__).parent.parent,
        )
    try:
        await _wait_for_line(process, log, "broker_connected")
        yield
        await end(process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _wait_for_line(
    process: asyncio.subprocess.Process, log: Path, event: str
) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.returncode is None:
        if event in _read(log):
            return
        await asyncio.sleep(0.05)
    tail = _read(log).splitlines()[-3:]
    raise RecorderError(f"the daemon did not start; see {log}: {' | '.join(tail)}")


def _read(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")


async def sealed(config: Path, uids: Iterable[str]) -> FullReport:
    """The report, once the runs are sealed and every sink has written them.

    Raises:
        RecorderError: That takes too long; the message names them.
    """
    settings = load_settings(config)
    names = settings.sink_names
    deadline = time.monotonic() + SEAL_TIMEOUT_S
    missing = list(uids)
    while time.monotonic() < deadline:
        journal = Journal(settings.journal_path, read_only=True)
        try:
            report = ReportStore(journal, names).full()
        finally:
            journal.close()
        runs = {run.uid: run for run in report.runs}
        missing = [uid for uid in missing if not _done(runs.get(uid))]
        if not missing:
            return report
        await asyncio.sleep(0.2)
    raise RecorderError(
        f"{len(missing)} runs were not sealed in time ({', '.join(missing)}); see "
        "daemon.log"
    )


def _done(run: RunReport | None) -> bool:
    return (
        run is not None
        and run.state is RunState.SEALED
        and all(state != "pending" for state in run.sinks.values())
    )
