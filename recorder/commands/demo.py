"""``recorder demo``."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import click

from recorder.commands.options import configure
from recorder.commands.out import say, say_text

T = TypeVar("T")
ENTRANCE = ("live page:", "sign in as")
"""What is said of getting in; said again at the end, where the report has pushed it off
the screen."""


@click.command()
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where to leave database, results and truth; default: a temporary "
    "folder that is removed.",
)
@click.option(
    "--images",
    type=click.IntRange(min=1),
    default=400,
    show_default=True,
    help="Images in each of the two runs, or of the rotation.",
)
@click.option(
    "--technique",
    type=click.Choice(["ssx", "mx"]),
    default="ssx",
    show_default=True,
    help="mx: a grid, a characterisation, a spectrum, an energy scan and a rotation.",
)
@click.option(
    "--keep",
    is_flag=True,
    help="Leave daemon and live page running at the end, until Ctrl-C; keep the "
    "temporary folder.",
)
@click.option(
    "--broker",
    type=click.Choice(["auto", "mosquitto", "amqtt"]),
    default="auto",
    show_default=True,
    help="MQTT broker to start; auto: mosquitto where it is installed.",
)
@click.option(
    "--login",
    "sign_in",
    is_flag=True,
    help="People sign in: two with a proposal each, and their local contact; prints "
    "their passwords. Implies --keep.",
)
def command(
    folder: Path | None,
    images: int,
    technique: str,
    keep: bool,
    broker: str,
    sign_in: bool,
) -> None:
    """Everything at once: simulator, daemon, database, live page, report.

    A pump-probe experiment of two runs, one in each stream protocol, recorded by a
    real daemon into an embedded database. Ends with its report, compared with what
    the simulator knows to be true. With --technique mx: what a beamline does beside it.
    """
    if sign_in and technique != "ssx":
        raise click.UsageError("--login shows serial runs: not with --technique")
    for name in [name for name in os.environ if name.startswith("RECORDER_")]:
        del os.environ[name]  # the demonstration is its own beamline
    configure("warning", "console" if sys.stderr.isatty() else "auto")
    from recorder.reports.text import report_text
    from recorder.service.demo import run_demo
    from recorder.service.demo_people import demo_people
    from recorder.service.demo_site import DemoResult
    from recorder.service.mx_demo import run_mx_demo

    keep = keep or sign_in
    people = demo_people() if sign_in else ()
    temporary = folder is None
    place = folder or Path(tempfile.mkdtemp(prefix="recorder-demo-"))
    entrance: list[str] = []

    def tell(line: str) -> None:
        if line.startswith(ENTRANCE):
            entrance.append(line)
        say(line)

    try:

        async def show(result: DemoResult) -> None:
            say("")
            say_text(report_text(result.report))
            say(*result.comparison)
            if not temporary or keep:
                say(*_where(place.resolve()))
            if keep:
                say("", *entrance)
                await _until_told()

        demo: Coroutine[Any, Any, DemoResult]
        if technique == "mx":
            demo = run_mx_demo(place.resolve(), images, tell, broker, show)
        else:
            demo = run_demo(place.resolve(), images, tell, broker, show, people)
        result = asyncio.run(_cancelled_by_sigterm(demo))
    except (KeyboardInterrupt, asyncio.CancelledError):
        say("", "stopped before all runs were recorded; nothing runs on")
        if not temporary or keep:
            say(f"files so far   {place.resolve()}")
        sys.exit(128 + signal.SIGINT)
    finally:
        if temporary and not keep:
            shutil.rmtree(place, ignore_errors=True)
    sys.exit(0 if result.equal else 1)


async def _cancelled_by_sigterm(demo: Coroutine[Any, Any, T]) -> T:
    """As Ctrl-C does: everything that was started ends with it."""
    task = asyncio.ensure_future(demo)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await task


async def _until_told() -> None:
    """Wait for Ctrl-C or SIGTERM."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told.set)
    say("daemon and live page run on; Ctrl-C ends them")
    await told.wait()


def _where(place: Path) -> tuple[str, ...]:
    return (
        "",
        f"database       {place / 'ispyb.sqlite'}",
        f"files per run  {place / 'results'}",
        f"truth          {place / 'truth'}",
        f"again          recorder report -c {place / 'recorder.toml'}",
    )
