"""A broker for demonstrations: mosquitto where it is installed, else amqtt."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from recorder.errors import ServerMissingError

MQTT5, MQTT311 = "5", "3.1.1"


PURE = "amqtt>=0.12,<0.13"
"""The extra ``demo``: a test compares them."""


@dataclass(frozen=True, slots=True)
class Broker:
    """A running broker."""

    name: str
    port: int
    protocol: str


def free_port() -> int:
    """A free port on loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def find_mosquitto() -> str | None:
    """Debian puts it where only root's PATH looks."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")


@asynccontextmanager
async def demo_broker(folder: Path, kind: str = "auto") -> AsyncIterator[Broker]:
    """Run a broker on a free loopback port while the context lasts.

    Args:
        folder: For its configuration.
        kind: ``mosquitto``, ``amqtt``, or ``auto``: the first that is there.

    Raises:
        ServerMissingError: It is not installed.
    """
    program = None if kind == "amqtt" else find_mosquitto()
    if program is None and kind == "mosquitto":
        raise ServerMissingError("no mosquitto: run `apt-get install mosquitto`")
    context = _mosquitto(program, folder) if program else _amqtt()
    async with context as broker:
        yield broker


@asynccontextmanager
async def _mosquitto(program: str, folder: Path) -> AsyncIterator[Broker]:
    port = free_port()
    config = folder / "mosquitto.conf"
    config.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\n", encoding="utf-8"
    )
    process = await asyncio.create_subprocess_exec(
        program,
        "-c",
        str(config),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        await _ready(process)
        yield Broker("mosquitto", port, MQTT5)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def _ready(process: asyncio.subprocess.Process) -> None:
    """Mosquitto says " running" when it listens."""
    said = []
    while process.stderr is not None and (line := await process.stderr.readline()):
        said.append(line.decode(errors="replace").strip())
        if said[-1].endswith("running"):
            return
    raise ServerMissingError(f"mosquitto did not start: {'; '.join(said[-3:])}")


@asynccontextmanager
async def _amqtt() -> AsyncIterator[Broker]:
    try:
        from amqtt.broker import Broker as Amqtt
    except ModuleNotFoundError as error:
        raise ServerMissingError(
            "no broker for the demonstration: `apt-get install mosquitto`, or "
            f"`pip install '{PURE}'` for a pure-Python one"
        ) from error
    logging.getLogger("amqtt").setLevel(logging.ERROR)
    logging.getLogger("transitions").setLevel(logging.ERROR)
    port = free_port()
    broker = Amqtt(
        {
            "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
            "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {}},
        }
    )
    await broker.start()
    try:
        yield Broker("amqtt", port, MQTT311)
    finally:
        await broker.shutdown()
