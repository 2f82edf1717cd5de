"""What waits for a worker: nothing is forgotten, and what is left out is sampled."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.pool.backlog import KEPT_SETUPS, KEPT_STATES, SAMPLE, Backlog
from recorder.pool.jobs import Job, LessonJob
from recorder.pool.node_queues import OTHERS
from recorder.pool.pool import Pool
from recorder.pool.share import Share
from recorder.records import (
    ClassifierSetup,
    ClassifySettings,
    HeldPixels,
    Learned,
    Lesson,
    Payload,
    Unprocessed,
    WorkLevel,
)
from tests.builders import SHAPE, working

SETUP = ClassifierSetup(
    SHAPE, "uint16", None, None, None, None, None, None, ClassifySettings()
)


def image(size: int) -> Payload:
    return Payload(bytes(size), "raw", (1, size), "|u1")


def nothing(*_: Any) -> None:
    """Nobody wants to know."""


def offered(backlog: Backlog, setup: int, count: int) -> list[int]:
    """Offer images of 10 bytes; which of them got in."""
    return [
        n
        for n in range(count)
        if backlog.offer(setup, image(10), nothing, 0, force=False)
    ]


STEPS = st.lists(
    st.sampled_from(["offer", "forced", "state", "teach", "take", "finish", "back"]),
    min_size=1,
    max_size=60,
)


@given(STEPS, st.integers(1, 60))
def test_each_job_is_told_once_and_the_bytes_add_up(steps, most):
    """Whatever the order of events: at the end nothing waits and nothing is held."""
    backlog, told, out = Backlog(most), list[int](), list[Any]()
    setup = backlog.add_setup(SETUP)
    accepted = taught = 0

    def take() -> None:
        if (job := backlog.take()) is not None:
            out.append(job)

    for step in steps:
        if step in ("offer", "forced", "state"):
            number = accepted
            state = taught + 1 if step == "state" else 0
            accepted += backlog.offer(
                setup,
                image(10),
                lambda _, number=number: told.append(number),
                state,
                force=step == "forced",
            )
        elif step == "teach":
            taught += 1
            backlog.publish(setup, Learned(taught))
        elif step == "take":
            take()
        elif step == "finish" and out:
            job = out.pop()
            backlog.finish(job, lambda job=job: job.done(None))
        elif step == "back" and out:
            backlog.put_back(out.pop())
    backlog.publish(setup, Learned(taught + 1))
    while len(backlog):
        take()
        while out:
            job = out.pop()
            backlog.finish(job, lambda job=job: job.done(None))
    assert sorted(told) == list(range(accepted))
    assert (backlog.finished, backlog._held) == (accepted, 0)


@given(st.integers(1, 500))
def test_only_the_last_image_that_gets_in_may_exceed_the_limit(most):
    backlog = Backlog(most)
    setup = backlog.add_setup(SETUP)
    count = -(-most // 10)
    assert offered(backlog, setup, count + 5) == list(range(count))
    assert backlog.offer(setup, image(10), nothing, 0, force=True)


@given(st.integers(0, 100))
def test_the_fuller_the_less_is_done(fill):
    """Of images that are live; what is forced is always done in full."""
    backlog, refused = Backlog(1000), list[Unprocessed]()
    setup = backlog.add_setup(SETUP)
    backlog.offer(setup, image(10 * fill), nothing, 0, force=True)
    first = backlog.take()
    assert isinstance(first, Job) and first.effort is WorkLevel.FULL
    for _ in range(2 * SAMPLE):
        backlog.offer(setup, image(0), lambda o: refused.append(o[0]), 0, force=False)
    done = [job.effort for _ in range(2 * SAMPLE) if (job := backlog.take())]
    if fill >= 100:
        assert (done, refused) == ([], [])
    elif fill > 90:
        assert refused == [Unprocessed.OVERLOAD] * (2 * SAMPLE - 2)
        assert done == [WorkLevel.ONE_LATTICE] * 2
    elif fill > 80:
        assert done.count(WorkLevel.NO_INDEXING) == 2 * SAMPLE - 2
        assert done.count(WorkLevel.ONE_LATTICE) == 2
    else:
        steps = [
            (65, WorkLevel.ONE_LATTICE),
            (50, WorkLevel.NO_RETRY),
            (-1, WorkLevel.FULL),
        ]
        expected = next(effort for limit, effort in steps if fill > limit)
        assert done == [expected] * 2 * SAMPLE


@pytest.mark.parametrize("fill", [0.4, 0.6])
@pytest.mark.parametrize("may_be_left_out", [True, False])
def test_lessons_go_first_and_are_left_out_only_where_they_may(fill, may_be_left_out):
    backlog, left_out = Backlog(1000), list[bool]()
    setup = backlog.add_setup(SETUP)
    backlog.offer(setup, image(int(fill * 1000)), nothing, 0, force=True)
    tell = (lambda: left_out.append(True)) if may_be_left_out else None
    backlog.learn(setup, Lesson(1, Learned(0), ()), nothing, tell)
    taken = backlog.take()
    shed = may_be_left_out and fill > 0.5
    assert (taken is None, left_out) == (shed, [True] * shed)
    assert shed or isinstance(taken, LessonJob)


def test_lessons_go_before_images_that_one_node_alone_can_do():
    """Else a node with images of its own learns nothing until it is through them."""
    backlog = Backlog(1000)
    setup = backlog.add_setup(SETUP)
    held = Payload(b"", "raw", (4, 4), "uint16", held=HeldPixels(7, 1, 10))
    backlog.offer(setup, held, nothing, 0, force=True)
    backlog.offer(setup, image(10), nothing, 0, force=True)
    backlog.learn(setup, Lesson(1, (), 0), nothing, None)
    taken = [backlog.take(7) for _ in range(3)]
    assert isinstance(taken[0], LessonJob)
    assert [job and job.node for job in taken[1:]] == [7, None]


def test_an_image_waits_for_its_state_and_late_ones_get_the_oldest_that_is_kept():
    backlog = Backlog(1000)
    setup = backlog.add_setup(SETUP)
    backlog.offer(setup, image(1), nothing, 1, force=False)
    assert backlog.take() is None
    for number in range(1, KEPT_STATES + 3):
        backlog.publish(setup, Learned(number))
    job = backlog.take()
    assert isinstance(job, Job) and job.learned == 1
    assert sorted(backlog.states(setup)) == [3, 4, 5]
    backlog.offer(setup, image(1), nothing, 1, force=False)
    late = backlog.take()
    assert isinstance(late, Job) and late.learned == 3


def test_a_setup_is_kept_for_as_long_as_an_image_needs_it():
    backlog = Backlog(1000)
    first = backlog.add_setup(SETUP)
    backlog.offer(first, image(1), nothing, 0, force=False)
    job = backlog.take()
    assert job is not None
    others = [backlog.add_setup(SETUP) for _ in range(KEPT_SETUPS + 2)]
    assert backlog.setup(first) is SETUP
    with pytest.raises(KeyError):
        backlog.setup(others[0])
    backlog.finish(job, nothing)
    backlog.add_setup(SETUP)
    with pytest.raises(KeyError):
        backlog.setup(first)
    backlog.publish(first, Learned(1))
    assert backlog.states(first) == {}


async def test_files_wait_for_room_and_the_end_for_the_last_image():
    backlog = Backlog(100)
    setup = backlog.add_setup(SETUP)
    for _ in range(10):
        backlog.offer(setup, image(10), nothing, 0, force=True)
    room = asyncio.ensure_future(backlog.room())
    empty = asyncio.ensure_future(backlog.empty())
    held = []
    while (job := backlog.take()) is not None:
        backlog.finish(job, nothing)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        held.append((room.done(), empty.done()))
    assert [done for done, _ in held] == [False] * 4 + [True] * 6
    assert [done for _, done in held] == [False] * 9 + [True]


async def test_several_takers_share_the_work_and_a_free_worker_wakes_only_its_own():
    """Each job is taken once; at a low rate all takers get some."""
    backlog = Backlog(1000)
    setup = backlog.add_setup(SETUP)
    shares, taken = [Share(backlog) for _ in range(3)], [0, 0, 0]
    woken = [0, 0, 0]

    async def take(n: int) -> None:
        while True:
            await shares[n].wait()
            woken[n] += 1
            if (job := shares[n].take()) is not None:
                taken[n] += 1
                shares[n].finish(job, nothing)

    tasks = [asyncio.create_task(take(n)) for n in range(3)]
    for _ in range(30):
        backlog.offer(setup, image(1), nothing, 0, force=False)
        await backlog.empty()
    assert sum(taken) == 30 and min(taken) >= 5
    before = list(woken)
    shares[0].changed.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert woken == before
    for task in tasks:
        task.cancel()


@given(st.lists(st.sampled_from(["finish", "back"]), min_size=1, max_size=6))
def test_a_job_that_is_not_out_cannot_be_finished_or_put_back(again):
    """A late answer changes nothing: one outcome, and the bytes add up."""
    backlog, told = Backlog(1000), list[int]()
    setup = backlog.add_setup(SETUP)
    backlog.offer(setup, image(10), nothing, 0, force=False)
    job = backlog.take()
    assert job is not None
    backlog.finish(job, lambda: told.append(1))
    for what in again:
        if what == "finish":
            backlog.finish(job, lambda: told.append(2))
        else:
            backlog.put_back(job)
    assert (told, backlog.held_bytes, len(backlog)) == ([1], 0, 0)
    assert (backlog.finished, backlog.late) == (1, len(again))


class Taker:
    """Hands that finish what they take."""

    replaced = 2

    def __init__(self, work: Any) -> None:
        self.work, self.done = work, 0

    async def run(self) -> None:
        while True:
            await self.work.wait()
            if (job := self.work.take()) is not None:
                self.done += 1
                self.work.finish(job, lambda job=job: job.done(None))


async def test_a_pool_with_a_cluster_and_no_workers_leaves_all_to_it():
    takers: list[Taker] = []

    def cluster(work: Any) -> Taker:
        takers.append(Taker(work))
        return takers[-1]

    pool = Pool(0, cluster=cluster)
    setup, told = pool.add_setup(SETUP), list[object]()
    async with working(pool):
        for _ in range(5):
            pool.offer(setup, image(1), told.append)
        await pool.empty()
    assert (takers[0].done, len(told), pool.replaced) == (5, 5, 2)


async def test_a_pool_with_both_has_both_work():
    takers: list[Taker] = []

    def cluster(work: Any) -> Taker:
        takers.append(Taker(work))
        return takers[-1]

    pool = Pool(1, engine="inline", cluster=cluster)
    setup, told = pool.add_setup(SETUP), list[object]()
    async with working(pool):
        while not (takers[0].done and len(told) > takers[0].done):
            pool.offer(setup, image(1), told.append)
            await pool.empty()
    assert pool.finished == len(told)


def held(node: int) -> Payload:
    return Payload(b"", "raw", (1, 1), "|u1", held=HeldPixels(node, 1, 1))


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 3))
def test_nobody_starves_where_a_node_has_images_of_its_own(own, others, nodes):
    """Its own go first, and now and then one that anybody can do."""
    backlog = Backlog(1 << 30)
    setup = backlog.add_setup(SETUP)
    for _ in range(others):
        backlog.offer(setup, image(1), nothing, 0, force=True)
    for _ in range(own):
        backlog.offer(setup, held(nodes), nothing, 0, force=True)
    order = []
    while len(backlog):
        job = backlog.take(nodes)
        assert job is not None
        order.append(job.node is not None)
        backlog.finish(job, nothing)
    assert order.count(True) == own
    both = order[: max(i for i, mine in enumerate(order) if mine) + 1]
    waited = others
    for mine in range(0, len(both) - OTHERS + 1, OTHERS):
        some = both[mine : mine + OTHERS]
        if waited:
            assert some.count(True) == OTHERS - 1
        waited -= some.count(False)


def test_it_is_known_whether_only_nodes_can_go_on():
    backlog = Backlog(1 << 30)
    setup = backlog.add_setup(SETUP)
    assert not backlog.waits_for_nodes
    backlog.offer(setup, held(1), nothing, 0, force=True)
    assert backlog.waits_for_nodes
    backlog.offer(setup, image(1), nothing, 5, force=True)  # it waits for a lesson
    assert backlog.waits_for_nodes
    backlog.offer(setup, image(1), nothing, 0, force=True)
    assert not backlog.waits_for_nodes
    job = backlog.take()
    assert not backlog.waits_for_nodes  # a worker of this host has it
    assert job is not None
    backlog.finish(job, nothing)
    mine = backlog.take(1)
    assert mine is not None
    assert backlog.waits_for_nodes


async def test_a_lesson_whose_images_are_fetched_is_waited_for():
    """Whoever waits until nothing waits must not miss it."""

    class Hands:
        """Bring pixels home when they are told to."""

        replaced = 0

        def __init__(self) -> None:
            self.arrived: list[Any] = []

        async def run(self) -> None: ...
        async def stop_receiving(self) -> None: ...
        def deliver_to(self, port: Any) -> None: ...
        def pulled(self) -> dict[str, bool]:
            return {}

        def fetch(self, payloads: Any, done: Any) -> None:
            self.arrived.append(done)

    hands = Hands()
    pool = Pool(0, cluster=lambda work: hands)
    setup = pool.add_setup(SETUP)
    pool.learn(setup, Lesson(1, (held(1),), 1), nothing)
    assert pool.backlog == 1
    assert pool.waits_for_nodes
    waiting = asyncio.create_task(pool.empty())
    await asyncio.sleep(0)
    assert not waiting.done()
    (arrived,) = hands.arrived
    arrived()
    assert pool.backlog == 1
    waiting.cancel()
