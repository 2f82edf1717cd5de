"""CPU time of a daemon by what its threads do, and of what runs beside it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.soak.proc import children

PROC = Path("/proc")
PARTS = (
    "workers",
    "event loop",
    "receiver",
    "wire",
    "I/O threads",
    "journal and sinks",
    "other threads",
)
_WRITERS = ("journal", "housekeeping", "folders", "reports", "results", "ispyb", "mqtt")
"""First letters of the threads that write down what is known."""
_TICKS = os.sysconf("SC_CLK_TCK")
"""Units of CPU time in a second."""


@dataclass(frozen=True)
class Usage:
    """Seconds of CPU so far."""

    by_part: dict[str, float]
    """Of a daemon and its workers, by PARTS."""

    def since(self, before: Usage) -> dict[str, float]:
        """Seconds of CPU from an earlier moment on, by part."""
        return {
            part: max(0.0, self.by_part[part] - before.by_part[part]) for part in PARTS
        }


def part_of(thread: str, is_main: bool) -> str:
    """What a thread of the daemon does, by the name that Linux knows."""
    if is_main:
        return "event loop"
    if thread.startswith("receiver"):
        return "receiver"
    if thread.startswith("wire"):
        return "wire"
    if thread.startswith("ZMQbg"):
        return "I/O threads"
    if thread.startswith(_WRITERS):
        return "journal and sinks"
    return "other threads"


def usage_of(daemon: int) -> Usage:
    """Of a daemon and its children, by thread; threads that ended are "other"."""
    seconds = dict.fromkeys(PARTS, 0.0)
    counted = 0.0
    for task in _tasks(daemon):
        used = cpu_seconds(task)
        counted += used
        name = (task / "comm").read_text().strip()
        seconds[part_of(name, task.name == str(daemon))] += used
    seconds["other threads"] += max(0.0, cpu_seconds(PROC / str(daemon)) - counted)
    for child in children(daemon):
        seconds["workers"] += cpu_seconds(PROC / str(child))
    return Usage(seconds)


def cpu_seconds(entry: Path) -> float:
    """Of a process or a thread, by its folder in /proc; 0 if it has ended."""
    try:
        text = (entry / "stat").read_text()
    except OSError:
        return 0.0
    return ticks_of(text) / _TICKS


def ticks_of(stat: str) -> int:
    """User and system time in a line of ``stat``, whose name may hold anything."""
    after_name = stat[stat.rindex(")") + 2 :].split()
    return int(after_name[11]) + int(after_name[12])


def ended_seconds(process: subprocess.Popen[str]) -> float:
    """Wait for a process to end; its seconds of CPU, with children it waited for."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_utime + usage.ru_stime


def _tasks(process: int) -> Iterable[Path]:
    return sorted((PROC / str(process) / "task").iterdir())


def breakdown_lines(rows: dict[str, dict[str, float]]) -> list[str]:
    """A table of milliseconds of CPU for each image.

    Args:
        rows: By what was run: milliseconds by PARTS and ``sender``.
    """
    columns = (*PARTS, "sender")
    lines = [
        "| ms of CPU per image | " + " | ".join(columns) + " | all |",
        "|---" * (len(columns) + 2) + "|",
    ]
    for what, parts in rows.items():
        cells = " | ".join(f"{parts[column]:.2f}" for column in columns)
        lines.append(f"| {what} | {cells} | {sum(parts[c] for c in columns):.2f} |")
    return lines
