"""Receives control messages many at a time, and acknowledges them many at a time.

aiomqtt wakes a task for each message and paho asks the kernel three times for each and
once for each acknowledgement: 0.3 ms a message together. Here one read of the socket
gives hundreds of them, and one write acknowledges those that a commit took.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from paho.mqtt.client import Client as Paho
from paho.mqtt.client import MQTTMessage
from paho.mqtt.enums import MQTTErrorCode

from recorder.config import MqttSection
from recorder.runtime.mqtt import Client

if TYPE_CHECKING:
    from paho.mqtt.client import SocketLike  # paho has it for type checkers only

READ_BYTES = 1 << 16
"""Bytes asked of the socket at a time: about 200 events. Chosen, not tuned."""
AT_A_TIME = 200
"""Messages that are handled before the event loop turns to something else: about 10 ms
at 50 us an event."""
BYTES_AT_A_TIME = 1 << 20
"""Payload from which on a batch is handled before more is read: parsed it takes several
times as much memory. Chosen, not tuned."""
MAX_UNACKNOWLEDGED_BYTES = 64 << 20
"""Payload that may wait for the disk; beyond it the socket is not read and the broker
keeps the rest. Ten seconds of 5000 events/s are 15 MB."""
LOOK_S = 0.2
"""Seconds between two looks whether the socket may be read again, which nobody tells.
Chosen, not tuned."""
PUBACK = 0x40
"""First byte of an acknowledgement (MQTT 3.1.1 and 5 alike)."""
Acknowledge = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Received:
    """One message."""

    topic: str
    payload: bytes
    retained: bool


Take = Callable[[Sequence[Received], Acknowledge], None]


class Receiver(Client):
    """A client that hands messages on in batches and acknowledges when it is told to.

    Args:
        take: Gets each batch, in order, and what acknowledges all of it.
        held: Says whether nothing may be taken for now.
        settings: Broker and credentials.
        client_id: Id at the broker.
        options: As of :class:`~recorder.runtime.mqtt.Client`.
    """

    def __init__(
        self,
        take: Take,
        held: Callable[[], bool],
        settings: MqttSection,
        client_id: str,
        **options: Any,
    ) -> None:
        super().__init__(settings, client_id, **options)
        self._take = take
        self._held = held
        self._ahead = bytearray()
        """Read from the socket, not yet given to paho."""
        self._batch: list[Received] = []
        self._mids: list[int] = []
        self._size_of_batch = 0
        self._unacknowledged = 0
        paho = self._client
        # Set before connecting: aiomqtt would acknowledge before we have the message
        # (its issue 345).
        paho.manual_ack_set(True)
        self._paho_loop_read = paho.loop_read
        paho.loop_read = self._read  # type: ignore[method-assign]
        self._paho_sock_recv = paho._sock_recv  # noqa: SLF001
        paho._sock_recv = self._receive  # type: ignore[method-assign]  # noqa: SLF001
        paho.on_message = self._on_each

    async def ended(self) -> None:
        """Wait until the connection is over.

        Raises:
            MqttError: It was not we who ended it.
        """
        await asyncio.shield(self._disconnected)

    # -- reading ----------------------------------------------------------------------

    def _receive(self, bufsize: int) -> bytes:
        """In place of paho's: many small reads out of one large one."""
        if not self._ahead:
            self._ahead += self._paho_sock_recv(max(bufsize, READ_BYTES))
        found = bytes(self._ahead[:bufsize])
        del self._ahead[:bufsize]
        return found

    def _read(self, max_packets: int = 1) -> MQTTErrorCode:
        """In place of paho's: as many packets as there are, within bounds."""
        if self._is_held():
            self._pause()
            return MQTTErrorCode.MQTT_ERR_SUCCESS
        result = MQTTErrorCode.MQTT_ERR_SUCCESS
        for _ in range(AT_A_TIME):
            result = self._paho_loop_read(max_packets)
            if result is not MQTTErrorCode.MQTT_ERR_SUCCESS or not self._more():
                break
            if self._size_of_batch >= BYTES_AT_A_TIME:
                break
        self._hand_over()
        if self._more():
            # the socket may have nothing more to say: nobody would call again
            self._loop.call_soon(self._read)
        return result

    def _more(self) -> bool:
        """Something was read from the socket already, by us or by TLS."""
        socket = self._client.socket()
        if socket is None:
            return False
        return bool(self._ahead) or (
            isinstance(socket, ssl.SSLSocket) and socket.pending() > 0
        )

    def _on_each(self, client: Paho, userdata: object, message: MQTTMessage) -> None:
        retained = bool(message.retain)
        self._batch.append(Received(message.topic, bytes(message.payload), retained))
        self._size_of_batch += len(message.payload)
        if message.qos:
            self._mids.append(message.mid)

    def _hand_over(self) -> None:
        batch, mids = self._batch, self._mids
        if not batch:
            return
        self._batch, self._mids = [], []
        size, self._size_of_batch = self._size_of_batch, 0
        self._unacknowledged += size
        self._take(batch, partial(self._acknowledge, mids, size))

    # -- what is too much -------------------------------------------------------------

    def _is_held(self) -> bool:
        return self._unacknowledged > MAX_UNACKNOWLEDGED_BYTES or self._held()

    def _pause(self) -> None:
        """Leave the rest with the broker, until some of it is on disk."""
        socket = self._client.socket()
        if socket is not None:
            self._loop.remove_reader(socket.fileno())
            self._loop.call_later(LOOK_S, self._resume, socket)

    def _resume(self, socket: SocketLike) -> None:
        if self._client.socket() is not socket or socket.fileno() < 0:
            return  # that connection is over
        self._loop.add_reader(socket.fileno(), self._client.loop_read)
        self._client.loop_read()

    # -- acknowledging ----------------------------------------------------------------

    def _acknowledge(self, mids: Sequence[int], size: int) -> None:
        """Acknowledge messages in the order in which they came, in one write."""
        self._unacknowledged -= size
        if not mids:
            return
        packet = b"".join(b"\x40\x02" + mid.to_bytes(2, "big") for mid in mids)
        self._client._packet_queue(PUBACK, packet, mids[-1], 1)  # noqa: SLF001
