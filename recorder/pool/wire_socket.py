"""The socket of an exchange: opened, read, and whose end it tells; for its thread."""

from __future__ import annotations

import contextlib
from typing import Literal

import zmq
from zmq.utils.monitor import parse_monitor_message

from recorder.config.endpoints import parse_endpoint
from recorder.errors import ConfigError
from recorder.pool.curve import Curve, DoorKeeper, protect
from recorder.pool.wire import Frame, Message
from recorder.runtime.addresses import only_ipv6

MAX_FRAME = 1 << 30
"""Bytes of one frame; who announces more is cut off by ZeroMQ before it takes any
memory. An image of 16 megapixels has 64 MB where it is not compressed. Chosen, not
tuned."""
VIEWED = 4096
"""Bytes from which a received frame is not copied. Chosen, not tuned."""
Kind = Literal["router", "dealer"]


class WireSocket:
    """A socket that is bound (router) or connected (dealer).

    Args:
        kind: Which of the two.
        address: Of ZeroMQ: ``tcp://HOST:PORT`` or ``ipc://PATH``; a router may be bound
            to ``tcp://*:*``.
        curve: Keys; None: not encrypted.
        tells_ends: Whether it is to tell which peers' connections ended (router).
        io_threads: Threads of ZeroMQ.

    Raises:
        ConfigError: Address or keys cannot be used; the message says what to do.
    """

    def __init__(
        self,
        kind: Kind,
        address: str,
        curve: Curve | None,
        tells_ends: bool,
        io_threads: int,
    ) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context(io_threads)
        self._numbers: dict[bytes, int] = {}
        """Number of the connection below (a file descriptor), by identity."""
        self._identities: dict[int, bytes] = {}
        self.keeper: DoorKeeper | None = None
        self.monitor: zmq.Socket[bytes] | None = None
        try:
            self.socket = self._opened(kind, address, curve, tells_ends)
        except BaseException:
            self._context.destroy(linger=0)
            raise
        bound: bytes = self.socket.getsockopt(zmq.LAST_ENDPOINT)  # type: ignore[assignment]
        self.address = bound.decode().rstrip("\0")
        """As it was bound, with its port."""

    def _opened(
        self, kind: Kind, address: str, curve: Curve | None, tells_ends: bool
    ) -> zmq.Socket[bytes]:
        socket = self._context.socket(zmq.ROUTER if kind == "router" else zmq.DEALER)
        socket.sndhwm = 0  # bounded by the jobs that a peer may have
        socket.tcp_keepalive = 1
        socket.maxmsgsize = MAX_FRAME
        if curve is not None:
            if curve.server is None:  # before it is bound, else all are let in
                self.keeper = DoorKeeper(self._context, curve)
            protect(socket, curve)
        if tells_ends and kind == "router":
            self.monitor = socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        try:
            _attach(socket, kind, address)
        except (ValueError, zmq.ZMQError) as error:
            doing, hint = _ADVICE[kind]
            text = f"cannot {doing} {address}: {error}; {hint}"
            raise ConfigError(text) from error
        return socket

    def receive(self) -> tuple[int, Message] | None:
        """A message that is there, and its bytes; None: there is none."""
        try:
            frame = self.socket.recv(zmq.NOBLOCK, copy=False)
        except zmq.Again:
            return None
        message, size = [_content(frame)], len(frame)
        while frame.more:
            frame = self.socket.recv(zmq.NOBLOCK, copy=False)
            message.append(_content(frame))
            size += len(frame)
        if self.monitor is not None:
            identity = bytes(message[0])
            if identity not in self._numbers:
                self._remember(identity, int(frame.get(zmq.SRCFD)))
        return size, message

    def send(self, message: Message) -> None:
        """Give a message to ZeroMQ, which takes all: it has no limit.

        Nobody gets what a dealer sends that was refused at the door: ZeroMQ gives its
        connection up for good, and has nowhere to put a message.
        """
        parts = [_shared(part) for part in message]
        with contextlib.suppress(zmq.Again):
            self.socket.send_multipart(parts, zmq.NOBLOCK, copy=False)

    def who_ended(self) -> bytes | None:
        """The peer of whose end the monitor tells; None: one that said nothing."""
        if self.monitor is None:
            return None
        event = parse_monitor_message(self.monitor.recv_multipart(zmq.NOBLOCK))
        identity = self._identities.pop(int(event["value"]), None)
        if identity is not None:
            del self._numbers[identity]
        return identity

    def close(self, linger_ms: int) -> None:
        """Let go of everything; what was sent has so long to leave."""
        if self.monitor is not None:
            self.socket.disable_monitor()
        self._context.destroy(linger=linger_ms)

    def _remember(self, identity: bytes, number: int) -> None:
        if (old := self._identities.pop(number, None)) is not None:
            self._numbers.pop(old, None)
        self._identities[number], self._numbers[identity] = identity, number


def _content(frame: zmq.Frame) -> Frame:
    """Large frames stay where ZeroMQ put them."""
    return frame.buffer if len(frame) >= VIEWED else frame.bytes


def _shared(part: Frame) -> Frame | zmq.Frame:
    """What ZeroMQ received goes out as it is, without a copy and without our release.

    For other large buffers, a thread of pyzmq has to be told when they are free.
    """
    if isinstance(part, memoryview) and isinstance(part.obj, zmq.Frame):
        if len(part) == len(part.obj):
            return part.obj
    return part


def _attach(socket: zmq.Socket[bytes], kind: Kind, address: str) -> None:
    wanted = address
    if kind == "router" and address.startswith("tcp://"):  # a free port, all addresses
        wanted = address.replace("://*", "://0.0.0.0", 1)
        wanted = f"{wanted[:-2]}:1" if wanted.endswith((":*", ":0")) else wanted
    peer = parse_endpoint(wanted)
    socket.ipv6 = peer.scheme == "tcp" and only_ipv6(peer.host)
    if kind == "router":
        socket.bind(address)
    else:
        socket.connect(address)


_ADVICE = {
    "router": ("listen at", "choose an address of this host with a port that is free"),
    "dealer": ("connect to", "write it as tcp://HOST:PORT"),
}
