"""The door: who is let past, and for how long."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.records.access import Rights, Scope
from recorder.web.callers import KEY, Kind
from recorder.web.problems import ProblemError
from recorder.web.sign_in import door as doors
from recorder.web.sign_in.cookies import SESSION, set_cookie
from recorder.web.sign_in.door import Door, is_public
from tests.unit.test_sign_in_service import HERE, World, world


class Asked:
    """A request, and what came of it."""

    def __init__(self, path: str = "/api/v1/now", method: str = "GET", **headers: str):
        self.sent: list[dict[str, Any]] = []
        self.came = asyncio.Event()
        self.scope: dict[str, Any] = {
            "type": "http",
            "method": method,
            "path": path,
            "client": (HERE, 1),
            "headers": [(k.encode(), v.encode()) for k, v in headers.items()],
        }

    @property
    def caller(self) -> Any:
        return self.scope.get("state", {}).get(KEY)

    async def until(self, count: int) -> None:
        """So many parts have come."""
        while len(self.sent) < count:
            self.came.clear()
            await asyncio.wait_for(self.came.wait(), 10)

    async def of(self, app: Any) -> Asked:
        async def send(message):
            self.sent.append(message)
            self.came.set()

        await app(self.scope, None, send)
        return self


async def silent(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


class Stream:
    """Sends a part whenever it is told to, until its reader is gone."""

    def __init__(self) -> None:
        self.more: asyncio.Queue[None] = asyncio.Queue()
        self.ended = False

    async def __call__(self, scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            while True:
                await self.more.get()
                part = {"type": "http.response.body", "body": b"x", "more_body": True}
                await send(part)
        finally:
            self.ended = True


def cookie(secret: str) -> dict[str, str]:
    return {"cookie": f"{SESSION}={secret}"}


PATHS = st.text(min_size=1, max_size=40).map(lambda text: f"/{text}")


@given(PATHS, st.sampled_from(["GET", "POST", "DELETE", "HEAD"]))
def test_what_is_not_public_is_refused_whatever_it_is_called(path, method):
    async def ask() -> None:
        asked = Asked(path, method)
        if is_public(asked.scope) or path.startswith("/ispyb/"):
            return
        reached = []

        async def app(scope, receive, send):
            reached.append(scope)

        with pytest.raises(ProblemError) as caught:
            await asked.of(Door(app, NOBODY))
        assert (caught.value.status, reached) == (401, [])

    asyncio.run(ask())


class _Nobody:
    """A sign-in that nobody has signed in with; no cookie, so nothing is asked."""


NOBODY: Any = _Nobody()


async def test_who_is_let_past(tmp_path: Path):
    async with world(tmp_path) as w:
        door = Door(silent, w.sign_in)
        secret, token = await w.session(), await w.token("anna", Scope.READ_LIVE)
        assert (await Asked(**cookie(secret)).of(door)).caller.login == "bert"
        bearer = {"authorization": f"Bearer {token}"}
        both = await Asked(**cookie(secret), **bearer).of(door)
        assert (both.caller.login, both.caller.kind) == ("anna", Kind.TOKEN)
        small = await Asked(authorization=f"bearer {token}").of(door)
        assert small.caller.login == "anna"
        wrong = {"authorization": "Bearer rct_" + "A" * 43}
        with pytest.raises(ProblemError):  # not the cookie instead
            await Asked(**cookie(secret), **wrong).of(door)
        assert (await Asked("/healthz", **wrong).of(door)).caller is None
        for header in ("Basic YW5uYTpyaWdodA==", "Bearer", "", "Bearer a b"):
            with pytest.raises(ProblemError):
                await Asked(authorization=header).of(door)


async def test_no_cookie_counts_where_other_pages_may_ask(tmp_path: Path):
    async with world(tmp_path) as w:
        door = Door(silent, w.sign_in)
        secret = await w.session()
        path = "/ispyb/api/v1/proposals"
        assert (await Asked(path, **cookie(secret)).of(door)).caller is None


async def test_two_cookies_are_none(tmp_path: Path):
    async with world(tmp_path) as w:
        door = Door(silent, w.sign_in)
        asked = Asked(**cookie(await w.session()))
        asked.scope["headers"] *= 2
        with pytest.raises(ProblemError):
            await asked.of(door)


async def test_nobody_says_beforehand_who_asks(tmp_path: Path):
    """What stands beside a request before the door, the door takes away."""
    async with world(tmp_path) as w:
        asked = Asked("/healthz")
        asked.scope["state"] = {KEY: doors.ANYBODY}
        assert (await asked.of(Door(silent, w.sign_in))).caller is None


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream is looked at with each part."""
    monkeypatch.setattr(doors, "AGAIN_S", -1.0)


async def streaming(w: World, secret: str) -> tuple[Stream, Asked, asyncio.Task[Any]]:
    stream = Stream()
    asked = Asked("/api/v1/live", **cookie(secret))
    task = asyncio.create_task(asked.of(Door(stream, w.sign_in)))
    for n in range(3):
        stream.more.put_nowait(None)
        await asked.until(n + 2)
    return stream, asked, task


async def ended(stream: Stream, asked: Asked, task: asyncio.Task[Any]) -> None:
    """The stream ends as it should: whole, and before another part of it."""
    before = len(asked.sent)
    stream.more.put_nowait(None)
    await asyncio.wait_for(task, 120)
    assert stream.ended
    assert asked.sent[before:] == [
        {"type": "http.response.body", "body": b"", "more_body": False}
    ]


async def test_a_stream_ends_when_rights_are_lost(always, tmp_path: Path):
    async with world(tmp_path) as w:
        found = await streaming(w, await w.session())
        w.site.people["bert"] = Rights("bert", proposals=frozenset({"mx1"}))
        w.now += 60  # as long as rights are kept
        await ended(*found)


async def test_a_stream_ends_when_its_session_is_over(always, tmp_path: Path):
    async with world(tmp_path) as w:
        found = await streaming(w, await w.session())
        w.now += 12 * 3600
        await ended(*found)


async def test_a_stream_keeps_its_session(always, tmp_path: Path):
    """An hour without another request is none without a request."""
    async with world(tmp_path) as w:
        secret = await w.session()
        stream, asked, task = await streaming(w, secret)
        for n in range(8):
            w.now += 1200
            stream.more.put_nowait(None)
            await asked.until(n + 5)
        assert await w.caller(secret) is not None
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert w.sign_in.entering._open == {}


async def test_a_stream_ends_at_once_when_its_owner_signs_out(tmp_path: Path):
    async with world(tmp_path) as w:
        secret = await w.session()
        stream, asked, task = await streaming(w, secret)
        key = (await w.caller(secret)).session
        assert await w.sign_in.revoke(key, "bert", HERE)
        await asyncio.wait_for(task, 120)
        assert stream.ended
        assert asked.sent[-1]["more_body"] is False


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites():
    from starlette.responses import Response

    response = Response()
    set_cookie(response, "secret")
    parts = response.headers["set-cookie"].split("; ")
    assert parts[0] == "__Host-sid=secret"
    assert {part.lower() for part in parts[1:]} == {
        "httponly",
        "path=/",
        "samesite=lax",
        "secure",
    }
