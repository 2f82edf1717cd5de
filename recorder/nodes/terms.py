"""What home wants of its nodes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Terms:
    """What home wants of its nodes."""

    home: str
    """Random, of this process."""
    program: str
    """What :func:`recorder.nodes.version.program` says here."""
    first_token: int
    """Before the first token: random, so that no two daemons use the same."""
    timeout_s: float
    kept_setups: int
