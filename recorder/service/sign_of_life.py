"""Writes the daemon's sign of life, so that ``recorder status`` needs no broker."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

from recorder import __version__
from recorder.config import Settings
from recorder.records import Json
from recorder.records.times import iso
from recorder.runtime.boundary import boundary
from recorder.runtime.host_clock import since_boot_ns
from recorder.runtime.live_file import live_folder
from recorder.runtime.log import get_logger, last_error
from recorder.runtime.status_file import (
    INTERVAL_S,
    NAME,
    identity,
    write_status,
)

log = get_logger("service")

RATE_OVER = 5
"""Signs of life over which the rate of images is taken: 5 s, as `run_progress`."""


class Broker(Protocol):
    """What is known of the connection to the broker."""

    connected: asyncio.Event
    problem: str


class SignOfLife:
    """Keeps ``status.json`` of the state directory up to date.

    Args:
        settings: The configuration.
        command: What runs: ``run`` or ``replay``.
    """

    def __init__(self, settings: Settings, command: str = "run") -> None:
        self._settings = settings
        self._path = settings.state_directory / NAME
        self._fixed: Json = {
            "command": command,
            "version": __version__,
            "host": socket.gethostname(),
            "beamline": settings.beamline,
            "started": iso(time.time_ns()),
            "interval_s": INTERVAL_S,
            **identity(),
        }
        if command == "run":
            self._fixed["live"] = str(live_folder(settings.state_directory).absolute())
        self._seen: deque[tuple[int, int]] = deque(maxlen=RATE_OVER + 1)
        self._failing = self._ended = False
        self._one_at_a_time = threading.Lock()
        self._last_image_ns: int | None = None
        self.stage = "starting"
        """``starting``, ``running``, ``stopping`` or ``stopped``."""
        self.status: Callable[[], Json] = dict
        """Gives the state of the moment."""
        self.sources: Callable[[], list[Json]] = list
        """Gives the state of each source's connection."""
        self.broker: Broker | None = None
        """The connection to the broker; None: none is configured."""

    async def __aenter__(self) -> Self:
        """Say that something begins."""
        self._write(self._body())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Say that it ended, and whether as it was told to."""
        self.stage = "stopped" if kind is None else "failed"
        with boundary("say that the recorder ends"):
            self._write(self._body(), last=True)

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            with boundary("write the sign of life"):
                await asyncio.to_thread(self._write, self._body())
            await asyncio.sleep(INTERVAL_S)

    def _body(self) -> Json:
        status = self.status()
        now = since_boot_ns()
        return {
            **self._fixed,
            "stage": self.stage,
            "time": iso(time.time_ns()),
            "boottime_ns": now,
            **status,
            **self._rate(status.get("images_seen"), now),
            "broker": self._broker(),
            "sources": self.sources(),
            "last_error": last_error(),
        }

    def _rate(self, seen: int | None, now: int) -> Json:
        if seen is None:
            return {}
        if self._seen and seen > self._seen[-1][1]:
            self._last_image_ns = now
        self._seen.append((now, seen))
        (then, before), (_, after) = self._seen[0], self._seen[-1]
        rate = (after - before) / ((now - then) / 1e9) if now > then else 0.0
        last = self._last_image_ns
        return {
            "images_per_s": round(rate, 1),
            "last_image_s": None if last is None else round((now - last) / 1e9, 1),
        }

    def _broker(self) -> Json:
        if self.broker is None:
            return {"state": "off", "error": ""}
        if self.broker.connected.is_set():
            return {"state": "connected", "error": self.broker.problem}
        return {"state": "away", "error": self.broker.problem or "connecting"}

    def _write(self, body: Json, *, last: bool = False) -> None:
        """Write from any thread; nothing comes after the last word."""
        with self._one_at_a_time:
            if not self._ended:
                self._ended = last
                self._replace(body)

    def _replace(self, body: Json) -> None:
        try:
            write_status(self._path, body)
            self._failing = False
        except OSError as error:
            if not self._failing:
                self._failing = True
                log.warning(
                    "status_not_written",
                    path=str(self._path),
                    error=str(error),
                    hint="`recorder status` shows what was true before; free disk "
                    "space or mend the folder's owner",
                )
