"""The latest series headers of one stream: what comes late still finds its own."""

from __future__ import annotations

from dataclasses import replace

from recorder.records import SeriesKey, SeriesStart

KEPT = 4
"""Headers that are kept: series that a relay interleaves, and the last images of the
one before. Chosen, not tuned."""


class LastHeaders:
    """Found by key, or by the number of the series; without mask and flat field."""

    def __init__(self) -> None:
        self._kept: list[SeriesStart] = []

    def add(self, start: SeriesStart) -> None:
        """A header came; it stands for its number from now on."""
        number = start.key.series_id
        others = [s for s in self._kept if s.key.series_id != number]
        bare = replace(start, mask=None, flatfield=None, user_data=None)
        self._kept = [*others[-(KEPT - 1) :], bare]

    def of_number(self, series_id: int) -> SeriesStart | None:
        """The latest header of a series number."""
        for start in self._kept:
            if start.key.series_id == series_id:
                return start
        return None

    def of(self, key: SeriesKey) -> SeriesStart | None:
        """The header of exactly this series."""
        start = self.of_number(key.series_id)
        return start if start is not None and start.key == key else None
