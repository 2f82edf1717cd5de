"""``recorder node``."""

from __future__ import annotations

import asyncio
import os
import platform
import secrets
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import click

from recorder.commands.options import configure

if TYPE_CHECKING:
    from recorder.pool.curve import Curve

ANYWHERE = ("0.0.0.0", "::")
"""Hosts that stand for all addresses of home: nobody is reached there."""


@click.command()
@click.option(
    "--connect",
    "address",
    required=True,
    envvar="RECORDER_NODE_CONNECT",
    show_envvar=True,
    help="Address of home, its cluster.listen: tcp://HOST:PORT.",
)
@click.option(
    "--name",
    envvar="RECORDER_NODE_NAME",
    show_envvar=True,
    help="For people, at home; default: the name of this host.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 1024),
    envvar="RECORDER_NODE_WORKERS",
    show_envvar=True,
    help="Worker processes; default: one for each core that this process may use.",
)
@click.option(
    "--keys",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="RECORDER_NODE_KEYS",
    show_envvar=True,
    help="Folder with node.secret and server.public, made at home by `recorder "
    "cluster keys NAME`; default: $CREDENTIALS_DIRECTORY, if they are in it.",
)
@click.option(
    "--no-encryption",
    "plain",
    is_flag=True,
    help="Without keys, although the address is another host's: only in a network "
    "that is encrypted itself, and if home says so, too.",
)
@click.option(
    "--read",
    "readable",
    multiple=True,
    type=click.Path(path_type=Path, file_okay=False),
    envvar="RECORDER_NODE_READ",
    show_envvar=True,
    help="Folder below which its workers may read image files by reference; again for "
    "further ones, in the environment separated by colons. Default: none.",
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    show_default=True,
)
@click.option(
    "--log-format",
    type=click.Choice(["auto", "console", "json", "journald"]),
    default="auto",
    show_default=True,
)
def command(
    address: str,
    name: str | None,
    workers: int | None,
    keys: Path | None,
    plain: bool,
    readable: tuple[Path, ...],
    log_level: str,
    log_format: str,
) -> None:
    """Classify images of a daemon on another host, home, until told to stop.

    It needs no configuration: home tells what is to be done. It ends by itself when
    home refuses it, or is silent for a minute; whoever started it starts it again.
    """
    configure(log_level, log_format)
    from recorder.nodes.messages import WIRE, Greeting
    from recorder.nodes.node import Node, NodeOptions
    from recorder.nodes.version import program

    curve = _curve(address, keys, plain)
    host = socket.gethostname() or "unknown"
    greeting = Greeting(
        name=_name(name or host),
        host=host,
        version=program(),
        wire=WIRE,
        workers=workers or len(os.sched_getaffinity(0)),
        python=platform.python_version(),
        boot=secrets.token_hex(16),
    )
    asyncio.run(Node(NodeOptions(address, greeting, curve, readable)).run())


def _name(text: str) -> str:
    from recorder.errors import UsageError
    from recorder.foreign_text import is_name
    from recorder.nodes.keys import MAX_NAME

    if not is_name(text) or text != text.strip() or not 0 < len(text) <= MAX_NAME:
        raise UsageError(f"--name: 1 to {MAX_NAME} printable characters")
    return text


def _curve(address: str, keys: Path | None, plain: bool) -> Curve | None:
    """The keys of the connection; None: it is not encrypted.

    Raises:
        UsageError: The address is none, or keys are needed.
        ConfigError: The keys cannot be used.
    """
    from recorder.config.cluster import stays_here
    from recorder.config.endpoints import parse_endpoint
    from recorder.errors import UsageError
    from recorder.nodes.keys import NODE_SECRET, read_node_keys
    from recorder.pool.curve import Curve

    try:
        endpoint = parse_endpoint(address)
    except ValueError as error:
        raise UsageError(f"--connect {address!r:.80}: {error}") from error
    if endpoint.scheme == "inproc" or endpoint.host in ANYWHERE:
        raise UsageError(
            f"--connect {address!r:.80}: give the address at which this host reaches "
            "home, such as tcp://192.168.1.10:9998"
        )
    handed = os.environ.get("CREDENTIALS_DIRECTORY")
    if keys is None and handed and os.path.lexists(f"{handed}/{NODE_SECRET}"):
        keys = Path(handed)
    if keys is not None:
        if plain:
            raise UsageError("give --keys or --no-encryption, not both")
        found = read_node_keys(keys)
        return Curve(found.public, found.secret, server=found.server)
    if not plain and not stays_here(endpoint):
        raise UsageError(
            f"{address} is another host: give --keys FOLDER with the keys that "
            "`recorder cluster keys NAME` made there, or --no-encryption"
        )
    return None
