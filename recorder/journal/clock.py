"""The clock of a journal's times goes on over restarts, until the host boots."""

from __future__ import annotations

import json

from recorder.journal.store import Journal
from recorder.runtime.host_clock import HostClock, boot_id

MARK = "clock"
"""Under which the journal keeps it."""


def take_over_clock(journal: Journal, clock: HostClock) -> int:
    """Go on with the clock of the recorder that wrote last.

    Args:
        journal: What it wrote.
        clock: Of this process; left alone if the host has booted since.

    Returns:
        By how much the host's clock was known to be set (ns).
    """
    kept = _kept(journal)
    if kept.get("boot") != boot_id() or not kept.get("boot"):
        return 0
    clock.offset_ns = int(kept["offset_ns"])
    return int(kept["step_ns"])


def keep_clock(journal: Journal, clock: HostClock, step_ns: int) -> None:
    """Tell the next recorder, and commands that show times.

    Args:
        journal: Keeps it.
        clock: Of this process.
        step_ns: By how much the host's clock is known to be set (ns).

    Raises:
        JournalError: The disk refuses.
    """
    known = {"boot": boot_id(), "offset_ns": clock.offset_ns, "step_ns": step_ns}
    journal.mark(MARK, json.dumps(known))


def shown_ns(journal: Journal, time_ns: int) -> int:
    """Time of a record (Unix ns) as the host's clock is now, for people."""
    return time_ns + int(_kept(journal).get("step_ns", 0))


def _kept(journal: Journal) -> dict[str, str | int]:
    """What was kept; empty if nothing was."""
    found = json.loads(journal.marked(MARK) or "{}")
    return found if isinstance(found, dict) else {}
