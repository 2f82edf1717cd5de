"""Has tasks of a batch done by dask workers. Runs in dask's own process.

A task takes a whole host. So each goes to a worker that was chosen here: dask would
give a worker as many as it has threads.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from distributed import Client, Future

from recorder.cluster.dask_link import (
    TROUBLE,
    Scheduler,
    SchedulerLostError,
    connected,
    look,
    reaching,
)
from recorder.cluster.dask_placing import AGAIN_S, LOOK_S
from recorder.cluster.scheduler import SchedulerAddress
from recorder.pool.batch_task import run_task
from recorder.records import Json

Say = Callable[..., None]


@dataclass(frozen=True, slots=True)
class Done:
    """A future has its outcome."""

    number: int
    future: Future[Any]


class Batch:
    """The tasks that one scheduler has.

    Args:
        client: Of that scheduler.
        say: Gets what becomes of tasks.
        inbox: Gets futures that are done.
    """

    def __init__(self, client: Client, say: Say, inbox: queue.Queue[Any]) -> None:
        self._client = client
        self._say = say
        self._inbox = inbox
        self._tasks: dict[int, tuple[Future[Any], str]] = {}
        self._waiting: dict[int, Json] = {}
        """Tasks that no worker is free for, in their order."""
        self._workers: dict[str, str] = {}
        self._id = ""

    def look(self) -> None:
        """See who is there; tasks of a worker that is gone have failed.

        Raises:
            SchedulerLostError: The scheduler is lost, or another one.
        """
        now: Scheduler = look(self._client)
        if self._id not in ("", now.identity):
            raise SchedulerLostError("it is another scheduler than before")
        if not self._id or set(now.addresses) != set(self._workers):
            self._say("ready", workers=now.workers)
        self._id, self._workers = now.identity, dict(now.addresses)
        for number, (future, worker) in list(self._tasks.items()):
            if worker not in self._workers and not future.done():
                self.cancel(number)
                self._failed(number, "its dask worker is gone")
        self._give()

    def submit(self, number: int, body: Json) -> None:
        """Give a task to a worker that is free, as soon as there is one."""
        self._waiting[number] = body
        self._give()

    def _give(self) -> None:
        busy = {worker for _, worker in self._tasks.values()}
        free = [worker for worker in self._workers if worker not in busy]
        for chosen, number in zip(free, list(self._waiting), strict=False):
            self._send(number, self._waiting.pop(number), chosen)

    def _send(self, number: int, body: Json, chosen: str) -> None:
        future = reaching(
            lambda: self._client.submit(
                run_task,
                body,
                key=f"recorder-batch-{uuid4().hex}",
                workers=[chosen],
                allow_other_workers=False,
                pure=False,
                retries=0,
            )
        )
        self._tasks[number] = future, chosen
        future.add_done_callback(lambda f: self._inbox.put(Done(number, f)))

    def cancel(self, number: int) -> None:
        """Nobody waits for a task any more."""
        self._waiting.pop(number, None)
        future, _ = self._tasks.pop(number, (None, ""))
        if future is not None:
            with suppress(*TROUBLE):
                future.cancel()

    def done(self, done: Done) -> None:
        """Say what became of a task, unless nobody waits for it.

        Raises:
            SchedulerLostError: It was not done because the scheduler is lost.
        """
        if done.number not in self._tasks:
            return
        if done.future.status not in ("finished", "error"):
            self.look()
        self._tasks.pop(done.number, None)
        self._give()
        if done.future.status == "finished":
            self._say("done", task=done.number, end=reaching(done.future.result))
            return
        with suppress(*TROUBLE):
            error = done.future.exception(timeout=1)
            if error is not None:
                self._failed(done.number, f"{type(error).__name__}: {error}")
                return
        self._failed(done.number, f"dask says that it is {done.future.status}")

    def lose(self, why: str) -> None:
        """The scheduler is lost, and with it what it had."""
        lost = [*self._tasks, *self._waiting]
        self._tasks.clear()
        self._waiting.clear()
        for number in lost:
            self._failed(number, f"the scheduler was lost: {why}")

    def _failed(self, number: int, problem: str) -> None:
        self._say("failed", task=number, problem=problem)


def do_batch(address: SchedulerAddress, say: Say, inbox: queue.Queue[Any]) -> None:
    """Have tasks done until the inbox says that it is over.

    Args:
        address: The scheduler.
        say: Gets what happens: a word and its details.
        inbox: Gets ``{"task": number, "body": …}``, ``{"cancel": number}``, and None at
            the end.
    """
    while True:
        batch: Batch | None = None
        try:
            with connected(address, "recorder-batch") as client:
                batch = Batch(client, say, inbox)
                _serve(batch, inbox)
                return
        except SchedulerLostError as error:
            say("lost", text=str(error))
            if batch is not None:
                batch.lose(str(error))
        if _pause(say, inbox):
            return


def _serve(batch: Batch, inbox: queue.Queue[Any]) -> None:
    """Until the end of the inbox.

    Raises:
        SchedulerLostError: The scheduler is lost.
    """
    due = 0.0
    while True:
        if time.monotonic() >= due:
            batch.look()
            due = time.monotonic() + LOOK_S
        try:
            message = inbox.get(timeout=LOOK_S)
        except queue.Empty:
            continue
        if message is None:
            return
        if isinstance(message, Done):
            batch.done(message)
        elif "task" in message:
            batch.submit(message["task"], message["body"])
        else:
            batch.cancel(message["cancel"])


def _pause(say: Say, inbox: queue.Queue[Any]) -> bool:
    """Wait before the next attempt; True if it is over."""
    until = time.monotonic() + AGAIN_S
    while (left := until - time.monotonic()) > 0:
        with suppress(queue.Empty):
            message = inbox.get(timeout=left)
            if message is None:
                return True
            if isinstance(message, dict) and "task" in message:
                say("failed", task=message["task"], problem="there is no scheduler")
    return False
