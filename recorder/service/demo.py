"""A whole beamline in one process tree: broker, daemon, detector, database."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import zmq

from recorder.config import load_settings
from recorder.records import Json
from recorder.records.run_report import FullReport, RunReport
from recorder.service.demo_page import demo_page
from recorder.service.demo_people import PROPOSALS, DemoPerson, enter_people
from recorder.service.demo_site import (
    DemoResult,
    Say,
    Show,
    clear,
    demo_daemon,
    sealed,
    write_config,
)
from recorder.simulate.stream.broker import demo_broker
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
    clear(folder)
    async with demo_broker(folder, kind) as broker, detector_socket(ANY_PORT) as socket:
        say(f"broker: {broker.name} on port {broker.port}")
        endpoint = socket.get_string(zmq.LAST_ENDPOINT)
        config = write_config(folder, broker, endpoint, sign_in=bool(people))
        settings = load_settings(config)
        if people:
            await asyncio.to_thread(enter_people, settings, folder, people)
        async with (
            demo_page(config, folder / "web.log", say),
            demo_daemon(config, folder / "daemon.log"),
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
            report = await sealed(config, [truth["uid"] for truth in truths])
            result = DemoResult(report, *compare(report, truths))
            if show is not None:
                await show(result)
    return result


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
