"""What a process holds, from ``/proc``."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

KB_PER_MB = 1024


@dataclass(frozen=True, slots=True)
class Usage:
    """Of one process, or of several together."""

    rss_mb: float
    """Resident memory; pages that processes share count in each."""
    pss_mb: float
    """Resident memory; pages that n processes share count 1/n in each."""
    descriptors: int
    threads: int


def usage(pids: Iterable[int]) -> Usage:
    """The sum over processes; one that ended meanwhile holds nothing."""
    rss = pss = 0.0
    descriptors = threads = 0
    for pid in pids:
        process = Path(f"/proc/{pid}")
        try:
            memory = _fields(process / "smaps_rollup")
            open_files = len(list((process / "fd").iterdir()))
            running = len(list((process / "task").iterdir()))
        except (FileNotFoundError, ProcessLookupError):
            continue
        rss += int(memory["Rss"].split()[0]) / KB_PER_MB
        pss += int(memory["Pss"].split()[0]) / KB_PER_MB
        descriptors += open_files
        threads += running
    return Usage(rss, pss, descriptors, threads)


def peak_mb(pid: int) -> float:
    """The most resident memory that a process has had (MB), by the kernel's mark.

    Raises:
        FileNotFoundError: The process ended.
    """
    status = _fields(Path(f"/proc/{pid}/status"))
    return int(status["VmHWM"].split()[0]) / KB_PER_MB


def cpu_seconds(pid: int) -> float:
    """CPU time of a process so far, of all its threads (s).

    Raises:
        FileNotFoundError: The process ended.
    """
    text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    # The name may hold blanks; utime and stime are the 12th and 13th after it.
    fields = text.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def children(pid: int) -> list[int]:
    """Processes that a process started, from any of its threads.

    By their parent: not every kernel has ``/proc/PID/task/TID/children``.
    """
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                text = (entry / "stat").read_text(encoding="ascii", errors="replace")
            except OSError:  # it has ended meanwhile
                continue
            if int(text.rpartition(")")[2].split()[1]) == pid:
                found.append(int(entry.name))
    return sorted(found)


def _fields(path: Path) -> dict[str, str]:
    """Lines ``name: value``."""
    lines = path.read_text(encoding="ascii").splitlines()
    pairs = (line.partition(":") for line in lines)
    return {name: value.strip() for name, colon, value in pairs if colon}
