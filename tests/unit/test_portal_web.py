"""Proposals that a portal sends to the page."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest

from recorder.config import Settings
from recorder.records.access import Rights, Scope
from recorder.web.app import WebApp, make_app
from recorder.web.callers import ANYBODY, Caller, Kind
from recorder.web.place import place_of
from recorder.web.pyispyb.root import ROOT
from recorder.web.pyispyb.sync_calls import LARGE, PATH
from tests.asgi import Asgi
from tests.portal import body

ADDRESS = ROOT + PATH
PORTAL = Caller(
    Kind.TOKEN,
    Rights("office", permissions=frozenset({"uportal_sync"})),
    frozenset({Scope.SYNC}),
)


@pytest.fixture
def make(settings: Callable[..., Settings]) -> Iterator[Callable[..., WebApp]]:
    made: list[WebApp] = []

    def app(**sync: Any) -> WebApp:
        made.append(make_app(place_of(settings(sync={"by_web": True, **sync}))))
        return made[-1]

    yield app
    for one in made:
        one.pyispyb.close()


def proposals(settings: Settings) -> list[str]:
    with closing(sqlite3.connect(settings.state_directory / "ispyb.sqlite")) as db:
        return [row[0] for row in db.execute("SELECT proposalNumber FROM Proposal")]


def test_a_proposal_that_is_sent(
    make: Callable[..., WebApp], settings: Callable[..., Settings]
) -> None:
    asgi = Asgi(make().asgi, PORTAL)
    answer = asgi.post(f"{ADDRESS}?dry_run=true", body())
    assert answer.status == 200 and "would be" in answer.json["message"]
    answer = asgi.post(ADDRESS, body())
    assert answer.status == 200, answer.body
    found = answer.json
    assert found["message"].startswith("Proposal mx2601 has been synchronized in ")
    assert found["report"]["by"] == "office"
    assert "2601" in proposals(settings())
    again = asgi.post(ADDRESS, [body(), body(2)]).json
    assert again["report"]["proposals"] == {"unchanged": 1, "written": 1}


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (b"{", "no JSON"),
        (b"[" * 100_000, "within each other"),
        (json.dumps({"proposal": {}}).encode(), "proposalCode: is needed"),
        (b"", "is empty"),
    ],
)
def test_what_cannot_be_used(
    make: Callable[..., WebApp], sent: bytes, said: str
) -> None:
    answer = Asgi(make().asgi, PORTAL).ask("POST", ADDRESS, sent, {})
    assert answer.status == 400 and said in answer.json["detail"]


@pytest.mark.parametrize(
    ("caller", "status"),
    [
        (None, 401),
        (ANYBODY, 403),
        (Caller(Kind.SESSION, Rights("ada", everything=True), frozenset(Scope)), 403),
        (Caller(Kind.TOKEN, PORTAL.rights, frozenset({Scope.READ_RUNS})), 403),
        (Caller(Kind.KIOSK, PORTAL.rights, frozenset({Scope.SYNC})), 403),
    ],
)
def test_nobody_else_may(
    make: Callable[..., WebApp], caller: Caller | None, status: int
) -> None:
    answer = Asgi(make().asgi, caller).post(ADDRESS, body())
    assert answer.status == status


def test_only_where_it_is_asked_for(make: Callable[..., WebApp]) -> None:
    answer = Asgi(make(by_web=False).asgi, PORTAL).post(ADDRESS, body())
    assert answer.status == 501 and "sync.by_web" in answer.json["detail"]


def test_a_body_may_be_large_but_not_endless(make: Callable[..., WebApp]) -> None:
    """The others' limit does not hold here; this one does, before it is read."""
    asgi = Asgi(make().asgi, PORTAL)
    large = body(proposal={"persons": [{"externalId": n} for n in range(4000)]})
    assert len(json.dumps(large)) > 64 << 10
    assert asgi.post(ADDRESS, large).status == 200
    (most,) = LARGE.values()
    said = asgi.ask("POST", ADDRESS, b"{}", {"content_length": str(most + 1)})
    assert said.status == 413
    longer = asgi.ask("POST", ADDRESS, b" " * (most + 1), {})
    assert longer.status == 413
    assert asgi.post(ADDRESS, body(2)).status == 200  # it lets others in again


async def test_one_at_a_time(make: Callable[..., WebApp]) -> None:
    asgi = Asgi(make().asgi, PORTAL)
    sent = json.dumps([body(n) for n in range(20)]).encode()
    several = [asgi._ask("POST", ADDRESS, sent, {}) for _ in range(3)]
    answers = await asyncio.gather(*several)
    assert sorted(a.status for a in answers) == [200, 503, 503]
    busy = next(a for a in answers if a.status == 503)
    assert "retry-after" in busy.headers


def test_a_database_that_cannot_be_written(make: Callable[..., WebApp]) -> None:
    away = "mariadb+pymysql://nobody@127.0.0.1:1/ispyb"
    answer = Asgi(make(url=away).asgi, PORTAL).post(ADDRESS, body())
    assert answer.status == 503 and "127.0.0.1" not in answer.json["detail"]


def test_who_leaves_before_it_is_begun_does_not_stop_all_that_come_later(
    make: Callable[..., WebApp], settings: Callable[..., Settings]
) -> None:
    asgi = Asgi(make().asgi, PORTAL)

    async def leave() -> None:
        busy, waits, loop = (
            threading.Event(),
            asyncio.Event(),
            asyncio.get_running_loop(),
        )

        class OneThread(ThreadPoolExecutor):
            def submit(self, *args: Any, **more: Any) -> Any:
                waits.set()
                return super().submit(*args, **more)

        pool = OneThread(1)
        loop.set_default_executor(pool)
        pool.submit(busy.wait, 30)
        waits.clear()
        sending = asyncio.create_task(asgi.apost(ADDRESS, body()))
        async with asyncio.timeout(120):
            await waits.wait()
        sending.cancel()
        await asyncio.wait({sending})
        busy.set()
        await loop.run_in_executor(pool, str)  # all before it is done

    asyncio.run(leave())
    assert asgi.post(ADDRESS, body(2)).status == 200
    assert "2601" in proposals(settings())
