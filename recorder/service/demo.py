"""A whole beamline in one process tree: broker, daemon, detector, database."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import zmq

from recorder.config import load_settings
from recorder.errors import RecorderError
from recorder.journal import Journal
from recorder.records import Json, RunState
from recorder.records.run_report import FullReport, RunReport
from recorder.reports.store import ReportStore
from recorder.service.demo_page import demo_page, end
from recorder.service.demo_people import (
    PASSWORDS,
    PROPOSALS,
    DemoPerson,
    enter_people,
    sign_in_config,
)
from recorder.simulate.stream.broker import Broker, demo_broker
from recorder.simulate.stream.connections import (
    ANY_PORT,
    detector_socket,
    timing_broker,
)
from recorder.simulate.stream.experiment import Simulator
from recorder.simulate.stream.series import synthetic_series
from recorder.simulate.stream.simulated_run import SimulatedRun
from recorder.simulate.timing.faults import parse_faults

RATE_HZ = 100.0
"""Triggers per second: a run is watched, not waited for, and one worker keeps up (`make
bench`)."""
DELAY_S = 0.003
"""Seconds from the laser to the X-rays, within the period of 10 ms."""
EXPERIMENT = "demo"
FAULTS = "lost=0.01,missed=0.005,misfire=0.01,skew=150"
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


async def run_demo(
    folder: Path,
    images: int,
    say: Say,
    kind: str = "auto",
    show: Show | None = None,
    people: Sequence[DemoPerson] = (),
) -> DemoResult:
    """Record a simulated pump-probe experiment of two runs.

    Args:
        folder: Database, results, truth and configuration go there; what an earlier
            demonstration left there is removed.
        images: Images in each run.
        say: WorkerCache what is going on.
        kind: Broker to start: ``auto``, ``mosquitto`` or ``amqtt``.
        show: Is given the result while daemon and page still run; they end after it.
        people: Who signs in; then the runs are of two proposals.

    Raises:
        RecorderError: The daemon did not start or did not finish.
    """
    _clear(folder)
    async with demo_broker(folder, kind) as broker, detector_socket(ANY_PORT) as socket:
        say(f"broker: {broker.name} on port {broker.port}")
        endpoint = socket.get_string(zmq.LAST_ENDPOINT)
        config = _write_config(folder, broker, endpoint, sign_in=bool(people))
        settings = load_settings(config)
        if people:
            await asyncio.to_thread(enter_people, settings, folder, people)
        async with (
            demo_page(config, folder / "web.log", say),
            _daemon(config, folder / "daemon.log"),
        ):
            for one in people:
                say(f"sign in as {one.login}, password {one.password}  ({one.sees})")
            say("simulator: rendering stills of lysozyme")
            series = await asyncio.to_thread(synthetic_series, images, 1)
            async with timing_broker(settings) as timing:
                simulator = Simulator(settings, socket, timing)
                truths = [
                    await simulator.simulate(run, series)
                    for run in _plan(folder, images, say, own=bool(people))
                ]
            say("recorder: sealing the runs")
            report = await _sealed(config, [truth["uid"] for truth in truths])
            result = DemoResult(report, *compare(report, truths))
            if show is not None:
                await show(result)
    return result


def _clear(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if path.name.startswith(OURS):
            path.unlink()
    for name in ("results", "truth", "live", "web"):
        shutil.rmtree(folder / name, ignore_errors=True)


def _plan(folder: Path, images: int, say: Say, *, own: bool) -> Iterator[SimulatedRun]:
    """Each run, named when it is its turn; each of its own proposal, or of one."""
    for number, protocol in ((1, "stream1"), (2, "stream2")):
        proposal = PROPOSALS[number - 1] if own else None
        say(
            f"run {number}: {images} triggers at {RATE_HZ:g} Hz over {protocol}, laser "
            f"before every second, {FAULTS}"
        )
        yield SimulatedRun(
            number=number,
            images=images,
            rate_hz=RATE_HZ,
            protocol=protocol,
            faults=parse_faults(FAULTS),
            seed=number,
            delay_s=DELAY_S,
            experiment=f"{EXPERIMENT}-{proposal}" if proposal else EXPERIMENT,
            proposal=proposal,
            truth=folder / "truth" / f"run{number:03d}.jsonl",
        )


def _write_config(
    folder: Path, broker: Broker, endpoint: str, *, sign_in: bool
) -> Path:
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
async def _daemon(config: Path, log: Path) -> AsyncIterator[None]:
    """The real daemon, as a process of its own."""
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


async def _sealed(config: Path, uids: list[str]) -> FullReport:
    """The report, once the runs are sealed and every sink has written them."""
    settings = load_settings(config)
    names = settings.sink_names
    deadline = time.monotonic() + SEAL_TIMEOUT_S
    while time.monotonic() < deadline:
        journal = Journal(settings.journal_path, read_only=True)
        try:
            report = ReportStore(journal, names).full()
        finally:
            journal.close()
        runs = {run.uid: run for run in report.runs}
        if all(_done(runs.get(uid)) for uid in uids):
            return report
        await asyncio.sleep(0.2)
    raise RecorderError("the runs were not sealed in time; see daemon.log")


def _done(run: RunReport | None) -> bool:
    return (
        run is not None
        and run.state is RunState.SEALED
        and all(state != "pending" for state in run.sinks.values())
    )


def counted(run: RunReport) -> dict[str, int | None]:
    """The counts of a run's report under the simulator's names."""
    images, classes, pump = run.images, run.classes, run.pump
    return {
        "expected": images.expected,
        "received": images.received,
        "lost": images.lost,
        "missed": images.missed_triggers,
        "hits": classes.hits,
        "non_hits": classes.non_hits,
        "light": pump.light,
        "dark": pump.dark,
    }


def compare(report: FullReport, truths: list[Json]) -> tuple[list[str], bool]:
    """Report against truth, figure by figure."""
    runs = {run.uid: run for run in report.runs}
    lines, equal = [], True
    for truth in truths:
        run = runs[truth["uid"]]
        found = counted(run)
        wrong = {k: (v, truth[k]) for k, v in found.items() if v != truth[k]}
        if wrong:
            equal = False
            text = ", ".join(f"{k} {a}, true {b}" for k, (a, b) in wrong.items())
            lines.append(f"run {run.run} DIFFERS from the simulator's truth: {text}")
        else:
            text = ", ".join(f"{k} {v}" for k, v in found.items())
            lines.append(f"run {run.run} equals the simulator's truth: {text}")
    return lines, equal
