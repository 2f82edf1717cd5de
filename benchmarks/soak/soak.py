"""Run after run for a long time: does anything grow, is anything forgotten?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from benchmarks.machine import machine
from benchmarks.soak.course import CRITERION, course, trends
from benchmarks.soak.sampling import Sample, Sampler
from benchmarks.soak.site import Site, errors, servers
from benchmarks.soak.truth import database_verdicts, run_verdicts
from benchmarks.soak.verdicts import Verdict, check, verdict_table
from recorder.records import Json
from recorder.simulate.stills.render import StillSettings, default_geometry
from recorder.simulate.stream.connections import detector_socket, timing_broker
from recorder.simulate.stream.experiment import Simulator
from recorder.simulate.stream.series import Series, synthetic_series
from recorder.simulate.stream.simulated_run import SimulatedRun
from recorder.simulate.timing.faults import parse_faults
from tests.servers import Recorder

PIXELS = 512
RATE_HZ = 100.0
IMAGES = 1000
STILLS = 24
SEED = 1
FAULTS = "lost=0.002,missed=0.002,misfire=0.01"
INTERVAL_S = 5.0
KEEP_UP_S = 2.0
SEAL_S = 60.0
LOOK_S = 0.5
SPOOL_S = 120.0


def soak(minutes: float) -> tuple[list[Verdict], list[str]]:
    """The verdicts, and the section of the page.

    Args:
        minutes: How long runs are begun.
    """
    images = StillSettings(geometry=default_geometry(PIXELS))
    series = synthetic_series(IMAGES, SEED, pool=STILLS, settings=images)
    with servers() as running:
        site = Site(running, "soak", pool={"workers": 1})
        with site.daemon() as daemon:
            with Sampler(daemon.pid, site.settings, INTERVAL_S) as sampler:
                truths = asyncio.run(_drive(site, series, minutes * 60))
                driven = sampler.samples[-1].seconds if sampler.samples else 0.0
                _wait_until_written(daemon, truths, sampler)
            code = daemon.terminate()
        verdicts = run_verdicts(site.reports(), truths)
        received = {truth["uid"]: truth["received"] for truth in truths}
        verdicts += database_verdicts(site.database, received)
    # After the last run the daemon rests: that is no part of the trend.
    busy = [sample for sample in sampler.samples if sample.seconds <= driven]
    verdicts += trends(busy) + _end(sampler.samples, daemon, code)
    return verdicts, _lines(sampler.samples, verdicts, truths, minutes)


async def _drive(site: Site, series: Series, seconds: float) -> list[Json]:
    """Runs back to back; what is true of each."""
    truths: list[Json] = []
    async with (
        detector_socket(site.endpoint) as socket,
        timing_broker(site.settings) as broker,
    ):
        simulator = Simulator(site.settings, socket, broker)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            number = len(truths) + 1
            run = SimulatedRun(
                number=number,
                images=IMAGES,
                rate_hz=RATE_HZ,
                faults=parse_faults(FAULTS),
                seed=number,
                delay_s=0.001,
                experiment="soak",
            )
            truths.append(await simulator.simulate(run, series))
            print(f"run {number}: {truths[-1]['received']} images", flush=True)
    return truths


def _wait_until_written(
    daemon: Recorder, truths: Sequence[Json], sampler: Sampler
) -> None:
    """The last run sealed, and nothing left to write for the sinks."""
    daemon.wait_for_event("run_sealed", uid=truths[-1]["uid"], timeout_s=SEAL_S)
    until = time.monotonic() + SPOOL_S
    seen = len(sampler.samples)
    while time.monotonic() < until:
        if len(sampler.samples) > seen and sampler.samples[-1].spool == 0:
            return
        time.sleep(LOOK_S)


def _end(samples: Sequence[Sample], daemon: Recorder, code: int) -> list[Verdict]:
    failed = errors(daemon)
    log = daemon.log
    lost = sum(event["event"] == "worker_lost" for event in log)
    waiting = max((event.get("pending", 0) for event in log), default=0)
    return [
        check(
            "the workers keep up, so that memory is no backlog",
            waiting <= KEEP_UP_S * RATE_HZ,
            f"at most {waiting} images wait",
        ),
        check(
            "the spool is empty at the end",
            samples[-1].spool == 0,
            f"{samples[-1].spool} records, at most {max(s.spool for s in samples)}",
        ),
        check("no ERROR line in the log", not failed, "; ".join(failed) or "none"),
        check("no worker was replaced", lost == 0, lost),
        check("the daemon ends in good order", code == 0, f"exit code {code}"),
    ]


def _lines(
    samples: Sequence[Sample],
    verdicts: Sequence[Verdict],
    truths: Sequence[Json],
    minutes: float,
) -> list[str]:
    images = sum(truth["received"] for truth in truths)
    return [
        f"{machine('at the end')} {minutes:g} minutes, {len(truths)} runs, "
        f"{images} images.",
        "",
        f"One detector of {PIXELS} x {PIXELS} px at {RATE_HZ:g} images/s (stream v1), "
        f"runs of {IMAGES} images back to back, laser before every second trigger, a "
        "row of the timing hardware for each trigger over MQTT, faults "
        f"`{FAULTS}`; one worker, everything else as by default. Sampled every "
        f"{INTERVAL_S:g} s from `/proc`; MB are 2^20 bytes.",
        "",
        *verdict_table(verdicts),
        "",
        *course(samples),
        "",
        CRITERION,
    ]
