"""What is true now of another host that classifies images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class LiveNode:
    """A node: another host that classifies images."""

    name: str
    host: str = ""
    state: Literal["ok", "away", "failing", "unknown"] = "unknown"
    """Away: silent, or lost; failing: it was refused."""
    workers: int = 0
    ready: int = 0
    """Workers that are there now."""
    held: int = 0
    """Images that it has."""
    finished: int = 0
    """Images since it took part."""
    silent_s: float | None = None
    """Since it was heard; null: it takes no part."""
    problem: str | None = None
    """What is wrong, and what to do, for people."""
