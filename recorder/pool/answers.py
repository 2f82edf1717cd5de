"""Answers of workers and nodes: read, whatever comes, and told to who asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from recorder.errors import WireError
from recorder.pool.jobs import UNREADABLE
from recorder.pool.protocols import Task
from recorder.pool.wire import DONE, Answer, Frame, read_answer, read_failure
from recorder.records import Unprocessed


def answers_in(frames: Sequence[Frame]) -> tuple[list[Answer], list[str]]:
    """The answers of a message.

    Args:
        frames: Its frames after the head.

    Returns:
        Those that can be read, and why others cannot.
    """
    answers: list[Answer] = []
    problems: list[str] = []
    for frame in frames:
        try:
            answers.append(read_answer(frame))
        except WireError as error:
            problems.append(str(error))
    return answers, problems


def told_by(answer: Answer, job: Task) -> Callable[[], None]:
    """What tells who offered a job what became of it; for ``Work.finish``."""
    if answer.kind == DONE:
        return partial(job.answered, answer.frames)
    try:
        reason, text = read_failure(answer.frames)
    except WireError:
        reason, text = Unprocessed.WORKER_LOST, UNREADABLE
    return partial(job.failed, reason, text)
