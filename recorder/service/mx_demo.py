"""A demonstration of what is not serial: a crystal's day at a beamline."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import zmq

from recorder.config import load_settings
from recorder.service.demo_page import demo_page
from recorder.service.demo_site import (
    DemoResult,
    Say,
    Show,
    clear,
    demo_daemon,
    sealed,
    write_config,
)
from recorder.service.mx_demo_check import collections_of, compare_mx
from recorder.simulate.mx.mx_run import MxRun, parse_plan
from recorder.simulate.mx.mx_simulator import MxSimulator
from recorder.simulate.mx.pictures import series_of
from recorder.simulate.stream.broker import demo_broker
from recorder.simulate.stream.connections import (
    ANY_PORT,
    detector_socket,
    timing_broker,
)
from recorder.simulate.timing.faults import parse_faults

RATE_HZ = 200.0
"""Images per second: one worker keeps up with images as small as these."""
PIXELS = 256
"""Width of the detector: small enough for one worker, large enough for a crystal to be
seen."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A run of the demonstration."""

    technique: str
    says: str
    plan: str
    protocol: str = "stream1"
    faults: str = ""


def shown_runs(images: int) -> tuple[Shown, ...]:
    """The runs, in the order in which a crystal has them.

    Args:
        images: Of the rotation.
    """
    return (
        Shown(
            "mx-grid",
            "a grid of two planes in one series, snaked, with a crystal in it",
            "columns=12,rows=8,planes=2,snaked,crystal=7.8:3.7:5.1",
            "stream2",
        ),
        Shown(
            "mx-characterisation",
            "4 images of 1 degree, 90 degrees apart, from 184.32 degrees on",
            "start=184.32,range=1,images=1,sweeps=4,turn=90,resolution=2.01",
        ),
        Shown("xrf", "a fluorescence spectrum of Fe, Zn and Se", "elements=Fe+Zn+Se"),
        Shown(
            "energy-scan",
            "an energy scan over the K edge of Se, shifted by 1.5 eV",
            "element=Se,edge=K,shift=1.5",
        ),
        Shown(
            "mx-rotation",
            f"{images} images of 0.05 degrees from 184.32 degrees on, of which some "
            "are lost",
            f"start=184.32,range=0.05,images={images},resolution=2.01",
            faults="lost=0.01",
        ),
    )


async def run_mx_demo(
    folder: Path, images: int, say: Say, kind: str, show: Show
) -> DemoResult:
    """Record a grid, a characterisation, a spectrum, an energy scan and a rotation.

    Args:
        folder: Database, results, truth and configuration go there; what an earlier
            demonstration left there is removed.
        images: Images of the rotation.
        say: Is told what is going on.
        kind: Broker to start: ``auto``, ``mosquitto`` or ``amqtt``.
        show: Is given the result while daemon and page still run; they end after it.

    Raises:
        RecorderError: The daemon did not start or did not finish.
    """
    clear(folder)
    async with demo_broker(folder, kind) as broker, detector_socket(ANY_PORT) as socket:
        say(f"broker: {broker.name} on port {broker.port}")
        config = write_config(folder, broker, socket.get_string(zmq.LAST_ENDPOINT))
        settings = load_settings(config)
        async with (
            demo_page(config, folder / "web.log", say),
            demo_daemon(config, folder / "daemon.log"),
            timing_broker(settings) as timing,
        ):
            simulator = MxSimulator(settings, socket, timing)
            truths = []
            for shown, run in _runs(folder, images):
                say(f"run {run.number}: {shown.says}")
                drawn = await asyncio.to_thread(_drawn, run)
                truth = await simulator.simulate(drawn)
                truths.append((truth, folder / "truth" / truth_name(run.number)))
            say("recorder: sealing the runs")
            uids = [uid for truth, _ in truths for uid in collections_of(truth)]
            report = await sealed(config, uids)
            lines, equal = compare_mx(report, settings.results, truths)
            result = DemoResult(report, lines, equal)
            await show(result)
    return result


def _runs(folder: Path, images: int) -> Iterator[tuple[Shown, MxRun]]:
    number = 1
    for shown in shown_runs(images):
        plan = parse_plan(shown.technique, shown.plan)
        yield (
            shown,
            MxRun(
                number=number,
                technique=shown.technique,
                plan=plan,
                rate_hz=RATE_HZ,
                protocol=shown.protocol,
                faults=parse_faults(shown.faults),
                seed=number,
                experiment="demo",
                truth=folder / "truth" / truth_name(number),
            ),
        )
        number += getattr(plan, "parts", 1)  # each collection has a number


def truth_name(number: int) -> str:
    """Name of the file with the truth of a run."""
    return f"run{number:03d}.jsonl"


def _drawn(run: MxRun) -> MxRun:
    """The run with its pictures."""
    return replace(run, series=series_of(run.plan, None, None, PIXELS, run.seed))
