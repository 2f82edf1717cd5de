"""Has images classified, by worker processes or in this one."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

from recorder.pool.backlog import Backlog
from recorder.pool.jobs import Callback, Taught, Viewer, Viewers
from recorder.pool.protocols import (
    EngineOptions,
    Hands,
    HasNodes,
    PulledPort,
    PullsDetectors,
    Work,
    engine_plugin,
)
from recorder.pool.share import Share
from recorder.records import ClassifierSetup, Learned, Lesson, Payload
from recorder.records.live_node import LiveNode


def default_workers() -> int:
    """One for each core but one, which receives and writes down."""
    return max(1, (os.cpu_count() or 2) - 1)


class Pool:
    """Classifies images where an engine has them classified.

    Args:
        workers: Number of workers; 0: in a thread of this process.
        max_backlog: Bytes of payloads that may wait or be with workers; the last one
            that gets in may exceed it.
        timeout_s: A worker that holds an image longer is replaced.
        kept_setups: Setups that a worker keeps, those used last. One detector needs
            two: a run may begin while the last images of the one before are late.
        engine: Name of the engine; None: ``processes``, or ``inline`` without workers.
        cluster: Makes further hands, which take from the same backlog; with them, and
            without workers or an engine, nothing is done on this host.
        viewers: Who looks at pictures of the images.
        readable: Folders with files in which images may lie that do not travel.

    Raises:
        ConfigError: The engine cannot be used.
    """

    def __init__(
        self,
        workers: int,
        *,
        max_backlog: int = 2 << 30,
        timeout_s: float = 60.0,
        kept_setups: int = 2,
        engine: str | None = None,
        cluster: Callable[[Work], Hands] | None = None,
        viewers: Viewers = lambda run, image_id: None,
        readable: tuple[Path, ...] = (),
    ) -> None:
        self.workers = workers
        self.viewers = viewers
        self._backlog = Backlog(max_backlog)
        self.engine = engine or ("processes" if workers else "inline")
        options = EngineOptions(workers, timeout_s, kept_setups, readable=readable)
        self._hands: list[Hands] = []
        if workers or engine or cluster is None:
            plugin = engine_plugin(self.engine)
            self._hands.append(plugin.make(Share(self._backlog), options))
        if cluster is not None:
            self._hands.append(cluster(Share(self._backlog, nodes=True)))

    async def run(self) -> None:
        """Work until cancelled."""
        first, *others = self._hands
        if not others:
            await first.run()
            return
        async with asyncio.TaskGroup() as group:
            for number, hands in enumerate(self._hands):
                group.create_task(hands.run(), name=f"hands-{number}")

    def add_setup(self, setup: ClassifierSetup) -> int:
        """Register a setup; images refer to it by the number returned."""
        return self._backlog.add_setup(setup)

    def knows(self, setup: int) -> bool:
        """Whether a setup is still kept; one that was not used for long is not."""
        return self._backlog.knows(setup)

    def offer(
        self,
        setup: int,
        payload: Payload,
        done: Callback,
        *,
        learned: int = 0,
        force: bool = False,
        viewer: Viewer | None = None,
    ) -> bool:
        """Queue an image; False if the backlog is full (unless forced).

        Args:
            setup: Number of its setup.
            payload: Its pixels.
            done: Called with what became of it.
            learned: Number of the learned state to use; the image waits for it.
            force: Never refuse, never leave anything out.
            viewer: Who looks at pictures of it; None: nobody.
        """
        return self._backlog.offer(setup, payload, done, learned, force, viewer)

    def learn(
        self,
        setup: int,
        lesson: Lesson,
        done: Taught,
        *,
        left_out: Callable[[], None] | None = None,
    ) -> None:
        """Have a lesson learned, before any image that waits.

        Args:
            setup: Number of the run's setup.
            lesson: What to learn from.
            done: Called with the new state; None if the last one is to be kept.
            left_out: Called instead if there are more urgent things; None: there are
                none.
        """
        away = [image for image in lesson.images if image.node is not None]
        hands = next((h for h in self._hands if isinstance(h, PullsDetectors)), None)
        if not away or hands is None:
            self._backlog.learn(setup, lesson, done, left_out)
            return

        self._backlog.coming += 1

        def here() -> None:
            self._backlog.coming -= 1
            self._backlog.learn(setup, lesson.at_home(), done, left_out)

        hands.fetch(away, here)

    def pull_into(self, port: PulledPort) -> None:
        """Say who takes the records of detectors that other hosts receive from."""
        for hands in self._hands:
            if isinstance(hands, PullsDetectors):
                hands.deliver_to(port)

    def pulled(self) -> dict[str, bool]:
        """Those detectors, and whether any host is connected to each."""
        found: dict[str, bool] = {}
        for hands in self._hands:
            if isinstance(hands, PullsDetectors):
                found.update(hands.pulled())
        return found

    async def stop_receiving(self) -> None:
        """Other hosts receive from no detector any more; what they have is taken."""
        for hands in self._hands:
            if isinstance(hands, PullsDetectors):
                await hands.stop_receiving()

    def publish(self, setup: int, learned: Learned) -> None:
        """Give a learned state to the images that wait for it and all later ones."""
        self._backlog.publish(setup, learned)

    async def room(self) -> None:
        """Wait until the backlog is half empty or nothing waits: for files."""
        await self._backlog.room()

    async def empty(self) -> None:
        """Wait until no image waits or is being worked on."""
        await self._backlog.empty()

    @property
    def backlog(self) -> int:
        """Images and lessons that wait or are being worked on."""
        return len(self._backlog)

    @property
    def held_bytes(self) -> int:
        """Bytes of the images that wait or are with workers."""
        return self._backlog.held_bytes

    @property
    def max_bytes(self) -> int:
        """How many may be."""
        return self._backlog.max_bytes

    @property
    def finished(self) -> int:
        """How many were done with so far."""
        return self._backlog.finished

    @property
    def replaced(self) -> int:
        """Workers that ended and were replaced."""
        return sum(hands.replaced for hands in self._hands)

    @property
    def staffed(self) -> bool:
        """Whether anybody is there to classify: this host, or a node with workers."""
        local = any(not isinstance(h, HasNodes) for h in self._hands)
        return local or any(n.state == "ok" and n.ready for n in self.nodes())

    def nodes(self) -> tuple[LiveNode, ...]:
        """Other hosts that take part, or did."""
        found = [h.nodes() for h in self._hands if isinstance(h, HasNodes)]
        return tuple(node for nodes in found for node in nodes)

    @property
    def waits_for_nodes(self) -> bool:
        """Whether nothing is left but what single nodes have, and what needs that."""
        return self._backlog.waits_for_nodes

    @property
    def late(self) -> int:
        """Answers that came for jobs that were done with; each was dropped."""
        return self._backlog.late
