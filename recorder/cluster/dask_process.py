"""Dask's own process, seen from ours: started, asked, heard, ended.

Dask is not imported here: its event loop, its pickles and its atexit handlers stay in
that process, and so does whatever goes wrong with them.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import recorder
from recorder.errors import MissingExtraError
from recorder.records import Json

MAX_LINE = 1 << 20
"""Bytes of a line: the names of a thousand workers have 50 kB. Chosen, not tuned."""
END_S = 4.0
"""Seconds that the process has to say goodbye to the scheduler before it is killed.
Chosen, not tuned; systemd gives the daemon 30 s (`TimeoutStopSec`)."""
PASSED_ON = ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV", "TZ")
"""What the process gets of our environment, beside what begins with ``PYTHON`` or
``DASK_``: no secret."""


def require_dask() -> None:
    """See that dask is installed, without importing it.

    Raises:
        MissingExtraError: It is not.
    """
    if importlib.util.find_spec("distributed") is None:
        raise MissingExtraError("cluster", 'engine "dask"')


class DaskProcess:
    """A process that talks to a scheduler for us.

    Args:
        process: It, with pipes for input and output.
    """

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        if process.stdin is None or process.stdout is None:
            raise ValueError("a process without pipes cannot be talked to")
        self._process = process
        self._input, self._output = process.stdin, process.stdout

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    def tell(self, message: Json) -> None:
        """One line to it; lost if it has ended, which :meth:`lines` tells."""
        with contextlib.suppress(OSError, RuntimeError):
            self._input.write(json.dumps(message).encode() + b"\n")

    async def lines(self) -> AsyncIterator[Json]:
        """What it says, until it ends."""
        while True:
            try:
                line = await self._output.readline()
            except ValueError:  # longer than MAX_LINE
                continue
            if not line:
                return
            with contextlib.suppress(ValueError):  # something printed into it
                found = json.loads(line)
                if isinstance(found, dict) and "word" in found:
                    yield found

    async def ended(self) -> int:
        """Its exit code, once it has ended."""
        return await self._process.wait()

    async def end(self) -> None:
        """Let it say goodbye, then see that it has ended."""
        with contextlib.suppress(OSError, RuntimeError):
            self._input.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), END_S)
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()


@asynccontextmanager
async def dask_process(order: Json) -> AsyncIterator[DaskProcess]:
    """A process with an order; it has ended when the context does.

    Args:
        order: Its first line of input, see :mod:`recorder.cluster.dask_main`.

    Raises:
        MissingExtraError: Dask is not installed.
    """
    require_dask()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "recorder.cluster.dask_main"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=MAX_LINE,
        env=_environment(),
        cwd=Path(recorder.__file__).parent.parent,
    )
    one = DaskProcess(process)
    try:
        one.tell(order)
        yield one
    finally:
        await asyncio.shield(one.end())


def _environment() -> dict[str, str]:
    return {
        name: value
        for name, value in os.environ.items()
        if name in PASSED_ON or name.startswith(("PYTHON", "DASK_", "LC_", "COV"))
    }
