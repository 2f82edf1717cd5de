"""Messages that cannot be used: each is counted, each kind is logged."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable

from recorder.errors import MAX_QUOTED
from recorder.records import BadMessage
from recorder.runs.book.book import RunBook
from recorder.runs.run import Run
from recorder.runtime.log import get_logger

log = get_logger("sources")

LOG_S = 60.0
"""Seconds between two log lines about one kind of bad message: a storm of them is
counted, not told. Chosen, not tuned."""


def may_be_of(source: str, runs: Iterable[Run]) -> list[Run]:
    """The runs that a message of a detector may have been for."""
    return [
        run
        for run in runs
        if (run.key.source == source if run.key else run.takes_images)
    ]


def meant_by(message: BadMessage, book: RunBook) -> list[Run]:
    """The run that a control message names; all that go on if it names none."""
    if message.collection is None:
        return book.active
    run = book.run_of(message.collection)
    if run is None:
        return []
    if not run.counts[f"bad_messages_{message.kind}"]:
        run.note(f"refused: {message.detail[:MAX_QUOTED]}")
    return [run]


class BadMessages:
    """Counts since the start."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        self._logged: dict[tuple[str, str], float] = {}

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self._counts.values())

    def take(self, message: BadMessage, runs: Iterable[Run]) -> None:
        """Count a message that cannot be used; log each kind at most once a minute."""
        key = (message.source, message.kind)
        self._counts[key] += 1
        for run in runs:
            run.counts[f"bad_messages_{message.kind}"] += 1
        now = time.monotonic()
        if now - self._logged.get(key, -LOG_S) >= LOG_S:
            self._logged[key] = now
            log.warning(
                "message_refused",
                source=message.source,
                kind=message.kind,
                error=message.detail[:500],
                count=self._counts[key],
            )
