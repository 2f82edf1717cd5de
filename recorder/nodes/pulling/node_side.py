"""A node's part in receiving: which detectors, what is told home, what is kept."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from typing import Any

from pydantic import ValidationError

from recorder.config import DetectorSection
from recorder.errors import BadMessageError, ConfigError
from recorder.nodes.messages import read_numbers
from recorder.nodes.pulling.collecting import Here, collected
from recorder.nodes.pulling.larder import Larder
from recorder.nodes.pulling.outbox import Outbox
from recorder.nodes.pulling.puller import ImageHere, MessageHere, Puller
from recorder.nodes.pulling.reports import (
    DROP,
    FETCH,
    HEADER,
    LINKS,
    PULL,
    TAKEN,
    pack_body,
    pack_pixels,
    read_body,
    read_header,
    read_taken,
)
from recorder.pool.wire import Frame, Message
from recorder.runtime.boundary import boundary
from recorder.runtime.log import get_logger
from recorder.runtime.throttle import Throttle
from recorder.sources.threads import blocking

log = get_logger("nodes")

TOGETHER_S = 0.005
"""Seconds for which images are collected into one message home. Chosen, not tuned."""
AGAIN_S = 5.0
"""Seconds until a detector is tried again whose receiver failed. Chosen, not tuned."""
LOOK_S = 0.5
"""Seconds between two looks at which detectors are connected. Chosen, not tuned."""
STOP_S = 4.0
"""Seconds that receivers have to end, which take for 2 s what was sent to them, and
home then to take what is not yet reported. Chosen, not tuned."""


class NodePulling:
    """Follows what home says of detectors.

    Args:
        send: Sends a message home.
    """

    def __init__(self, send: Callable[[Message], None]) -> None:
        self._send = send
        self.larder = Larder()
        self.outbox = Outbox()
        self._pullers: dict[str, Puller] = {}
        self._ending: dict[str, tuple[Puller, asyncio.Task[None]]] = {}
        """Those that were told to stop, and may still have something to report."""
        self._bodies: dict[str, Any] = {}
        """What home said of each detector, by its name."""
        self._here: Here = deque()
        self._told = False
        self._said: set[int] = set()
        """Numbers of kept pixels that home knows of."""
        self._in_session = False
        """Home has said what is to be received."""
        self._over = False
        self._links: dict[str, bool] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._all_taken = asyncio.Event()
        self._lines = Throttle()
        self._loop = asyncio.get_running_loop()

    def begin(self) -> None:
        """A session begins or ends: what was taken in the one before is for nobody.

        What was not yet taken waits for home to say again what is to be received.
        """
        self._in_session = False
        self.outbox.begin()
        # not by what is unsaid: threads add to that meanwhile
        self._drop(self._said)
        self._links.clear()

    def came(self, frames: Sequence[Frame]) -> bool:
        """A message of home; False if it is about something else.

        Raises:
            BadMessageError: It makes no sense.
        """
        kind = bytes(frames[0][:16])
        if kind == PULL:
            self._pull(read_body(frames))
        elif kind == HEADER:
            source, received_ns = read_header(frames)
            if (puller := self._pullers.get(source)) is not None:
                puller.header([bytes(frame) for frame in frames[2:]], received_ns)
        elif kind == TAKEN:
            self._taken(read_taken(frames))
        elif kind == DROP:
            self._drop(read_numbers(frames))
        elif kind == FETCH:
            for number in read_numbers(frames):
                self._send(pack_pixels(number, self.larder.get(number)))
        else:
            return False
        return True

    def _pull(self, body: dict[str, Any]) -> None:
        """Receive from these detectors, and no others; or stop until told again."""
        try:
            self.larder.most_bytes = self.outbox.most_bytes = int(body["hold_bytes"])
            taken, receive = int(body["taken"]), body["receive"] is True
            wanted = {str(one["name"]): one for one in body["detectors"]}
            sections = {n: DetectorSection(**one) for n, one in wanted.items()}
        except (ValidationError, KeyError, TypeError, ValueError) as error:
            raise BadMessageError(
                "node_message", f"detectors: {error!r:.300}"
            ) from error
        for name in list(self._pullers):
            if not receive or wanted.get(name) != self._bodies.get(name):
                self._stop(name)
        self._bodies = wanted
        self.larder.drop(self.outbox.keep(wanted))
        if not self._in_session:  # those that it took in an earlier one are given up
            self.larder.drop(self.outbox.taken(taken, time.monotonic()))
        self._in_session = True
        self._tell_links()
        self._flush()
        if self._over or not receive:
            return
        for name, section in sections.items():
            if name not in self._pullers:
                puller = Puller(section, self.larder, self._report)
                self._pullers[name] = puller
                receiving = self._receive(puller, self._tasks.get(name))
                self._tasks[name] = self._loop.create_task(receiving)

    def _stop(self, name: str) -> None:
        puller = self._pullers.pop(name)
        puller.stopping.set()
        self._ending[name] = puller, self._tasks[name]

    async def _receive(self, puller: Puller, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
        while not puller.stopping.is_set():
            try:
                with boundary("receive a detector's stream", (ConfigError,)):
                    await blocking(puller.receive)
            except ConfigError as error:
                log.error(
                    "node_pull_failed", source=puller.section.name, error=str(error)
                )
            if not puller.stopping.is_set():
                await asyncio.sleep(AGAIN_S)

    def _drop(self, numbers: Collection[int]) -> None:
        self.larder.drop(numbers)
        self._said.difference_update(numbers)

    async def run(self) -> None:
        """Tell home which detectors are there, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            with boundary("tell home which detectors are there"):
                self._lines.look()
                self._tell_links()
                self._send_due()

    def _tell_links(self) -> None:
        if not self._in_session:
            return
        for name, (_, task) in list(self._ending.items()):
            if task.done() and not self._here and not len(self.outbox):
                del self._ending[name]
        ending = {name: puller.connected for name, (puller, _) in self._ending.items()}
        links = {name: puller.connected for name, puller in self._pullers.items()}
        if (links := ending | links) != self._links:
            self._links = links
            self._send(pack_body(LINKS, links))

    async def stop(self) -> None:
        """Receive no more, and bring home what is kept."""
        self._over = True
        for name in list(self._pullers):
            self._stop(name)
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=STOP_S)
        self._flush()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_S):
                while len(self.outbox):
                    self._all_taken.clear()
                    await self._all_taken.wait()
        self.larder.tell()
        for number in self.larder.numbers():
            self._send(pack_pixels(number, self.larder.get(number)))

    async def empty(self) -> None:
        """Wait until home has what was kept."""
        await self.larder.empty.wait()

    def cancel(self) -> None:
        """The process ends."""
        for puller in self._pullers.values():
            puller.stopping.set()
        for task in self._tasks.values():
            task.cancel()
        if len(self.outbox):
            log.warning(
                "reports_lost",
                images=self.outbox.images,
                messages=len(self.outbox),
                hint="home has not taken them: in its runs these images are lost",
            )

    # -- what came ---------------------------------------------------------------------

    def _report(self, here: ImageHere | MessageHere) -> None:
        """From a thread that receives: tell home soon."""
        self._here.append(here)
        if not self._told:
            self._told = True
            self._loop.call_soon_threadsafe(self._soon)

    def _soon(self) -> None:
        self._loop.call_later(TOGETHER_S, self._flush)

    def _flush(self) -> None:
        self._told = False
        for report in collected(self._here, self._bodies):
            if isinstance(report, list):  # this home wants nothing of that detector
                self.larder.drop(report)
            elif not self.outbox.put(report):
                self.larder.drop(report.pixels)
                self._left_out()
        self._send_due()

    def _left_out(self) -> None:
        if self._lines.passes("reports_left_out"):
            log.warning(
                "reports_left_out",
                images=self.outbox.left_out,
                hint="home takes nothing, and too many reports wait for it: in its "
                "runs these images are lost",
            )

    def _send_due(self) -> None:
        if self._in_session:
            for message in self.outbox.due(time.monotonic()):
                self._send(message)

    def _taken(self, number: int) -> None:
        said = self.outbox.taken(number, time.monotonic())
        self._said.update(n for n in said if self.larder.get(n) is not None)
        if not len(self.outbox):
            self._all_taken.set()
            self._tell_links()
        self._send_due()
