"""What no test may do: leave tasks, log errors, reach the network or read the host."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import os
import socket
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from tenacity import wait_fixed

import recorder.config.settings
import recorder.runtime.retry
import recorder.web.beat

RETRY_S = 0.01
# What systemd and the user's configuration would tell the recorder.
HOST_VARIABLES = (
    "CREDENTIALS_DIRECTORY",
    "STATE_DIRECTORY",
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
    "JOURNAL_STREAM",
    "INVOCATION_ID",
)

Event = dict[str, Any]


class LogCapture(logging.Handler):
    """Keeps each log event, whatever the code under test configures.

    It is a processor of structlog and, for asyncio's own complaints, a handler of
    the standard library.
    """

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.events: list[Event] = []
        self.watchers: list[Callable[[], object]] = []
        """Called after each event."""

    def _keep(self, event: Event) -> None:
        self.events.append(event)
        for watcher in list(self.watchers):
            watcher()

    def __call__(self, logger: Any, method: str, event: Any) -> Any:
        """Keep the event and pass it on."""
        merged = structlog.contextvars.merge_contextvars(logger, method, dict(event))
        self._keep({**merged, "level": method})
        return event

    def emit(self, record: logging.LogRecord) -> None:
        """Keep an event of the standard library."""
        self._keep(
            {
                "event": record.name,
                "level": record.levelname.lower(),
                "message": record.getMessage(),
            }
        )


CAPTURE = LogCapture()


def _stderr_logger(*_: Any) -> Any:
    """A logger to what is stderr now: pytest changes it for each test."""
    return structlog.PrintLogger(sys.stderr)


def captured_logs(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Event]]:
    """Capture log events; ``log.configure`` does not end the capture."""
    configure = structlog.configure

    def with_capture(processors: Iterable[Any] = (), **options: Any) -> None:
        configure(processors=[CAPTURE, *processors], **options)

    CAPTURE.events = []
    monkeypatch.setattr(structlog, "configure", with_capture)
    with_capture(
        [structlog.processors.add_log_level, structlog.processors.LogfmtRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
        logger_factory=_stderr_logger,
        cache_logger_on_first_use=False,
    )
    root, level = logging.getLogger(), logging.getLogger().level
    logging.getLogger("asyncio").addHandler(CAPTURE)
    yield CAPTURE.events
    logging.getLogger("asyncio").removeHandler(CAPTURE)
    for handler in [h for h in root.handlers if type(h) is logging.StreamHandler]:
        root.removeHandler(handler)
    root.setLevel(level)


def refuse_errors(request: pytest.FixtureRequest, events: Iterable[Event]) -> None:
    """Fail on an ERROR event that the test's markers do not allow."""
    markers = list(request.node.iter_markers("allow_error_log"))
    if any(not marker.args for marker in markers):
        return
    allowed = {name for marker in markers for name in marker.args}
    bad = [
        event
        for event in events
        if event["level"] in ("error", "critical") and event["event"] not in allowed
    ]
    if bad:
        pytest.fail(f"ERROR log events: {bad}", pytrace=False)


async def logged(events: list[Event], name: str, timeout_s: float = 120.0) -> Event:
    """Wait until an event is logged; it may have been already."""
    loop, news = asyncio.get_running_loop(), asyncio.Event()

    def tell() -> None:
        loop.call_soon_threadsafe(news.set)

    CAPTURE.watchers.append(tell)
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                for event in events:
                    if event["event"] == name:
                        return event
                news.clear()
                await news.wait()
    finally:
        CAPTURE.watchers.remove(tell)


async def leaked_tasks(before: set[asyncio.Task[Any]]) -> list[str]:
    """Tasks that outlive a test."""
    await asyncio.sleep(0)
    now = asyncio.all_tasks() - before - {asyncio.current_task()}
    return sorted(repr(task) for task in now)


def isolate_environment(monkeypatch: pytest.MonkeyPatch, directory: Path) -> None:
    """No configuration, credentials or state of this host."""
    for name in [n for n in os.environ if n.startswith("RECORDER_")]:
        monkeypatch.delenv(name)
    for name in HOST_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(directory / "xdg-state"))
    monkeypatch.setattr(
        recorder.config.settings, "SYSTEM_CONFIG", directory / "no-such.toml"
    )


def hurry_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again after 10 ms, and say at once that nothing was found."""

    def soon(**_: Any) -> wait_fixed:
        return wait_fixed(RETRY_S)

    monkeypatch.setattr(recorder.runtime.retry, "wait_random_exponential", soon)
    monkeypatch.setattr(recorder.web.beat, "BEAT_S", 0.0)


def stay_on_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse connections to other hosts."""
    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, _checked(getattr(socket.socket, name)))


def _checked(call: Any) -> Any:
    def connect(self: socket.socket, address: Any) -> Any:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _local(address[0]):
            pytest.fail(f"a test connects to {address[0]}: only loopback is allowed")
        return call(self, address)

    return connect


def _local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host == "localhost"
