"""A cable between a node and home that can be pulled out."""

from __future__ import annotations

import contextlib
import select
import socket
import threading

_CHUNK = 1 << 16
_TICK_S = 0.2


class Relay:
    """Passes bytes on between whoever connects here and a port of this host.

    Once it is cut it reads nothing more: both ends stay connected and hear nothing, as
    when the link between two hosts goes down.

    Args:
        port: That connections are passed on to.
    """

    def __init__(self, port: int) -> None:
        self._to = port
        self._cut = threading.Event()
        self._is_cut = threading.Event()
        self._over = threading.Event()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def cut(self) -> None:
        """Pull it out; nothing passes any more once this returns."""
        self._cut.set()
        self._is_cut.wait()

    def close(self) -> None:
        """End it."""
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        other: dict[socket.socket, socket.socket] = {}
        with contextlib.ExitStack() as open_ones:
            open_ones.enter_context(self._server)
            while not self._over.is_set():
                if self._cut.is_set():
                    self._is_cut.set()
                    self._over.wait(_TICK_S)
                    continue
                ready, _, _ = select.select([self._server, *other], [], [], _TICK_S)
                for one in ready:
                    if one is self._server:
                        near = open_ones.enter_context(one.accept()[0])
                        far = socket.create_connection(("127.0.0.1", self._to))
                        open_ones.enter_context(far)
                        other |= {near: far, far: near}
                    elif one in other:
                        self._pass_on(one, other)

    @staticmethod
    def _pass_on(one: socket.socket, other: dict[socket.socket, socket.socket]) -> None:
        try:
            data = one.recv(_CHUNK)
            other[one].sendall(data)
        except OSError:
            data = b""
        if not data:  # either end is gone
            far = other.pop(one)
            other.pop(far, None)
            one.close()
            far.close()
