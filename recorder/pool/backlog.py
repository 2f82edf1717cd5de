"""Images and lessons that wait for a worker, and what is left out if they are many."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial

from recorder.pool.jobs import AnyJob, Callback, Job, LessonJob, Taught, Viewer
from recorder.records import (
    ClassifierSetup,
    Learned,
    Lesson,
    Payload,
    Unprocessed,
    WorkLevel,
)
from recorder.runtime.boundary import boundary

KEPT_SETUPS = 8
"""Setups that are kept although no image of them waits: late ones may come."""
KEPT_STATES = 3
"""Learned states of a setup; a late image may need an older one."""
SAMPLE = 4
"""Under overload one of so many images, or hits, is still looked at."""
_GIVING_UP = (
    (0.5, WorkLevel.NO_RETRY),
    (0.65, WorkLevel.ONE_LATTICE),
    (0.8, WorkLevel.NO_INDEXING),
)
"""What is left out from which fill of the backlog on: what costs most and tells least
goes first. Chosen, not tuned; what remains under ten times too much: `make soak`."""
_NO_LESSONS = 0.5
"""Fill from which lessons that only renew what a run has learned are left out."""
_NO_SPOTS = 0.9
"""Fill from which only a sample of the images is looked at."""
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
        self._untaught: dict[tuple[int, int], list[Job]] = {}
        self._out: set[AnyJob] = set()
        self._setups: dict[int, ClassifierSetup] = {}
        self._learned: dict[int, dict[int, Learned]] = {}
        self._next_setup = 0
        self._held = 0
        self._taken = 0
        self._room = asyncio.Event()
        self.changed = asyncio.Event()
        """Set when there may be something to take; for who takes without a share."""
        self._shares: deque[Share] = deque()
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
            len(self._queue) + len(self._out) + sum(map(len, self._untaught.values()))
        )

    # -- setups and what their runs have taught ------------------------------------

    def add_setup(self, setup: ClassifierSetup) -> int:
        """Register a setup; images refer to it by the number returned."""
        self._next_setup += 1
        self._setups[self._next_setup] = setup
        self._learned[self._next_setup] = {}
        # those with a worker, too: it may die, and they are tried once more
        needed = {job.setup for job in (*self._queue, *self._out)}
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
        self._queue.extend(self._untaught.pop((setup, learned.number), ()))
        self._wake()

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
            self._queue.append(job)
            self._wake()
        return True

    def learn(
        self,
        setup: int,
        lesson: Lesson,
        done: Taught,
        left_out: Callable[[], None] | None,
    ) -> None:
        """See :meth:`recorder.pool.pool.Pool.learn`."""
        self._queue.appendleft(LessonJob(setup, lesson, done, left_out))
        self._wake()

    # -- out -----------------------------------------------------------------------

    def share(self) -> Share:
        """The work for one more who takes."""
        share = Share(self)
        self._shares.append(share)
        return share

    def _wake(self) -> None:
        """Tell all who take; each time another one first, so that all get something."""
        self.changed.set()
        for share in self._shares:
            share.changed.set()
        self._shares.rotate(-1)

    @property
    def waiting(self) -> int:
        """Jobs that can be taken."""
        return len(self._queue)

    async def wait(self) -> None:
        """Wait until something can be taken."""
        while not self._queue:
            self.changed.clear()
            await self.changed.wait()

    def take(self) -> AnyJob | None:
        """The next job, and how much is done for it; None if nothing is to be done.

        The fuller the backlog, the less is done, in the order of the efforts; rates
        stay right because what is left out is counted and sampled evenly.
        """
        if not self._queue:
            return None
        job = self._queue.popleft()
        self._out.add(job)
        fill = self._held / self._max_bytes
        if isinstance(job, LessonJob):
            if job.left_out is not None and fill > _NO_LESSONS:
                self.finish(job, job.left_out)
                return None
            return job
        taken = job if job.forced else self._lighten(job, fill)
        if taken is not None and taken.viewer is not None:
            taken.wish = taken.viewer.wish()
        return taken

    def _lighten(self, job: Job, fill: float) -> Job | None:
        self._taken += 1
        sampled = self._taken % SAMPLE == 0
        job.effort = WorkLevel.FULL
        for limit, effort in _GIVING_UP:
            if fill > limit:
                job.effort = effort
        if job.effort is WorkLevel.NO_INDEXING and sampled:
            job.effort = WorkLevel.ONE_LATTICE
        if fill > _NO_SPOTS and not sampled:
            text = "the backlog is nearly full: one of four images is looked at"
            self.finish(job, partial(job.failed, Unprocessed.OVERLOAD, text))
            return None
        return job

    def put_back(self, job: AnyJob) -> None:
        """A job that was taken, to be tried again before all others."""
        if job not in self._out:
            self.late += 1
            return
        self._out.remove(job)
        self._queue.appendleft(job)
        self._wake()

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
        while (self._queue or self._untaught) and self._held > most:
            self._room.clear()
            await self._room.wait()

    async def empty(self) -> None:
        """Wait until no image waits or is being worked on."""
        while len(self):
            self._room.clear()
            await self._room.wait()


class Share:
    """The same work, for one of several who take from it.

    Each has an event of its own: that a worker of one is free is no news for others.
    """

    def __init__(self, backlog: Backlog) -> None:
        self._backlog = backlog
        self.changed = asyncio.Event()
        """Set when there may be something to take, or a worker may be free."""
        self.take = backlog.take
        self.put_back = backlog.put_back
        self.finish = backlog.finish
        self.setup = backlog.setup
        self.states = backlog.states

    @property
    def waiting(self) -> int:
        """Jobs that can be taken."""
        return self._backlog.waiting

    async def wait(self) -> None:
        """Wait until something can be taken."""
        while not self._backlog.waiting:
            self.changed.clear()
            await self.changed.wait()
