"""How long rights hold, and what happens while nobody can say what they are."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from recorder.ispyb.people.reading import DatabaseAwayError
from recorder.records.access import Identity, Rights, SessionRight
from recorder.web import rights as cache_module
from recorder.web.problems import ProblemError
from recorder.web.rights import (
    FRESH_S,
    GRACE_S,
    OWN_WEIGHT,
    RETRY_S,
    RightsCache,
)

ADA = Identity("ada", ("office",))


@dataclass
class Site:
    """Says what a test wants; a closed gate holds its threads."""

    sessions: int = 0
    away: bool = False
    broken: bool = False
    named: frozenset[str] = frozenset()
    asked: list[str] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)
    revision: int = 0

    def rights(self, identity: Identity) -> Rights:
        self.asked.append(identity.login)
        assert self.gate.wait(60)
        if self.away:
            raise DatabaseAwayError("no such host")
        if self.broken:
            raise RuntimeError("a defect")
        rows = tuple(SessionRight(n, "mx1") for n in range(self.sessions))
        return Rights(identity.login, person_id=self.revision, sessions=rows)

    def stated(self, identity: Identity) -> Rights | None:
        if identity.login not in self.named:
            return None
        return Rights(identity.login, proposals=frozenset({"mx9"}))

    def close(self) -> None:
        self.gate.set()


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def site() -> Iterator[Site]:
    found = Site()
    found.gate.set()
    yield found
    found.gate.set()


@pytest.fixture
def cache(site: Site, clock: Clock) -> Iterator[RightsCache]:
    found = RightsCache(site, clock)
    yield found
    found.close()


async def until(true: Callable[[], bool]) -> None:
    while not true():  # noqa: ASYNC110
        await asyncio.sleep(0.001)


async def test_rights_hold_for_a_minute(cache, site, clock):
    assert (await cache.of(ADA)).person_id == 0
    site.revision = 1
    clock.now += FRESH_S - 0.1
    assert (await cache.of(ADA)).person_id == 0
    clock.now += 0.1
    assert (await cache.of(ADA)).person_id == 1
    assert site.asked == ["ada", "ada"]


async def test_a_minute_is_counted_from_the_question_not_the_answer(cache, site, clock):
    """What was read may have changed since the read began."""
    site.gate.clear()
    first = asyncio.ensure_future(cache.of(ADA))
    await until(lambda: site.asked == ["ada"])
    clock.now += 50
    site.gate.set()
    await first
    clock.now += 10
    await cache.of(ADA)
    assert site.asked == ["ada", "ada"]


async def test_who_was_known_keeps_their_rights_for_half_a_day(
    cache, site, clock, log_events
):
    await cache.of(ADA)
    site.away = True
    begun = clock.now
    for age in (FRESH_S, 120.0, GRACE_S - 1):
        clock.now = begun + age
        assert (await cache.of(ADA)).login == "ada"
        await until(lambda: not cache._reading)
    assert cache.away_since is not None
    clock.now = begun + GRACE_S
    with pytest.raises(ProblemError, match="cannot be asked now") as raised:
        await cache.of(ADA)
    assert raised.value.status == 503
    site.away = False
    site.revision = 2
    clock.now += RETRY_S
    assert (await cache.of(ADA)).person_id == 2
    assert cache.away_since is None
    events = [e["event"] for e in log_events]
    assert events == ["rights_unavailable", "rights_available"]


async def test_who_was_not_known_gets_what_the_file_says(cache, site):
    site.away = True
    site.named = frozenset({"bob"})
    assert (await cache.of(Identity("bob"))).proposals == {"mx9"}
    with pytest.raises(ProblemError) as raised:
        await cache.of(Identity("eve"))
    assert raised.value.status == 503
    assert "no such host" not in str(raised.value)


async def test_while_it_is_away_it_is_asked_every_few_seconds(cache, site, clock):
    site.away = True
    for _ in range(5):
        with pytest.raises(ProblemError):
            await cache.of(ADA)
    assert len(site.asked) == 1
    clock.now += RETRY_S
    with pytest.raises(ProblemError):
        await cache.of(ADA)
    assert len(site.asked) == 2


async def test_while_it_is_away_who_is_known_does_not_wait(
    cache, site, clock, monkeypatch
):
    monkeypatch.setattr(cache_module, "WAIT_S", 30.0)
    await cache.of(ADA)
    site.away = True
    clock.now += FRESH_S
    assert (await cache.of(ADA)).login == "ada"
    clock.now += RETRY_S
    site.gate.clear()
    async with asyncio.timeout(120):
        assert (await cache.of(ADA)).login == "ada"
    await until(lambda: len(site.asked) == 3)


async def test_an_answer_that_does_not_come_is_an_absence(
    cache, site, clock, monkeypatch
):
    monkeypatch.setattr(cache_module, "WAIT_S", 0.05)
    await cache.of(ADA)
    clock.now += FRESH_S
    site.gate.clear()
    assert (await cache.of(ADA)).login == "ada"
    assert cache.away_since is not None
    with pytest.raises(ProblemError):
        await cache.of(Identity("eve"))
    site.gate.set()
    await until(lambda: cache.away_since is None)
    site.gate.clear()
    assert (await cache.of(ADA)).login == "ada"  # as it was read, without asking
    site.gate.set()


async def test_one_read_at_a_time_for_each_login(cache, site):
    site.gate.clear()
    waiting = [asyncio.ensure_future(cache.of(ADA)) for _ in range(50)]
    await until(lambda: len(site.asked) == 1)
    waiting[0].cancel()
    await asyncio.sleep(0)
    site.gate.set()
    found = await asyncio.gather(*waiting[1:])
    assert len(site.asked) == 1
    assert all(rights == found[0] for rights in found)


async def test_too_many_at_once_are_told_to_come_back(cache, site, monkeypatch):
    monkeypatch.setattr(cache_module, "MAX_WAITING", 5)
    site.gate.clear()
    crowd = [Identity(f"p{n}") for n in range(5)]
    waiting = [asyncio.ensure_future(cache.of(one)) for one in crowd]
    await until(lambda: len(cache._reading) == 5)
    with pytest.raises(ProblemError, match="ask again") as raised:
        await cache.of(ADA)
    assert raised.value.status == 503
    site.gate.set()
    await asyncio.gather(*waiting)
    assert (await cache.of(ADA)).login == "ada"


async def test_memory_is_bounded(cache, site, monkeypatch):
    monkeypatch.setattr(cache_module, "MAX_WEIGHT", 10 * (OWN_WEIGHT + 20))
    site.sessions = 20
    for n in range(30):
        await cache.of(Identity(f"p{n}"))
    assert {login for login, _ in cache._kept} == {f"p{n}" for n in range(20, 30)}
    await cache.of(Identity("p20"))  # asked last, so forgotten last
    await cache.of(Identity("p30"))
    assert "p20" in {login for login, _ in cache._kept}
    assert "p21" not in {login for login, _ in cache._kept}
    site.sessions = 1000
    assert len((await cache.of(ADA)).sessions) == 1000
    assert [login for login, _ in cache._kept] == ["ada"]


async def test_a_defect_opens_nothing_and_is_not_kept(cache, site, clock):
    await cache.of(ADA)
    site.broken = True
    clock.now += FRESH_S
    for _ in range(2):
        with pytest.raises(RuntimeError):
            await cache.of(ADA)
    site.broken = False
    assert (await cache.of(ADA)).login == "ada"


async def test_other_groups_of_the_directory_are_other_rights(cache, site):
    await cache.of(ADA)
    await cache.of(Identity("ada", ()))
    assert site.asked == ["ada", "ada"]
