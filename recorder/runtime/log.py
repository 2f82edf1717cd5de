"""Structured logs: events with fields, never sentences, never a line per image."""

from __future__ import annotations

import io
import logging
import os
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO, cast

import structlog

from recorder.foreign_text import plain, plain_text

Logger = structlog.typing.FilteringBoundLogger

# Local variables stay out of tracebacks: some hold passwords, some hold images.
_TRACEBACKS = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
)
_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}


_LAST: dict[str, str] = {}
"""The last error that was logged; see :func:`last_error`."""


def last_error() -> dict[str, str] | None:
    """Event, time, ``error`` and ``hint`` of the last ERROR line; None before one."""
    return dict(_LAST) or None


def _keep_error(
    logger: Any, method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    if event.get("level") in ("error", "critical"):
        _LAST.clear()
        names = ("event", "timestamp", "run", "sink", "error", "hint")
        _LAST.update({name: str(event[name]) for name in names if name in event})
    return event


def get_logger(name: str) -> Logger:
    """A logger whose lines carry ``part=name``."""
    return cast(Logger, structlog.get_logger(part=name))


_current = ["info", "auto"]
"""Level and format as they were set last."""


def current() -> tuple[str, str]:
    """Level and format of this process, for one that it starts."""
    return _current[0], _current[1]


def configure(level: str = "info", fmt: str = "auto") -> None:
    """Set up logging to stderr.

    Args:
        level: ``debug``, ``info``, ``warning`` or ``error``.
        fmt: ``console``, ``json``, ``journald``, or ``auto``: console on a
            terminal, journald when systemd reads our stderr, else JSON lines.
    """
    if fmt == "auto":
        fmt = _choose()
    _current[:] = level, fmt
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=False),
        _keep_error,
    ]
    if fmt == "console":
        last: list[Any] = [
            _fit_for_a_terminal,
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=_traceback
            ),
        ]
    elif fmt == "journald":
        last = [_TRACEBACKS, _JournaldRenderer()]
    else:
        last = [
            _TRACEBACKS,
            structlog.processors.JSONRenderer(default=str),
        ]
    structlog.configure(
        processors=shared + last,
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    # Libraries log through the standard library: only their warnings are news.
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, force=True)
    for handler in logging.getLogger().handlers:
        handler.setFormatter(_PlainFormatter(logging.BASIC_FORMAT))
    logging.getLogger("mqtt").setLevel(logging.CRITICAL)


def _fit_for_a_terminal(
    logger: Any, method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Values quote what came from outside: each stays on its line, none is a command.

    What is no text is shown by its ``repr``, which does the same.
    """
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = plain(value)
    return event


def _traceback(file: TextIO, error: Any) -> None:
    """A traceback of which no line can pass for one of the log."""
    rendered = io.StringIO()
    structlog.dev.plain_traceback(rendered, error)
    for line in rendered.getvalue().split("\n"):
        file.write(f"    {plain(line)}\n")


class _PlainFormatter(logging.Formatter):
    """What libraries log may quote input, too."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, and below it the lines of a traceback, set in."""
        return plain_text(super().format(record)).replace("\n", "\n    ")


def _choose() -> str:
    if sys.stderr.isatty():
        return "console"
    return "journald" if _stderr_is_journal() else "json"


def _stderr_is_journal() -> bool:
    """Systemd names the device and inode of the socket it gave us."""
    stream = os.environ.get("JOURNAL_STREAM", "")
    try:
        status = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return stream == f"{status.st_dev}:{status.st_ino}"


class _JournaldRenderer:
    """Send the event natively, so that its fields can be filtered by."""

    def __init__(self, path: str = "/run/systemd/journal/socket") -> None:
        from logging_journald import JournaldTransport

        self._transport = JournaldTransport(path)

    def __call__(
        self, logger: Any, method: str, event: MutableMapping[str, Any]
    ) -> str:
        """Send, then drop: nothing is left to print."""
        fields = [
            ("MESSAGE", str(event.pop("event", ""))),
            ("PRIORITY", _PRIORITIES.get(method, 6)),
            ("SYSLOG_IDENTIFIER", "recorder"),
        ]
        fields += [(f"SSX_{key.upper()}", str(value)) for key, value in event.items()]
        self._transport.send(fields)
        raise structlog.DropEvent
