"""The inbox lets a receiver thread ahead by so many records and bytes, no further."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace

import numpy as np

from recorder.records import DetectorRecord
from recorder.service import inbox
from recorder.service.inbox import Inbox, held_bytes
from tests.builders import end, image, start

PIXELS = held_bytes(image(0))


async def ahead(
    records: list[DetectorRecord], max_bytes: int, wanted: int
) -> list[int]:
    """How far a receiver thread is ahead of the loop each time the loop takes one.

    The loop begins once the thread is ahead by what is wanted.
    """
    there = threading.Event()
    delivered: list[DetectorRecord] = []
    taken: list[DetectorRecord] = []
    lead: list[int] = []

    def take(record: DetectorRecord) -> None:
        lead.append(len(delivered) - len(taken))
        taken.append(record)

    box = Inbox(take, max_bytes)

    def receive() -> None:
        for record in records:
            box.put(record)
            delivered.append(record)
            if len(delivered) == wanted:
                there.set()

    thread = threading.Thread(target=receive)
    thread.start()
    assert there.wait(20)
    thread.join(0.02)  # if there were no bound it would go on: the loop stands
    await asyncio.to_thread(thread.join)
    box.close()
    await asyncio.sleep(0)
    assert taken == records
    return lead


async def test_as_many_images_as_fit_in_bytes():
    records = [image(n) for n in range(20)]
    lead = await ahead(records, 3 * PIXELS, 3)
    assert lead[0] == 3
    # one more may be noted before its predecessor's turn in the loop is over
    assert max(lead) <= 4


async def test_an_image_larger_than_the_bound_goes_alone():
    assert (await ahead([image(n) for n in range(5)], 1, 1))[0] == 1


async def test_records_without_pixels_are_bounded_by_number():
    records = [end() for _ in range(inbox.LIMIT + 10)]
    assert (await ahead(records, 1, inbox.LIMIT))[0] == inbox.LIMIT


def test_arrays_of_the_header_count():
    mask = np.zeros((4, 5), np.bool_)
    flatfield = np.ones((4, 5), np.float32)
    assert held_bytes(start()) == 0
    assert held_bytes(replace(start(), mask=mask, flatfield=flatfield)) == 100


async def test_a_thread_that_waits_is_let_go_when_nothing_is_taken_any_more():
    box = Inbox(lambda _: None, 1)

    def receive() -> None:
        for n in range(3):
            box.put(image(n))

    thread = threading.Thread(target=receive)
    thread.start()
    box.close()
    thread.join(120)  # the loop does not run: only closing can end it
    assert not thread.is_alive()


async def test_nothing_is_taken_while_it_is_held():
    """The disk refuses, and what waits in memory is at its bound."""
    held = [True]
    taken: list[DetectorRecord] = []
    box = Inbox(taken.append, 10 * PIXELS, lambda: held[0])
    thread = threading.Thread(target=box.put, args=(image(0),))
    thread.start()
    await asyncio.to_thread(thread.join, 0.05)
    assert thread.is_alive()
    assert taken == []
    held[0] = False
    await asyncio.to_thread(thread.join)
    await asyncio.sleep(0)
    assert [record.image_id for record in taken] == [0]


async def test_a_stop_lets_go_what_is_held():
    taken: list[DetectorRecord] = []
    box = Inbox(taken.append, 10 * PIXELS, lambda: True)
    thread = threading.Thread(target=box.put, args=(image(0),))
    thread.start()
    box.close()
    await asyncio.to_thread(thread.join)
    await asyncio.sleep(0)
    assert len(taken) == 1


async def test_images_that_come_quickly_share_a_turn_and_others_do_not_wait():
    """An image alone is handled at once; an end with all that came before it."""
    inbox_loop = asyncio.get_running_loop()
    turns: list[list[DetectorRecord]] = []
    taken: list[DetectorRecord] = []
    box = Inbox(taken.append, 1 << 20)

    async def put(*records: DetectorRecord) -> None:
        await asyncio.to_thread(lambda: [box.put(record) for record in records])
        turns.append(list(taken))

    begun = inbox_loop.time()
    await put(image(0))
    await put(image(1), image(2))
    await put(end())
    assert turns[0] == taken[:1]
    if inbox_loop.time() - begun < inbox.PAUSE_S:  # else the machine was busy
        assert turns[1] == taken[:1]
    assert [type(r).__name__ for r in turns[2]] == ["Image"] * 3 + ["SeriesEnd"]
    while len(taken) < 5:
        await put(image(len(taken)))
