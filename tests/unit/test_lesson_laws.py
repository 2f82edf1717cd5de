"""Laws of the lessons: what comes decides what is learned, not how fast it is done.

A run is played with workers that take any time, by a choice of hypothesis: between two
images they finish any of what they hold, in any order.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import partial
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.classifying.lessons import Lessons
from recorder.classifying.material import HITS
from recorder.classifying.second_look import SecondLook
from recorder.classifying.timetable import WINDOW, Timetable
from recorder.pool.backlog import KEPT_STATES
from recorder.pool.jobs import Job, LessonJob
from recorder.pool.pool import Pool
from recorder.records import (
    Classification,
    ClassifierSetup,
    ClassifySettings,
    ImageClass,
    Learned,
    Payload,
    Unprocessed,
)

SHAPE = (1, 4)
SETUP = ClassifierSetup(
    SHAPE, "uint16", None, None, None, None, None, None, ClassifySettings()
)
GRACE = 8
"""Images that one image may overtake at the start: a quarter of the first lead."""
HELD = 12
"""Jobs that the workers have at a time."""
Taught = tuple[int, tuple[int, ...], tuple[int, ...], bool]
"""Number, images and hits of a lesson, and whether it was the last one."""


def pixels(image_id: int) -> Payload:
    return Payload(image_id.to_bytes(8, "little"), "raw", SHAPE, "<u2")


def outcome(image_id: int) -> Classification | tuple[Unprocessed, str]:
    """Of every image the same each time: some fail, a third are hits."""
    if image_id % 17 == 5:
        return (Unprocessed.CORRUPT, "no pixels")
    if image_id % 3:
        return Classification(ImageClass.NON_HIT, image_id % 7)
    spots = np.full((20, 2), image_id, np.float32)
    return Classification(ImageClass.NON_INDEXED_HIT, 20, positions=spots)


@dataclass
class Play:
    """One run over a pool that is not running; ``random`` plays its workers."""

    times: Timetable
    random: Random
    speed: float
    """Jobs that are finished between two images, on average."""
    used: dict[int, int] = field(default_factory=dict)
    lessons: list[Taught] = field(default_factory=list)
    ended: int = 0

    def __post_init__(self) -> None:
        self.pool = Pool(1)
        number = self.pool.add_setup(SETUP)
        look = SecondLook(SETUP, 0)
        self.run = Lessons(self.pool, number, lambda *_: None, look, times=self.times)

    def offer(self, image_id: int) -> None:
        def done(_: object) -> None:
            assert image_id in self.used

        data = pixels(image_id)
        assert self.run.offer(image_id, data, done, lambda _: None, force=True)
        self._work(self.speed)
        if image_id % 16 == 0:
            self._check_memory()

    def end(self, *, finish: bool) -> None:
        """All images came: the workers do what is left, and the run ends."""
        self._work(math.inf)
        assert self.pool.backlog == 0, "an image waits for what never comes"
        if finish:
            self.run.finish(partial(setattr, self, "ended", 1))
            self._work(math.inf)
            assert self.ended

    def _work(self, jobs: float) -> None:
        """Finish so many jobs on average, of the first ones that workers may have."""
        queue = self.pool._backlog._queue
        while queue and self.random.random() < jobs:
            jobs -= 1
            place = self.random.randrange(min(len(queue), HELD))
            job = queue[place]
            del queue[place]
            self._finish(job)

    def _finish(self, job: Job | LessonJob) -> None:
        if isinstance(job, Job):
            image_id = int.from_bytes(job.payload.data, "little")
            assert job.learned in (0, *self.pool._backlog.states(job.setup))
            self.used[image_id] = job.learned
            job.done(outcome(image_id))
            return
        lesson = job.lesson
        shown = tuple(int.from_bytes(p.data, "little") for p in lesson.images)
        self.lessons.append((lesson.number, shown, lesson.hit_ids, lesson.last))
        job.done(Learned(lesson.number))

    def _check_memory(self) -> None:
        """What is kept of images that are finished: the others are in the backlog."""
        material = self.run._material
        kept = [one for one in material._shown.values() if one.result is not None]
        assert len(kept) <= WINDOW
        assert sum(map(len, material._hits.values())) <= 3 * HITS


def played(
    ids: list[int],
    seed: int,
    speed: float,
    *,
    period: int = 512,
    finish: bool = True,
) -> tuple[dict[int, int], list[Taught]]:
    """State of each image, and the lessons, of one run."""
    play = Play(Timetable(period), Random(seed), speed)
    for image_id in ids:
        play.offer(image_id)
    play.end(finish=finish)
    assert sorted(play.used) == sorted(ids)
    return play.used, play.lessons


seeds = st.integers(0, 2**32)
speeds = st.floats(0.01, 5.0)


@st.composite
def losses(draw: st.DrawFn) -> list[int]:
    """Ids of a run in their order: single ones lost, whole stretches, or triggers."""
    first = draw(st.sampled_from([0, 1, 60, 700, 10_000]))
    ids: list[int] = []
    at = first
    for _ in range(draw(st.integers(1, 6))):
        count = draw(st.integers(1, 300))
        stride = draw(st.integers(1, 3))
        ids += range(at, at + count * stride, stride)
        at = ids[-1] + 1 + draw(st.sampled_from([0, 0, 1, 50, 500, 10_000]))
    return ids


def overtaken(ids: list[int], random: Random, most: float) -> list[int]:
    """The same images, in an order in which none comes ``most`` ids too late."""
    return sorted(ids, key=lambda n: n + random.random() * most)


@settings(deadline=None, max_examples=60)
@given(losses(), seeds, speeds, st.sampled_from([512, 2048]))
def test_workers_of_any_speed_learn_the_same_from_the_same(ids, seed, speed, period):
    """Which image uses what, which lessons there are, and what each is taught."""
    quick = played(ids, 0, math.inf, period=period)
    assert played(ids, seed, speed, period=period) == quick
    times = Timetable(period)
    assert quick[0] == {n: times.state_of(n) for n in quick[0]}


@settings(deadline=None, max_examples=40)
@given(losses(), seeds, seeds, speeds, speeds, st.integers(1, 4000))
def test_in_any_order_speed_decides_nothing(ids, order, seed, one, other, most):
    mixed = overtaken(ids, Random(order), most)
    assert played(mixed, seed, one) == played(mixed, ~seed & 0xFF, other)


@settings(deadline=None, max_examples=40)
@given(losses(), seeds, speeds, st.integers(1, 1000))
def test_in_any_order_an_image_uses_its_own_state_while_that_is_kept(
    ids, order, speed, most
):
    """Two states behind the newest one, too; later, the oldest that is kept."""
    mixed = overtaken(ids, Random(order), most)
    used, _ = played(mixed, order, speed)
    times, newest = Timetable(512), 0
    for image_id in mixed:
        own = times.state_of(image_id)
        newest = max(newest, times.asks(image_id), own)
        kept = newest - KEPT_STATES + 1
        assert used[image_id] == (max(own, kept) if own else 0)


@settings(deadline=None, max_examples=40)
@given(seeds, speeds, st.integers(1, 1500), st.floats(0, 0.3))
def test_images_that_overtake_each_other_a_little_change_no_lesson(
    order, speed, images, lost
):
    random = Random(order)
    ids = [n for n in range(images) if random.random() >= lost]
    mixed = overtaken(ids, random, GRACE)
    assert played(mixed, order, speed) == played(ids, 0, math.inf)


@pytest.mark.parametrize("number", [1, 2, 3, 4])
@pytest.mark.parametrize("period", [512, 2048])
def test_a_run_that_ends_before_a_lesson_is_due_has_only_its_last_one(number, period):
    """At each end around a lesson: its images decide, not the workers."""
    times = Timetable(period)
    due = times.begun_from(number)
    for images, lessons in ((due, number - 1), (due + 1, number)):
        for speed in (0.05, math.inf):
            _, taught = played(list(range(images)), images, speed, period=period)
            assert [n for n, *_ in taught] == list(range(1, lessons + 2))
            assert [last for *_, last in taught] == [False] * lessons + [True]


def test_the_run_ends_only_after_the_lesson_that_is_being_learned():
    times = Timetable()
    play = Play(times, Random(0), math.inf)
    for image_id in range(times.begun_from(1)):
        play.offer(image_id)
    play.speed = 0.0
    play.offer(times.begun_from(1))
    lesson, image = play.pool._backlog._queue
    play.pool._backlog._queue.clear()
    play._finish(image)
    play.run.finish(partial(setattr, play, "ended", 1))
    assert not play.pool._backlog._queue
    play._finish(lesson)
    (last,) = play.pool._backlog._queue
    assert (last.lesson.number, last.lesson.last) == (2, True)


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 5), speeds, st.sampled_from([512, 2048]))
def test_a_lesson_begins_before_any_image_waits_for_it(number, speed, period):
    """With workers that keep up, half of the lead is left when it begins."""
    times = Timetable(period)
    play = Play(times, Random(number), math.inf)
    begun: dict[int, int] = {}
    learn = play.pool.learn
    for image_id in range(times.used_from(number)):

        def noted(setup, lesson, *rest, image_id=image_id, **more):
            begun[lesson.number] = image_id
            learn(setup, lesson, *rest, **more)

        play.pool.learn = noted
        play.offer(image_id)
    assert begun == {n: times.begun_from(n) for n in range(1, number + 1)}
    used = times.used_from(number)
    assert used - begun[number] >= (used - times.taught_before(number)) // 2
