"""``recorder cluster tls|start|status|stop``: dask on one host or several."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from recorder.commands.options import config_option, load_settings
from recorder.commands.out import say

if TYPE_CHECKING:
    from recorder.cluster.scheduler import SchedulerAddress
    from recorder.cluster.trial import Part, Trial
    from recorder.config import Settings

PORT = 8786
"""Where dask's scheduler listens unless it is told otherwise."""
_port_option = click.option(
    "--port",
    type=click.IntRange(1024, 65535),
    help="Where the scheduler listens; default: that of cluster.scheduler, else "
    f"{PORT}.",
)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.argument("hosts", nargs=-1)
@click.option("--renew", is_flag=True, help="New certificates for hosts that have one.")
def tls(folder: Path, hosts: tuple[str, ...], renew: bool) -> None:
    """Make the certificates of a dask cluster in FOLDER, one for each of HOSTS.

    The authority is made where there is none; it has no other use than this cluster.
    What is there already is kept.
    """
    from recorder.errors import MissingExtraError

    try:
        from recorder.cluster.certificates import make_certificates
    except ImportError as error:
        raise MissingExtraError("cluster", "`recorder cluster tls`") from error
    for made in make_certificates(folder, hosts, renew):
        say(f"{'new ' if made.new else 'kept'}  {made.path}  until {made.ends}")
    say(
        "take the folder of each host there, readable by the user of dask only; keep "
        "ca-key.pem away from the cluster: it lets any host in"
    )


@click.command()
@click.option(
    "--workers",
    type=click.IntRange(1, 16),
    default=1,
    show_default=True,
    help="Dask workers; each stands for a host and has a node of its own.",
)
@click.option(
    "--threads",
    type=click.IntRange(1, 256),
    help="Worker processes of each node; default: the cores of this host but one, "
    "shared.",
)
@_port_option
@config_option
def start(
    workers: int, threads: int | None, port: int | None, config: Path | None
) -> None:
    """Start a scheduler and dask workers on this host, to try.

    They go on when this command ends. Each dask worker stands for a host and gets a
    node of its own. What runs already is left alone.
    """
    settings = load_settings(config)
    address = _address(settings, port)
    each = threads or max(1, (len(os.sched_getaffinity(0)) - 1) // workers)
    for part in _trial(settings).start(address, workers, each):
        _say_part(part)
    if settings.cluster.scheduler != address.text:
        say("in the configuration of the recorder:")
        say("  [cluster]", '  engine = "dask"', f'  scheduler = "{address.text}"')
        if address.tls is not None and settings.cluster.tls is None:
            say(f'  tls = "{address.tls}"')
        if settings.cluster.listen is None:
            say('  listen = "tcp://127.0.0.1:9998"')


@click.command()
@_port_option
@config_option
def status(port: int | None, config: Path | None) -> None:
    """What runs on this host, and what the scheduler knows.

    Exit code 1: there is no scheduler, or something about it is wrong.
    """
    settings = load_settings(config)
    parts = _trial(settings).status()
    for part in parts:
        _say_part(part)
    if settings.cluster.scheduler is None and port is None and not parts:
        say(
            "no cluster: cluster.scheduler is not set, and `recorder cluster start` "
            "started nothing here"
        )
        sys.exit(1)
    from recorder.cluster.checking import cluster_lines

    lines = asyncio.run(cluster_lines(_address(settings, port)))
    for line in lines:
        say(f"{line.word:<5} {line.what:<16} {line.text}")
    sys.exit(0 if all(line.ok for line in lines) else 1)


@click.command()
@click.option("--nodes", is_flag=True, help="End the nodes, too.")
@config_option
def stop(nodes: bool, config: Path | None) -> None:
    """End what `recorder cluster start` started on this host.

    Nodes go on: they belong to the recorder, and end a minute after it does.
    """
    trial = _trial(load_settings(config))
    ended = 0
    for part in trial.stop(nodes):
        _say_part(part)
        ended += 1
    if not ended:
        say("nothing runs here")
    left = [p for p in trial.status() if p.state == "running"]
    if left and not nodes:
        say(f"{len(left)} nodes go on; `recorder cluster stop --nodes` ends them")


def _trial(settings: Settings) -> Trial:
    from recorder.cluster.trial import Trial

    return Trial(_folder(settings))


def _folder(settings: Settings) -> Path:
    return settings.state_directory / "cluster-trial"


def _address(settings: Settings, port: int | None) -> SchedulerAddress:
    """The scheduler of the configuration, else one on this host, with TLS.

    Without it, whoever has an account on this host could run anything as its user.
    """
    from recorder.cluster.scheduler import SchedulerAddress, scheduler_address
    from recorder.cluster.trial import trial_certificate

    section = settings.cluster
    if section.scheduler is None:
        tls = section.tls or trial_certificate(_folder(settings))
        address = SchedulerAddress("127.0.0.1", PORT, tls)
    else:
        address = scheduler_address(section.scheduler, section.tls)
    return address if port is None else replace(address, port=port)


def _say_part(part: Part) -> None:
    pid = "" if part.pid is None else f"process {part.pid}"
    log = "" if part.log is None else f"log {part.log}"
    say(f"{part.name:<18} {part.state:<12} {pid:<16} {log}".rstrip())
