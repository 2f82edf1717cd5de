"""The work of a node: jobs as they came from home, done by today's workers.

A job is passed on as it came, with another token; its answer goes home as it came, with
its own. Pixels and results are not read.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from recorder.errors import WireError
from recorder.nodes.messages import Refused
from recorder.pool.backlog import KEPT_STATES
from recorder.pool.wire import (
    DONE,
    FORGET,
    IMAGE,
    LEARNED,
    LESSON,
    SETUP,
    Frame,
    Head,
    Message,
    failed_answer,
    held_number,
    kind_of,
    pack_answer,
    read_head,
    token_of,
    with_token,
)
from recorder.records import Unprocessed
from recorder.runtime.boundary import boundary

NOT_KEPT = "the node that received the image does not have its pixels any more"


@dataclass(eq=False)
class NodeJob:
    """A job of home; it knows neither what is asked nor what comes of it."""

    session: int
    token: int
    setup: int
    frames: Message
    states: Mapping[int, Message]
    """What its run had taught when home sent it."""
    answer: Callable[[NodeJob, bytes], None]
    tries: int = 0
    sent_at: float = 0.0
    size: int = 0

    def message(self, token: int) -> list[Frame]:
        """What a worker is sent."""
        return [with_token(self.frames[0], token), *self.frames[1:]]

    def answered(self, frames: Sequence[Frame]) -> None:
        """A worker's answer goes home as it is."""
        self.answer(self, pack_answer(DONE, self.token, frames))

    def failed(self, reason: Unprocessed, text: str) -> None:
        """It cannot be done."""
        self.answer(self, failed_answer(self.token, reason, text))


@dataclass(eq=False)
class _Series:
    """What home sent of a setup."""

    setup: Message
    states: dict[int, Message] = field(default_factory=dict)
    jobs: int = 0
    """That wait or are with workers."""
    kept: bool = True
    """Home may send more of them."""


