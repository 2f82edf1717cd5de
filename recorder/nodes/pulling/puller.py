"""Receives a detector's stream on a node: says what came at once, keeps the pixels."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

import zmq

from recorder.config import DetectorSection
from recorder.nodes.pulling.larder import Larder
from recorder.pool.wire import Message
from recorder.records import DetectorRecord, Image, Unprocessed
from recorder.runtime.boundary import boundary
from recorder.sources.dectris.source import DectrisSource

HEADER_S = 1.0
"""Seconds that images wait for the header of their series, which may have come to
another node: it is here within a tenth of that. Chosen, not tuned."""
DRAIN_S = 2.0
"""Seconds for which a node that ends still takes what the detector has sent to it: a
queue of 100 large images takes a tenth of that. Chosen, not tuned."""
MOST_WAITING = 1000
"""Messages that wait for a header, at most; then they go on without. Chosen, not
tuned."""


@dataclass(frozen=True, slots=True)
class ImageHere:
    """An image that this node has."""

    image: Image
    number: int
    """Of its pixels; 0: they are not kept."""
    by_number: bool
    """Its stream names series by number alone."""

    @property
    def source(self) -> str:
        """Name of the detector."""
        return self.image.key.source


@dataclass(frozen=True, slots=True)
class MessageHere:
    """A message of the detector that is no image: home reads it itself."""

    source: str
    frames: Message


Report = Callable[[ImageHere | MessageHere], None]


class Puller:
    """One detector; it never holds the stream back.

    Args:
        section: Endpoint, protocol and limits.
        larder: Where pixels are kept.
        report: Told what came, from the thread that receives.
    """

    def __init__(
        self, section: DetectorSection, larder: Larder, report: Report
    ) -> None:
        self.section = section
        self.stopping = threading.Event()
        self._source = DectrisSource(section)
        self._larder = larder
        self._report = report
        self._headers: deque[tuple[Message, int]] = deque()
        self._waiting: deque[tuple[float, list[zmq.Frame], int]] = deque()

    @property
    def connected(self) -> bool:
        """Whether the detector is there."""
        return self._source.link.connected is True

    def header(self, frames: Message, received_ns: int) -> None:
        """A header that another node received; from the event loop."""
        self._headers.append((frames, received_ns))

    def receive(self) -> None:
        """Receive until ``stopping`` is set; blocking, for a thread.

        Raises:
            ConfigError: The endpoint is none.
        """
        self._source.listen(self._came, self.stopping, self._look, DRAIN_S)
        while self._waiting:
            self._pass(*self._waiting.popleft()[1:])

    def _came(self, frames: list[zmq.Frame], received_ns: int) -> None:
        self._look()
        records = self._source.decode(frames, received_ns)
        if self._lacks_header(records) or (self._waiting and _is_image(records)):
            self._waiting.append((time.monotonic(), frames, received_ns))
        else:
            self._tell(records, frames)

    def _lacks_header(self, records: list[DetectorRecord]) -> bool:
        first = records[0]
        return isinstance(first, Image) and not self._source.knows(first.key)

    def _look(self) -> None:
        """Take in what home told, and let go on what waited for it."""
        while self._headers:
            header, received_ns = self._headers.popleft()
            with boundary("read a header of another node"):
                self._source.decode([zmq.Frame(f) for f in header], received_ns)
        while self._waiting:
            since, frames, received_ns = self._waiting[0]
            late = time.monotonic() - since > HEADER_S
            if not late and len(self._waiting) <= MOST_WAITING:
                records = self._source.decode(frames, received_ns)
                if self._lacks_header(records):
                    return
            self._waiting.popleft()
            self._pass(frames, received_ns)

    def _pass(self, frames: list[zmq.Frame], received_ns: int) -> None:
        self._tell(self._source.decode(frames, received_ns), frames)

    def _tell(self, records: list[DetectorRecord], frames: list[zmq.Frame]) -> None:
        if not _is_image(records):
            name = self.section.name
            self._report(MessageHere(name, [bytes(f.buffer) for f in frames]))
            return
        by_number = self._source.speaks(frames) == "stream1"
        for record in records:
            if isinstance(record, Image):
                self._report(self._kept(record, by_number))

    def _kept(self, image: Image, by_number: bool) -> ImageHere:
        number: int | None = 0
        if image.payload is not None:
            number = self._larder.keep(image.payload.data)
        if number is None:
            text = (
                "the node that received it has no room for its pixels: workers there "
                "are behind (cluster.node_hold_mb)"
            )
            image = _without_pixels(image, text)
        return ImageHere(image, number or 0, by_number)


def _is_image(records: list[DetectorRecord]) -> bool:
    return all(isinstance(record, Image) for record in records)


def _without_pixels(image: Image, text: str) -> Image:
    return replace(image, payload=None, problem=(Unprocessed.OVERLOAD, text))
