"""PandABox position capture over its TCP data port: what the timing hardware saw.

Each captured sample becomes an ``XrayDetection`` event of evidence ``captured``; a bit
that stands for a laser, and is set in the sample, a ``LaserExcitation`` of evidence
``measured``. pandablocks reads the protocol; its own client is not used, since it spins
for ever on a connection that the other side closed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import ParseError

import numpy as np
from numpy.typing import NDArray

from recorder.config import PandaSection
from recorder.errors import MAX_QUOTED, MissingExtraError, RecorderError
from recorder.records import (
    BadMessage,
    Capture,
    ControlRecord,
    EventType,
    Evidence,
    TimedEvent,
)
from recorder.records.limits import MAX_CAPTURE_BYTES, MAX_NAME
from recorder.records.positions import KEY
from recorder.records.times import parse_time
from recorder.runtime.log import get_logger
from recorder.sources.panda.positions import PositionScale, position_scales
from recorder.sources.panda.times import MAX_COUNT, TimeScale, time_scale

try:
    from pandablocks.connections import DataConnection
    from pandablocks.responses import (
        Data,
        EndData,
        EndReason,
        FrameData,
        StartData,
    )
except ModuleNotFoundError as missing:
    raise MissingExtraError("panda", "a [[panda]] section") from missing

log = get_logger("panda")

# What pandablocks raises on bytes that are not its protocol; the last ones come from
# numpy, which reads the types of fields as a language of its own.
_GARBAGE = (
    AssertionError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    ParseError,
    OverflowError,
    SyntaxError,
    RecursionError,
    MemoryError,
)
_MAX_SERIES = 64
"""Characters of an arm time, which is a part of each event's uid."""


class PandaError(RecorderError):
    """A capture that cannot be used; the message says what to set."""


