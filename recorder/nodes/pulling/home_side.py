"""Home's part: records of what nodes report, and the pixels that they keep."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import zmq

from recorder.config import DetectorSection
from recorder.errors import BadMessageError
from recorder.nodes.members import Member
from recorder.nodes.messages import pack_numbers
from recorder.nodes.pulling.fetching import Fetching
from recorder.nodes.pulling.reports import (
    DROP,
    HEADER,
    IMAGES,
    LINKS,
    PIXELS,
    PULL,
    RAW,
    Reported,
    pack_body,
    read_body,
    read_images,
    read_pixels,
)
from recorder.nodes.pulling.sorting import Sorting
from recorder.pool.protocols import PulledPort, Pulls
from recorder.pool.wire import Frame, Message
from recorder.records import (
    DetectorRecord,
    HeldPixels,
    Image,
    Payload,
    SeriesEnd,
    SeriesStart,
)
from recorder.runtime.host_clock import arrival_ns
from recorder.runtime.log import get_logger
from recorder.sources.dectris.source import DectrisSource

log = get_logger("nodes")

KEPT_HEADERS = 4
"""Headers of a detector that a node which comes later is told: as many as a decoder
remembers."""
_SENT = {
    "name", "endpoint", "socket", "protocol", "channel", "other_channels",
    "receive_hwm", "max_message_mb", "max_pixels",
}  # fmt: skip
"""Settings that a node needs; files of this host are of no use there."""


@dataclass(eq=False)
class _Detector:
    """One detector, for home."""

    section: DetectorSection
    source: DectrisSource
    headers: deque[tuple[Message, int]]
    """As they came, with the time."""


Send = Callable[[bytes, Message], None]


class HomePulling:
    """Makes records of reports; keeps account of the pixels.

    Args:
        pulls: The detectors that nodes pull from.
        send: Sends a message to a node, by its identity.
    """

    def __init__(self, pulls: Pulls, send: Send) -> None:
        self._detectors = {
            section.name: _Detector(
                section, DectrisSource(section), deque(maxlen=KEPT_HEADERS)
            )
            for section in pulls.detectors
        }
        self._hold_bytes = pulls.hold_bytes
        self._send = send
        self.port: PulledPort | None = None
        """None until the daemon can take records: they wait."""
        self._due: deque[DetectorRecord] = deque()
        self._identities: dict[int, bytes] = {}
        self._links: dict[int, dict[str, bool]] = {}
        self._held: weakref.WeakValueDictionary[tuple[int, int], HeldPixels]
        self._held = weakref.WeakValueDictionary()
        self._freed: deque[tuple[int, int]] = deque()
        self._fetching = Fetching(self._ask)
        self._sorting = Sorting(self._keyed, self._connected)

    # -- who takes part ----------------------------------------------------------------

    def welcomed(self, member: Member) -> None:
        """A node takes part: it is told what to receive, and the latest headers.

        Also that it is to receive nothing: another daemon may have said otherwise.
        """
        self._identities[member.session] = member.identity
        bodies = [
            each.section.model_dump(mode="json", include=_SENT)
            for each in self._detectors.values()
        ]
        body = {"hold_bytes": self._hold_bytes, "detectors": bodies}
        self._send(member.identity, pack_body(PULL, body))
        for each in self._detectors.values():
            for frames, received_ns in each.headers:
                self._tell_header(member.identity, each, frames, received_ns)

    def gone(self, member: Member, why: str | None) -> None:
        """A node takes part no longer; ``why``: it was lost, not asked to go."""
        if self._identities.pop(member.session, None) is None:
            return
        links = self._links.pop(member.session, {})
        self._fetching.gone(member.session)
        if why is not None and links and self.port is not None:
            self.port.node_lost(member.greeting.name, sorted(links), why)

    def nodes_of(self, source: str) -> int:
        """How many nodes are connected to a detector."""
        return len(self._connected(source))

    def sources(self) -> dict[str, bool]:
        """The detectors, and whether any node is connected to each."""
        return {name: self.nodes_of(name) > 0 for name in self._detectors}

    # -- what nodes say ----------------------------------------------------------------

    def came(
        self, member: Member, kind: bytes, frames: Sequence[Frame], now: float
    ) -> bool:
        """A message of a node; False if it is about something else.

        Raises:
            BadMessageError: It makes no sense.
        """
        if kind not in (IMAGES, RAW, PIXELS, LINKS):
            return False
        if kind == IMAGES:
            self._images(member, frames, now)
        elif kind == RAW:
            self._raw(member, frames, now)
        elif kind == PIXELS:
            number, data = read_pixels(frames)
            self._pixels(member.session, number, data)
        else:
            links = read_body(frames)
            known = {n: v is True for n, v in links.items() if n in self._detectors}
            self._tell_links(member, known)
            self._links[member.session] = known
        return True

    def _tell_links(self, member: Member, links: dict[str, bool]) -> None:
        before = self._links.get(member.session, {})
        for name, connected in links.items():
            if before.get(name) is not connected:
                log.info(
                    "node_receives",
                    node=member.greeting.name,
                    source=name,
                    connected=connected,
                )

    def _images(self, member: Member, frames: Sequence[Frame], now: float) -> None:
        for reported in read_images(frames, member.session, arrival_ns()):
            self._detector(reported.image.key.source)
            if (payload := reported.image.payload) is not None:
                self._keep(payload)
            self._sorting.image(member.session, reported, now)

    def _raw(self, member: Member, frames: Sequence[Frame], now: float) -> None:
        each = self._detector(str(read_body(frames).get("source")))
        message: Message = [bytes(frame) for frame in frames[2:]]
        if not message:
            raise BadMessageError("node_message", "a detector's message has no frames")
        received_ns = arrival_ns()
        for record in each.source.decode([zmq.Frame(f) for f in message], received_ns):
            if isinstance(record, SeriesEnd):
                self._sorting.end(record, now)
                continue
            if isinstance(record, SeriesStart):
                each.headers.append((list(message), received_ns))
                for session, identity in self._identities.items():
                    if session != member.session:
                        self._tell_header(identity, each, message, received_ns)
            self._put(record)

    def _tell_header(
        self, identity: bytes, each: _Detector, frames: Message, received_ns: int
    ) -> None:
        body = {"source": each.section.name, "received_ns": received_ns}
        self._send(identity, pack_body(HEADER, body, *frames))

    def _detector(self, name: str) -> _Detector:
        if (each := self._detectors.get(name)) is None:
            text = f"{name!r:.100} is no detector that nodes pull from"
            raise BadMessageError("node_message", text)
        return each

    # -- records -----------------------------------------------------------------------

    def next_at(self) -> float | None:
        """When something is due next (monotonic, s); None: nothing can be taken."""
        return self._sorting.next_at() if self._takes else None

    @property
    def _takes(self) -> bool:
        return self.port is not None and not self.port.held()

    def look(self, now: float) -> None:
        """Hand over what is due, and tell nodes which pixels they need keep no more."""
        if self._takes:
            self._hand_over()
            for record in self._sorting.take(now):
                self._put(record)
        self._tell_freed()

    def _keyed(self, reported: Reported) -> Image:
        image = reported.image
        source = image.key.source
        if reported.by_number:
            key = self._detectors[source].source.latest(image.key)
            image = replace(image, key=key)
        return replace(image, pulled_by=max(1, self.nodes_of(source)))

    def _connected(self, source: str) -> list[int]:
        return [node for node, links in self._links.items() if links.get(source)]

    def _put(self, record: DetectorRecord) -> None:
        self._due.append(record)
        self._hand_over()

    def _hand_over(self) -> None:
        while self._due and self.port is not None:
            self.port.put(self._due.popleft())

    # -- pixels ------------------------------------------------------------------------

    def _keep(self, payload: Payload) -> None:
        held = payload.held
        if held is None:
            return
        name = (held.node, held.number)
        self._held[name] = held
        weakref.finalize(held, self._freed.append, name).atexit = False

    def _tell_freed(self) -> None:
        by_node: dict[int, list[int]] = {}
        while self._freed:
            node, number = self._freed.popleft()
            by_node.setdefault(node, []).append(number)
        for node, numbers in by_node.items():
            self._to(node, pack_numbers(DROP, numbers))

    def _to(self, node: int, message: Message) -> None:
        if (identity := self._identities.get(node)) is not None:
            self._send(identity, message)

    def _pixels(self, node: int, number: int, data: bytes | None) -> None:
        held = self._held.get((node, number))
        if held is not None and data is not None and len(data) == held.size:
            held.data = data
            self._to(node, pack_numbers(DROP, [number]))
        self._fetching.came((node, number))

    def fetch(self, payloads: Sequence[Payload], done: Callable[[], None]) -> None:
        """Bring pixels home; ``done`` once each is here, or its node is gone."""
        self._fetching.fetch(payloads, done)

    def _ask(self, node: int, message: Message) -> bool:
        self._to(node, message)
        return node in self._identities
