"""What workers are told, and that setups they forgot come back whole."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.pool.jobs import Outcome
from recorder.pool.pool import Pool
from recorder.pool.worker_cache import WorkerCache
from recorder.records import (
    Classification,
    ClassifierSetup,
    ClassifySettings,
    Learned,
    LearnedBackground,
    Payload,
)

SHAPE = (64, 64)
BLANKS = ClassifierSetup(
    SHAPE, "uint16", None, None, None, None, None, None, ClassifySettings()
)


@given(
    st.integers(1, 4),
    st.lists(st.tuples(st.integers(1, 6), st.integers(0, 5)), min_size=1, max_size=40),
)
def test_a_worker_knows_what_its_next_job_needs_and_no_more_setups_than_it_may(
    kept, jobs
):
    """The worker is played: it does as it is told."""
    cache = WorkerCache(kept)
    worker: dict[int, set[int]] = {}
    newest = dict.fromkeys(range(1, 7), 0)
    for setup, step in jobs:
        newest[setup] += step
        last = newest[setup]
        states = {n: Learned(n) for n in range(max(1, last - 2), last + 1)}
        update = cache.update(setup, states)
        for old in update.forget:
            del worker[old]
        if update.prepare:
            assert setup not in worker
            worker[setup] = set()
        for state in update.states:
            assert state.number not in worker[setup]
            worker[setup].add(state.number)
        assert worker[setup] >= set(states)
        assert len(worker) <= kept


def test_the_setup_used_last_is_kept():
    cache = WorkerCache(2)
    assert cache.update(1, {}).prepare
    assert cache.update(2, {}).prepare
    assert not cache.update(1, {}).prepare
    assert cache.update(3, {}).forget == (2,)
    assert not cache.update(1, {}).prepare


def blank(level: int, seed: int) -> Payload:
    pixels = np.random.default_rng(seed).poisson(level, SHAPE).astype("<u2")
    return Payload(pixels.tobytes(), "raw", SHAPE, "<u2")


def taught(number: int, level: float) -> Learned:
    grid = np.full((8, 8), level, np.float32)
    bad = np.zeros(SHAPE, np.bool_)
    return Learned(number, LearnedBackground(grid, bad, 1.0, 0.0, 0.0))


async def alternate(pool: Pool, setups: int, rounds: int) -> list[Outcome]:
    """Images of several runs in turn, each with the state of its own run."""
    outcomes: list[Outcome] = []
    numbers = [
        pool.add_setup(replace(BLANKS, saturation=50.0 + n)) for n in range(setups)
    ]
    for n, number in enumerate(numbers):
        pool.publish(number, taught(1, 5.0 + n))
    running = asyncio.create_task(pool.run())
    for i in range(rounds):
        for n, number in enumerate(numbers):
            pool.offer(number, blank(5 + n, i), outcomes.append, learned=1, force=True)
            await pool.empty()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    return outcomes


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 1])
def test_runs_that_alternate_get_their_own_setup_and_state(workers):
    few = asyncio.run(alternate(Pool(workers, kept_setups=2), 4, 3))
    all_kept = asyncio.run(alternate(Pool(workers, kept_setups=4), 4, 3))
    assert few == all_kept
    assert all(isinstance(outcome, Classification) for outcome in few)
    assert [outcome.learned for outcome in few] == [1] * 12
    levels = np.array([outcome.background for outcome in few]).reshape(3, 4)
    assert np.allclose(levels, [5, 6, 7, 8], atol=0.5)
