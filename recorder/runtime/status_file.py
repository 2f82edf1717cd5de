"""The daemon's sign of life: one small JSON file beside the journal.

A look at it needs neither the broker nor the daemon's answer. Whether the daemon lives
is not read from it but asked of the kernel (:mod:`recorder.journal.lock`): a file stays
when its process is killed.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from recorder.runtime.host_clock import boot_id, since_boot_ns

NAME = "status.json"
"""Its name in the state directory."""
INTERVAL_S = 1.0
"""Seconds between two signs of life: what people wait for, and 0.1 ms of work each."""
BLOCK = 4096
"""Bytes of which the file has a whole number: so it can be written over in its place
when the disk is full."""


def identity() -> dict[str, Any]:
    """What tells this process from any other one, also from a later one of its pid."""
    pid = os.getpid()
    return {"pid": pid, "process_start": _started(pid), "boot": boot_id()}


def is_process(known: dict[str, Any]) -> bool | None:
    """Whether the process of an :func:`identity` is there; None if nobody can tell.

    Its number alone proves nothing: after its end another process may have it.
    """
    pid, started = known.get("pid"), known.get("process_start")
    if not isinstance(pid, int) or started is None or not boot_id():
        return None
    return known.get("boot") == boot_id() and _started(pid) == started


def age_s(status: dict[str, Any]) -> float | None:
    """Seconds since a status was written; None if it was before the host booted."""
    written = status.get("boottime_ns")
    if not isinstance(written, int) or status.get("boot") != boot_id():
        return None
    return max(0.0, (since_boot_ns() - written) / 1e9)


def write_status(path: Path, body: dict[str, Any]) -> None:
    """Replace the file; on a full disk write over it in its place.

    Raises:
        OSError: Neither can be done.
    """
    text = json.dumps(body, default=str).encode()
    text += b" " * (-(len(text) + 1) % BLOCK) + b"\n"
    temporary = path.with_name(f".{path.name}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        temporary.unlink(missing_ok=True)
        place = os.open(temporary, flags, 0o640)
        try:
            os.write(place, text)
            temporary.replace(path)
        finally:
            os.close(place)
    except OSError:
        temporary.unlink(missing_ok=True)
        place = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            length = max(len(text), os.fstat(place).st_size)
            os.pwrite(place, text.ljust(length), 0)
        finally:
            os.close(place)


def read_status(path: Path) -> dict[str, Any] | None:
    """What the file says; None if there is none or it says nothing that can be read.

    Raises:
        OSError: It is there and may not be read.
    """
    for _ in range(3):  # it may be written over in its place just now
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except ValueError:
            time.sleep(0.02)
            continue
        return found if isinstance(found, dict) else None
    return None


def _started(pid: int) -> int | None:
    """When a process began, in ticks of the kernel since boot; None if it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
        return int(text.rpartition(")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return None
