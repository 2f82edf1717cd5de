"""The configured sources: started, kept running, stopped in order."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from functools import partial

from recorder.config import Settings, SourceSection
from recorder.errors import ConfigError
from recorder.plugins.groups import SOURCES
from recorder.runtime.boundary import boundary
from recorder.runtime.log import get_logger
from recorder.runtime.retry import backoff
from recorder.service.port import CheckedPort, Port
from recorder.sources.link import Link
from recorder.sources.protocols import Source, source_plugin

log = get_logger("sources")

STOP_S = 10.0
"""How long a detector's source may take to return: as long as draining the workers."""
RETRY_MAX_S = 60.0
"""Longest wait before a source is begun anew that ended by itself: it should not."""


class Sources:
    """All sources of the configuration, each a task of the group.

    Args:
        settings: The configuration.
        port: Where they hand their records over.
        group: Whose tasks they become.
        pulled: Detectors that nodes receive from, and whether any is connected.
    """

    def __init__(
        self,
        settings: Settings,
        port: Port,
        group: asyncio.TaskGroup,
        pulled: Callable[[], dict[str, bool]] = dict,
    ) -> None:
        self._port = port
        self._pulled = pulled
        self._pulled_links = {s.name: Link(s.endpoint) for s in settings.pulled}
        self._detectors: list[asyncio.Task[None]] = []
        self._others: list[asyncio.Task[None]] = []
        self._made: dict[str, Source | None] = {s.name: None for s in settings.sources}
        for section in settings.sources:
            if section.name in self._pulled_links:
                continue
            entry = port if SOURCES.built_in(section.kind) else CheckedPort(port)
            make = partial(self._make, section)
            running = _keep(section.name, make, entry)
            task = group.create_task(running, name=section.name)
            detector = section.name in settings.detectors
            (self._detectors if detector else self._others).append(task)

    def _make(self, section: SourceSection) -> Source:
        source = source_plugin(section.kind).make(section)
        self._made[section.name] = source
        return source

    def links(self) -> dict[str, Link | None]:
        """What each source says of its connection; None: it says nothing."""
        found = {n: getattr(made, "link", None) for n, made in self._made.items()}
        pulled = self._pulled()
        for name, link in self._pulled_links.items():
            link.connected = pulled.get(name, False)
        links = {n: v if isinstance(v, Link) else None for n, v in found.items()}
        return links | self._pulled_links

    async def stop(self) -> None:
        """Stop receiving images; what was received is handled."""
        self._port.stop()
        if not self._detectors:
            return
        _, late = await asyncio.wait(self._detectors, timeout=STOP_S)
        for task in late:
            log.warning(
                "source_not_stopping",
                source=task.get_name(),
                waited_s=STOP_S,
                hint="its plug-in does not heed the request to stop; the "
                "daemon goes on without it",
            )
            task.cancel()

    def cancel(self) -> None:
        """End the others, whose records were heard until now."""
        for task in self._others:
            task.cancel()

    def give_up(self) -> None:
        """A task failed: let go the threads, or the process would never end."""
        self._port.stop()


async def _keep(
    name: str, make: Callable[[], Source], port: Port | CheckedPort
) -> None:
    """Run a source, and begin it anew if it ends by itself.

    Raises:
        ConfigError: It cannot work as it is configured.
    """
    failures = 0
    while not port.stopping.is_set():
        begun = time.monotonic()
        with boundary(f"run source {name}", (ConfigError,)):
            await make().run(port)
            if port.stopping.is_set():
                return
            log.warning(
                "source_ended",
                source=name,
                hint="a source runs until it is told to stop; it is begun anew",
            )
        ran = time.monotonic() - begun
        failures = 1 if ran > RETRY_MAX_S else failures + 1
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(backoff(failures, RETRY_MAX_S)):
                await port.stopped.wait()
