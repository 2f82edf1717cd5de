"""Writes the live state five times a second, for the page and the terminal."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import TracebackType
from typing import Self

from recorder.config import Settings
from recorder.live.folder import replace_in
from recorder.records.live import INTERVAL_S, LiveState
from recorder.records.live_json import live_to_json
from recorder.runtime.boundary import boundary
from recorder.runtime.host_clock import arrival_ns, since_boot_ns
from recorder.runtime.live_file import LIVE, live_folder
from recorder.runtime.log import get_logger

log = get_logger("service")


class LiveWriter:
    """Keeps ``live.json`` up to date from its beginning to its end.

    Args:
        settings: The configuration.
        state: Gives the state of the moment; called in the event loop.
    """

    def __init__(self, settings: Settings, state: Callable[[], LiveState]) -> None:
        self.folder = live_folder(settings.state_directory)
        """Where it lies."""
        self._state = state
        self._number = 0
        self._failing = self._ended = False
        self._one_at_a_time = threading.Lock()
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="live")
        self.stage = "starting"
        """As in ``status.json``."""

    async def __aenter__(self) -> Self:
        """Say that something begins."""
        self._write(self._made())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Say that it ended, and whether as it was told to."""
        self.stage = "stopped" if kind is None else "failed"
        with boundary("say that the live state ends"):
            self._write(self._made(), last=True)
        self._executor.shutdown(wait=False)

    async def run(self) -> None:
        """Write until cancelled; a state is never late because one before was."""
        loop = asyncio.get_running_loop()
        due = time.monotonic()
        while True:
            with boundary("write the live state"):
                state = self._made()
                await loop.run_in_executor(self._executor, self._write, state)
            due = max(due + INTERVAL_S, time.monotonic())
            await asyncio.sleep(due - time.monotonic())

    def _made(self) -> LiveState:
        self._number += 1
        return replace(
            self._state(),
            id=self._number,
            time_ns=arrival_ns(),
            boottime_ns=since_boot_ns(),
            stage=self.stage,
        )

    def _write(self, state: LiveState, *, last: bool = False) -> None:
        """Write from any thread; nothing comes after the last word."""
        with self._one_at_a_time:
            if self._ended:
                return
            self._ended = last
            try:
                replace_in(self.folder, LIVE, live_to_json(state))
                self._failing = False
            except OSError as error:
                self._say(error)

    def _say(self, error: OSError) -> None:
        if self._failing:
            return
        self._failing = True
        log.warning(
            "live_not_written",
            path=str(self.folder / LIVE),
            error=str(error),
            hint="the page shows that nothing is known; free space there or mend the "
            "folder's owner. Recording goes on",
        )
