"""A pool with lessons as discrete events: no clock, no processes, no chance."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from benchmarks.scale.costs import Costs
from recorder.pool.processes import CREDIT

ARRIVES, LEAVES = 0, 1
LESSON = -1
"""Stands for an image where a worker has a lesson; its number comes with it."""


class Times(Protocol):
    """When a run learns: a ``Timetable`` of the recorder, or another one."""

    def state_of(self, image_id: int) -> int:
        """State that an image uses."""

    def taught_before(self, number: int) -> int:
        """First image that teaches a state no more."""

    def begun_from(self, number: int) -> int:
        """Image with which a lesson is due."""


@dataclass(frozen=True)
class Plan:
    """What is to be played."""

    workers: int
    images: int
    costs: Costs
    times: Times
    interval_s: float = 0.0
    """Between two images that come."""
    home_s: float = 0.0
    """Of the coordinator's event loop for each image."""
    first: int = 0
    """Image_id of the first image: a run that is joined late is in steady state."""


@dataclass(frozen=True)
class Played:
    """What became of it."""

    finished_s: Sequence[float]
    """Seconds at which images were finished, ascending."""
    waited: Sequence[int]
    """Image_ids that waited for their state although a worker was free."""

    def rate(self, first: int, last: int) -> float:
        """Images per second between two counts of finished images."""
        return (last - first) / (self.finished_s[last - 1] - self.since(first))

    def since(self, first: int) -> float:
        """Seconds at which so many were finished; 0: the beginning."""
        return self.finished_s[first - 1] if first else 0.0


@dataclass(eq=False)
class _Worker:
    jobs: deque[tuple[int, int]] = field(default_factory=deque)
    """Image, or LESSON, and the state it uses or makes."""
    state: int = 0
    """Newest that it has taken over."""


class _Game:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.workers = [_Worker() for _ in range(plan.workers)]
        self.queue: deque[tuple[int, int]] = deque()
        self.untaught: dict[int, list[tuple[int, int]]] = {}
        self.events: list[tuple[float, int, int]] = []
        self.open: set[int] = set()
        self.oldest = plan.first
        """Image before which all are finished."""
        self.due: deque[int] = deque()
        self.state = plan.times.state_of(plan.first)
        self.learning = False
        self.finished: list[float] = []
        self.waited: list[int] = []

    def play(self) -> Played:
        self._comes(self.plan.first, 0.0)
        while self.events:
            now, kind, what = heapq.heappop(self.events)
            if kind == ARRIVES:
                self._arrives(what)
                self._comes(what + 1, now + self.plan.home_s)
            else:
                self._leaves(what, now)
            self._learn()
            self._hand_out(now)
        return Played(self.finished, self.waited)

    def _comes(self, image: int, home_free: float) -> None:
        """When the coordinator takes the next image."""
        count = image - self.plan.first
        if count < self.plan.images:
            at = max(count * self.plan.interval_s, home_free)
            heapq.heappush(self.events, (at, ARRIVES, image))

    def _arrives(self, image: int) -> None:
        times = self.plan.times
        state = times.state_of(image)
        self.open.add(image)
        newest = self.due[-1] if self.due else self.state
        asked = max(state, newest + (image >= times.begun_from(newest + 1)))
        self.due.extend(range(newest + 1, asked + 1))
        if state <= self.state:
            self.queue.append((image, state))
            return
        self.untaught.setdefault(state, []).append((image, state))
        if not self.queue and any(not worker.jobs for worker in self.workers):
            self.waited.append(image)

    def _leaves(self, number: int, now: float) -> None:
        worker = self.workers[number]
        image, state = worker.jobs.popleft()
        if image == LESSON:
            self.learning = False
            self.state = self.due.popleft()
            self.queue.extend(self.untaught.pop(state, ()))
        else:
            self.open.discard(image)
            self.finished.append(now)
        self._begin(number, now)

    def _learn(self) -> None:
        """Begin the lesson that is due once all that teach it are finished."""
        if not self.due or self.learning:
            return
        end = self.plan.times.taught_before(self.due[0])
        while self.oldest < end and self.oldest not in self.open:
            self.oldest += 1
        if self.oldest >= end:
            self.learning = True
            self.queue.appendleft((LESSON, self.due[0]))

    def _hand_out(self, now: float) -> None:
        while self.queue:
            number = min(range(len(self.workers)), key=self._load)
            if self._load(number) >= CREDIT:
                return
            self.workers[number].jobs.append(self.queue.popleft())
            if self._load(number) == 1:
                self._begin(number, now)

    def _load(self, number: int) -> int:
        return len(self.workers[number].jobs)

    def _begin(self, number: int, now: float) -> None:
        """A worker begins its next job."""
        worker, costs = self.workers[number], self.plan.costs
        if not worker.jobs:
            return
        image, state = worker.jobs[0]
        cost = costs.lesson_s if image == LESSON else costs.image_s
        known = state - 1 if image == LESSON else state
        if known > worker.state:
            cost += costs.take_s
            worker.state = known
        heapq.heappush(self.events, (now + cost, LEAVES, number))


def play(plan: Plan) -> Played:
    """Play it to the end."""
    return _Game(plan).play()
