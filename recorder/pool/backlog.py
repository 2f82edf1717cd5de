"""Images and lessons that wait for a worker, and what is left out if they are many."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial

from recorder.pool.jobs import AnyJob, Callback, Job, LessonJob, Taught, Viewer
from recorder.pool.node_queues import NodeQueues
from recorder.pool.overload import NO_LESSONS, SAMPLE, effort_at
from recorder.records import (
    ClassifierSetup,
    Learned,
    Lesson,
    Payload,
    Unprocessed,
)
from recorder.runtime.boundary import boundary

KEPT_SETUPS = 8
"""Setups that are kept although no image of them waits: late ones may come."""
KEPT_STATES = 3
"""Learned states of a setup; a late image may need an older one."""
_FILES_WAIT = 64 << 20
"""Bytes that wait above which a replay reads no further: some 15 images of 4 MB are
enough for the workers. Chosen, not tuned."""


class Backlog:
    """Jobs from the moment they are offered until they are done with.

    Args:
        max_bytes: Payloads that may be held; the last one that gets in may exceed it.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._queue: deque[AnyJob] = deque()
        self._of_nodes = NodeQueues()
        """Jobs that one node alone can do."""
        self._untaught: dict[tuple[int, int], list[Job]] = {}
        self._out: set[AnyJob] = set()
        self._setups: dict[int, ClassifierSetup] = {}
        self._learned: dict[int, dict[int, Learned]] = {}
        self._next_setup = 0
        self._held = 0
        self._taken = 0
        self.coming = 0
        """Lessons whose images are being brought home, counted by who does that."""
        self._room = asyncio.Event()
        self.changed = asyncio.Event()
        """Set when there may be something to take; for who takes without a share."""
        self._watched: deque[asyncio.Event] = deque()
        self.finished = 0
        self.late = 0
        """Jobs that were finished once more after they were done with, or put back."""

    @property
    def held_bytes(self) -> int:
        """Bytes of the payloads that are held."""
        return self._held

    @property
    def max_bytes(self) -> int:
        """How many may be."""
        return self._max_bytes

    def __len__(self) -> int:
        """Jobs that wait or are being worked on."""
        return (
            self.coming
            + len(self._queue)
            + len(self._of_nodes)
            + len(self._out)
            + sum(map(len, self._untaught.values()))
        )

    @property
    def waits_for_nodes(self) -> bool:
        """Whether nothing is left but what single nodes have, and what needs that."""
        theirs = all(job.node is not None for job in self._out)
        some = self.coming or len(self._of_nodes) or self._out
        return bool(some) and theirs and not self._queue

    # -- setups and what their runs have taught ------------------------------------

    def add_setup(self, setup: ClassifierSetup) -> int:
        """Register a setup; images refer to it by the number returned."""
        self._next_setup += 1
        self._setups[self._next_setup] = setup
        self._learned[self._next_setup] = {}
        # those with a worker, too: it may die, and they are tried once more
        needed = {job.setup for job in (*self._queue, *self._of_nodes, *self._out)}
        needed |= {number for number, _ in self._untaught}
        for old in set(sorted(self._setups)[:-KEPT_SETUPS]) - needed:
            del self._setups[old], self._learned[old]
        return self._next_setup

    def knows(self, number: int) -> bool:
        """Whether a setup is still kept."""
        return number in self._setups

    def setup(self, number: int) -> ClassifierSetup:
        """A setup that an image waits for."""
        return self._setups[number]

    def states(self, setup: int) -> Mapping[int, Learned]:
        """Learned states of a setup by number; none if it is long over."""
        return self._learned.get(setup, {})

    def publish(self, setup: int, learned: Learned) -> None:
        """Give a learned state to the images that wait for it and all later ones."""
        states = self._learned.get(setup)
        if states is None:  # the series is long over
            return
        states[learned.number] = learned
        for old in sorted(states)[:-KEPT_STATES]:
            del states[old]
        for job in self._untaught.pop((setup, learned.number), ()):
            self._enqueue(job)

    # -- in ------------------------------------------------------------------------

    def offer(
        self,
        setup: int,
        payload: Payload,
        done: Callback,
        learned: int,
        force: bool,
        viewer: Viewer | None = None,
    ) -> bool:
        """See :meth:`recorder.pool.pool.Pool.offer`."""
        # Whatever its own size: else images that compress well would get in more often.
        if self._held >= self._max_bytes and not force:
            return False
        states = self._learned[setup]
        if learned and states and learned not in states:
            # a late image, whose state is no longer kept
            learned = max(learned, min(states))
        job = Job(setup, payload, done, learned, force, viewer)
        self._held += job.size
        if learned and learned not in states:
            self._untaught.setdefault((setup, learned), []).append(job)
        else:
            self._enqueue(job)
        return True

    def _enqueue(self, job: AnyJob, *, first: bool = False) -> None:
        """It can be taken: by anybody, or by the node that has its pixels."""
        if not self._of_nodes.put(job, first=first):
            self._lose(job)
            return
        if job.node is None:
            self._queue.appendleft(job) if first else self._queue.append(job)
        self._wake()

    # -- nodes that have the pixels ------------------------------------------------

    def node_gone(self, node: int) -> None:
        """A node will do nothing any more: what it brought home is for anybody.

        What it did not is lost with it, now and whenever it comes.

        Args:
            node: Its session, which never comes back.
        """
        for job in self._of_nodes.drop(node):
            self._enqueue(job)

    def _lose(self, job: AnyJob) -> None:
        self._out.add(job)
        text = "the node that had received it, and alone had its pixels, is gone"
        tell = partial(job.failed, Unprocessed.WORKER_LOST, text)
        # later: whoever offers it does not expect an answer before it has offered
        asyncio.get_running_loop().call_soon(self.finish, job, tell)

    def learn(
        self,
        setup: int,
        lesson: Lesson,
        done: Taught,
        left_out: Callable[[], None] | None,
    ) -> None:
        """See :meth:`recorder.pool.pool.Pool.learn`."""
        self._enqueue(LessonJob(setup, lesson, done, left_out), first=True)

    # -- out -----------------------------------------------------------------------

    def watch(self) -> asyncio.Event:
        """An event for one more who takes: set when there may be something to take."""
        event = asyncio.Event()
        self._watched.append(event)
        return event

    def _wake(self) -> None:
        """Tell all who take; each time another one first, so that all get something."""
        self.changed.set()
        for event in self._watched:
            event.set()
        self._watched.rotate(-1)

    @property
    def waiting(self) -> int:
        """Jobs that anybody can take."""
        return len(self._queue)

    @property
    def waiting_for_nodes(self) -> int:
        """The same, and those that one node alone can do."""
        return len(self._queue) + len(self._of_nodes)

    async def wait(self) -> None:
        """Wait until something can be taken."""
        while not self._queue:
            self.changed.clear()
            await self.changed.wait()

    def take(self, node: int | None = None) -> AnyJob | None:
        """The next job, and how much is done for it; None if nothing is to be done.

        The fuller the backlog, the less is done, in the order of the efforts; rates
        stay right because what is left out is counted and sampled evenly.

        Args:
            node: Session of the node that it is for, which may have its pixels.
        """
        if (job := self._next(node)) is None:
            return None
        self._out.add(job)
        fill = self._held / self._max_bytes
        if isinstance(job, LessonJob):
            if job.left_out is not None and fill > NO_LESSONS:
                self.finish(job, job.left_out)
                return None
            return job
        taken = job if job.forced else self._lighten(job, fill)
        if taken is not None and taken.viewer is not None:
            taken.wish = taken.viewer.wish()
        return taken

    def _next(self, node: int | None) -> AnyJob | None:
        lesson = bool(self._queue) and isinstance(self._queue[0], LessonJob)
        if node is not None and not lesson:
            own = self._of_nodes.take(node, others=bool(self._queue))
            if own is not None:
                return own
        return self._queue.popleft() if self._queue else None

    def _lighten(self, job: Job, fill: float) -> Job | None:
        self._taken += 1
        effort = effort_at(fill, sampled=self._taken % SAMPLE == 0)
        if effort is None:
            text = "the backlog is nearly full: one of four images is looked at"
            self.finish(job, partial(job.failed, Unprocessed.OVERLOAD, text))
            return None
        job.effort = effort
        return job

    def put_back(self, job: AnyJob) -> None:
        """A job that was taken, to be tried again before all others."""
        if job not in self._out:
            self.late += 1
            return
        self._out.remove(job)
        self._enqueue(job, first=True)

    def finish(self, job: AnyJob, tell: Callable[[], None]) -> None:
        """A job that was taken is done with; ``tell`` says so to who offered it.

        One that is not out, because it was finished or put back, is only counted.
        """
        if job not in self._out:
            self.late += 1
            return
        self._out.remove(job)
        self._held -= job.size
        self.finished += 1
        self._room.set()
        with boundary("note what became of an image"):
            tell()

    # -- for those who offer -------------------------------------------------------

    async def room(self) -> None:
        """Wait until the backlog is half empty or nothing waits: for files."""
        most = min(self._max_bytes // 2, _FILES_WAIT)
        while (self._queue or self._of_nodes or self._untaught) and self._held > most:
            self._room.clear()
            await self._room.wait()

    async def empty(self) -> None:
        """Wait until no image waits or is being worked on."""
        while len(self):
            self._room.clear()
            await self._room.wait()
