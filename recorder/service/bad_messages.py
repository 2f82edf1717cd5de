"""Messages that cannot be used: each is counted, each kind is logged."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable

from recorder.records import BadMessage
from recorder.runs.run import Run
from recorder.runtime.log import get_logger

log = get_logger("sources")

LOG_S = 60.0
"""Seconds between two log lines about one kind of bad message: a storm of them is
counted, not told. Chosen, not tuned."""


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
