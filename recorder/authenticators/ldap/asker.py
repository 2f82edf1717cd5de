"""Puts questions to a directory, each by a process of its own, and never for long."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

MODULE = "recorder.authenticators.ldap.asking"
AT_ONCE = 4
"""Questions at once; each is a process that takes 0.07 s of CPU. Chosen, not tuned:
people of a shift sign in one after the other."""
LATE_S = 0.2
"""Seconds that the process has to end after its time, before it is killed. Chosen, not
tuned."""
KEPT = ("PATH", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "LANG", "LC_ALL")
"""Variables that the process gets: no credentials, no settings of others' LDAP."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a directory said."""

    outcome: str
    """``found``, ``wrong``, ``several``, ``reached`` or ``away``."""
    why: str = ""
    """For administrators."""
    entry: Mapping[str, list[str]] = field(default_factory=dict)
    groups: tuple[str, ...] = ()


class Asker:
    """Asks one directory.

    Args:
        timeout_s: How long an answer may take, starting and waiting included.
    """

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._free = asyncio.Semaphore(AT_ONCE)

    async def ask(self, question: Mapping[str, Any]) -> Answer:
        """The answer to a question; ``away`` if there is none in time."""
        deadline = time.monotonic() + self._timeout_s
        try:
            async with asyncio.timeout(self._timeout_s + LATE_S), self._free:
                return await self._asked({**question, "deadline": deadline})
        except TimeoutError:
            return Answer("away", f"no answer within {self._timeout_s:g} s")

    async def _asked(self, question: Mapping[str, Any]) -> Answer:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", MODULE),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=_environment(),
        )
        try:
            said, _ = await process.communicate(json.dumps(question).encode())
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        return self._read(said, process.returncode)

    def _read(self, said: bytes, code: int | None) -> Answer:
        try:
            found = json.loads(said)
            return Answer(**{**found, "groups": tuple(found.get("groups", ()))})
        except (ValueError, TypeError):
            if code == -14:  # SIGALRM: its time was over
                return Answer("away", f"no answer within {self._timeout_s:g} s")
            return Answer("away", f"the process that asks it ended with code {code}")


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    # What this host sets for LDAP could switch off the check of certificates.
    return {**kept, "LDAPNOINIT": "1"}
