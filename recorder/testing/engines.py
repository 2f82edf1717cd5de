"""What every engine must do, wherever it has images classified."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import ClassVar

import pytest

from recorder.pool.jobs import Outcome
from recorder.pool.pool import Pool
from recorder.records import (
    Classification,
    Learned,
    Lesson,
    Payload,
    Unprocessed,
)
from recorder.testing.recorded import small_payloads, small_setup

WORKERS = 2
"""Workers of the engine under test: two, so that one may die."""
WAIT_S = 120.0
"""How long a test waits for what must come; a busy machine is slow."""
STOP_S = 10.0
"""Seconds in which an engine must stop; a busy machine is slow."""
BAD = Payload(b"no pixels at all", "bslz4", (256, 256), "<u2")


class EngineConformance:
    """Derive from it and set ``name``; write ``kill_worker`` if there are workers."""

    name: ClassVar[str]

    def make_pool(self) -> Pool:
        """A pool whose images it classifies; it is not running yet."""
        return Pool(WORKERS, engine=self.name)

    def kill_worker(self) -> bool:
        """End one of its workers without warning; False if it has none of its own."""
        return False

    # -- the tests -------------------------------------------------------------------

    def test_images_are_classified_as_in_the_daemon(self) -> None:
        """The same figures, image by image, as without workers; a bad one is named."""
        expected = asyncio.run(_classified(_inline))
        found = asyncio.run(_classified(self.make_pool))
        assert found == expected
        assert sum(isinstance(outcome, Classification) for outcome in found) >= 6
        assert isinstance(found[-1], tuple)
        assert found[-1][0] is Unprocessed.CORRUPT

    def test_what_a_run_learns_is_the_same(self) -> None:
        """A lesson, and an image that uses what it taught."""
        makers = (_inline, self.make_pool)
        states = [asyncio.run(_taught(make)) for make in makers]
        assert states[0] == states[1]
        assert states[0][0] == 1

    def test_it_lets_go_when_cancelled(self) -> None:
        """Within some seconds, with images on their way."""

        async def scenario() -> None:
            pool, setup, payloads = _bench(self.make_pool)
            async with _running(pool):
                for payload in payloads:
                    pool.offer(setup, payload, lambda outcome: None, force=True)

        asyncio.run(scenario())

    def test_a_dead_worker_is_replaced(self) -> None:
        """Its images are tried again, and counted once."""
        found: list[Outcome] = []

        async def scenario() -> bool:
            pool, setup, payloads = _bench(self.make_pool)
            async with _running(pool), asyncio.timeout(WAIT_S):
                pool.offer(setup, payloads[0], found.append, force=True)
                await pool.empty()
                if not await asyncio.to_thread(self.kill_worker):
                    return False
                for payload in payloads:
                    pool.offer(setup, payload, found.append, force=True)
                await pool.empty()
                assert pool.replaced >= 1
                return True

        if not asyncio.run(scenario()):
            pytest.skip("no workers of its own")
        assert len(found) == 1 + len(small_payloads())
        assert all(isinstance(outcome, Classification) for outcome in found)


def _inline() -> Pool:
    return Pool(WORKERS, engine="inline")


def _bench(make: Callable[[], Pool]) -> tuple[Pool, int, list[Payload]]:
    """A pool with a setup, and images."""
    pool = make()
    return pool, pool.add_setup(small_setup()), list(small_payloads())


@asynccontextmanager
async def _running(pool: Pool) -> AsyncIterator[None]:
    task = asyncio.create_task(pool.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            async with asyncio.timeout(STOP_S):
                await task


async def _classified(make: Callable[[], Pool]) -> list[Outcome]:
    pool, setup, payloads = _bench(make)
    found: dict[int, Outcome] = {}
    async with _running(pool), asyncio.timeout(WAIT_S):
        for n, payload in enumerate([*payloads, BAD]):

            def done(outcome: Outcome, n: int = n) -> None:
                assert n not in found, "an image was done with twice"
                found[n] = outcome

            pool.offer(setup, payload, done, force=True)
        await pool.empty()
    return [found[n] for n in sorted(found)]


async def _taught(make: Callable[[], Pool]) -> tuple[int, list[Outcome]]:
    pool, setup, payloads = _bench(make)
    states: list[Learned | None] = []
    found: list[Outcome] = []
    async with _running(pool), asyncio.timeout(WAIT_S):
        lesson = Lesson(1, tuple(payloads), non_hits=0)
        pool.learn(setup, lesson, states.append)
        await pool.empty()
        (learned,) = states
        assert learned is not None
        pool.publish(setup, learned)
        pool.offer(setup, payloads[0], found.append, learned=1, force=True)
        await pool.empty()
    return learned.number, found
