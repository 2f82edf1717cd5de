"""Where a run is in its life, and how it ended."""

from __future__ import annotations

from enum import StrEnum


class RunState(StrEnum):
    """Where a run is in its life."""

    ANNOUNCED = "announced"
    OPEN = "open"
    DRAINING = "draining"
    SEALED = "sealed"


class RunStatus(StrEnum):
    """How a run ended."""

    RUNNING = "running"
    SUCCESS = "success"
    ABORTED = "aborted"
    FAILED = "failed"


SERIAL = "ssx"
"""Technique whose images are each of another crystal: what has hit rates, light and
dark, and sums over runs."""
