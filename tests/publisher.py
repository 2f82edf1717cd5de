"""A publisher that never waits: what a timing system with a burst of events is like."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Sequence

from tests.servers import HOST

BATCH_S = 0.01
"""Seconds of events that are sent at once."""


def event_bodies(count: int, uid: str = "burst", first: int = 0) -> list[bytes]:
    """Captured X-ray triggers of a run at 1 kHz."""
    return [
        json.dumps(
            {
                "schema": "recorder.event/1",
                "uid": f"{uid}-{n}",
                "collection": uid,
                "type": "XrayDetection",
                "time_ns": 1_795_541_400_000_000_000 + n * 1_000_000,
                "trigger": n,
                "clock": "panda-1",
                "evidence": "captured",
            }
        ).encode()
        for n in range(first, first + count)
    ]


class BurstPublisher:
    """MQTT 3.1.1 over a bare socket, QoS 1; acknowledgements are read and dropped."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection((HOST, port))
        body = b"\x00\x04MQTT\x04\x02\x00\x00" + _text("burst-publisher")
        self._socket.sendall(b"\x10" + _length(len(body)) + body)
        assert self._socket.recv(4)[:1] == b"\x20"
        self._mid = 0
        self._reader = threading.Thread(target=self._drop, daemon=True)
        self._reader.start()

    def _drop(self) -> None:
        while self._socket.recv(65536):
            pass

    def announce(self, uid: str, prefix: str = "recorder/demo") -> None:
        """Announce the run of the events."""
        body = {
            "uid": uid,
            "time_ns": time.time_ns(),
            "proposal": "mx2345",
            "experiment": {"name": "burst"},
        }
        self.send(f"{prefix}/collection/start", [json.dumps(body).encode()])

    def send(self, topic: str, bodies: Sequence[bytes], rate: float = 0.0) -> None:
        """Send messages, ``rate`` of them a second; 0 as fast as it goes."""
        packets = [self._packet(topic, body) for body in bodies]
        step = max(1, int(rate * BATCH_S)) if rate else len(packets)
        begun = time.monotonic()
        for first in range(0, len(packets), step or 1):
            if rate:
                time.sleep(max(0.0, begun + first / rate - time.monotonic()))
            self._socket.sendall(b"".join(packets[first : first + step]))

    def _packet(self, topic: str, body: bytes) -> bytes:
        self._mid = self._mid % 65535 + 1
        rest = _text(topic) + self._mid.to_bytes(2, "big") + body
        return b"\x32" + _length(len(rest)) + rest

    def close(self) -> None:
        """Say goodbye, and wait until the broker has read all and closes."""
        self._socket.sendall(b"\xe0\x00")
        self._reader.join()
        self._socket.close()


def _text(text: str) -> bytes:
    raw = text.encode()
    return len(raw).to_bytes(2, "big") + raw


def _length(value: int) -> bytes:
    """MQTT's variable byte integer."""
    found = bytearray()
    while True:
        value, low = divmod(value, 128)
        found.append(low | (128 if value else 0))
        if not value:
            return bytes(found)
