"""What a worker must be sent before a job, and what it may forget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

State = TypeVar("State")
"""A learned state: as the recorder has it, or packed."""


@dataclass(frozen=True)
class CacheUpdate(Generic[State]):
    """Changes of a worker's cache, to be sent in this order."""

    forget: tuple[int, ...]
    """Setups that are no longer needed."""
    prepare: bool
    """Whether the setup itself is new."""
    states: tuple[State, ...]
    """Learned states that are new, oldest first."""


class WorkerCache:
    """The worker cache: the setups one worker used last, and their learned states.

    A setup with its states takes tens of megabytes for large images.

    Args:
        kept_setups: How many setups it keeps.
    """

    def __init__(self, kept_setups: int) -> None:
        self._kept = kept_setups
        self._setups: dict[int, set[int]] = {}
        """Numbers of the states sent, by setup; the setup used last comes last."""

    def update(self, setup: int, states: Mapping[int, State]) -> CacheUpdate[State]:
        """Changes that a worker needs before a job; it is then taken to have them.

        Args:
            setup: Number of the job's setup.
            states: Learned states of its run by their numbers.
        """
        known = self._setups.get(setup)
        if known is not None and known == states.keys():
            if next(reversed(self._setups)) == setup:  # as with nearly every image
                return CacheUpdate((), False, ())
        known = self._setups.pop(setup, None)
        cache = known or set()
        extra = max(0, len(self._setups) + 1 - self._kept)
        forget = tuple(self._setups)[:extra]
        for old in forget:
            del self._setups[old]
        new = tuple(states[n] for n in sorted(states) if n not in cache)
        # Only the states that are still kept: those of a long run are many.
        self._setups[setup] = set(states)
        return CacheUpdate(forget, known is None, new)
