"""What a worker is told before a job, as messages; each is packed once for all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from recorder.pool.protocols import Work
from recorder.pool.wire import (
    FORGET,
    LEARNED,
    SETUP,
    Message,
    make_head,
    pack_learned,
    pack_setup,
)
from recorder.pool.worker_cache import WorkerCache

_KEPT = 2
"""Setups whose messages are kept: a run may begin while the last images of the one
before are late. Chosen, not tuned; a message of 16 megapixels takes some 3 MB."""


class Briefs(Protocol):
    """Where the messages come from: packed here, or as they came from elsewhere."""

    def setup(self, number: int) -> Message:
        """That a setup is to be prepared for."""

    def states(self, setup: int) -> Mapping[int, Message]:
        """Learned states of a setup that jobs may ask for, by number."""


class PackedBriefs:
    """Packs setups and learned states of some work.

    Args:
        work: Where the jobs are taken from.
    """

    def __init__(self, work: Work) -> None:
        self._work = work
        self._setups: dict[int, Message] = {}
        self._states: dict[int, dict[int, Message]] = {}

    def setup(self, number: int) -> Message:
        """See :class:`Briefs`."""
        if number not in self._setups:
            packed = pack_setup(self._work.setup(number))
            _make_room(self._setups)
            self._setups[number] = [make_head(SETUP, 0, number), *packed]
        return self._setups[number]

    def states(self, setup: int) -> Mapping[int, Message]:
        """See :class:`Briefs`."""
        now = self._work.states(setup)
        kept = self._states.get(setup, {})
        if kept.keys() == now.keys():
            return kept
        messages = {
            number: kept.get(number)
            or [make_head(LEARNED, 0, setup, number), *pack_learned(learned)]
            for number, learned in now.items()
        }
        self._states.pop(setup, None)
        _make_room(self._states)
        self._states[setup] = messages
        return messages


def briefing(briefs: Briefs, cache: WorkerCache, setup: int) -> list[Message]:
    """What a worker must be sent before a job; it is then taken to have it.

    Args:
        briefs: Where the messages come from.
        cache: What the worker has.
        setup: Number of the job's setup.
    """
    update = cache.update(setup, briefs.states(setup))
    messages: list[Message] = [[make_head(FORGET, 0, old)] for old in update.forget]
    if update.prepare:
        messages.append(briefs.setup(setup))
    return [*messages, *update.states]


def _make_room(kept: dict[int, Any]) -> None:
    while len(kept) >= _KEPT:
        del kept[next(iter(kept))]
