"""Keys of an encrypted connection, and who may make one (CURVE and ZAP of ZeroMQ)."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field

import zmq
from zmq.utils import z85

from recorder.errors import ConfigError
from recorder.runtime.boundary import boundary

_ZAP = "inproc://zeromq.zap.01"
"""Where ZeroMQ asks whether a client may connect (RFC 27)."""
_FRAMES = 7
"""Frames of such a question with a client's key: version, request, domain, address,
identity, mechanism, key."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Keys of one end, each 40 characters as ``zmq.curve_keypair`` makes them."""

    public: bytes
    secret: bytes = field(repr=False)
    server: bytes | None = None
    """Public key of the peer, at the end that connects; None: this is the server."""
    allowed: Container[bytes] = frozenset()
    """Public keys that may connect to the server; asked at each attempt, in the thread
    of the exchange."""


def protect(socket: zmq.Socket[bytes], curve: Curve) -> None:
    """Give a socket its keys, before it is bound or connected.

    Raises:
        ConfigError: They are no keys.
    """
    try:
        socket.curve_publickey = curve.public
        socket.curve_secretkey = curve.secret
        if curve.server is None:
            socket.curve_server = True
        else:
            socket.curve_serverkey = curve.server
    except (zmq.ZMQError, ValueError, TypeError) as error:
        raise ConfigError(
            f"the keys of an encrypted connection cannot be used: {error}; each has 40 "
            "characters, as `recorder cluster keys` makes them"
        ) from error


class DoorKeeper:
    """Answers ZeroMQ's question whether a client may connect, in the exchange's thread.

    Without one, every client that knows the public key of the server would be let in.

    Args:
        context: Of the server's socket, which is not bound yet.
        allowed: Public keys that may.
    """

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], curve: Curve) -> None:
        self._allowed = curve.allowed
        self.refused = 0
        """Attempts that were refused."""
        self.socket: zmq.Socket[bytes] = context.socket(zmq.REP)
        self.socket.linger = 0
        self.socket.bind(_ZAP)

    def answer(self) -> None:
        """Answer one question; what cannot be read is refused."""
        frames = self.socket.recv_multipart(zmq.NOBLOCK)
        known = (
            len(frames) == _FRAMES and frames[5] == b"CURVE" and len(frames[6]) == 32
        )
        key = z85.encode(frames[6]) if known else b""
        may = False
        with boundary("ask whether a key may connect"):
            may = known and key in self._allowed
        self.refused += not may
        status = (
            (b"200", b"", key) if may else (b"400", b"this key is not allowed", b"")
        )
        request = frames[1] if len(frames) > 1 else b""
        self.socket.send_multipart([b"1.0", request, *status, b""])
