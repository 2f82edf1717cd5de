"""Which image uses what the run has learned, and from which images it learns."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.classifying.lessons import Lessons
from recorder.classifying.second_look import SecondLook
from recorder.classifying.timetable import WINDOW, Timetable
from recorder.pool.jobs import Job, LessonJob
from recorder.pool.pool import Pool
from recorder.records import (
    Classification,
    ClassifierSetup,
    ClassifySettings,
    ImageClass,
    Learned,
    Lesson,
    Unprocessed,
    WorkLevel,
)
from tests.builders import SHAPE, payload

TIMES = Timetable()
SETUP = ClassifierSetup(
    SHAPE, "uint16", None, None, None, None, None, None, ClassifySettings()
)
HIT = Classification(
    ImageClass.NON_INDEXED_HIT, 20, positions=np.ones((20, 2), np.float32)
)
BLANK = Classification(ImageClass.NON_HIT, 0)


class Bench:
    """Lessons over a pool that is not running: the test plays the workers."""

    def __init__(self) -> None:
        self.pool = Pool(1)
        self.changes: list[tuple[Learned, Learned]] = []
        number = self.pool.add_setup(SETUP)
        self.left_out = 0
        self.lessons = Lessons(
            self.pool,
            number,
            lambda a, b, first: self.changes.append((a, b)),
            SecondLook(SETUP, 1 << 20),
            self._count_left_out,
        )
        self.done: list[int] = []
        self.again: list[int] = []

    def _count_left_out(self) -> None:
        self.left_out += 1

    def offer(self, *image_ids: int, force: bool = True) -> None:
        for n in image_ids:
            assert self.lessons.offer(
                n,
                payload(),
                lambda _, n=n: self.done.append(n),
                lambda _, n=n: self.again.append(n),
                force=force,
            )

    def jobs(self) -> list[Job | LessonJob]:
        return list(self.pool._backlog._queue)

    def finish(self, hits: bool = False) -> None:
        """Do all that is queued but lessons."""
        lessons = [job for job in self.jobs() if isinstance(job, LessonJob)]
        images = [job for job in self.jobs() if isinstance(job, Job)]
        self.pool._backlog._queue.clear()
        for job in images:
            job.done(HIT if hits else BLANK)
        self.pool._backlog._queue.extendleft(lessons)


def test_images_wait_for_their_state_and_only_for_it():
    bench = Bench()
    bench.offer(*range(70))
    assert sum(isinstance(job, Job) for job in bench.jobs()) == 64
    assert bench.pool.backlog == 70
    bench.finish()
    (lesson,) = bench.jobs()
    assert isinstance(lesson, LessonJob)
    assert lesson.lesson.number == 1
    assert lesson.lesson.non_hits == len(lesson.lesson.images) == 10
    bench.pool._backlog._queue.clear()
    lesson.done(Learned(1))
    assert [job.learned for job in bench.jobs()] == [1] * 6
    bench.finish()
    assert sorted(bench.done) == list(range(70))


def test_a_lesson_waits_for_the_images_before_it():
    bench = Bench()
    bench.offer(*range(70))
    first, rest = bench.jobs()[0], bench.jobs()[1:]
    bench.pool._backlog._queue.clear()
    for job in rest:
        job.done(BLANK)
    assert not bench.jobs()
    first.done(BLANK)
    assert isinstance(bench.jobs()[0], LessonJob)


def test_hits_travel_with_the_lesson():
    bench = Bench()
    bench.offer(*range(65))
    bench.finish(hits=True)
    lesson = bench.jobs()[0].lesson
    assert len(lesson.hits) == TIMES.taught_before(1)
    assert lesson.non_hits == 0
    assert len(lesson.images) == 10


def test_a_failed_lesson_leaves_what_is_known(caplog):
    bench = Bench()
    bench.offer(*range(65))
    bench.finish()
    lesson = bench.jobs()[0]
    bench.pool._backlog._queue.clear()
    lesson.done(None)
    assert bench.lessons.state.number == 1
    assert [job.learned for job in bench.jobs()] == [1]


def test_a_run_joined_late_begins_with_nothing_and_goes_on():
    bench = Bench()
    bench.offer(700, 701)
    assert [job.learned for job in bench.jobs()] == [4, 4]
    bench.offer(*range(702, 1025))
    bench.finish()
    assert isinstance(bench.jobs()[0], LessonJob)


def test_lost_images_do_not_stop_the_lessons():
    bench = Bench()
    bench.offer(*range(0, 40, 4), 3000, 3001)
    bench.finish()
    for _ in range(12):
        lessons = [job for job in bench.jobs() if isinstance(job, LessonJob)]
        bench.pool._backlog._queue.clear()
        for job in lessons:
            job.done(Learned(job.lesson.number))
        bench.finish()
    assert 3001 in bench.done


def test_a_late_image_takes_the_oldest_state_that_is_kept():
    bench = Bench()
    setup = bench.lessons.setup
    for number in range(1, 8):
        bench.pool.publish(setup, Learned(number))
    bench.pool.offer(setup, payload(), lambda _: None, learned=2)
    assert bench.jobs()[0].learned == 5


def test_changes_are_told_once():
    bench = Bench()
    bench.offer(*range(65))
    bench.finish()
    lesson = bench.jobs()[0]
    bench.pool._backlog._queue.clear()
    lesson.done(Learned(1, cell=(50, 60, 70, 90, 90, 90)))
    assert len(bench.changes) == 1
    assert WINDOW > 0


def shed(fill: float, count: int = 40) -> tuple[list[WorkLevel], int]:
    """Efforts of the images that a pool hands out at some fill of its backlog."""
    pool = Pool(1, max_backlog=1000 * count)
    number = pool.add_setup(SETUP)
    outcomes: list[object] = []
    for _ in range(count):
        pool.offer(number, payload(), outcomes.append, force=False)
    efforts = []
    backlog = pool._backlog
    while backlog._queue:
        backlog._held = int(fill * 1000 * count)
        job = backlog.take()
        if job is not None:
            efforts.append(job.effort)
    overload = [o for o in outcomes if o[0] is Unprocessed.OVERLOAD]
    return efforts, len(overload)


def test_nothing_is_left_out_while_there_is_room():
    assert shed(0.4) == ([WorkLevel.FULL] * 40, 0)


def test_work_is_given_up_in_order():
    assert set(shed(0.6)[0]) == {WorkLevel.NO_RETRY}
    assert set(shed(0.7)[0]) == {WorkLevel.ONE_LATTICE}
    efforts, lost = shed(0.85)
    assert efforts.count(WorkLevel.NO_INDEXING) == 30
    assert efforts.count(WorkLevel.ONE_LATTICE) == 10
    assert lost == 0
    efforts, lost = shed(0.95)
    assert (len(efforts), lost) == (10, 30)


def test_a_small_image_gets_in_no_more_easily_than_a_large_one():
    size, small = len(payload().data), payload(shape=(1, 1))
    pool = Pool(1, max_backlog=size + 1)
    number = pool.add_setup(SETUP)
    taken = [
        pool.offer(number, item, lambda _: None)
        for item in (payload(), payload(), small, payload())
    ]
    assert taken == [True, True, False, False]


def lesson_left_out(fill: float, *, may_be: bool) -> bool:
    """Whether a pool leaves out a lesson at some fill of its backlog."""
    pool = Pool(1, max_backlog=1000)
    told: list[str] = []
    pool.learn(
        pool.add_setup(SETUP),
        Lesson(number=5, images=(), non_hits=0, hits=()),
        lambda _: told.append("learned"),
        left_out=(lambda: told.append("left out")) if may_be else None,
    )
    pool._backlog._held = int(fill * 1000)
    job = pool._backlog.take()
    assert told == (["left out"] if job is None else [])
    return job is None


def test_under_overload_only_lessons_that_may_be_are_left_out():
    assert not lesson_left_out(0.4, may_be=True)
    assert lesson_left_out(0.6, may_be=True)
    assert not lesson_left_out(0.95, may_be=False)


def lessons_of(first: int, *, force: bool) -> dict[int, bool]:
    """Lessons of a run that is joined at an image, and whether they may be left out."""
    bench = Bench()
    may_be = {}
    for image_id in range(first, first + 2800):
        bench.offer(image_id, force=force)
        bench.finish()
        for job in bench.jobs():
            bench.pool._backlog._queue.clear()
            may_be[job.lesson.number] = job.left_out is not None
            job.done(Learned(job.lesson.number))
    return may_be


def test_the_first_four_lessons_of_a_run_are_never_left_out_wherever_it_is_joined():
    assert list(lessons_of(0, force=False).values())[:6] == [False] * 4 + [True] * 2
    assert list(lessons_of(10_000, force=False).values()) == [False] * 4 + [True]


def test_no_lesson_of_a_file_is_left_out():
    assert not any(lessons_of(0, force=True).values())


def test_a_run_goes_on_with_what_it_knows_without_a_lesson_and_says_so():
    bench = Bench()
    for image_id in range(1100):
        bench.offer(image_id, force=False)
        bench.finish()
        for job in bench.jobs():
            bench.pool._backlog._queue.clear()
            if job.left_out is None:
                job.done(Learned(job.lesson.number, images=job.lesson.number))
            else:
                job.left_out()
    state = bench.lessons.state
    assert (state.number, state.images) == (5, 4)
    assert (len(bench.done), bench.left_out) == (1100, 1)


def test_files_are_never_shed():
    pool = Pool(1, max_backlog=10)
    number = pool.add_setup(SETUP)
    for _ in range(5):
        assert pool.offer(number, payload(), lambda _: None, force=True)
    assert pool._backlog.take().effort is WorkLevel.FULL


def test_a_storm_of_series_forgets_no_image_that_waits():
    bench = Bench()
    bench.offer(*range(70))
    for _ in range(20):
        bench.pool.add_setup(SETUP)
    bench.finish()
    (lesson,) = bench.jobs()
    bench.pool._backlog._queue.clear()
    lesson.done(Learned(1))
    assert len(bench.jobs()) == 6
    bench.finish()
    for _ in range(20):
        bench.pool.add_setup(SETUP)
    bench.pool.publish(bench.lessons.setup, Learned(2))


# -- gaps -----------------------------------------------------------------------------


def played(
    image_ids: list[int], finish_after: list[bool]
) -> tuple[dict[int, int], list[int]]:
    """State of each image, and the lessons that were run, however fast workers are."""
    bench = Bench()
    used: dict[int, int] = {}
    lessons: list[int] = []

    def work() -> None:
        while bench.jobs():
            queue = bench.jobs()
            bench.pool._backlog._queue.clear()
            for job in queue:
                if isinstance(job, LessonJob):
                    lessons.append(job.lesson.number)
                    job.done(Learned(job.lesson.number))
                else:
                    job.done(HIT)

    for image_id, finish in zip(image_ids, finish_after, strict=True):
        offer = bench.pool.offer

        def noted(*args, image_id=image_id, offer=offer, **more):
            used[image_id] = more["learned"]
            return offer(*args, **more)

        bench.pool.offer = noted
        bench.offer(image_id)
        bench.pool.offer = offer
        if finish:
            work()
    work()
    assert sorted(bench.done) == sorted(image_ids)
    return used, lessons


@pytest.mark.parametrize("gap", [64, 20_000, 500_000, 10**9])
def test_behind_a_gap_the_next_lesson_is_that_of_the_image_that_came(gap):
    first = list(range(40))
    later = [40 + gap + n for n in range(30)]
    used, lessons = played(first + later, [True] * 70)
    assert len(lessons) <= 2
    assert used[later[0]] == TIMES.state_of(later[0])


def test_a_gap_without_anything_new_needs_no_lesson():
    assert played([5000, 500_000, 10**9], [True] * 3)[1] == [
        TIMES.state_of(500_000),
        TIMES.state_of(10**9),
    ]


def test_a_late_image_of_a_state_that_was_skipped_uses_what_was_known_before_the_gap():
    near, far = 99_999 - TIMES.period, 50_000
    used, lessons = played([0, 1, 100_000, near, far, 100_001], [True] * 6)
    newest = TIMES.state_of(100_000)
    assert lessons == [newest]
    assert used[100_001] == used[100_000] == newest
    assert used[near] == TIMES.state_of(near) == newest - 1
    assert used[far] == newest - 2  # its own is no longer kept


@given(
    st.lists(
        st.one_of(st.integers(1, 5), st.integers(1, 40_000)), min_size=1, max_size=60
    ),
    st.randoms(use_true_random=False),
)
def test_with_any_gaps_and_any_speed_each_image_uses_the_same_state(steps, random):
    """And no lesson is run for images that do not exist."""
    ids = [int(n) for n in np.cumsum(steps)]
    slow = [False] * len(ids)
    any_speed = [random.random() < 0.5 for _ in ids]
    expected, lessons = played(ids, slow)
    assert played(ids, any_speed) == (expected, lessons)
    assert len(lessons) <= len(ids)
    assert all(expected[n] == TIMES.state_of(n) for n in ids)
