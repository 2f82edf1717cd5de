"""Images that nodes receive themselves: told in order, kept once, never guessed."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.errors import BadMessageError
from recorder.nodes.messages import pack_numbers, read_numbers
from recorder.nodes.pulling.fetching import Fetching
from recorder.nodes.pulling.in_order import WAIT_S, InOrder
from recorder.nodes.pulling.larder import Larder
from recorder.nodes.pulling.node_side import NodePulling
from recorder.nodes.pulling.puller import ImageHere
from recorder.nodes.pulling.reports import (
    FETCH,
    HEADER,
    PULL,
    pack_body,
    pack_images,
    pack_pixels,
    pack_taken,
    read_header,
    read_images,
    read_numbered,
    read_pixels,
)
from recorder.records import (
    HeldPixels,
    Image,
    Lesson,
    Payload,
    SeriesKey,
    Unprocessed,
    Upstream,
)

NODES = (1, 2, 3)
DEALT = st.lists(st.sampled_from((*NODES, None)), min_size=1, max_size=60)
"""The node that each image goes to, in the order of the ids; None: it is lost."""


@given(dealt=DEALT, data=st.data())
def test_the_order_is_that_of_the_detector_whoever_is_late(dealt, data):
    """Each node's reports ascend; how they interleave changes nothing."""
    order: InOrder[int] = InOrder()
    queues = {n: [i for i, node in enumerate(dealt) if node == n] for n in NODES}
    found: list[int] = []
    while any(queues.values()):
        node = data.draw(st.sampled_from([n for n in NODES if queues[n]]))
        image_id = queues[node].pop(0)
        order.put(image_id, node, 0.0, image_id)
        found += order.take(0.0, NODES)
    found += order.take(WAIT_S, NODES)
    assert found == [i for i, node in enumerate(dealt) if node is not None]
    assert not len(order)


@given(dealt=DEALT, gone=st.sampled_from(NODES))
def test_nobody_waits_for_a_node_that_is_gone(dealt, gone):
    order: InOrder[int] = InOrder()
    mine = [i for i, node in enumerate(dealt) if node not in (None, gone)]
    found: list[int] = []
    for image_id in mine:
        node = dealt[image_id]
        assert node is not None
        order.put(image_id, node, 0.0, image_id)
        found += order.take(0.0, [n for n in NODES if n != gone])
    assert found == sorted(found)
    assert found + order.take(0.0, ()) == mine


def test_what_comes_late_is_not_held_again():
    order: InOrder[int] = InOrder()
    order.put(5, 1, 0.0, 5)
    assert order.take(0.0, NODES) == []
    assert order.next_at() == WAIT_S
    assert order.take(WAIT_S, NODES) == [5]
    assert order.is_late(3)
    order.put(3, 2, WAIT_S, 3)
    assert order.take(WAIT_S, NODES) == [3]


texts = st.text(max_size=20)
counts = st.integers(0, 2**62)
times = st.none() | st.integers(-(2**62), 2**62)
payloads = st.none() | st.builds(
    Payload,
    st.just(b""),
    st.sampled_from(["raw", "bslz4"]),
    st.tuples(st.integers(1, 4096), st.integers(1, 4096)),
    st.sampled_from(["uint16", ">u4"]),
    st.booleans(),
    held=st.builds(HeldPixels, st.just(7), counts, counts),
)
images = st.builds(
    Image,
    key=st.builds(SeriesKey, texts, counts, texts),
    image_id=counts,
    payload=payloads,
    problem=st.none() | st.tuples(st.sampled_from(Unprocessed), texts),
    start_time_ns=times,
    stop_time_ns=times,
    series_date_ns=times,
    ignored_channels=st.lists(texts, max_size=3).map(tuple),
    recorder_uid=st.none() | texts,
    received_ns=st.just(11),
    upstream=st.none()
    | st.builds(
        Upstream,
        indexed=st.booleans(),
        spots=st.none() | st.integers(0, 10**6),
        cell=st.none() | st.tuples(*[st.floats(1, 1e3)] * 6),
        vectors=st.none() | st.tuples(*[st.floats(-1e3, 1e3)] * 9),
        background=st.none() | st.floats(0, 1e3),
        resolution=st.none() | st.floats(0.5, 50),
        saturated_pixels=st.integers(0, 10**6),
    ),
    remark=texts,
)