class NodeWork:
    """Jobs from one home; a :class:`recorder.pool.protocols.Work`.

    Args:
        answer: Takes answers for home.
        back: Takes tokens of jobs that go back untouched.
        pixels: Gives those that this node received itself, by their number.
        refuse: Told of messages that make no sense.
    """

    def __init__(
        self,
        answer: Callable[[bytes], None],
        back: Callable[[list[int]], None],
        pixels: Callable[[int], Frame | None] = lambda number: None,
        refuse: Callable[[Refused], None] = lambda refused: None,
    ) -> None:
        self._answer, self._back, self._pixels = answer, back, pixels
        self._refuse = refuse
        self.refused = 0
        """Messages of home that made no sense."""
        self._session: int | None = None
        self._queue: deque[NodeJob] = deque()
        self._out: set[NodeJob] = set()
        self._series: dict[int, _Series] = {}
        self._taken: NodeJob | None = None
        self._empty = asyncio.Event()
        self.changed = asyncio.Event()
        """Set when there may be something to take."""
        self.finished = 0
        """Jobs that were answered."""
        self._leaving = False

    @property
    def waiting(self) -> int:
        """Jobs that can be taken."""
        return len(self._queue)

    @property
    def held(self) -> int:
        """Jobs that wait or are with workers."""
        return len(self._queue) + len(self._out)

    # -- home --------------------------------------------------------------------------

    def begin(self, session: int | None) -> None:
        """A session begins, or None: what was sent in the one before is for nobody."""
        self._session = session
        while self._queue:
            self._done_with(self._queue.popleft())
        for number, series in list(self._series.items()):
            series.kept = False  # home sends anew what it still needs
            self._forget(number, series)

    def came(self, frames: Sequence[Frame]) -> None:
        """A message of home that belongs to the session.

        What makes no sense is refused at once: home would wait for it in vain.

        Raises:
            WireError: It makes no sense.
        """
        if self._session is None:  # sent before home gave this node up
            return
        try:
            self._came(self._session, frames)
        except WireError as error:
            self.refused += 1
            self._refuse(Refused(_token_of_job(frames), str(error)))
            raise

    def _came(self, session: int, frames: Sequence[Frame]) -> None:
        head = read_head(frames[0] if frames else b"")
        if head.kind in (IMAGE, LESSON):
            self._job(session, head, list(frames))
        elif head.kind == SETUP:
            self._series.setdefault(head.setup, _Series(list(frames))).kept = True
        elif head.kind == LEARNED:
            self._learned(head, list(frames))
        elif head.kind == FORGET:
            if (series := self._series.get(head.setup)) is not None:
                series.kept = False
                self._forget(head.setup, series)
        else:
            raise WireError(f"a message of kind {head.kind!r} is none of home")

    def _learned(self, head: Head, frames: Message) -> None:
        series = self._series.get(head.setup)
        if series is None:
            raise WireError(
                f"a learned state of setup {head.setup}, which is not known"
            )
        # another dictionary: jobs that came before keep what was known then
        states = {**series.states, head.number: frames}
        series.states = {n: states[n] for n in sorted(states)[-KEPT_STATES:]}

    def _job(self, session: int, head: Head, frames: Message) -> None:
        series = self._series.get(head.setup)
        if self._leaving:
            self._back([head.token])
            return
        if series is None:
            raise WireError(f"a job of setup {head.setup}, which is not known")
        if head.kind == IMAGE and (number := held_number(frames)) is not None:
            if (pixels := self._pixels(number)) is None:
                answer = failed_answer(head.token, Unprocessed.WORKER_LOST, NOT_KEPT)
                self._answer(answer)
                return
            frames = [frames[0], pixels]
        job = NodeJob(
            session, head.token, head.setup, frames, series.states, self._answered
        )
        series.jobs += 1
        self._queue.append(job)
        self.changed.set()

    def leave(self) -> None:
        """The node leaves: what no worker has goes back, and what comes from now on."""
        self._leaving = True
        jobs = list(self._queue)
        self._queue.clear()
        for job in jobs:
            self._done_with(job)
        if self._session is not None:
            self._back([job.token for job in jobs])

    async def empty(self) -> None:
        """Wait until no worker has a job of this home."""
        while self.held:
            self._empty.clear()
            await self._empty.wait()

    def _answered(self, job: NodeJob, answer: bytes) -> None:
        if job.session == self._session:  # else home has given it to another
            self.finished += 1
            self._answer(answer)

    def _done_with(self, job: NodeJob) -> None:
        series = self._series[job.setup]
        series.jobs -= 1
        self._forget(job.setup, series)
        self._empty.set()

    def _forget(self, number: int, series: _Series) -> None:
        if not series.kept and not series.jobs:
            self._series.pop(number, None)

    # -- workers -----------------------------------------------------------------------

    async def wait(self) -> None:
        """Wait until something can be taken."""
        while not self._queue:
            self.changed.clear()
            await self.changed.wait()

    def take(self) -> NodeJob | None:
        """The next job; None if there is none."""
        if not self._queue:
            return None
        self._taken = job = self._queue.popleft()
        self._out.add(job)
        return job

    def put_back(self, job: NodeJob) -> None:
        """Its worker died: it is tried again, unless home has given it to another."""
        self._out.discard(job)
        if job.session != self._session:
            self._done_with(job)
            return
        self._queue.appendleft(job)
        self.changed.set()

    def finish(self, job: NodeJob, tell: Callable[[], None]) -> None:
        """It is done with; ``tell`` says so to home."""
        self._out.discard(job)
        with boundary("tell home what became of an image"):
            tell()
        self._done_with(job)

    def setup(self, number: int) -> Message:
        """See :class:`recorder.pool.briefs.Briefs`."""
        return self._series[number].setup

    def states(self, setup: int) -> Mapping[int, Message]:
        """What the run of the job that was taken last had taught when home sent it."""
        taken = self._taken
        if taken is not None and taken.setup == setup:
            return taken.states
        return self._series[setup].states


def _token_of_job(frames: Sequence[Frame]) -> int | None:
    """Token of a job whose rest may be anything; None: there is none to be read."""
    first = frames[0] if frames else b""
    try:
        return token_of(first) if kind_of(first) in (IMAGE, LESSON) else None
    except WireError:
        return None
