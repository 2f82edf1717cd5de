"""Sessions, tokens and refusals, with a clock of their own and a real file."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request

from recorder.authenticators.plain import PasswordsOnly
from recorder.authenticators.protocols import (
    AuthenticatorUnavailableError,
    Departure,
    How,
)
from recorder.errors import ConfigError
from recorder.records.access import Identity, Only, Rights, RunPlace, Scope
from recorder.web.callers import Kind
from recorder.web.problems import ProblemError
from recorder.web.rights import RightsCache
from recorder.web.sign_in import asking, turns
from recorder.web.sign_in.book import MOST, Book
from recorder.web.sign_in.lane import Lane
from recorder.web.sign_in.provider_routes import ProviderRoutes
from recorder.web.sign_in.secret_texts import API
from recorder.web.sign_in.service import WRONG, SignIn
from recorder.web.sign_in.store import NAME, Store
from recorder.web.sign_in.token_wishes import Wish, way_of, way_of_screen
from recorder.web.sign_in.tries import FIRST_DELAY_S, PER_ADDRESS, PER_LOGIN
from recorder.web.sign_in.ways import ACCESS_S, IDLE_S, SESSION_S

HERE = "192.0.2.1"
PASSWORD = "right"
PEOPLE = {
    "anna": Rights("anna", everything=True, permissions=frozenset({"uportal_sync"})),
    "bert": Rights("bert", proposals=frozenset({"mx1"}), beamlines=frozenset({"ID30"})),
}


class House(PasswordsOnly):
    """Knows those who have rights; may be slow, away or broken."""

    def __init__(self, name: str = "house") -> None:
        super().__init__(name)
        self.problem: Exception | None = None
        self.asked: list[str] = []
        self.hangs = False
        self.tokens: Mapping[str, str] = {}

    async def login(self, login: str, password: str) -> Identity | None:
        self.asked.append(login)
        if self.hangs:
            await asyncio.sleep(3600)
        if self.problem is not None:
            raise self.problem
        return Identity(login) if (login, password) in _right() else None

    async def bearer(self, token: str) -> Identity | None:
        self.asked.append(token)
        if self.problem is not None:
            raise self.problem
        login = self.tokens.get(token)
        return None if login is None else Identity(login)


def _right() -> set[tuple[str, str]]:
    return {(login, PASSWORD) for login in PEOPLE}


@dataclass
class Site:
    """What tables say, and may say otherwise later."""

    people: dict[str, Rights] = field(default_factory=lambda: dict(PEOPLE))

    def rights(self, identity: Identity) -> Rights:
        return self.people.get(identity.login, Rights(identity.login))

    def stated(self, identity: Identity) -> Rights | None:
        return None

    def close(self) -> None:
        pass


class World:
    """A sign-in whose time goes on when one says so."""

    def __init__(self, folder: Path) -> None:
        self.now = 1_800_000_000.0
        self.paused: list[float] = []
        self.site = Site()
        self.house = House()
        self.folder = folder
        self.store = Store(folder)
        rights = RightsCache(self.site, lambda: self.now)
        book = Book(Lane(self.store), lambda: self.now)

        async def pause(seconds: float) -> None:
            self.paused.append(seconds)

        self.sign_in = SignIn((self.house,), rights, book, "ID29", pause=pause)

    async def session(self, login: str = "bert") -> str:
        signed = await self.sign_in.by_password(None, login, PASSWORD, HERE)
        return await self.sign_in.session(signed)

    async def caller(self, secret: str, peer: str = HERE) -> Any:
        return await self.sign_in.entering.by_cookie(secret, peer)

    async def token(self, login: str, *scopes: Scope, **more: Any) -> str:
        wish = Wish(label="x", scopes=frozenset(scopes), **more)
        way = way_of(wish, Identity(login), "house", HERE, self.now)
        return await self.sign_in.book.token(way, API)


@asynccontextmanager
async def world(folder: Path) -> AsyncIterator[World]:
    made = World(folder)
    try:
        yield made
    finally:
        await made.sign_in.close()


async def refusal(call: Any) -> ProblemError:
    with pytest.raises(ProblemError) as caught:
        await call
    return caught.value


# -- who is let in ---------------------------------------------------------------------

STRANGE = [
    ("anna", ""),
    ("", ""),
    ("", PASSWORD),
    ("nobody", PASSWORD),
    ("anna", "x" * 10_240),
    ("x" * 10_240, PASSWORD),
    ("*)(uid=*", PASSWORD),
    ("anna\0", PASSWORD),
    ("anna", PASSWORD + "\0"),
    ("anna", "\ud800"),
    ("anna ", PASSWORD),
    ("anna' --", PASSWORD),
    ("anna,dc=x", PASSWORD),
    ("anna", PASSWORD.upper()),
    ("<script>", PASSWORD),
]


@pytest.mark.parametrize(("login", "password"), STRANGE)
async def test_whatever_is_wrong_is_told_alike(tmp_path, login, password):
    async with world(tmp_path) as w:
        began = time.monotonic()
        problem = await refusal(w.sign_in.by_password(None, login, password, HERE))
        took = time.monotonic() - began
        assert (problem.status, str(problem)) == (401, WRONG)
        assert w.paused[0] + took >= FIRST_DELAY_S
        assert w.paused[0] <= FIRST_DELAY_S
        odd = login not in ("anna", "nobody") or password in ("", "\ud800")
        if odd or len(password) > 1024 or "\0" in password:
            assert w.house.asked == []  # what cannot be right goes to no directory


async def test_no_line_of_the_log_has_a_secret(tmp_path, log_events):
    async with world(tmp_path) as w:
        secret = await w.session()
        token = await w.token("bert", Scope.READ_RUNS)
        await refusal(w.sign_in.by_password(None, "bert", "a wrong one", HERE))
        pair = await w.sign_in.pair(
            await w.sign_in.by_password(None, "bert", PASSWORD, HERE)
        )
        await w.sign_in.refreshed(pair.refresh)
        await refusal(w.sign_in.refreshed(pair.refresh))
        told = repr(log_events)
        for text in (secret, token, pair.access, pair.refresh, "a wrong one"):
            assert text not in told
            assert text.encode() not in (tmp_path / NAME).read_bytes()
        names = [event["event"] for event in log_events]
        assert names == ["signed_in", "sign_in_refused", "signed_in", "refresh_reused"]


async def test_after_too_many_tries_nobody_is_asked(tmp_path, log_events):
    async with world(tmp_path) as w:
        for _ in range(PER_LOGIN):
            await refusal(w.sign_in.by_password(None, "anna", "x", HERE))
        asked = len(w.house.asked)
        problem = await refusal(w.sign_in.by_password(None, "anna", PASSWORD, HERE))
        assert (problem.status, len(w.house.asked)) == (429, asked)
        assert 1 <= int(problem.headers["retry-after"]) <= 61
        assert [e["reason"] for e in log_events][-1] == "too_many"
        for n in range(PER_ADDRESS - PER_LOGIN):
            await refusal(w.sign_in.by_password(None, f"x{n}", "x", HERE))
        problem = await refusal(w.sign_in.by_password(None, "bert", PASSWORD, HERE))
        assert problem.status == 429
        await w.sign_in.by_password(None, "bert", PASSWORD, "192.0.2.2")


async def test_a_thousand_floods_ask_a_few_at_once(tmp_path):
    async with world(tmp_path) as w:
        w.house.hangs = True
        calls = [
            asyncio.create_task(
                w.sign_in.by_password(None, f"x{n}", "x", f"10.0.{n >> 8}.{n & 255}")
            )
            for n in range(1000)
        ]
        room = turns.MAX_WAITING + turns.STRANGERS_AT_ONCE
        waiting = set(calls)
        while len(waiting) > room:
            at = asyncio.FIRST_COMPLETED
            _, waiting = await asyncio.wait(waiting, return_when=at)
        done, waiting = await asyncio.wait(calls, timeout=0.2)
        assert len(w.house.asked) == turns.STRANGERS_AT_ONCE
        assert len(waiting) <= room
        assert {call.exception().status for call in done} <= {429, 503}  # type: ignore
        for call in waiting:
            call.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


async def test_an_authenticator_that_is_away_is_said_and_costs_no_try(tmp_path):
    async with world(tmp_path) as w:
        w.house.problem = AuthenticatorUnavailableError("the house is closed")
        for _ in range(2 * PER_LOGIN):
            call = w.sign_in.by_password(None, "bert", PASSWORD, HERE)
            problem = await refusal(call)
            assert (problem.status, str(problem)) == (503, "the house is closed")
        w.house.problem = None
        assert await w.session()


@pytest.mark.allow_error_log("step_failed")
async def test_a_defect_of_a_plug_in_signs_nobody_in(tmp_path, monkeypatch):
    async with world(tmp_path) as w:
        w.house.problem = RuntimeError("a defect")
        problem = await refusal(w.sign_in.by_password(None, "bert", PASSWORD, HERE))
        assert problem.status == 503
        assert "a defect" not in str(problem)
        w.house.problem = None
        w.house.hangs = True
        monkeypatch.setattr(asking, "ANSWER_S", 0.01)
        problem = await refusal(w.sign_in.by_password(None, "bert", PASSWORD, HERE))
        assert (problem.status, "does not answer" in str(problem)) == (503, True)


async def test_another_authenticator_is_asked_and_an_unknown_one_is_wrong(tmp_path):
    async with world(tmp_path) as w:
        second = House("second")
        w.sign_in.asking.authenticators = (w.house, second)
        w.house.problem = AuthenticatorUnavailableError("the house is closed")
        signed = await w.sign_in.by_password(None, "bert", PASSWORD, HERE)
        assert signed.authenticator == "second"
        problem = await refusal(w.sign_in.by_password("third", "bert", PASSWORD, HERE))
        assert (problem.status, str(problem)) == (401, WRONG)


# -- sessions --------------------------------------------------------------------------


async def test_a_session_ends_when_nobody_uses_it_and_after_half_a_day(tmp_path):
    async with world(tmp_path) as w:
        secret = await w.session()
        assert (await w.caller(secret)).login == "bert"
        began = w.now
        while w.now - began < SESSION_S - IDLE_S:
            w.now += IDLE_S - 1
            assert await w.caller(secret) is not None
        idle = await w.session()
        w.now += IDLE_S + 1
        assert await w.caller(idle) is None
        w.now = began + SESSION_S
        assert await w.caller(secret) is None


async def test_rights_are_those_of_now(tmp_path):
    async with world(tmp_path) as w:
        secret = await w.session()
        token = await w.token("bert", Scope.READ_RUNS)
        place = RunPlace("ID29", "mx1")
        assert (await w.caller(secret)).sees(place)
        w.site.people["bert"] = Rights("bert")
        w.now += 60
        assert not (await w.caller(secret)).sees(place)
        assert not (await w.sign_in.caller(token)).sees(place)


async def test_one_person_has_a_bounded_number_of_sessions(tmp_path):
    async with world(tmp_path) as w:
        first = await w.session()
        w.now += 120
        other = await w.session("anna")
        for _ in range(MOST):
            last = await w.session()
        assert await w.caller(first) is None
        assert await w.caller(last) is not None
        assert await w.caller(other) is not None
        assert len(w.store.list("bert")) == MOST


async def test_what_is_what_is_not_mixed_up(tmp_path):
    """A cookie is no bearer, a token no cookie, a refresh token neither."""
    async with world(tmp_path) as w:
        secret = await w.session()
        token = await w.token("bert", Scope.READ_RUNS)
        signed = await w.sign_in.by_password(None, "bert", PASSWORD, HERE)
        pair = await w.sign_in.pair(signed)
        assert await w.sign_in.caller(secret) is None
        for text in (token, pair.access, pair.refresh):
            assert await w.caller(text) is None
        assert await w.sign_in.caller(pair.refresh) is None
        assert (await w.sign_in.caller(pair.access)).kind is Kind.TOKEN
        for text in (token, pair.access, secret):
            assert (await refusal(w.sign_in.refreshed(text))).status == 401


# -- access and refresh tokens ---------------------------------------------------------


async def test_a_refresh_token_used_twice_ends_the_family(tmp_path):
    async with world(tmp_path) as w:
        signed = await w.sign_in.by_password(None, "bert", PASSWORD, HERE)
        first = await w.sign_in.pair(signed)
        second = await w.sign_in.refreshed(first.refresh)
        assert await w.sign_in.caller(second.access) is not None
        assert (await refusal(w.sign_in.refreshed(first.refresh))).status == 401
        for token in (first.access, second.access):
            assert await w.sign_in.caller(token) is None
        assert (await refusal(w.sign_in.refreshed(second.refresh))).status == 401


async def test_two_who_refresh_at_once_are_one_too_many(tmp_path):
    async with world(tmp_path) as w:
        signed = await w.sign_in.by_password(None, "bert", PASSWORD, HERE)
        pair = await w.sign_in.pair(signed)
        calls = [w.sign_in.refreshed(pair.refresh) for _ in range(2)]
        found = await asyncio.gather(*calls, return_exceptions=True)
        assert sum(isinstance(one, ProblemError) for one in found) == 1
        assert w.store.list("bert") == []


async def test_an_access_token_lasts_five_minutes_a_login_half_a_day(tmp_path):
    async with world(tmp_path) as w:
        signed = await w.sign_in.by_password(None, "bert", PASSWORD, HERE)
        pair, began = await w.sign_in.pair(signed), w.now
        assert pair.expires_s == ACCESS_S == 300
        w.now += ACCESS_S - 1
        assert await w.sign_in.caller(pair.access) is not None
        w.now += 1
        assert await w.sign_in.caller(pair.access) is None
        while w.now - began < SESSION_S - 600:
            pair = await w.sign_in.refreshed(pair.refresh)
            w.now += 600
        pair = await w.sign_in.refreshed(pair.refresh)
        w.now = began + SESSION_S
        assert (await refusal(w.sign_in.refreshed(pair.refresh))).status == 401
        assert await w.sign_in.caller(pair.access) is None


# -- API tokens, screens, tokens of providers ------------------------------------------


async def test_a_token_is_never_more_than_its_owner(tmp_path):
    async with world(tmp_path) as w:
        every = frozenset(Scope)
        anna = await w.sign_in.caller(await w.token("anna", *every))
        bert = await w.sign_in.caller(await w.token("bert", *every))
        assert anna.scopes == every
        assert anna.rights.permissions == {"uportal_sync"}
        assert bert.scopes == every - {Scope.SYNC}
        assert bert.rights.permissions == frozenset()
        plain = await w.sign_in.caller(await w.token("anna", Scope.READ_RUNS))
        assert plain.rights.permissions == frozenset()
        one = await w.token("bert", Scope.READ_RUNS, proposal="mx2")
        caller = await w.sign_in.caller(one)
        assert not caller.sees(RunPlace("ID29", "mx1"))
        assert not caller.sees(RunPlace("ID29", "mx2"))
        assert caller.sees(RunPlace("ID30", "mx2"))


async def test_a_token_has_no_groups_of_a_directory(tmp_path):
    """Who leaves one loses what it opens, also in a token made before."""
    async with world(tmp_path) as w:
        asked: list[Identity] = []

        def rights(identity: Identity) -> Rights:
            asked.append(identity)
            return Rights(identity.login, everything="staff" in identity.groups)

        w.site.rights = rights
        cleo = Identity("cleo", ("staff",))
        signed = await w.sign_in.known(cleo, "house", HERE)
        session = await w.sign_in.session(signed)
        assert (await w.caller(session)).rights.everything
        wish = Wish(label="x", scopes=frozenset({Scope.READ_RUNS}))
        way = way_of(wish, cleo, "house", HERE, w.now)
        token = await w.sign_in.book.token(way, API)
        caller = await w.sign_in.caller(token)
        assert caller.login == "cleo" and not caller.rights.everything
        assert asked[-1].groups == ()


async def test_a_screen_is_bound_to_its_address_and_beamline(tmp_path):
    async with world(tmp_path) as w:
        way = way_of_screen("hutch", 90, HERE, w.now)
        token = await w.sign_in.book.token(way, API)
        caller = await w.caller(token)
        assert (caller.kind, caller.scopes) == (Kind.KIOSK, {Scope.READ_LIVE})
        assert caller.rights.only == Only(beamline="ID29")
        assert caller.sees(RunPlace("id29", "mx1"))
        assert not caller.sees(RunPlace("ID30"))
        assert await w.caller(token, "192.0.2.2") is None
        assert await w.caller(token, f"::ffff:{HERE}") is not None
        w.now += 2 * IDLE_S
        assert await w.caller(token) is not None
        w.now += 90 * 86400
        assert await w.caller(token) is None


async def test_a_screen_has_one_address_of_a_network_of_ipv6(tmp_path):
    async with world(tmp_path) as w:
        way = way_of_screen("hutch", 90, "2001:db8::1", w.now)
        token = await w.sign_in.book.token(way, API)
        assert await w.caller(token, "2001:DB8:0::1") is not None
        assert await w.caller(token, "2001:db8::2") is None


class Provider(House):
    """Sends browsers somewhere, and knows those who come back as somebody."""

    how = How.REDIRECT

    async def depart(self, back: str) -> Departure:
        return Departure("https://login.example.org/", {})

    async def arrive(
        self, query: Mapping[str, str], state: Mapping[str, str], back: str
    ) -> Identity | None:
        return Identity(query["who"]) if "who" in query else None


async def test_who_fails_at_a_provider_keeps_nobody_else_out(tmp_path):
    async with world(tmp_path) as w:
        w.sign_in.asking.authenticators = (Provider("keycloak"),)
        routes = ProviderRoutes(w.sign_in)

        def asked(path: str, peer: str, query: str = "", cookie: str = "") -> Request:
            headers = [(b"host", b"localhost"), (b"cookie", cookie.encode())]
            scope = {"type": "http", "method": "GET", "path": path, "scheme": "http"}
            more = {"path_params": {"name": "keycloak"}, "client": (peer, 1)}
            query_string = query.encode()
            return Request(
                {**scope, **more, "headers": headers, "query_string": query_string}
            )

        async def signs_in(peer: str, query: str) -> str:
            away = await routes.depart(asked("/sign-in/keycloak/depart", peer))
            cookie = away.headers["set-cookie"].partition(";")[0]
            path = "/sign-in/keycloak/back"
            home = await routes.back(asked(path, peer, query, cookie))
            return home.headers["location"]

        for _ in range(2 * PER_LOGIN):
            assert await signs_in("203.0.113.66", "error=no") != "/"
        assert await signs_in(HERE, "who=bert") == "/"


async def test_tokens_of_a_provider(tmp_path):
    async with world(tmp_path) as w:
        w.house.tokens = {"theirs": "bert"}
        assert (await w.sign_in.caller("theirs")).login == "bert"
        assert await w.sign_in.caller("other") is None
        assert await w.sign_in.caller("x" * 20_000) is None
        assert await w.sign_in.caller("") is None
        w.house.tokens = {}
        w.now += 11
        assert await w.sign_in.caller("theirs") is None
        w.now += 11  # a wrong one is remembered as long
        w.house.problem = AuthenticatorUnavailableError("the provider is away")
        assert (await refusal(w.sign_in.caller("theirs"))).status == 503


# -- the file --------------------------------------------------------------------------


def test_a_file_that_cannot_be_used_says_what_to_do(tmp_path):
    (tmp_path / NAME).write_bytes(b"no database at all" * 100)
    with pytest.raises(ConfigError, match=r"move the file away"):
        Store(tmp_path)
    with pytest.raises(ConfigError, match=r"web\.state_directory"):
        Store(Path("/proc/nothing"))


def test_a_file_of_a_later_recorder_is_not_touched(tmp_path):
    store = Store(tmp_path)
    store._db.execute("PRAGMA user_version = 99")
    store.close()
    with pytest.raises(ConfigError, match="another recorder"):
        Store(tmp_path)


async def test_what_is_kept_comes_back_as_it_was(tmp_path):
    async with world(tmp_path) as w:
        wish = Wish(label="ü <b>", scopes=frozenset({Scope.SPOOL}), session=7)
        identity = Identity("bert", ("g1", "g ✓"), "Bert", "b@example.org")
        way = way_of(wish, identity, "house", HERE, w.now)
        await w.sign_in.book.token(way, API)
        assert w.store.list() == [way]
        assert w.store.remove(way.key, "anna") is None
        assert w.store.remove(way.key, "bert") == way
        assert w.store.list() == []
        assert w.store._db.execute("SELECT count(*) FROM secret").fetchone() == (0,)


async def test_what_is_over_is_forgotten(tmp_path):
    async with world(tmp_path) as w:
        for _ in range(5):
            await w.session()
        w.now += SESSION_S
        await w.session("anna")
        assert len(w.store.list()) == 1


@pytest.mark.allow_error_log("sign_in_store_failed")
async def test_a_full_disk_is_said_and_sessions_go_on(tmp_path, monkeypatch):
    async with world(tmp_path) as w:
        secret = await w.session()
        w.store._db.execute("PRAGMA query_only = ON")  # writes fail from now on
        signed = await w.sign_in.by_password(None, "anna", PASSWORD, HERE)
        problem = await refusal(w.sign_in.session(signed))
        assert problem.status == 503
        assert await w.caller(secret) is not None


def test_rights_within_a_limit_are_no_more_than_before():
    base = PEOPLE["bert"]
    for only in (Only(beamline="ID30"), Only(proposal="mx1"), Only(session=3)):
        limited = replace(base, only=only)
        for place in (RunPlace("ID30", "mx2"), RunPlace("ID29", "mx1"), RunPlace("x")):
            assert limited.sees(place) == (base.sees(place) and only.holds(place))