@given(st.lists(st.tuples(images, st.booleans()), max_size=5))
def test_every_field_of_an_image_travels(told):
    packed = [
        (i, i.payload.held.number if i.payload and i.payload.held else 0, by_number)
        for i, by_number in told
    ]
    found = read_images(pack_images(packed), 7, 11)
    assert [plain(r.image) for r in found] == [plain(image) for image, _ in told]
    assert [r.by_number for r in found] == [by_number for _, by_number in told]


def plain(image: Image) -> Any:
    """Its fields; records of pixels are compared by what they hold."""
    payload = image.payload
    held = payload and payload.held
    kept = payload and (
        payload.encoding, payload.shape, payload.dtype, payload.column_major,
        held and (held.node, held.number, held.size, held.data),
    )  # fmt: skip
    names = [n for n in Image.__dataclass_fields__ if n != "payload"]
    return kept, [getattr(image, name) for name in names]


@given(
    st.binary(max_size=200) | st.sampled_from([b"[1]", b"{}", b'[{"key": 1}]', b"["])
)
def test_a_list_of_images_that_is_none_is_told(data):
    for frames in (
        [b"node.images", data],
        [b"node.images"],
        [b"node.images", data, b""],
    ):
        try:
            read_images(frames, 7, 11)
        except BadMessageError:
            continue


def test_a_number_that_is_too_large_to_be_one_is_told():
    """Whatever else it raised would cost all other messages of the same turn."""
    image = Image(SeriesKey("eiger", 1, ""), 0, None, upstream=Upstream(indexed=True))
    kind, body = pack_images([(image, 0, False)])
    (told,) = json.loads(bytes(body))
    told["upstream"]["cell"] = [10**400] * 6
    with pytest.raises(BadMessageError):
        read_images([kind, json.dumps([told]).encode()], 7, 11)


@given(st.lists(counts, max_size=20), counts, st.none() | st.binary(max_size=30))
def test_numbers_and_pixels_travel(numbers, number, data):
    assert read_numbers(pack_numbers(FETCH, numbers)) == numbers
    assert read_pixels(pack_pixels(number, data)) == (number, data)
    with pytest.raises(BadMessageError):
        read_numbers([FETCH, b"123"])
    with pytest.raises(BadMessageError):
        read_pixels([FETCH, b"123"])


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9)), max_size=40))
def test_a_larder_has_what_was_put_in_and_not_taken_out(steps):
    larder = Larder()
    larder.most_bytes = 25
    kept: dict[int, bytes] = {}
    for puts, size in steps:
        before = sum(map(len, kept.values()))
        if puts:
            number = larder.keep(bytes(size))
            assert (number is None) == (before >= larder.most_bytes)
            if number is not None:
                kept[number] = bytes(size)
        elif kept:
            number = min(kept)
            del kept[number]
            larder.drop([number, 10**6])
        assert larder.kept_bytes == sum(map(len, kept.values()))
        assert larder.numbers() == sorted(kept)
    larder.clear()
    assert (len(larder), larder.kept_bytes, larder.empty.is_set()) == (0, 0, True)


@given(
    st.lists(st.tuples(st.sampled_from(NODES), st.integers(1, 4)), max_size=8),
    st.data(),
)
def test_who_waits_for_pixels_is_told_once(wanted, data):
    asked: Counter[int] = Counter()

    def ask(node: int, message: Any) -> bool:
        asked[node] += 1
        return node != 3  # it is gone

    fetching, told = Fetching(ask), []
    payloads = [
        Payload(b"", "raw", (1, 1), "uint8", held=HeldPixels(node, number, 1))
        for node, number in wanted
    ]
    fetching.fetch(payloads, lambda: told.append(1))
    waits = {(node, number) for node, number in wanted if node != 3}
    assert bool(told) == (not waits)
    for name in data.draw(st.permutations(sorted(waits))):
        assert not told
        if data.draw(st.booleans()):
            fetching.came(name)
            waits.discard(name)
        else:
            fetching.gone(name[0])
            waits = {other for other in waits if other[0] != name[0]}
        if not waits:
            break
    assert told == [1]
    assert set(asked) == {node for node, _ in wanted}


