"""Receives a DECTRIS stream, v1 or v2, in a thread of its own.

The socket is a PULL, or a SUB for feeds that publish. With a PULL a detector deals its
images round-robin to all its clients, so the recorder must be the only one, or sit
behind a relay.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from math import inf

import zmq
from zmq.utils.monitor import recv_monitor_message

from recorder.config import DetectorSection
from recorder.config.endpoints import parse_endpoint
from recorder.errors import ConfigError
from recorder.records import BadMessage, DetectorRecord, SeriesKey
from recorder.runtime.addresses import only_ipv6
from recorder.runtime.host_clock import arrival_ns
from recorder.runtime.log import get_logger
from recorder.sources.dectris.stream1 import Stream1Decoder
from recorder.sources.dectris.stream2 import Stream2Decoder
from recorder.sources.link import Link
from recorder.sources.protocols import SourcePort
from recorder.sources.threads import Deliver, in_thread

log = get_logger("detector")

POLL_MS = 100
"""Milliseconds that the thread waits for a message before it looks whether it is to
stop. Chosen, not tuned."""
# A half-open connection is noticed by TCP keep-alive, never by ZMTP heartbeats: those
# time out when we are slow to read, and the reconnect throws away what was queued
# (docs/decisions/0009-no-zmtp-heartbeats.md).
KEEPALIVE_IDLE_S, KEEPALIVE_INTERVAL_S, KEEPALIVE_COUNT = 10, 5, 3

CONNECTED, GONE = zmq.EVENT_HANDSHAKE_SUCCEEDED, zmq.EVENT_DISCONNECTED
"""What is asked of ZeroMQ about the connection: a peer that only accepts it, and does
not speak ZeroMQ, is none."""


Handle = Callable[[list[zmq.Frame], int], None]


def _nothing() -> None:
    """There is nothing to do in between."""


class DectrisSource:
    """One detector.

    Args:
        section: Endpoint, protocol and limits.
    """

    def __init__(self, section: DetectorSection) -> None:
        self.name = section.name
        self.link = Link(section.endpoint)
        self._section = section
        self._stream1 = Stream1Decoder(section.name, section.max_pixels)
        self._stream2 = Stream2Decoder(
            section.name,
            channel=section.channel,
            refuse_others=section.other_channels == "refuse",
            max_pixels=section.max_pixels,
        )

    async def run(self, port: SourcePort) -> None:
        """Receive until ``port.stopping`` is set, in a thread of its own.

        Raises:
            ConfigError: The endpoint is none.
        """
        await in_thread(port, self.receive)

    def receive(self, deliver: Deliver, stop: threading.Event) -> None:
        """Receive until ``stop`` is set; blocking, for a thread.

        Args:
            deliver: Takes each record, in order; may block to slow the stream down.
            stop: Ends the thread within a poll interval.

        Raises:
            ConfigError: The endpoint is none.
        """

        def handle(frames: list[zmq.Frame], received_ns: int) -> None:
            for record in self.decode(frames, received_ns):
                deliver(record)

        self.listen(handle, stop)

    def listen(
        self,
        handle: Handle,
        stop: threading.Event,
        idle: Callable[[], None] = _nothing,
        drain_s: float = 0.0,
    ) -> None:
        """The same, with the messages as they came.

        Args:
            handle: Takes each message and when it came, in order.
            stop: Ends the thread within a poll interval.
            idle: Called when there is no message, and between messages.
            drain_s: For so long what has come is still read after ``stop``, as long as
                there is more.

        Raises:
            ConfigError: The endpoint is none.
        """
        section = self._section
        context = zmq.Context()
        subscribes = section.socket == "sub"
        socket = context.socket(zmq.SUB if subscribes else zmq.PULL)
        if subscribes:
            socket.subscribe(b"")
        socket.rcvhwm = section.receive_hwm
        socket.maxmsgsize = section.max_message_mb << 20
        socket.tcp_keepalive = 1
        socket.tcp_keepalive_idle = KEEPALIVE_IDLE_S
        socket.tcp_keepalive_intvl = KEEPALIVE_INTERVAL_S
        socket.tcp_keepalive_cnt = KEEPALIVE_COUNT
        socket.linger = 0
        try:
            monitor = socket.get_monitor_socket(CONNECTED | GONE)
            poller = zmq.Poller()
            poller.register(monitor, zmq.POLLIN)
            poller.register(socket, zmq.POLLIN)
            _connect(socket, section)
            self.link.connected = False
            log.info(
                "detector_listening",
                source=section.name,
                endpoint=section.endpoint,
                protocol=section.protocol,
            )
            ends = inf
            while not stop.is_set() or drain_s:
                idle()
                ready = dict(poller.poll(POLL_MS))
                if stop.is_set():
                    ends = min(ends, time.monotonic() + drain_s)
                    if socket not in ready or time.monotonic() > ends:
                        break
                if monitor in ready:
                    self.link.connected = _happened(monitor) == CONNECTED
                if socket in ready:
                    frames = socket.recv_multipart(zmq.NOBLOCK, copy=False)
                    self.link.heard()
                    handle(frames, arrival_ns())
        finally:
            self.link.connected = None
            socket.disable_monitor()
            context.destroy(linger=0)

    def decode(self, frames: list[zmq.Frame], received_ns: int) -> list[DetectorRecord]:
        """Turn one message into records, by the protocol that it speaks."""
        if self.speaks(frames) == "stream1":
            # Small parts as bytes; pixels stay where ZeroMQ put them.
            parts = [f.buffer if len(f) > 4096 else f.bytes for f in frames]
            return [self._stream1.decode(parts, received_ns)]
        if len(frames) != 1:
            text = f"stream v2 messages have one part, this one has {len(frames)}"
            return [BadMessage(self._section.name, "parts", text, received_ns)]
        return self._stream2.records(frames[0].buffer, received_ns)

    def knows(self, key: SeriesKey) -> bool:
        """Whether the header of a series came."""
        return self._stream1.knows(key) or self._stream2.knows(key)

    def latest(self, key: SeriesKey) -> SeriesKey:
        """The key of the latest series of that number; the same if none is known."""
        return self._stream1.latest(key)

    def speaks(self, frames: list[zmq.Frame]) -> str:
        """Protocol of a message, as configured, or by its parts.

        Messages of v1 have several; single ones begin with a brace.
        """
        if self._section.protocol != "auto":
            return self._section.protocol
        first = frames[0].buffer[:1].tobytes() if len(frames[0]) else b""
        return "stream1" if len(frames) > 1 or first in (b"{", b"") else "stream2"


def _happened(monitor: zmq.Socket[bytes]) -> int:
    """What ZeroMQ says happened to the connection."""
    message = recv_monitor_message(monitor, zmq.NOBLOCK)
    return int(message["event"])


def _connect(socket: zmq.Socket[bytes], section: DetectorSection) -> None:
    try:
        peer = parse_endpoint(section.endpoint)
        socket.ipv6 = peer.scheme == "tcp" and only_ipv6(peer.host)
        socket.connect(section.endpoint)
    except ValueError as error:
        raise ConfigError(
            f"source {section.name}: endpoint {section.endpoint}: {error}"
        ) from error
    except zmq.ZMQError as error:
        raise ConfigError(
            f"source {section.name}: endpoint {section.endpoint}: {error}; write it as "
            "tcp://HOST:PORT"
        ) from error
