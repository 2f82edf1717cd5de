"""What nodes report is taken once each, in its order, whatever the link does."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.config import DetectorSection
from recorder.errors import BadMessageError
from recorder.nodes.members import Member
from recorder.nodes.messages import Greeting
from recorder.nodes.pulling import home_side, outbox
from recorder.nodes.pulling.collecting import Report, collected
from recorder.nodes.pulling.home_side import HomePulling
from recorder.nodes.pulling.node_side import NodePulling
from recorder.nodes.pulling.outbox import AGAIN_S, WINDOW, Outbox
from recorder.nodes.pulling.puller import ImageHere, MessageHere
from recorder.nodes.pulling.reports import (
    LINKS,
    PULL,
    RAW,
    TAKEN,
    pack_body,
    pack_taken,
    read_body,
    read_images,
    read_numbered,
    read_taken,
)
from recorder.nodes.pulling.taken import KEPT, Taken
from recorder.pool.protocols import Pulls
from recorder.pool.worker_cache import WorkerCache
from recorder.records import DetectorRecord, HeldPixels, Image, Payload, SeriesKey
from tests.laws import examples

STEPS = st.lists(
    st.sampled_from(
        [
            *("put", "put", "up", "up", "down", "down", "lose_up", "lose_down"),
            *("twice", "acknowledge", "time", "reconnect", "another_home"),
        ]
    ),
    max_size=60,
)


class Link:
    """A node's outbox, what homes have taken, and messages on their way."""

    def __init__(self) -> None:
        self.box = Outbox()
        self.home = Taken()
        self.now = 100.0
        self.put_in = 0
        self.up: list[list[Any]] = []
        self.down: list[int] = []
        self.taken: list[list[int]] = [[]]
        """What each home took, in its order."""
        self.freed: Counter[int] = Counter()

    def put(self) -> None:
        self.put_in += 1
        body = [b"node.images", b"%d" % self.put_in]
        assert self.box.put(Report("eiger", body, 1, (self.put_in,)))

    def send(self) -> None:
        self.up += self.box.due(self.now)

    def hear(self, message: list[Any]) -> None:
        number, before, (_, body) = read_numbered(message)
        if self.home.take("boot", number, before):
            self.taken[-1].append(int(body))

    def step(self, name: str) -> None:
        self.send()
        if name == "put":
            self.put()
        elif name == "up" and self.up:
            self.hear(self.up.pop(0))
        elif name == "twice" and self.up:
            self.hear(self.up[0])
            self.up.append(self.up[0])  # and late
        elif name == "lose_up" and self.up:
            self.up.pop(0)
        elif name == "acknowledge":
            self.down.append(self.home.of("boot"))
        elif name == "down" and self.down:
            self.freed.update(self.box.taken(self.down.pop(0), self.now))
        elif name == "lose_down" and self.down:
            self.down.pop(0)
        elif name == "time":
            self.now += AGAIN_S
        elif name in ("reconnect", "another_home"):
            self.reconnect(another=name == "another_home")

    def reconnect(self, *, another: bool) -> None:
        """A new session; what is on its way may yet come, but for home's answers."""
        self.down.clear()
        if another:
            self.up.clear()
            self.home = Taken()
            self.taken.append([])
        self.box.begin()
        self.freed.update(self.box.taken(self.home.of("boot"), self.now))


@settings(max_examples=examples(300))
@given(STEPS)
def test_each_report_is_taken_once_and_in_its_order(steps):
    """The link drops, doubles and delays; homes go and others come."""
    link = Link()
    for step in steps:
        link.step(step)
        for taken in link.taken:
            assert all(a < b for a, b in pairwise(taken))
    for _ in range(4):  # and then it is a good one
        for step in ["time", *["up"] * (len(link.up) + link.put_in + 1)]:
            link.step(step)
        link.step("acknowledge")
        link.step("down")
    assert not len(link.box)
    assert {n for taken in link.taken for n in taken} == set(range(1, link.put_in + 1))
    assert link.freed == Counter(range(1, link.put_in + 1))
    assert (link.box.images, link.box.left_out) == (0, 0)


def test_what_waits_is_bounded_and_what_is_left_out_is_counted(monkeypatch):
    monkeypatch.setattr(outbox, "MOST_IMAGES_KEPT", 100)
    box = Outbox()
    box.most_bytes = 10
    put = [box.put(Report("a", [b"i"], 40, ())) for _ in range(4)]
    assert (put, box.left_out) == ([True, True, False, False], 80)
    assert box.put(Report("a", [b"header that is large"], 0, ()))
    assert not box.put(Report("a", [b"x"], 0, ()))
    assert box.left_out == 81
    assert box.taken(1, 0.0) == []
    assert box.put(Report("a", [b"i"], 40, ()))
    # numbers that were never used are no gap
    found = [read_numbered(message)[:2] for message in box.due(0.0)]
    assert found == [(2, 0), (3, 2), (4, 3)]


