"""The demonstration's live page: the real web process, beside the daemon."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

START_S = 20.0
"""Seconds after which the page is given up: it takes one, on a busy machine five."""
USUAL_PORT = 8642
"""Where people look for it; taken: any free one."""
NEEDS = ("starlette", "uvicorn", "prometheus_client")
"""Packages of the extra ``web``."""


@asynccontextmanager
async def demo_page(
    config: Path, log: Path, say: Callable[[str], None]
) -> AsyncIterator[None]:
    """Serve the page while the block runs; without its packages say how to get them.

    Args:
        config: Of the demonstration.
        log: What the process says goes there.
        say: Is told the address.
    """
    if not all(map(_is_installed, NEEDS)):
        say(
            "live page: its packages are not installed: pip install 'ssx-recorder[web]'"
        )
        yield
        return
    process = await _begun(config, log, _port())
    try:
        address = await _address(process)
        if not address:  # somebody else took the port meanwhile
            await end(process)
            process = await _begun(config, log, 0)
            address = await _address(process)
        say(f"live page: {address}" if address else f"live page: not there, see {log}")
        yield
    finally:
        await end(process)


async def _begun(config: Path, log: Path, port: int) -> asyncio.subprocess.Process:
    with log.open("ab") as file:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "recorder", "web", "-c", str(config)),
            *("--port", str(port)),
            stdout=asyncio.subprocess.PIPE,
            stderr=file,
            cwd=Path(__file__).parents[2],
        )


async def _address(process: asyncio.subprocess.Process) -> str:
    """The first line that it says; empty if it ends, or takes too long."""
    if process.stdout is None:
        return ""
    with contextlib.suppress(TimeoutError):
        line = await asyncio.wait_for(process.stdout.readline(), START_S)
        return line.decode(errors="replace").split(" ")[0].strip()
    return ""


async def end(process: asyncio.subprocess.Process) -> None:
    """End a process, whether it has ended already or not."""
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    await process.wait()


def _is_installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:
        return False


def _port() -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", USUAL_PORT))
        except OSError:
            return 0
    return USUAL_PORT