def test_a_lesson_goes_on_without_the_pixels_that_are_lost():
    def image(data: bytes | None) -> Payload:
        held = HeldPixels(1, 1, 1, data)
        return Payload(b"", "raw", (1, 1), "uint8", held=held)

    lesson = Lesson(1, (image(b"a"), image(None), image(b"c")), non_hits=2)
    found = lesson.at_home()
    assert [one.data for one in found.images] == [b"a", b"c"]
    assert found.non_hits == 1


async def test_what_was_not_said_waits_for_the_next_home():
    """What a lost home was told is gone with it; what came meanwhile is new to all."""
    sent: list[list[Any]] = []
    pulling = NodePulling(sent.append)
    told = {"hold_bytes": 100, "detectors": [], "receive": True, "taken": 0}
    pull = pack_body(PULL, told)
    pulling.came(pull)
    assert not sent

    def comes(image_id: int) -> None:
        number = pulling.larder.keep(bytes(3))
        assert number
        key = SeriesKey("eiger", 1, "u")
        held = HeldPixels(0, number, 3)
        payload = Payload(b"", "raw", (1, 3), "uint8", held=held)
        pulling._report(ImageHere(Image(key, image_id, payload), number, False))

    def said() -> list[int]:
        reports = [read_numbered(message)[2] for message in sent]
        found = [r.image.image_id for m in reports for r in read_images(m, 1, 0)]
        sent.clear()
        return found

    pulling._bodies = {"eiger": {}}
    comes(1)
    pulling._flush()
    assert said() == [1]
    pulling.came(pack_taken(1))
    comes(2)
    pulling.begin()  # home is another one, or has given this node up
    comes(3)
    pulling._flush()
    assert (said(), len(pulling.larder)) == ([], 2)
    pulling._in_session = True
    pulling._flush()
    assert (said(), len(pulling.larder)) == ([2, 3], 2)
    pulling.came(pack_taken(3))
    comes(4)
    pulling.came(pull)  # it wants nothing of that detector
    assert (said(), pulling.larder.numbers()) == ([], [2, 3])
    await asyncio.sleep(0.02)  # the flushes that were asked for


@pytest.mark.parametrize(
    "body",
    [{}, {"source": 1, "received_ns": 2}, {"source": "eiger", "received_ns": "soon"}],
)
async def test_a_header_that_is_none_is_told(body):
    """Home may be wrong, too: what nobody foresaw would be taken for a defect here."""
    pulling = NodePulling(lambda message: None)
    with pytest.raises(BadMessageError, match="a header of"):
        pulling.came(pack_body(HEADER, body))
    assert read_header(pack_body(HEADER, {"source": "a", "received_ns": 7})) == ("a", 7)


async def test_what_comes_while_a_home_goes_is_kept_with_its_pixels():
    """Threads keep pixels, and then report them, whatever the event loop does."""
    pulling = NodePulling(lambda message: None)
    pulling._bodies, pulling._in_session = {"eiger": {}}, True
    pulling.larder.most_bytes = 1 << 40
    over, kept = threading.Event(), list[int]()

    def receive() -> None:
        key = SeriesKey("eiger", 1, "u")
        while not over.is_set():
            number = pulling.larder.keep(b"abc")
            assert number
            pulling._report(ImageHere(Image(key, number, None), number, False))
            kept.append(number)

    for _ in range(20):  # what home knows of goes with it
        pulling.larder.keep(b"abc")
    first = pulling.larder.numbers()
    for number in first:
        key = SeriesKey("eiger", 1, "u")
        pulling._report(ImageHere(Image(key, number, None), number, False))
    pulling._flush()
    pulling.came(pack_taken(100))
    pulling.begin()
    assert pulling.larder.numbers() == []
    thread = threading.Thread(target=receive)
    thread.start()
    try:
        for _ in range(200):
            pulling.begin()
    finally:
        over.set()
        thread.join()
    assert pulling.larder.numbers() == kept
    await asyncio.sleep(0.02)  # the flushes that were asked for