def test_no_more_is_on_its_way_than_home_can_acknowledge():
    box = Outbox()
    for number in range(WINDOW + 10):
        box.put(Report("a", [b"i", b"%d" % number], 1, ()))
    assert len(box.due(0.0)) == WINDOW
    assert box.due(1.0) == []
    box.taken(4, 1.0)
    assert len(box.due(1.0)) == 4
    assert len(box.due(1.0 + AGAIN_S)) == WINDOW  # all of it again


def test_what_is_of_a_detector_that_nobody_wants_goes_with_its_pixels():
    box = Outbox()
    for number, source in enumerate("abab", 1):
        box.put(Report(source, [b"i"], 1, (number,)))
    assert box.keep({"b"}) == [1, 3]
    found = [read_numbered(message)[:2] for message in box.due(0.0)]
    assert found == [(2, 0), (4, 2)]


def test_few_processes_are_remembered():
    taken = Taken()
    for number in range(KEPT + 1):
        assert taken.take(f"{number}", 1, 0)
    assert (taken.of("0"), taken.of("1")) == (0, 1)


@given(st.lists(st.binary(max_size=20), max_size=4))
def test_a_report_without_a_number_is_told(frames):
    for read in (read_numbered, read_taken):
        try:
            read(frames)
        except BadMessageError:
            continue
        assert len(frames[1]) in (8, 16)


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.booleans()), max_size=200), st.data()
)
def test_reports_have_all_that_was_there_in_its_order(found, data):
    """Of one detector each; images together, messages alone."""
    here: deque[ImageHere | MessageHere] = deque()
    for number, (source, is_image) in enumerate(found, 1):
        image = Image(SeriesKey(source, 1, ""), number, None)
        other = MessageHere(source, [b"%d" % number])
        here.append(ImageHere(image, number, False) if is_image else other)
    told: list[tuple[str, int]] = []
    unwanted: list[int] = []
    for report in collected(here, {"a"}):
        if isinstance(report, list):
            unwanted += report
        elif report.message[0] == RAW:
            told.append((report.source, int(report.message[2])))
        else:
            ids = [r.image.image_id for r in read_images(report.message, 1, 0)]
            assert list(report.pixels) == ids
            assert report.images == len(ids)
            told += [(report.source, n) for n in ids]
    assert told == [(s, n) for n, (s, _) in enumerate(found, 1) if s == "a"]
    assert unwanted == [
        n for n, (s, image) in enumerate(found, 1) if image and s == "b"
    ]


# -- both sides together ---------------------------------------------------------------

DETECTOR = DetectorSection(
    name="eiger", endpoint="tcp://127.0.0.1:9", pulled_by="nodes"
)


class Port:
    """Takes records, or not."""

    def __init__(self) -> None:
        self.images: list[int] = []
        self.holds = False

    def put(self, record: DetectorRecord) -> None:
        assert isinstance(record, Image)
        self.images.append(record.image_id)

    def held(self) -> bool:
        return self.holds

    def node_lost(self, node: str, sources: Any, why: str) -> None:
        """It may be."""


class Two:
    """A node and its home, and what is on its way between them."""

    def __init__(self) -> None:
        self.port = Port()
        self.up: list[list[Any]] = []
        self.down: list[list[Any]] = []
        self.node = NodePulling(self.up.append)
        self.session = 0
        self.another_home()

    def another_home(self) -> None:
        self.home = HomePulling(
            Pulls((DETECTOR,), 1 << 20),
            lambda identity, frames: self.down.append(frames),
        )
        self.home.port = self.port
        self.greet()

    def greet(self) -> None:
        """A session; the node receives nothing itself."""
        if self.session:
            self.home.gone(self.member, "it connected anew")
        self.session += 1
        greeting = Greeting("a", "b", "1", 1, 2, "3.11", "boot")
        cache = WorkerCache(2)
        self.member = Member(b"1", greeting, self.session, cache, 0.0, 0.0)
        self.up.clear()
        self.down.clear()
        self.node.begin()
        self.home.welcomed(self.member)

    def comes(self, *image_ids: int) -> None:
        for image_id in image_ids:
            number = self.node.larder.keep(b"abc")
            assert number
            held = HeldPixels(0, number, 3)
            payload = Payload(b"", "raw", (1, 3), "uint8", held=held)
            image = Image(SeriesKey("eiger", 1, "u"), image_id, payload)
            self.node._report(ImageHere(image, number, False))
        self.node._flush()

    def deliver_down(self) -> None:
        while self.down:
            frames = self.down.pop(0)
            if frames[0] == PULL:  # no thread is to receive here
                body = {**read_body(frames), "receive": False}
                frames = pack_body(PULL, body)
            assert self.node.came(frames)

    def deliver_up(self, now: float = 0.0) -> None:
        while self.up:
            frames = self.up.pop(0)
            assert self.home.came(self.member, bytes(frames[0]), frames, now)
        self.home.look(now)
        self.home.tell_taken()


