"""What messages make the recorder keep is bounded by number and by bytes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.config import MqttSection
from recorder.records import Announcement, BadMessage, ControlRecord, RunState
from recorder.records.limits import MAX_ANNOUNCED_BYTES, MAX_ANNOUNCEMENT_BYTES
from recorder.runs.book import early_events, known_runs
from recorder.runs.book.early_events import KEPT_EVENTS
from recorder.runtime.mqtt_receiver import BYTES_AT_A_TIME, Received, Receiver
from recorder.sources.control.messages import parse_message
from recorder.sources.control.mqtt import MqttSource
from tests.builders import Driver, announcement, collection, dumps, event, image, start
from tests.laws import examples

KB = 1024


def large(uid: str, size: int) -> Announcement:
    return collection(uid, more="x" * size)


@settings(max_examples=examples(50))
@given(st.lists(st.integers(0, 30), min_size=1, max_size=20), st.integers(10, 40))
def test_runs_that_wait_are_bounded_by_bytes(sizes: list[int], bound: int):
    """Whatever is announced: beyond the first all of it together is within the bound,
    and nothing is refused for which there is room."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(known_runs, "MAX_ANNOUNCED_BYTES", bound * KB)
        driver = Driver()
        for number, size in enumerate(sizes):
            record = large(f"uid-{number}", size * KB)
            kept = sum(run.announcement.size for run in driver.book.active)
            refused = driver.book.refusal(record)
            fits = kept + record.size <= bound * KB
            assert (refused is None) == (fits or not driver.book.active)
            if refused is None:
                driver.feed(record)
            else:
                assert refused.kind == "too_many"
                assert "send less with each" in refused.detail


def test_a_run_that_goes_on_takes_no_room():
    driver = Driver()
    most = MAX_ANNOUNCED_BYTES // 2
    driver.feed(large("uid-1", most), large("uid-2", most - 10 * KB))
    third = large("uid-3", 20 * KB)
    assert driver.book.refusal(third) is not None
    driver.feed(start(), image(0))
    assert driver.runs[0].state is RunState.OPEN
    assert driver.book.refusal(third) is None


def test_an_announcement_that_was_taken_is_never_refused_when_it_comes_again():
    driver = Driver()
    first = large("uid-1", MAX_ANNOUNCED_BYTES)
    driver.feed(first)
    assert driver.book.refusal(first) is None


def test_one_announcement_that_is_too_large_costs_itself_only():
    small = announcement("small")
    huge = announcement("huge", more="x" * MAX_ANNOUNCEMENT_BYTES)
    fits = announcement("fits", more="x" * (MAX_ANNOUNCEMENT_BYTES - 10 * KB))
    records = parse_message("collection/start", dumps([small, huge, fits]))
    assert [type(r) for r in records] == [Announcement, BadMessage, Announcement]
    refused = records[1]
    assert isinstance(refused, BadMessage)
    assert refused.kind == "too_big" and "huge" in refused.detail


def test_an_announcement_knows_its_size_after_a_restart():
    driver = Driver()
    driver.feed(large("uid-1", 50 * KB))
    before = driver.runs[0].announcement.size
    driver.restart()
    assert before > 50 * KB and abs(driver.runs[0].announcement.size - before) < 100


@settings(max_examples=examples(50))
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), max_size=40))
def test_events_that_wait_are_bounded_by_bytes(drawn: list[tuple[int, int]]):
    """The latest ones are kept, and a run gets those of them that name it."""
    bound = 20 * KB
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(early_events, "KEPT_BYTES", bound)
        driver = Driver()
        sizes = []
        for number, (run, size) in enumerate(drawn):
            made = event(
                "LaserExcitation", number, f"uid-{run}", body={"x": "y" * size * KB}
            )
            driver.feed(made)
            texts = (made.uid, f"uid-{run}", "panda-1", json.dumps(dict(made.body)))
            sizes.append(sum(map(len, texts)))
        driver.feed(collection("uid-1"))
        left, room = set(), bound
        for number in reversed(range(len(drawn))):
            room -= sizes[number]
            if room < 0:
                break
            left.add(number)
        mine = {n for n, (run, _) in enumerate(drawn) if run == 1}
        assert driver.runs[0].events.size == len(left & mine)


def test_small_events_wait_in_their_full_number():
    early = early_events.EarlyEvents()
    one = event("XrayDetection", 1, "somebody")
    for _ in range(KEPT_EVENTS + 10):
        early.keep(one, ())
    assert len(early._events) == KEPT_EVENTS


class Port:
    """Takes records; says how many were parsed and not yet taken."""

    def __init__(self) -> None:
        self.taken: list[tuple[int, bool]] = []

    def feed_control(
        self, records: Sequence[ControlRecord], acknowledge: Any = None
    ) -> None:
        self.taken.append((len(records), acknowledge is not None))

    def held(self) -> bool:
        return False


def test_each_message_is_handed_on_before_the_next_is_parsed(
    monkeypatch: pytest.MonkeyPatch,
):
    """A batch of messages that are large once parsed is never there as a whole."""
    port, parsed = Port(), []

    def parse(*arguments: Any, **more: Any) -> list[ControlRecord]:
        parsed.append(len(port.taken))
        return parse_message(*arguments, **more)

    monkeypatch.setattr("recorder.sources.control.mqtt.parse_message", parse)
    source = MqttSource(MqttSection(), "recorder", "me")
    start = Received("recorder/collection/start", dumps(announcement()), False)
    source._take(port, [start] * 3, lambda: None)  # type: ignore[arg-type]
    assert parsed == [0, 1, 2]
    assert port.taken == [(1, False), (1, False), (1, True)]


async def test_a_batch_of_large_messages_is_handled_before_more_is_read():
    batches: list[int] = []
    receiver = Receiver(
        lambda messages, acknowledge: batches.append(len(messages)),
        lambda: False,
        MqttSection(),
        "me",
    )
    message = SimpleNamespace(
        topic="event", payload=b"x" * (BYTES_AT_A_TIME // 2), retain=False, qos=1, mid=1
    )

    def read(_: int) -> int:
        receiver._on_each(receiver._client, None, message)  # type: ignore[arg-type]
        return 0

    left = iter([True] * 7 + [False] * 9)
    receiver._paho_loop_read = read  # type: ignore[assignment, method-assign]
    receiver._more = lambda: next(left)  # type: ignore[method-assign]
    receiver._read()
    await asyncio.sleep(0)
    assert set(batches) <= {1, 2} and sum(batches) >= 2
