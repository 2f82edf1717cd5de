"""Which channel (threshold) of a stream v2 series is classified: chosen once.

The order of the map in a message says nothing: a sender may change it with every image.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from recorder.errors import BadMessageError, UnsupportedImageError, shown
from recorder.records import SeriesKey
from recorder.records.limits import MAX_NAME

_KEPT = 8
"""Series whose channel is remembered: those that a relay interleaves, and late images.
Chosen, not tuned."""
NaturalKey = list[tuple[int, int, str]]


@dataclass
class Channels:
    """The channel of each series of one stream.

    Args:
        configured: Channel to use; None takes the first that the header names.
        refuse_others: Refuse images with further channels.
    """

    configured: str | None = None
    refuse_others: bool = False
    _chosen: dict[SeriesKey, Any] = field(default_factory=dict)
    _named: dict[SeriesKey, tuple[Any, ...]] = field(default_factory=dict)

    def header(self, key: SeriesKey, named: Sequence[Any]) -> None:
        """A header names the channels of its series.

        Args:
            key: The series.
            named: As sent; empty if it names none.
        """
        self._chosen.pop(key, None)
        self._named.pop(key, None)
        if named:
            self._keep(key, named[0], tuple(named))

    def of_table(self, key: SeriesKey, tables: Mapping[Any, Any]) -> Any:
        """The channel whose mask or flat field is used."""
        wanted = self.configured or self._chosen.get(key)
        return wanted if wanted in tables else first_by_name(tables)

    def of_image(self, key: SeriesKey, data: Any) -> tuple[Any, tuple[str, ...]]:
        """The channel of an image that is used, and the names of the others.

        Raises:
            BadMessageError: It has no channels.
            UnsupportedImageError: It lacks the one to use, or has others that are
                refused.
        """
        if not isinstance(data, dict) or not data:
            raise BadMessageError("data", "image has no data map {channel: array}")
        channel = self._of_series(key, data)
        others = names(sorted((n for n in data if n != channel), key=by_name))
        if others and self.refuse_others:
            raise UnsupportedImageError(
                f"image has further channels {listed(others)} and "
                'detector.other_channels is "refuse"'
            )
        return channel, others

    def _of_series(self, key: SeriesKey, data: dict[Any, Any]) -> Any:
        if self.configured is not None:
            if self.configured not in data:
                raise UnsupportedImageError(
                    f"image has no channel {self.configured!r}, only {listed(data)}; "
                    "set detector.channel"
                )
            return self.configured
        chosen = self._chosen.get(key)
        if chosen is not None and chosen in data:
            return chosen
        if chosen is not None and any(name in self._named[key] for name in data):
            raise UnsupportedImageError(
                f"image has no channel {shown(chosen)}, the one of its series, only "
                f"{listed(data)}; set detector.channel"
            )
        channel = first_by_name(data)
        self._keep(key, channel, tuple(data))
        return channel

    def _keep(self, key: SeriesKey, chosen: Any, named: tuple[Any, ...]) -> None:
        while len(self._chosen) >= _KEPT and key not in self._chosen:
            oldest = next(iter(self._chosen))
            del self._chosen[oldest], self._named[oldest]
        self._chosen[key], self._named[key] = chosen, named


def first_by_name(channels: Iterable[Any]) -> Any:
    """The first channel by name, numbers by their value: in no order of a message."""
    return min(channels, key=by_name)


def by_name(name: Any) -> NaturalKey:
    """Sorts ``threshold_2`` before ``threshold_10``."""
    parts = re.findall(r"\d+|\D+", str(name)[:MAX_NAME])
    return [
        (0, len(part.lstrip("0")), part.lstrip("0"))
        if part.isdecimal()
        else (1, 0, part)
        for part in parts
    ]


def names(channels: Iterable[Any]) -> tuple[str, ...]:
    """Names of channels, each cut where it is too long."""
    texts = (name if isinstance(name, str) else shown(name) for name in channels)
    return tuple(text[:MAX_NAME] for text in texts)


def listed(channels: Iterable[Any]) -> str:
    """The first channels for a message."""
    return ", ".join(names(islice(channels, 10)))
