"""The thread that owns the socket: all arrives, once, in order; then it ends."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import zmq

from recorder.errors import ConfigError
from recorder.pool import exchange as module
from recorder.pool.curve import Curve
from recorder.pool.exchange import Exchange
from recorder.pool.wire import (
    ANSWERS_HEAD,
    DONE,
    MOST_ANSWERS,
    pack_answer,
    read_answer,
)
from tests.servers import TIMEOUT_S

LOCAL = "tcp://127.0.0.1:*"


class End:
    """One end, and what it got."""

    def __init__(self, kind: Any, address: str, **options: Any) -> None:
        self.batches: list[list[list[bytes]]] = []
        self.gone: list[bytes] = []
        self._news = asyncio.Event()
        if kind == "router":
            options["gone"] = self._lost
        self.exchange = Exchange(kind, address, self._got, **options)
        self.address = self.exchange.start()

    def _got(self, messages: list[list[Any]]) -> None:
        self.batches.append([[bytes(f) for f in message] for message in messages])
        self._news.set()

    def _lost(self, identity: bytes) -> None:
        self.gone.append(identity)
        self._news.set()

    @property
    def messages(self) -> list[list[bytes]]:
        return [message for batch in self.batches for message in batch]

    async def until(self, met: Callable[[], bool]) -> None:
        async with asyncio.timeout(TIMEOUT_S):
            while not met():
                self._news.clear()
                await self._news.wait()

    async def end(self) -> None:
        self.exchange.close()
        await self.exchange.closed()


def wires() -> int:
    """Threads of exchanges."""
    return sum(thread.name == "wire" for thread in threading.enumerate())


@asynccontextmanager
async def pair(address: str = LOCAL, **options: Any) -> AsyncIterator[tuple[End, End]]:
    """A router and a dealer that is connected to it."""
    threads = wires()
    router = End("router", address, **options.pop("router", {}))
    dealer = End("dealer", router.address, **options.pop("dealer", {}))
    try:
        yield router, dealer
    finally:
        await dealer.end()
        await router.end()
    assert wires() == threads


@pytest.mark.parametrize("scheme", ["tcp", "ipc"])
async def test_all_arrives_once_and_in_order_both_ways(scheme, tmp_path):
    address = LOCAL if scheme == "tcp" else f"ipc://{tmp_path}/x"
    many = [b"%d" % n for n in range(2000)]
    big = bytes(range(256)) * 5000
    async with pair(address) as (router, dealer):
        for n in many:
            dealer.exchange.send([n, big if n == b"7" else n])
        await router.until(lambda: len(router.messages) == len(many))
        (identity,) = {message[0] for message in router.messages}
        assert [message[1] for message in router.messages] == many
        assert router.messages[7][2] == big
        for n in many:
            router.exchange.send([identity, n])
        await dealer.until(lambda: len(dealer.messages) == len(many))
        assert [message[0] for message in dealer.messages] == many
        # far fewer calls of the event loop than messages
        assert len(dealer.batches) < len(many) / 2


async def test_answers_that_wait_go_together_and_none_waits_for_more():
    async with pair() as (router, dealer):
        dealer.exchange.answer(pack_answer(DONE, 0, [b"alone"]))
        await router.until(lambda: len(router.messages) == 1)
        for n in range(1, 101):
            dealer.exchange.answer(pack_answer(DONE, n, [b"x"]))

        def count() -> int:
            return sum(len(message) - 2 for message in router.messages)

        await router.until(lambda: count() == 101)
        answers = [read_answer(f) for m in router.messages for f in m[2:]]
        assert [answer.token for answer in answers] == list(range(101))
        assert {message[1] for message in router.messages} == {ANSWERS_HEAD}
        assert max(len(m) - 2 for m in router.messages) <= MOST_ANSWERS
        assert len(router.messages) < 60


async def test_while_too_much_waits_no_more_is_read(monkeypatch):
    """A peer that sends without end costs bounded memory, and loses nothing."""
    monkeypatch.setattr(module, "MOST_WAITING", 10)
    monkeypatch.setattr(module, "BURST", 4)
    async with pair() as (router, dealer):
        for n in range(20_000):
            dealer.exchange.send([b"%d" % n])
        await router.until(lambda: len(router.messages) == 20_000)
        assert [m[1] for m in router.messages] == [b"%d" % n for n in range(20_000)]
        assert max(map(len, router.batches)) <= 10 + 4


async def test_a_peer_that_vanishes_is_told_after_what_it_sent():
    async with pair() as (router, dealer):
        other = End("dealer", router.address)
        other.exchange.send([b"last words"])
        dealer.exchange.send([b"stays"])
        await router.until(lambda: len(router.messages) == 2)
        await other.end()
        await router.until(lambda: bool(router.gone))
        words = {message[1]: message[0] for message in router.messages}
        assert router.gone == [words[b"last words"]]
        router.exchange.send([words[b"last words"], b"to nobody"])
        router.exchange.send([words[b"stays"], b"to one"])
        await dealer.until(lambda: bool(dealer.messages))
        assert dealer.messages == [[b"to one"]]


async def test_the_beat_comes_although_the_loop_is_busy():
    beats: list[int] = []
    busy = threading.Event()

    def beat() -> list[list[bytes]]:
        beats.append(len(beats))
        if len(beats) > 3:
            busy.set()
        return [[b"beat", b"%d" % beats[-1]]]

    async with pair(dealer={"beat": beat, "beat_s": 0.01}) as (router, _):
        assert busy.wait(TIMEOUT_S)  # the event loop does nothing meanwhile
        await router.until(lambda: len(router.messages) >= 3)
        assert [m[2] for m in router.messages[:3]] == [b"0", b"1", b"2"]


@pytest.mark.parametrize(
    ("kind", "address"),
    [
        ("router", "nonsense"),
        ("router", "tcp://127.0.0.1"),
        ("router", "ipc:///no/such/x"),
        ("router", "tcp://192.0.2.1:9"),
        ("dealer", "nonsense"),
        ("dealer", "tcp://127.0.0.1"),
        ("dealer", "tcp://*:9"),
    ],
)
async def test_an_address_that_cannot_be_used_is_told(kind, address):
    threads = wires()
    with pytest.raises(ConfigError, match=re.escape(address)):
        Exchange(kind, address, lambda batch: None).start()
    assert wires() == threads


async def test_an_address_in_use_is_told():
    async with pair() as (router, _):
        with pytest.raises(ConfigError, match=r"in use.*free"):
            Exchange("router", router.address, lambda batch: None).start()


async def test_the_last_messages_leave_and_nothing_comes_after_the_end():
    async with pair() as (router, dealer):
        dealer.exchange.send([b"hello"])
        await router.until(lambda: bool(router.messages))
        identity = router.messages[0][0]
        router.exchange.send([identity, b"one"])
        router.exchange.close([[identity, b"last"]])
        router.exchange.close([[identity, b"twice"]])
        await dealer.until(lambda: len(dealer.messages) == 2)
        assert dealer.messages == [[b"one"], [b"last"]]
        router.exchange.send([identity, b"too late"])


@pytest.mark.allow_error_log("step_failed")
async def test_what_fails_in_the_callback_costs_that_batch():
    came = {b"bad": asyncio.Event(), b"good": asyncio.Event()}

    def received(batch: list[list[Any]]) -> None:
        for _, word in batch:
            came[word].set()
            if word == b"bad":
                raise ValueError(word)

    router = Exchange("router", LOCAL, received)
    dealer = Exchange("dealer", router.start(), lambda batch: None)
    dealer.start()
    async with asyncio.timeout(TIMEOUT_S):
        for word, event in came.items():
            dealer.send([word])
            await event.wait()
    for each in (dealer, router):
        each.close()
        await each.closed()


async def test_what_ends_the_thread_is_raised():
    router = Exchange("router", LOCAL, lambda batch: None)
    router.start()
    router.send([b"identity", "no bytes"])  # type: ignore[list-item]
    with pytest.raises(TypeError):
        await router.watch()
    await router.closed()


def keys() -> tuple[bytes, bytes]:
    return zmq.curve_keypair()


async def test_only_keys_that_are_allowed_come_in():
    """Those that are added later, too; others are refused and counted."""
    public, secret = keys()
    allowed: set[bytes] = set()
    router = End("router", LOCAL, curve=Curve(public, secret, None, allowed))

    def knocks(name: bytes, mine: tuple[bytes, bytes]) -> End:
        end = End("dealer", router.address, curve=Curve(*mine, server=public))
        end.exchange.send([name])
        return end

    stranger = knocks(b"stranger", keys())
    plain = End("dealer", router.address)
    plain.exchange.send([b"not encrypted"])
    async with asyncio.timeout(TIMEOUT_S):
        while not router.exchange.refused:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
    assert not router.messages
    # before it knocks: who was refused once is not let in later by ZeroMQ
    mine = keys()
    allowed.add(mine[0])
    friend = knocks(b"friend", mine)
    await router.until(lambda: bool(router.messages))
    assert [message[1] for message in router.messages] == [b"friend"]
    for end in (stranger, friend, plain, router):
        await end.end()


async def test_bad_keys_are_told():
    with pytest.raises(ConfigError, match="keys"):
        Exchange(
            "router", LOCAL, lambda batch: None, curve=Curve(b"short", b"short")
        ).start()


async def test_with_a_pause_messages_come_together_and_none_stays_behind():
    """Also the last ones, after which nothing comes."""
    async with pair() as (router, dealer):
        router.exchange.pause(0.02)
        for n in range(200):
            dealer.exchange.send([b"%d" % n])
            await asyncio.sleep(0)
        await router.until(lambda: len(router.messages) == 200)
        assert [m[1] for m in router.messages] == [b"%d" % n for n in range(200)]
        assert len(router.batches) < 100
        router.exchange.pause(1000.0)
        dealer.exchange.send([b"first of the pause"])
        await router.until(lambda: len(router.messages) == 201)
        dealer.exchange.send([b"last"])
        while not len(router.exchange._inbox):  # noqa: ASYNC110 - the thread has it
            await asyncio.sleep(0)
        router.exchange.pause(0.0)  # somebody waits
        await router.until(lambda: router.messages[-1][1] == b"last")
