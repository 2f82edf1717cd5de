"""``recorder simulate``."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from recorder.commands.options import config_option, configure, load_settings
from recorder.commands.out import say
from recorder.commands.simulate_mx import (
    MxWanted,
    first_endpoint,
    is_given,
    mx_line,
    numbered_path,
    refuse_mixed,
    simulate_mx,
)

if TYPE_CHECKING:
    from recorder.config import Settings
    from recorder.records import Json
    from recorder.simulate.stream.series import Series
    from recorder.simulate.stream.simulated_run import SimulatedRun

FILE = click.Path(path_type=Path)
PANDA_S = 30.0
"""How long to wait for the recorder to connect to the PandABox."""


TECHNIQUES = (
    *("ssx", "mx-rotation", "mx-characterisation", "mx-grid", "energy-scan", "xrf"),
)


@click.command()
@click.option(
    "--technique",
    type=click.Choice(TECHNIQUES),
    default="ssx",
    show_default=True,
    help="What is done.",
)
@click.option("--plan", "planned", help="Of another technique: start=10,range=0.1.")
@click.option("--hdf5", type=FILE, help="Send the images of this file.")
@click.option("--synthetic", is_flag=True, help="Send simulated stills (the default).")
@click.option(
    "--protocol",
    type=click.Choice(["stream1", "stream2"]),
    default="stream1",
    show_default=True,
    help="DECTRIS stream version.",
)
@click.option(
    "--images",
    type=click.IntRange(min=1),
    help="Triggers in each run [default: 1000, or all of the file or --scan]",
)
@click.option(
    "--rate",
    type=click.FloatRange(min=0, min_open=True),
    default=100.0,
    show_default=True,
    help="Triggers per second.",
)
@click.option("--faults", default="", help="Such as lost=0.01,missed=0.001,no_end.")
@click.option("--stills", help="Such as ice_share=0.2,psf=0.8:1.2,dtype=int16.")
@click.option("--scan", help="A chip, such as rows=20,columns=20,snake,filled=0.5.")
@click.option("--seed", type=int, default=1, show_default=True, help="Decides all.")
@click.option("--truth", type=FILE, help="Write the truth of every trigger there.")
@click.option(
    "--runs",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Runs of one experiment, one after the other.",
)
@click.option(
    "--laser-every",
    type=click.IntRange(min=0),
    default=2,
    show_default=True,
    help="The laser fires before every n-th trigger; 0: never.",
)
@click.option(
    "--delay",
    type=click.FloatRange(min=0),
    help="Laser to X-ray (s) [default: 0.3 periods]",
)
@click.option(
    "--chains",
    type=FILE,
    help="Play the event_chains of this JSON file instead of --laser-every.",
)
@click.option(
    "--gap",
    type=click.FloatRange(min=0, min_open=True),
    default=0.1,
    show_default=True,
    help="Mean time between positions (s), for chains of scope position.",
)
@click.option(
    "--speed",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    show_default=True,
    help="How much faster than real time it goes.",
)
@click.option(
    "--pixels",
    type=click.IntRange(min=64),
    default=1024,
    show_default=True,
    help="Size of the simulated detector.",
)
@click.option(
    "--experiment", default="simulated", show_default=True, help="Experiment name."
)
@click.option("--endpoint", help="Where to send [default: the configured detector's]")
@click.option(
    "--panda",
    type=click.IntRange(min=1, max=65535),
    help="Serve the timing as a PandABox's data port there, not over MQTT.",
)
@click.option("--no-mqtt", is_flag=True, help="A bare detector: nothing is announced.")
@click.option("--uid", help="Uid of the run, also in the header; of the next: UID-2.")
@click.option("--json", "as_json", is_flag=True, help="Print the counts as JSON.")
@config_option
def command(
    technique: str,
    planned: str | None,
    hdf5: Path | None,
    synthetic: bool,
    protocol: str,
    images: int | None,
    rate: float,
    faults: str,
    stills: str | None,
    scan: str | None,
    seed: int,
    truth: Path | None,
    runs: int,
    laser_every: int,
    delay: float | None,
    chains: Path | None,
    gap: float,
    speed: float,
    pixels: int,
    experiment: str,
    endpoint: str | None,
    panda: int | None,
    no_mqtt: bool,
    uid: str | None,
    as_json: bool,
    config: Path | None,
) -> None:
    """Behave like a detector and a timing system that know the truth.

    Announcements and events go to the configured broker, images to the configured
    detector endpoint, where `recorder run` takes them.
    """
    if hdf5 is not None and synthetic:
        raise click.UsageError("give --hdf5 or --synthetic, not both")
    if hdf5 is not None and stills is not None:
        raise click.UsageError("--stills says what to simulate: not with --hdf5")
    if hdf5 is not None and scan is not None:
        raise click.UsageError(
            "--scan says which images show crystals: not with --hdf5"
        )
    serial = {
        "--images": images,
        "--scan": scan,
        "--chains": chains,
        "--panda": panda,
        **{
            f"--{name.replace('_', '-')}": value
            for name, value in (
                *(("laser_every", laser_every), ("delay", delay), ("gap", gap)),
                ("synthetic", synthetic),
            )
            if is_given(name)
        },
    }
    refuse_mixed(technique, planned, serial)
    settings = load_settings(config)
    configure(settings.log.level, settings.log.format)
    if no_mqtt:
        mqtt = settings.mqtt.model_copy(update={"enabled": False})
        settings = settings.model_copy(update={"mqtt": mqtt})
    if technique != "ssx":
        wanted = MxWanted(
            *(technique, planned or "", hdf5, protocol, rate, faults, stills, seed),
            *(truth, runs, speed, pixels, experiment, endpoint, uid),
        )
        for item in simulate_mx(settings, wanted):
            say(json.dumps(item) if as_json else mx_line(item))
        return
    from recorder.simulate.stills.settings import default_geometry, parse_stills
    from recorder.simulate.stream.chip import parse_chip
    from recorder.simulate.stream.series import file_series, synthetic_series
    from recorder.simulate.stream.simulated_run import SimulatedRun
    from recorder.simulate.timing.faults import parse_faults

    parsed = parse_faults(faults)
    chip = None if scan is None else parse_chip(scan)
    played = () if chains is None else _read_chains(chains)
    if hdf5 is not None:
        series = file_series(hdf5, images)
    else:
        shown = parse_stills(stills or "", default_geometry(pixels))
        size = images or (chip.triggers if chip else 1000)
        hits = chip.hits(size, seed) if chip else None
        series = synthetic_series(size, seed, hits=hits, settings=shown)
    plan = [
        SimulatedRun(
            number=number,
            images=len(series.order),
            rate_hz=rate,
            protocol=protocol,
            faults=parsed,
            seed=seed + number - 1,
            laser_every=laser_every,
            delay_s=0.3 / rate if delay is None else delay,
            chains=played,
            gap_s=gap,
            speed=speed,
            experiment=experiment,
            chip=chip,
            truth=truth and (truth if runs == 1 else numbered_path(truth, number)),
            uid=uid and (uid if number == 1 else f"{uid}-{number}"),
        )
        for number in range(1, runs + 1)
    ]
    address = endpoint or first_endpoint(settings)
    counts = asyncio.run(_simulate(settings, address, plan, series, panda))
    for item in counts:
        if as_json:
            click.echo(json.dumps(item))
        else:
            say(_line(item))


def _read_chains(path: Path) -> tuple[Json, ...]:
    """The chains of a file: a list of them, or an announcement that holds one."""
    from recorder.errors import UsageError
    from recorder.records.text_files import text_of
    from recorder.sources.control.messages import chains_of

    try:
        body = json.loads(text_of(path.read_bytes()))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path}: no JSON file of event chains: {error}") from error
    return tuple(chains_of(body))


async def _simulate(
    settings: Settings,
    endpoint: str,
    plan: list[SimulatedRun],
    series: Series,
    port: int | None,
) -> list[Json]:
    from recorder.simulate.stream.connections import detector_socket, timing_broker
    from recorder.simulate.stream.experiment import Simulator
    from recorder.simulate.timing.panda import panda_server

    async with AsyncExitStack() as stack:
        socket = await stack.enter_async_context(detector_socket(endpoint))
        broker = await stack.enter_async_context(timing_broker(settings))
        panda = None
        if port is not None:
            panda = await stack.enter_async_context(panda_server(port))
            async with asyncio.timeout(PANDA_S):
                await panda.connected.wait()
        simulator = Simulator(settings, socket, broker, panda=panda)
        return [await simulator.simulate(run, series) for run in plan]


def _line(counts: Json) -> str:
    return (
        f"run {counts['uid']}: {counts['triggers']} triggers, {counts['expected']} "
        f"images, {counts['lost']} lost, {counts['missed']} missed, "
        f"{counts['hits']} hits, {counts['non_hits']} non-hits, {counts['light']} "
        f"light, {counts['dark']} dark"
    )
