"""Jobs on their way to nodes and back: each is finished or put back, once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from recorder.errors import WireError
from recorder.nodes.members import Member, Members
from recorder.pool.answers import answers_in
from recorder.pool.briefs import PackedBriefs, briefing
from recorder.pool.jobs import AnyJob
from recorder.pool.processes import TRIES
from recorder.pool.protocols import Work
from recorder.pool.wire import DONE, Answer, Frame, Message, read_failure
from recorder.records import Unprocessed
from recorder.runtime.boundary import boundary


class Handing:
    """Gives jobs to members, and takes them back.

    Args:
        work: Where jobs are taken from.
        members: Who takes part.
    """

    def __init__(self, work: Work, members: Members) -> None:
        self._work = work
        self._members = members
        self._briefs = PackedBriefs(work)

    def give(self, member: Member, now: float) -> list[Message]:
        """Give a member one job that waits: what it is to be sent."""
        job = self._work.take(member.session)
        if job is None:
            return []
        token = self._members.give(member, job, now)
        job.tries += 1
        messages: list[Message] = []
        with boundary("hand a job to a node"):
            told = briefing(self._briefs, member.cache, job.setup)
            messages = [*told, job.message(token)]
        if not messages:
            self._members.take_back(member, token)
            text = "it cannot be handed to a node; see step_failed in the log"
            self._give_up(job, text)
        return messages

    def answers(self, member: Member, frames: Sequence[Frame], now: float) -> None:
        """A member has done some jobs; one without sense costs the others nothing.

        Args:
            member: Who.
            frames: An answer each.
            now: Monotonic time (s).

        Raises:
            WireError: It had no such job, or an answer cannot be read; all others are
                taken.
        """
        answers, problems = answers_in(frames)
        for answer in answers:
            try:
                self._answered(member, answer, now)
            except WireError as error:
                problems.append(str(error))
        if problems:
            raise WireError(problems[-1])

    def _answered(self, member: Member, answer: Answer, now: float) -> None:
        """A member has done a job.

        Raises:
            WireError: It had no such job, or its answer cannot be read.
        """
        job = self._taken_from(member, answer.token)
        member.moved = now
        try:
            tell = _outcome(job, answer)
        except WireError:
            self._again(job, "the answers of nodes made no sense, twice")
            raise
        member.finished += 1
        self._work.finish(job, tell)

    def back(self, member: Member, tokens: Sequence[int]) -> None:
        """A member hands jobs back that nobody began.

        Raises:
            WireError: It does not have all of them.
        """
        unknown = []
        for token in reversed(tokens):
            job = self._members.take_back(member, token)
            if job is None:
                unknown.append(token)
            else:
                self._untouched(job)
        if unknown:
            raise WireError(f"it hands back {len(unknown)} jobs that it does not have")

    def refused(self, member: Member, token: int) -> None:
        """A member cannot do a job: another one may.

        Raises:
            WireError: It had no such job.
        """
        job = self._taken_from(member, token)
        self._again(job, "two nodes could not read it: a defect; see node_cannot")

    def dismiss(self, member: Member, *, counted: bool) -> int:
        """A member takes part no longer: how many jobs it had.

        Args:
            member: Which.
            counted: What it may have worked on counts as tried.
        """
        jobs = self._members.dismiss(member)
        for job, worked in reversed(jobs):
            if counted and worked and job.node is None:
                self._again(job, "the node was lost while it had this image, twice")
            else:
                self._untouched(job)
        return len(jobs)

    def _taken_from(self, member: Member, token: int) -> AnyJob:
        job = self._members.take_back(member, token)
        if job is None:
            # it was never given, or to somebody else, or is answered already
            raise WireError(f"it has no job {token}")
        return job

    def _again(self, job: AnyJob, text: str) -> None:
        """A job was tried in vain: once more elsewhere, or it is given up."""
        if job.tries < TRIES:
            self._work.put_back(job)
        else:
            self._give_up(job, text)

    def _untouched(self, job: AnyJob) -> None:
        """A job that nobody began comes back."""
        job.tries -= 1
        self._work.put_back(job)

    def _give_up(self, job: AnyJob, text: str) -> None:
        self._work.finish(job, partial(job.failed, Unprocessed.WORKER_LOST, text))


def _outcome(job: AnyJob, answer: Answer) -> Callable[[], None]:
    """What tells of an answer; it is read now, while it can still be refused.

    Raises:
        WireError: It cannot be read.
    """
    if answer.kind == DONE:
        return job.read(answer.frames)
    return partial(job.failed, *read_failure(answer.frames))