class PandaDecoder:
    """Turns the stream of one connection into records.

    Args:
        section: Which fields and bits mean what.
    """

    def __init__(self, section: PandaSection) -> None:
        self._section = section
        self._connection = DataConnection()
        self._start: StartData | None = None
        self._base_ns = 0
        self._capture: Capture | None = None
        self._next = 0
        self._refused = False
        self._scale: TimeScale | None = None
        self._positions: list[PositionScale] = []
        self._told: set[str] = set()
        self._held = 0

    def connect(self) -> bytes:
        """What is sent first: framed, and ticks as they are, not scaled to floats.

        A relay may send them scaled all the same: the header says what they are.
        """
        request: bytes = self._connection.connect(scaled=False)
        return request

    def feed(self, received: bytes, received_ns: int) -> Iterator[list[ControlRecord]]:
        """Records of the bytes that came, frame by frame.

        Raises:
            PandaError: They are not the protocol: connect anew.
        """
        self._held += len(received)
        try:
            for item in self._connection.receive_bytes(received):
                self._held = 0
                yield self._records(item, received_ns)
        except _GARBAGE as error:
            text = f"what came is no position capture: {error!r:.200}"
            raise PandaError(text) from error
        if self._held > MAX_CAPTURE_BYTES:
            text = f"{self._held} bytes without a whole header or frame"
            raise PandaError(f"what came is no position capture: {text}")

    def _records(self, item: Data, received_ns: int) -> list[ControlRecord]:
        if isinstance(item, StartData):
            return self._begin(item, received_ns)
        if isinstance(item, FrameData) and not self._refused:
            return list(self._samples(item.data, received_ns))
        if isinstance(item, EndData):
            return self._end(item, received_ns)
        return []

    def _begin(self, start: StartData, received_ns: int) -> list[ControlRecord]:
        if not 0 <= start.missed < MAX_COUNT:
            raise ValueError("impossible number of missed samples")
        self._start, self._next = start, start.missed
        self._base_ns = _base_ns(start)
        self._capture = Capture(
            id=_series(start) or f"@{received_ns}",
            begun_ns=received_ns,
            detector=self._section.detector,
        )
        names = [f"{field.name}.{field.capture}" for field in start.fields]
        log.info(
            "capture_started",
            source=self._section.name,
            fields=[name[:MAX_NAME] for name in names[:MAX_NAME]],
            arm_time=(start.arm_time or "")[:_MAX_SERIES],
            start_time=(start.start_time or "")[:_MAX_SERIES],
            missed=start.missed,
        )
        wanted = [self._section.time_field, *self._section.lasers]
        missing = [n for n in (w.split("#")[0] for w in wanted) if n not in names]
        self._refused, self._scale = bool(missing), None
        if missing:
            text = (
                f"capture {self._section.name} has no field {', '.join(missing)}; it "
                f"has {', '.join(names)}: capture them on the PandABox, or set "
                "panda.time_field and panda.lasers"
            )
            return [self._bad("capture_fields", text, received_ns)]
        return self._begin_times(start, names, received_ns)

    def _begin_times(
        self, start: StartData, names: list[str], received_ns: int
    ) -> list[ControlRecord]:
        """Seconds are not ticks: what a number means stands in the header."""
        wanted = self._section.time_field
        scale = time_scale(start.process, start.fields[names.index(wanted)])
        if isinstance(scale, TimeScale):
            self._scale = scale
            return self._begin_positions(start, received_ns)
        self._refused = True
        text = f"capture {self._section.name}: {wanted} gives no times: {scale}"
        return [self._bad("capture_fields", text, received_ns)]

    def _begin_positions(
        self, start: StartData, received_ns: int
    ) -> list[ControlRecord]:
        """An axis whose field cannot be used costs only its own positions."""
        scales, problems = position_scales(self._section, start.process, start.fields)
        self._positions, self._told = scales, set()
        texts = [f"capture {self._section.name}: {problem}" for problem in problems]
        return [self._bad("capture_fields", text, received_ns) for text in texts]

    def _bad(self, kind: str, text: str, received_ns: int) -> BadMessage:
        return BadMessage(self._section.name, kind, text[:MAX_QUOTED], received_ns)

    def _samples(self, data: NDArray[Any], received_ns: int) -> Iterator[ControlRecord]:
        if self._scale is None or not len(data):
            return
        column = data[self._section.time_field]
        times: list[int] = (self._scale.to_ns(column) + self._base_ns).tolist()
        lit = {name: _bit(data, place) for place, name in self._section.lasers.items()}
        places = {one.axis: one.of(data) for one in self._positions}
        yield from self._lost_positions(places, received_ns)
        first, self._next = self._next, self._next + len(data)
        for n in range(len(data)):
            number = first + n
            where = {a: float(of[n]) for a, of in places.items() if not np.isnan(of[n])}
            yield self._event(
                EventType.XRAY_DETECTION,
                number,
                times[n],
                received_ns,
                where={KEY: where} if where else {},
            )
            for name, bits in lit.items():
                yield self._event(
                    EventType.LASER_EXCITATION,
                    number,
                    times[n],
                    received_ns,
                    name=name,
                    fired=bool(bits[n]),
                )

    def _lost_positions(
        self, places: dict[str, NDArray[np.float64]], received_ns: int
    ) -> Iterator[BadMessage]:
        """Say once in a capture that an axis has numbers that are no positions."""
        for axis, of in places.items():
            if axis not in self._told and np.isnan(of).any():
                self._told.add(axis)
                text = (
                    f"capture {self._section.name}: some numbers of {axis} are no "
                    "positions: those triggers have none; see panda.position_scales"
                )
                yield self._bad("capture_positions", text, received_ns)

    def _event(
        self,
        kind: EventType,
        number: int,
        time_ns: int,
        received_ns: int,
        name: str | None = None,
        fired: bool = True,
        where: dict[str, Any] | None = None,
    ) -> TimedEvent:
        series = _series(self._start) if self._start else ""
        laser = kind is EventType.LASER_EXCITATION
        return TimedEvent(
            uid=f"{self._section.name}/{series}/{number}/{name or 'x'}",
            type=kind,
            time_ns=time_ns,
            name=name,
            trigger=number,
            clock=self._section.name,
            evidence=Evidence.MEASURED if laser else Evidence.CAPTURED,
            value=float(fired) if laser else None,
            # A bit says that the laser fired within the sample, not when.
            body={"untimed": True} if laser else where or {},
            received_ns=received_ns,
            capture=self._capture,
        )

    def _end(self, end: EndData, received_ns: int) -> list[ControlRecord]:
        log.info(
            "capture_ended",
            source=self._section.name,
            samples=end.samples,
            reason=end.reason.value,
        )
        self._start = None
        if end.reason in (EndReason.OK, EndReason.DISARMED, EndReason.MANUALLY_STOPPED):
            return []
        text = (
            f"capture {self._section.name} ended after {end.samples} samples: "
            f"{end.reason.value}; later triggers have no rows"
        )
        return [self._bad("capture_incomplete", text, received_ns)]


def _series(start: StartData) -> str:
    """What tells a capture from the one before: when it was armed."""
    return (start.arm_time or start.start_time or "")[:_MAX_SERIES]


def _base_ns(start: StartData) -> int:
    """Unix ns of the capture's time 0, as well as the PandABox knows it."""
    try:
        begun = parse_time(start.start_time or "")
    except ValueError:
        return 0  # clocks are related by fitting: an epoch is a convenience
    return begun + int(start.hw_time_offset_ns or 0)


def _bit(data: NDArray[Any], place: str) -> NDArray[np.bool_]:
    """A bit of a field, such as ``PCAP.BITS0.Value#3``.

    Raises:
        ValueError: The field holds no whole numbers from 0.
    """
    field, _, number = place.partition("#")
    column = data[field]
    if column.dtype.kind == "f" and not np.all((column >= 0) & (column < MAX_COUNT)):
        raise ValueError(f"{field} holds no bits")
    set_: NDArray[np.bool_] = (
        column.astype(np.uint64) >> np.uint64(int(number or 0))
    ) & np.uint64(1) > 0
    return set_
