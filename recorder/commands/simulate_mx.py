"""``recorder simulate --technique``: everything that is not serial."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from recorder.errors import UsageError

if TYPE_CHECKING:
    from recorder.config import Settings
    from recorder.records import Json
    from recorder.simulate.mx.mx_run import MxRun


@dataclass(frozen=True, slots=True)
class MxWanted:
    """What the command line asks for."""

    technique: str
    plan: str
    hdf5: Path | None
    protocol: str
    rate_hz: float
    faults: str
    stills: str | None
    seed: int
    truth: Path | None
    runs: int
    speed: float
    pixels: int
    experiment: str
    endpoint: str | None
    uid: str | None


def refuse_mixed(technique: str, plan: str | None, serial: dict[str, Any]) -> None:
    """Refuse options that are of another technique than the one asked for.

    Args:
        technique: Its name.
        plan: What ``--plan`` says.
        serial: Options of serial runs, by name; None: not given.

    Raises:
        click.UsageError: It says what to use.
    """
    if technique == "ssx":
        if plan is not None:
            raise click.UsageError("--plan is of another --technique than ssx")
        return
    given = [name for name, value in serial.items() if value is not None]
    if given:
        raise click.UsageError(
            f"{', '.join(given)}: of serial runs only; say it in --plan"
        )


def is_given(name: str) -> bool:
    """Whether an option of the command was given, and is not its default."""
    source = click.get_current_context().get_parameter_source(name)
    return source not in (None, ParameterSource.DEFAULT)


def first_endpoint(settings: Settings) -> str:
    """Where the first configured detector sends.

    Raises:
        UsageError: There is none.
    """
    if not settings.detector:
        raise UsageError("the configuration has no [[detector]]; give --endpoint")
    return settings.detector[0].endpoint


def numbered_path(path: Path, number: int) -> Path:
    """The path for one of several runs."""
    return path.with_name(f"{path.stem}-{number:03d}{path.suffix}")


def simulate_mx(settings: Settings, wanted: MxWanted) -> list[Json]:
    """Simulate the runs; the counts that are true of each.

    Raises:
        UsageError: A plan or fault that cannot be.
        RecorderError: Nobody takes the images, or the broker is away.
    """
    from recorder.simulate.mx.mx_run import MxRun, numbered, parse_plan
    from recorder.simulate.mx.pictures import series_of
    from recorder.simulate.timing.faults import parse_faults

    plan = parse_plan(wanted.technique, wanted.plan)
    run = MxRun(
        number=1,
        technique=wanted.technique,
        plan=plan,
        rate_hz=wanted.rate_hz,
        protocol=wanted.protocol,
        faults=parse_faults(wanted.faults),
        seed=wanted.seed,
        speed=wanted.speed,
        experiment=wanted.experiment,
        truth=wanted.truth,
        uid=wanted.uid,
        series=series_of(plan, wanted.stills, wanted.hdf5, wanted.pixels, wanted.seed),
    )
    truth = wanted.truth
    runs = [
        numbered(
            run, n, truth and (truth if wanted.runs == 1 else numbered_path(truth, n))
        )
        for n in range(1, wanted.runs + 1)
    ]
    return asyncio.run(_simulated(settings, wanted.endpoint, runs))


async def _simulated(
    settings: Settings, endpoint: str | None, runs: list[MxRun]
) -> list[Json]:
    from recorder.simulate.mx.mx_simulator import MxSimulator
    from recorder.simulate.stream.connections import detector_socket, timing_broker

    async with AsyncExitStack() as stack:
        socket = None
        if runs[0].takes_images:
            address = endpoint or first_endpoint(settings)
            socket = await stack.enter_async_context(detector_socket(address))
        broker = await stack.enter_async_context(timing_broker(settings))
        simulator = MxSimulator(settings, socket, broker)
        return [await simulator.simulate(run) for run in runs]


def mx_line(counts: Json) -> str:
    """What is true of a run, for people."""
    head = f"run {counts['uid']}: {counts['technique']}, "
    if counts["technique"] == "energy-scan":
        peak = "no white line" if counts["peak"] is None else f"peak {counts['peak']}"
        of = f"{counts['element']} {counts['edge']}"
        return (
            f"{head}{counts['points']} points, {counts['lost']} lost, {of}: "
            f"inflection {counts['inflection']} eV, {peak}"
        )
    if counts["technique"] == "xrf":
        return f"{head}{counts['channels']} channels, {', '.join(counts['elements'])}"
    found = (
        f"{head}{counts['planned']} images planned, {counts['expected']} made, "
        f"{counts['lost']} lost, {counts['missed']} missed, {counts['hits']} with a "
        f"crystal, {counts['non_hits']} blank"
    )
    if len(counts["parts"]) > 1:
        found += f", {len(counts['parts'])} collections"
    for plane, (x, y) in enumerate(counts.get("centres", ()), 1):
        found += f"; centre in plane {plane}: {x:g}, {y:g}"
    return found
