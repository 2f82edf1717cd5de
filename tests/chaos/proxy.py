"""Stands between the recorder and MariaDB, or its nodes, and cuts connections."""

from __future__ import annotations

import random
import socket
import threading
from contextlib import suppress
from typing import Literal

from tests.servers import HOST, free_port

CHUNK = 1 << 16
COMMIT = b"\x03COMMIT"
"""The command as the protocol sends it."""
Cut = Literal["now", "before_commit", "after_commit"]


class Proxy:
    """Forwards connections to a port of this host.

    Args:
        target: The server's port.
    """

    def __init__(self, target: int) -> None:
        self.port = free_port()
        self.cuts = 0
        """Connections that were cut."""
        self._target = target
        self._armed: Cut | None = None
        self._storm: random.Random | None = None
        self._flows = threading.Event()
        self._flows.set()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server((HOST, self.port))
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, how: Cut) -> None:
        """Cut: all connections at once, or the next that commits.

        ``before_commit`` loses the command, ``after_commit`` loses its answer.
        """
        if how == "now":
            self._close_all()
        else:
            self._armed = how

    def storm(self, seed: int) -> None:
        """Cut two of five commits, before it or after it, until disarmed."""
        self._storm = random.Random(seed)

    def disarm(self) -> None:
        """Cut nothing any more."""
        self._armed = self._storm = None

    def freeze(self) -> None:
        """Carry nothing, and close nothing: a cable that was pulled."""
        self._flows.clear()

    def thaw(self) -> None:
        """Carry what waits, and all that comes."""
        self._flows.set()

    def close(self) -> None:
        """Stop listening and cut what is open."""
        self.thaw()
        self._listener.close()
        self._close_all()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection((HOST, self._target))
            except OSError:  # the server is away: so are we
                client.close()
                continue
            with self._lock:
                self._open |= {client, server}
            ways = ((client, server, True), (server, client, False))
            for way in ways:
                threading.Thread(target=self._forward, args=way, daemon=True).start()

    def _forward(
        self, source: socket.socket, target: socket.socket, watched: bool
    ) -> None:
        with suppress(OSError):
            while data := source.recv(CHUNK):
                how = self._due(data) if watched else None
                if how == "before_commit":
                    break
                self._flows.wait()
                target.sendall(data)
                if how == "after_commit":
                    # the server has it and answers; nobody hears the answer
                    break
        self._shut(source, target)

    def _due(self, data: bytes) -> Cut | None:
        with self._lock:
            if COMMIT not in data:
                return None
            how, self._armed = self._armed, None
            if self._storm is not None and self._storm.random() < 0.4:
                how = self._storm.choice(("before_commit", "after_commit"))
            self.cuts += how is not None
            return how

    def _shut(self, *sockets: socket.socket) -> None:
        for item in sockets:
            with suppress(OSError):
                item.shutdown(socket.SHUT_RDWR)
            item.close()
        with self._lock:
            self._open -= set(sockets)

    def _close_all(self) -> None:
        with self._lock:
            found = list(self._open)
            self.cuts += len(found) // 2
        self._shut(*found)
