"""Whose turn it is, and how often wrong tokens of providers are asked about."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.authenticators.plain import PasswordsOnly
from recorder.records.access import Identity
from recorder.web.problems import ProblemError
from recorder.web.sign_in.asking import Asking
from recorder.web.sign_in.foreign import (
    FRESH_S,
    MAX_KEPT,
    MAX_WRONG,
    MAX_WRONG_ALL,
    ForeignTokens,
)
from recorder.web.sign_in.tries import WINDOW_S
from recorder.web.sign_in.turns import (
    AT_ONCE,
    KNOWN,
    MAX_WAITING,
    STRANGERS_AT_ONCE,
    Turns,
)


class Line:
    """People who wait for their turns, and have them until they are told to go."""

    def __init__(self) -> None:
        self.turns = Turns()
        self.inside: list[str] = []
        self.served: list[str] = []
        self.refused: Counter[str] = Counter()
        self.tasks: list[asyncio.Task[None]] = []
        self.go: asyncio.Queue[None] = asyncio.Queue()

    async def come(self, place: str) -> asyncio.Task[None]:
        task = asyncio.create_task(self._come(place))
        self.tasks.append(task)
        await settled()
        return task

    async def _come(self, place: str) -> None:
        try:
            async with self.turns.turn(place):
                self.inside.append(place)
                self.served.append(place)
                assert len(self.inside) <= AT_ONCE
                strangers = [one for one in self.inside if one != KNOWN]
                assert len(strangers) <= STRANGERS_AT_ONCE
                try:
                    await self.go.get()
                finally:
                    self.inside.remove(place)
        except ProblemError as problem:
            assert problem.status == 503
            self.refused[place] += 1

    async def all_go(self) -> None:
        """Until nobody waits."""
        for _ in self.tasks:
            self.go.put_nowait(None)
        await asyncio.gather(*self.tasks, return_exceptions=True)


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_who_is_known_does_not_wait_for_strangers() -> None:
    line = Line()
    for n in range(20):
        await line.come(f"10.0.0.{n}")
    await line.come(KNOWN)
    assert line.served == ["10.0.0.0", "10.0.0.1", KNOWN]
    for _ in range(3):
        await line.come(KNOWN)
    line.go.put_nowait(None)  # a stranger goes, and a known one comes before others
    await settled()
    assert line.served.count(KNOWN) == 3
    await line.all_go()
    assert sorted(line.served).count(KNOWN) == 4


async def test_who_guesses_from_one_address_waits_for_themselves() -> None:
    line = Line()
    for _ in range(20):
        await line.come("guesser")
    await line.come("somebody")
    await line.come("another")
    await line.all_go()
    at = {place: line.served.index(place) for place in ("somebody", "another")}
    assert max(at.values()) <= STRANGERS_AT_ONCE + 2


async def test_where_too_many_wait_the_place_with_most_gives_way() -> None:
    line = Line()
    for _ in range(STRANGERS_AT_ONCE + MAX_WAITING + 5):
        await line.come("guesser")
    assert line.refused == {"guesser": 5}
    await line.come("somebody")
    assert line.refused == {"guesser": 6}
    for n in range(2 * MAX_WAITING):
        await line.come(f"10.0.0.{n}")
    assert line.refused["somebody"] == 0
    await line.all_go()
    assert "somebody" in line.served


@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b", "c", KNOWN]), st.integers(0, 3)),
        max_size=60,
    )
)
def test_turns_are_given_back_whatever_happens(steps: list[tuple[str, int]]) -> None:
    """Somebody comes; somebody goes, or gives up at any moment."""

    async def act() -> None:
        line = Line()
        for place, then in steps:
            task = await line.come(place)
            if then == 1:
                line.go.put_nowait(None)
            elif then == 2:
                task.cancel()
            elif then == 3:
                line.go.put_nowait(None)
                line.tasks[len(line.tasks) // 2].cancel()
            await settled()
        await line.all_go()
        assert line.inside == []
        line.go = asyncio.Queue()
        for _ in range(AT_ONCE):  # all turns are there again
            await asyncio.wait_for(line.come(KNOWN), 1)
        assert len(line.inside) == AT_ONCE
        await line.all_go()

    asyncio.run(act())


@pytest.mark.parametrize("places", [["a"], ["a", "b", KNOWN], [KNOWN]])
async def test_all_may_give_up_at_once(places: list[str]) -> None:
    """As when the process ends: turns are given back while others leave."""
    line = Line()
    for n in range(AT_ONCE + MAX_WAITING):
        await line.come(places[n % len(places)])
    for task in line.tasks:
        task.cancel()
    ended = await asyncio.gather(*line.tasks, return_exceptions=True)
    assert {type(one) for one in ended} <= {asyncio.CancelledError, type(None)}
    assert line.inside == []
    line.tasks.clear()
    await asyncio.wait_for(line.come(KNOWN), 1)
    assert line.inside == [KNOWN]
    await line.all_go()


# -- tokens of providers ---------------------------------------------------------------

HERE, THERE = "192.0.2.1", "192.0.2.2"


class Provider(PasswordsOnly):
    """Knows the token ``right``, and no login."""

    def __init__(self) -> None:
        super().__init__("provider")
        self.asked: Counter[str] = Counter()

    async def login(self, login: str, password: str) -> Identity | None:
        return None

    async def bearer(self, token: str) -> Identity | None:
        self.asked[token] += 1
        return Identity("anna") if token == "right" else None


class World:
    def __init__(self) -> None:
        self.now = 1000.0
        self.provider = Provider()
        asking = Asking((self.provider,))
        self.tokens = ForeignTokens(asking, lambda: self.now)

    async def refused_after(self, peer: str) -> int:
        """How many wrong tokens are asked about from an address."""
        for n in range(10 * MAX_WRONG):
            try:
                assert await self.tokens.who(f"wrong {peer} {n}", peer) is None
            except ProblemError as problem:
                assert problem.status == 429
                assert 1 <= int(problem.headers["retry-after"]) <= WINDOW_S + 1
                return n
        raise AssertionError("never")


async def test_wrong_tokens_of_an_address_are_bounded() -> None:
    world = World()
    assert (await world.tokens.who("right", HERE)) == Identity("anna")
    assert await world.refused_after(HERE) == MAX_WRONG
    asked = world.provider.asked.total()
    for n in range(1000):
        with pytest.raises(ProblemError):
            await world.tokens.who(f"more {n}", HERE)
    assert world.provider.asked.total() == asked
    assert await world.refused_after(THERE) == MAX_WRONG
    world.now += FRESH_S  # who was right before is asked about again
    assert (await world.tokens.who("right", HERE)) == Identity("anna")
    assert world.provider.asked["right"] == 2
    world.now += WINDOW_S
    assert await world.refused_after(HERE) == MAX_WRONG


async def test_a_wrong_token_is_asked_about_once_in_a_while() -> None:
    """As of a program that goes on with one that is over."""
    world = World()
    for _ in range(int(WINDOW_S)):
        assert await world.tokens.who("over", HERE) is None
        world.now += 1
    assert world.provider.asked["over"] == WINDOW_S / FRESH_S
    assert await world.tokens.who("", HERE) is None
    assert await world.tokens.who("x" * 20_000, HERE) is None
    assert set(world.provider.asked) == {"over"}


async def test_what_is_remembered_of_tokens_is_bounded_and_right_ones_stay() -> None:
    world = World()
    await world.tokens.who("right", HERE)
    refused = 0
    for n in range(2 * MAX_KEPT):
        try:
            await world.tokens.who(f"wrong {n}", f"10.0.{n >> 8}.{n & 255}")
        except ProblemError:
            refused += 1
    assert refused == 2 * MAX_KEPT - MAX_WRONG_ALL
    assert await world.tokens.who("right", HERE) == Identity("anna")
    assert world.provider.asked["right"] == 1