async def test_what_is_reported_while_home_is_away_is_taken_when_it_is_back():
    """By the same home, which does not know of it, and by another one."""
    two = Two()
    two.node._bodies = {"eiger": {}}
    two.node.larder.most_bytes = 1 << 20
    two.deliver_down()
    two.comes(0, 1)
    two.deliver_up()
    two.deliver_down()
    two.comes(2)
    two.up.clear()  # into the void: home had given this node up
    two.greet()
    two.comes(3)
    two.deliver_down()
    two.deliver_up()
    two.deliver_down()
    two.comes(4)
    two.another_home()
    two.comes(5)
    two.deliver_down()
    two.deliver_up()
    two.deliver_down()
    two.home.look(100.0)
    assert two.port.images == [0, 1, 2, 3, 4, 5]
    assert not len(two.node.outbox)
    await asyncio.sleep(0.02)  # the flushes that were asked for


async def test_what_home_took_and_could_not_say_is_not_taken_again():
    """And its pixels are let go: with the session home gave these images up."""
    two = Two()
    two.node._bodies = {"eiger": {}}
    two.node.larder.most_bytes = 1 << 20
    two.deliver_down()
    two.comes(0, 1, 2)
    two.deliver_up()
    assert [m[0] for m in two.down if m[0] == TAKEN]
    two.greet()
    assert len(two.node.larder) == 3
    two.deliver_down()
    two.deliver_up()
    two.deliver_down()
    two.home.look(100.0)
    assert two.port.images == [0, 1, 2]
    assert (len(two.node.larder), len(two.node.outbox)) == (0, 0)
    await asyncio.sleep(0.02)


async def test_while_nothing_can_be_written_reports_wait_at_the_node(monkeypatch):
    monkeypatch.setattr(home_side, "MOST_WAITING", 10)
    two = Two()
    two.node._bodies = {"eiger": {}}
    two.node.larder.most_bytes = 1 << 20
    two.deliver_down()
    two.port.holds = True
    for image_id in range(30):
        two.comes(image_id)
    two.deliver_up()
    two.deliver_down()
    assert two.port.images == []
    assert len(two.node.outbox) == 20
    two.port.holds = False
    two.home.look(10.0)
    two.node.outbox._moved -= AGAIN_S
    for turn in range(3):
        two.node._send_due()
        two.deliver_up(20.0 + turn)
        two.deliver_down()
    two.home.look(100.0)
    assert two.port.images == list(range(30))
    await asyncio.sleep(0.02)


async def test_a_home_that_stops_has_its_nodes_stop_and_takes_what_they_have():
    two = Two()
    two.node._bodies = {"eiger": {}}
    two.node.larder.most_bytes = 1 << 20
    two.deliver_down()
    links = pack_body(LINKS, {"eiger": True})
    two.home.came(two.member, LINKS, links, 0.0)
    two.port.holds = True  # also then: what they have is passed on
    two.comes(0, 1)
    stopping = asyncio.create_task(two.home.stop([two.member], lambda: None))
    await asyncio.sleep(0)
    assert [read_body(m)["receive"] for m in two.down if m[0] == PULL] == [False]
    two.deliver_up()
    assert not stopping.done()
    two.home.came(two.member, LINKS, pack_body(LINKS, {}), 0.0)
    await stopping
    assert two.port.images == [0, 1]
    two.greet()
    assert [read_body(m)["receive"] for m in two.down if m[0] == PULL] == [False]
    await asyncio.sleep(0.02)


def test_a_number_that_was_taken_travels():
    assert read_taken(pack_taken(2**63)) == 2**63
    with pytest.raises(BadMessageError):
        read_taken([TAKEN, b"1"])
