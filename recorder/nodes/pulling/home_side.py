"""Home's part: records of what nodes report, and the pixels that they keep."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace

import zmq

from recorder.errors import BadMessageError
from recorder.nodes.members import Member
from recorder.nodes.pulling.detectors import Detector
from recorder.nodes.pulling.kept_pixels import KeptPixels
from recorder.nodes.pulling.reports import (
    IMAGES,
    LINKS,
    PIXELS,
    PULL,
    RAW,
    Reported,
    pack_body,
    pack_taken,
    read_body,
    read_images,
    read_numbered,
    read_pixels,
)
from recorder.nodes.pulling.sorting import Sorting
from recorder.nodes.pulling.taken import Taken
from recorder.pool.protocols import PulledPort, Pulls
from recorder.pool.wire import Frame, Message
from recorder.records import (
    DetectorRecord,
    Image,
    SeriesEnd,
    SeriesStart,
)
from recorder.runtime.host_clock import arrival_ns
from recorder.runtime.log import get_logger

log = get_logger("nodes")

MOST_WAITING = 20_000
"""Records that wait here while the journal cannot be written; then reports are not
taken, and wait at their nodes. 20 MB. Chosen, not tuned."""
STOP_S = 8.0
"""Seconds that nodes have to stop receiving: they take for 2 s what was sent to them,
and home what they report of it. Chosen, not tuned."""

Send = Callable[[bytes, Message], None]


class HomePulling:
    """Makes records of reports; keeps account of the pixels.

    Args:
        pulls: The detectors that nodes pull from.
        send: Sends a message to a node, by its identity.
    """

    def __init__(self, pulls: Pulls, send: Send) -> None:
        self._detectors = {
            section.name: Detector(section) for section in pulls.detectors
        }
        self._hold_bytes = pulls.hold_bytes
        self._send = send
        self.port: PulledPort | None = None
        """None until the daemon can take records: they wait."""
        self._due: deque[DetectorRecord] = deque()
        self._identities: dict[int, bytes] = {}
        self._links: dict[int, dict[str, bool]] = {}
        self._taken = Taken()
        self._untold: dict[int, Member] = {}
        """Members that reported something since they were told what was taken."""
        self._receive = True
        self._quiet = asyncio.Event()
        """Set when no node receives from any detector; told by :meth:`stop`."""
        self.pixels = KeptPixels(self._to)
        self._sorting = Sorting(self._keyed, self._connected)

    # -- who takes part ----------------------------------------------------------------

    def welcomed(self, member: Member) -> None:
        """A node takes part: it is told what to receive, and the latest headers.

        Also that it is to receive nothing: another daemon may have said otherwise.
        """
        self._identities[member.session] = member.identity
        self._tell_detectors(member)
        for each in self._detectors.values():
            for header in each.headers:
                self._send(member.identity, header)

    def _tell_detectors(self, member: Member) -> None:
        body = {
            "hold_bytes": self._hold_bytes,
            "detectors": [each.body for each in self._detectors.values()],
            "receive": self._receive,
            "taken": self._taken.of(member.greeting.boot),
        }
        self._send(member.identity, pack_body(PULL, body))

    async def stop(self, members: Sequence[Member], send: Callable[[], None]) -> None:
        """Have the nodes receive no more, and take what they have yet to report.

        Args:
            members: Who takes part.
            send: Sends what is to be sent.
        """
        self._receive = False
        for member in members:
            self._tell_detectors(member)
        send()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_S):
                while any(self._links.values()):
                    self._quiet.clear()
                    await self._quiet.wait()
        if late := [node for node, links in self._links.items() if links]:
            log.warning("nodes_not_stopping", nodes=len(late), waited_s=STOP_S)
        self._hand_over()
        for record in self._sorting.rest():  # it passes, even if held
            self._put(record)

    def gone(self, member: Member, why: str | None) -> None:
        """A node takes part no longer; ``why``: it was lost, not asked to go."""
        if self._identities.pop(member.session, None) is None:
            return
        links = self._links.pop(member.session, {})
        self._untold.pop(member.session, None)
        self._quiet.set()
        self.pixels.gone(member.session)
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
        if kind == PIXELS:
            number, data = read_pixels(frames)
            self.pixels.came(member.session, number, data)
        elif kind == LINKS:
            links = read_body(frames)
            known = {n: v is True for n, v in links.items() if n in self._detectors}
            self._tell_links(member, known)
            self._links[member.session] = known
            self._quiet.set()
        else:
            self._report(member, kind, frames, now)
        return True

    def _report(
        self, member: Member, kind: bytes, frames: Sequence[Frame], now: float
    ) -> None:
        """Each is taken once, in the order of its node; what cannot be waits there."""
        number, before, report = read_numbered(frames)
        self._untold[member.session] = member
        waiting = len(self._sorting) + len(self._due)
        if waiting >= MOST_WAITING and not self._takes:
            return
        if not self._taken.take(member.greeting.boot, number, before):
            return
        if kind == IMAGES:
            self._images(member, report, now)
        else:
            self._raw(member, report, now)

    def tell_taken(self) -> None:
        """Say to each node what was taken of it; a few times a second."""
        for member in self._untold.values():
            number = self._taken.of(member.greeting.boot)
            self._send(member.identity, pack_taken(number))
        self._untold.clear()

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
                self.pixels.keep(payload)
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
                header = each.keep(message, received_ns)
                for session, identity in self._identities.items():
                    if session != member.session:
                        self._send(identity, header)
            self._put(record)

    def _detector(self, name: str) -> Detector:
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
        self.pixels.tell_freed()

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

    def _to(self, node: int, message: Message) -> bool:
        """Send a message to a node, by its session; False: it is gone."""
        if (identity := self._identities.get(node)) is None:
            return False
        self._send(identity, message)
        return True
