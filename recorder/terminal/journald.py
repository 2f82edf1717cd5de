"""The log as journald has it, read by ``journalctl``."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import IO, Any

from recorder.errors import LogError, ServerMissingError
from recorder.foreign_text import plain
from recorder.terminal.log_lines import LEVELS, Choice, Entry

PREFIX = "SSX_"
"""Of our fields in journald."""
_PRIORITIES = {7: "debug", 6: "info", 5: "info", 4: "warning", 3: "error"}
_ASKED = {"debug": "7", "info": "6", "warning": "4", "error": "3", "critical": "3"}
_ENDS_S = 5.0
"""Seconds that ``journalctl`` has to end when it is told to. Chosen, not tuned."""


class Journald:
    """Reads the log of a unit.

    Args:
        unit: Name of the systemd unit.
        choice: Which events are wanted.

    Raises:
        ServerMissingError: There is no ``journalctl``.
    """

    def __init__(self, unit: str, choice: Choice) -> None:
        program = shutil.which("journalctl")
        if program is None:
            raise ServerMissingError(
                "journalctl is not installed on this host, so there is no journald to "
                "read: name a log file (recorder tail FILE)"
            )
        self._base = [program, "-u", unit, "-o", "json", "--all", "--no-pager", "-q"]
        self._choice = choice
        self._began = time.time()
        self._cursor: str | None = None
        self.left_out = 0

    def last(self, most: int | None) -> list[Entry]:
        """The last events that are wanted, oldest first.

        Raises:
            LogError: journald refuses.
        """
        asked = self._asked()
        if most is not None and self._choice.all:
            asked += ["-n", str(most)]
        with self._running(asked) as lines:
            found = deque(self._chosen(lines), most)
        return list(found)

    def follow(self) -> Iterator[Entry | None]:
        """Events as they come, without end.

        Raises:
            LogError: journald refuses.
        """
        after = f"--since=@{self._began:.3f}"
        if self._cursor is not None:
            after = f"--after-cursor={self._cursor}"
        asked = [item for item in self._asked() if not item.startswith("--since")]
        with self._running([*asked, after, "-n", "all", "-f"]) as lines:
            yield from self._chosen(lines)

    def close(self) -> None:
        """Nothing is kept open."""

    def _asked(self) -> list[str]:
        """What journald itself can choose by; the rest is chosen here."""
        choice = self._choice
        asked = [f"--priority={_ASKED[choice.level]}"]
        if choice.since is not None:
            asked.append(f"--since=@{choice.since.timestamp():.3f}")
        if choice.run is not None and choice.run.isdecimal() and len(choice.run) < 6:
            asked.append(f"{PREFIX}RUN={choice.run}")
        return asked

    def _chosen(self, lines: IO[bytes]) -> Iterator[Entry]:
        for body in lines:
            entry = read_entry(body)
            self._cursor = entry.cursor or self._cursor
            if self._choice.takes(entry):
                yield entry
            elif not entry.fields:
                self.left_out += 1

    @contextmanager
    def _running(self, asked: list[str]) -> Iterator[IO[bytes]]:
        command = [*self._base, *asked]
        with subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            try:
                yield _pipe(process.stdout)
                said = _pipe(process.stderr).read()
                process.wait(_ENDS_S)
            finally:
                if process.poll() is None:
                    process.terminate()
                    process.wait(_ENDS_S)
        if process.returncode != 0:
            why = plain(said.decode(errors="backslashreplace").strip())
            raise LogError(
                f"journalctl refuses: {why or process.returncode}; who reads the log "
                "has to be in group systemd-journal"
            )


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise AssertionError("unreachable: it was started with pipes")
    return stream


def read_entry(body: bytes) -> Entry:
    """An entry of ``journalctl -o json``."""
    text = body.decode(errors="backslashreplace").rstrip("\n")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return Entry(text)
    if not isinstance(found, dict):
        return Entry(text)
    cursor = found.get("__CURSOR")
    cursor = cursor if isinstance(cursor, str) else None
    message = _text(found.get("MESSAGE"))
    own = {
        name.removeprefix(PREFIX).lower(): _text(value)
        for name, value in found.items()
        if name.startswith(PREFIX)
    }
    if not own:  # of systemd, or of a library
        return Entry(message, cursor=cursor)
    fields: dict[str, Any] = {"event": message, **own}
    if own.get("level") not in LEVELS:
        fields["level"] = _level(found.get("PRIORITY"))
    if "timestamp" not in own:
        fields["timestamp"] = _timestamp(found.get("__REALTIME_TIMESTAMP"))
    return Entry(text, fields, cursor)


def _text(value: Any) -> str:
    """A field: text, bytes as numbers, several of a name, or too long (null)."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        if value and all(isinstance(n, int) and 0 <= n < 256 for n in value):
            return bytes(value).decode(errors="backslashreplace")
        return ", ".join(map(_text, value))
    return ""


def _level(priority: Any) -> str:
    try:
        return _PRIORITIES.get(int(priority), "critical")
    except (TypeError, ValueError):
        return "info"


def _timestamp(microseconds: Any) -> str:
    try:
        return datetime.fromtimestamp(int(microseconds) / 1e6, UTC).isoformat()
    except (TypeError, ValueError, OverflowError, OSError):
        return ""
