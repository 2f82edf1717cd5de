"""A node's part in receiving: which detectors, what is told home, what is kept."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Sequence
from typing import Any

from pydantic import ValidationError

from recorder.config import DetectorSection
from recorder.errors import BadMessageError, ConfigError
from recorder.nodes.messages import read_numbers
from recorder.nodes.pulling.larder import Larder
from recorder.nodes.pulling.puller import ImageHere, MessageHere, Puller
from recorder.nodes.pulling.reports import (
    DROP,
    FETCH,
    HEADER,
    LINKS,
    MOST_IMAGES,
    PULL,
    RAW,
    pack_body,
    pack_images,
    pack_pixels,
    read_body,
)
from recorder.pool.wire import Frame, Message
from recorder.runtime.boundary import boundary
from recorder.runtime.log import get_logger
from recorder.sources.threads import blocking

log = get_logger("nodes")

TOGETHER_S = 0.005
"""Seconds for which images are collected into one message home. Chosen, not tuned."""
AGAIN_S = 5.0
"""Seconds until a detector is tried again whose receiver failed. Chosen, not tuned."""
LOOK_S = 0.5
"""Seconds between two looks at which detectors are connected. Chosen, not tuned."""
STOP_S = 4.0
"""Seconds that receivers have to end: they take for 2 s what was sent to them. Chosen,
not tuned."""


class NodePulling:
    """Follows what home says of detectors.

    Args:
        send: Sends a message home.
    """

    def __init__(self, send: Callable[[Message], None]) -> None:
        self._send = send
        self.larder = Larder()
        self._pullers: dict[str, Puller] = {}
        self._bodies: dict[str, Any] = {}
        """What home said of each detector, by its name."""
        self._here: deque[ImageHere | MessageHere] = deque()
        self._told = False
        self._said: set[int] = set()
        """Numbers of kept pixels that home knows of."""
        self._in_session = False
        """Home has said what is to be received."""
        self._over = False
        self._links: dict[str, bool] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._loop = asyncio.get_running_loop()

    def begin(self) -> None:
        """A session begins or ends: what was said in the one before is for nobody.

        What was not yet said waits for home to say again what is to be received.
        """
        self._in_session = False
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
            body = read_body(frames)
            if (puller := self._pullers.get(str(body.get("source")))) is not None:
                received_ns = int(body.get("received_ns", 0))
                puller.header([bytes(frame) for frame in frames[2:]], received_ns)
        elif kind == DROP:
            self._drop(read_numbers(frames))
        elif kind == FETCH:
            for number in read_numbers(frames):
                self._send(pack_pixels(number, self.larder.get(number)))
        else:
            return False
        return True

    def _pull(self, body: dict[str, Any]) -> None:
        """Receive from these detectors, and no others."""
        try:
            self.larder.most_bytes = int(body["hold_bytes"])
            wanted = {str(one["name"]): one for one in body["detectors"]}
            sections = {n: DetectorSection(**one) for n, one in wanted.items()}
        except (ValidationError, KeyError, TypeError, ValueError) as error:
            raise BadMessageError(
                "node_message", f"detectors: {error!r:.300}"
            ) from error
        for name in list(self._pullers):
            if wanted.get(name) != self._bodies.get(name):
                self._pullers.pop(name).stopping.set()
        self._bodies = wanted
        self._in_session = True
        self._flush()
        if self._over:
            return
        for name, section in sections.items():
            if name not in self._pullers:
                puller = Puller(section, self.larder, self._report)
                self._pullers[name] = puller
                receiving = self._receive(puller, self._tasks.get(name))
                self._tasks[name] = self._loop.create_task(receiving)

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

    def _forget(self, here: ImageHere | MessageHere) -> None:
        """This home wants nothing of that detector."""
        if isinstance(here, ImageHere):
            self.larder.drop([here.number])

    async def run(self) -> None:
        """Tell home which detectors are there, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            self._tell_links()

    def _tell_links(self) -> None:
        links = {name: puller.connected for name, puller in self._pullers.items()}
        if links != self._links:
            self._links = links
            self._send(pack_body(LINKS, links))

    async def stop(self) -> None:
        """Receive no more, and bring home what is kept."""
        self._over = True
        for puller in self._pullers.values():
            puller.stopping.set()
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=STOP_S)
        self._flush()
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
        images: list[tuple[Any, int, bool]] = []
        while self._here and self._in_session:
            here = self._here.popleft()
            if here.source not in self._bodies:
                self._forget(here)
                continue
            if isinstance(here, ImageHere):
                images.append((here.image, here.number, here.by_number))
                if here.number:
                    self._said.add(here.number)
                if len(images) < MOST_IMAGES:
                    continue
            if images:
                self._send(pack_images(images))
                images = []
            if isinstance(here, MessageHere):
                self._send(pack_body(RAW, {"source": here.source}, *here.frames))
        if images:
            self._send(pack_images(images))
