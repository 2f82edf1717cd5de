"""A run is sealed on a copy while it goes on: nothing is lost, nothing is blocked."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recorder.records import RunState, RunStatus
from recorder.runs.book.actions import Due
from recorder.runs.book.endings import decide_status
from recorder.runs.book.sealing import TRIES
from tests.builders import (
    Driver,
    collection,
    collection_end,
    end,
    event,
    image,
    outcome,
    start,
)


def due(driver: Driver) -> Due:
    """The run is complete; its report is being made."""
    driver.now += 2.5
    (found,) = driver.tick()
    assert isinstance(found, Due)
    return found


def driven(images: int = 3) -> Driver:
    driver = Driver()
    driver.feed(collection(images=None), start(None))
    driver.feed(*(image(n) for n in range(images)), end())
    return driver


def test_a_run_that_is_being_sealed_is_not_due_again():
    driver = driven()
    found = due(driver)
    assert driver.book.tick(driver.now + 1) == []
    assert found.run in driver.book.active
    decide_status(copy := found.run.copy())
    assert driver.book.take_report(found.run, copy, driver.now) == []
    assert found.run.state is RunState.SEALED
    assert not driver.book.active


@given(st.integers(0, TRIES + 2), st.data())
def test_what_comes_while_a_report_is_made_is_in_the_last_one(late: int, data):
    """Whatever comes, and however often: the last report made holds all of it."""
    driver = driven()
    counted = events = -1
    sealed = 0
    for n in range(late + TRIES + 2):
        driver.now += 2.5
        for action in driver.tick():
            assert isinstance(action, Due)
            decide_status(copy := action.run.copy())
            if n < late:
                if data.draw(st.booleans()):
                    driver.feed(image(10 + n))
                else:
                    driver.feed(event("LaserExcitation", n))
            if driver.book.take_report(action.run, copy, driver.now) is not None:
                counted, events = copy.images.received, copy.events.size
                sealed += 1
    (run,) = driver.book.sealed
    assert (counted, events) == (run.images.received, run.events.size)
    assert sealed == run.revision + 1


def test_a_copy_is_of_one_moment():
    driver = driven(2)
    (run,) = driver.book.active
    run.events.add(event("XrayDetection", 0))
    copy = run.copy()
    run.images.receive(5, 7)
    run.images.finish(outcome(5))
    run.events.add(event("XrayDetection", 1))
    run.counts["late_images"] += 1
    run.note("later")
    assert (copy.images.received, copy.images.size, copy.events.size) == (2, 2, 1)
    assert (run.images.received, run.images.size, run.events.size) == (3, 6, 2)
    assert copy.images.outcomes.total() == 2
    assert not copy.counts["late_images"]
    assert "later" not in copy.notes
    assert np.array_equal(copy.images.ids, [0, 1])


def seal(driver: Driver) -> int:
    """Take the reports that are due; how many."""
    made = 0
    for action in driver.tick():
        if isinstance(action, Due):
            decide_status(copy := action.run.copy())
            assert driver.book.take_report(action.run, copy, driver.now) == []
            made += 1
    return made


@given(
    st.lists(st.floats(0.1, 30.0), min_size=1, max_size=60),
    st.floats(0.5, 20.0),
    st.data(),
)
def test_what_trickles_in_after_the_seal_makes_few_revisions(pauses, quiet, data):
    """One for each time of quiet, or each longest wait; all of it is in the last."""
    longest = 4 * quiet
    driver = Driver(drain_s=0.5, quiet_s=quiet, revise_max_s=longest)
    driver.feed(collection(images=None), start(None), image(0), end())
    driver.now += 1.0
    assert seal(driver) == 1
    begun, revisions, quiets = driver.now, 0, 0
    for n, pause in enumerate(pauses):
        if data.draw(st.booleans()):
            driver.feed(event("LaserExcitation", n))
        else:
            driver.feed(image(1 + n))
        quiets += pause >= quiet
        until = driver.now + pause
        while driver.now < until:
            driver.now = min(until, driver.now + 0.05)
            revisions += seal(driver)
    for _ in range(2):
        driver.now += max(quiet, 0.5) + 0.1
        revisions += seal(driver)
    (run,) = driver.book.sealed
    assert run.revision == revisions
    assert revisions <= quiets + (driver.now - begun) / longest + 1
    assert run.images.received + run.events.size == 1 + len(pauses)


def test_an_end_that_is_announced_late_is_heeded_at_once():
    driver = Driver(drain_s=0.5, quiet_s=60.0)
    driver.feed(collection(images=None), start(None), image(0), end())
    driver.wait(1.0)
    driver.feed(event("LaserExcitation", 1))
    driver.feed(collection_end(status=RunStatus.FAILED))
    driver.wait(1.0)
    (run,) = driver.book.sealed
    assert (run.revision, run.status) == (1, RunStatus.FAILED)
