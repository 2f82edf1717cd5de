"""Runs that go on, in short, as a live state lists them."""

from __future__ import annotations

from dataclasses import dataclass

from recorder.records.runs import SERIAL

MOST_OPEN = 20
"""Runs that go on and are listed: a thousand wedges of one announcement have no room in
a state that is written five times a second. Chosen, not tuned."""


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A run that goes on, in short: several may, as the parts of one series do."""

    run: int
    uid: str
    experiment: str = ""
    proposal: str | None = None
    technique: str = SERIAL
    state: str = "open"
    source: str | None = None
    """Whose images it has; null before any came."""
    part: int | None = None
    parts: int | None = None
    received: int = 0
    expected: int | None = None
    lost: int = 0
