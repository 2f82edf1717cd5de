"""What each kind of reader gets of several proposals' runs, at each address."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from recorder.journal import Journal
from recorder.records.access import Scope
from recorder.records.live import LiveSink, LiveSource
from recorder.web.routes import need_of
from tests.access_matrix import (
    BEAMLINE,
    BODIES,
    Who,
    announced_by,
    ask,
    expected,
    filled,
    problem_of,
    uid_of,
    write_live,
)
from tests.asking import (
    EVERY,
    kiosk,
    of_proposal,
    of_session,
    person,
    running,
    texts,
    token,
)
from tests.web import Answer, LiveWriter, write_run

OURS, THEIRS = "mx1111", "mx2222"
PYISPYB = "/ispyb/"
PUBLIC = {
    "GET /healthz",
    "GET /readyz",
    "GET /api/v1/openapi.json",
    "GET /static",
    "GET /sign-in",
    "POST /sign-in",
    "GET /sign-in/config",
    "POST /sign-in/token",
    "GET /sign-in/{name}/depart",
    "GET /sign-in/{name}/back",
    "POST /sign-out",
    "GET /ispyb/api/v1/openapi.json",
    "GET /ispyb/api/v1/auth/config",
    "POST /ispyb/api/v1/auth/login",
    "POST /ispyb/api/v1/auth/refresh",
}
"""What whoever reaches the process may ask: nothing of any run."""
LIVE, RUNS, IMAGES = Scope.READ_LIVE, Scope.READ_RUNS, Scope.READ_IMAGES


@pytest.fixture
def config(settings, state):
    return settings(ispyb={"beamline": BEAMLINE}, state_directory=str(state))


# -- the matrix ------------------------------------------------------------------------


ALL = frozenset({OURS, THEIRS, ""})
PEOPLE = {
    "nobody": Who(None),
    "stranger": Who(person(), blind=True),
    "staff elsewhere": Who(person(beamlines=frozenset({"ID30"})), blind=True),
    "session member": Who(of_session(7, OURS, beamline="id29", visit=1), {OURS}),
    "session member by id": Who(of_session(77, THEIRS, visit=9), {THEIRS}),
    "proposal member": Who(of_proposal("MX1111"), {OURS}),
    "beamline staff": Who(person(beamlines=frozenset({"id29"})), ALL),
    "all proposals": Who(person(everything=True), ALL),
    "kiosk": Who(kiosk(BEAMLINE), ALL),
    **{f"token {scope}": Who(token(scope), ALL) for scope in Scope},
    "token of a member": Who(token(*EVERY, proposals=frozenset({OURS})), {OURS}),
    "token for nothing": Who(token(), ALL),
}


@pytest.mark.parametrize("of", [OURS, THEIRS, ""])
def test_each_address_for_each_kind_of_reader(config, state, journal, daemon, of):
    """Addresses come from the application itself: a new one cannot be forgotten."""
    for n, proposal in enumerate((OURS, THEIRS, ""), 1):
        more = {"session_id": 77} if proposal == THEIRS else {}
        told = announced_by(proposal, **more) if proposal else {}
        write_run(
            journal,
            n,
            3,
            proposal != of,
            uid=uid_of(proposal),
            nobody=not proposal,
            **told,
        )
    write_live(daemon, of, uid_of(of))
    daemon.start()

    async def ask_all() -> tuple[dict[Any, Any], dict[Any, Any]]:
        wanted, found = {}, {}
        async with running(config, state) as asked:
            await asked.until(lambda feed: feed.now_state.live is not None)
            for route in asked.app.routes:
                scope = need_of(route).scope
                for method in sorted(set(getattr(route, "methods", ())) - {"HEAD"}):
                    if scope is None or route.path.startswith(PYISPYB):
                        continue  # below
                    for name, who in PEOPLE.items():
                        place = name, method, route.path
                        wanted[place] = expected(route.path, method, who, scope, of)
                        answer = await ask(asked, method, filled(route.path, of), who)
                        found[place] = answer.status, problem_of(answer)
        return wanted, found

    wanted, found = asyncio.run(ask_all())
    assert found == wanted
    assert len(found) >= 20 * len(PEOPLE)


def test_the_addresses_of_py_ispyb_let_nobody_in_without_their_scope(
    config, state, journal
):
    """What somebody may see there is tried on databases: test_pyispyb*.py."""

    async def ask_all() -> dict[Any, int]:
        found = {}
        async with running(config, state) as asked:
            for route in asked.app.routes:
                scope = need_of(route).scope
                if scope is None or not route.path.startswith(PYISPYB):
                    continue
                path = re.sub(r"{[^}]*}", "1", route.path)
                for method in route.methods - {"HEAD"}:
                    for who in (None, token(*(EVERY - {scope})), token(scope)):
                        answer = await asked.ask(method, path, who, b"{}")
                        found[method, path, who and len(who.scopes)] = answer.status
        return found

    found = asyncio.run(ask_all())
    assert len(found) > 10
    for (method, path, scopes), status in found.items():
        refused = {None: (401,), len(EVERY) - 1: (403,)}.get(scopes)
        place = method, path, scopes, status
        assert status in refused if refused else status not in (401, 500), place


def test_only_these_addresses_are_for_everybody(config, state, journal):
    async def public() -> set[str]:
        async with running(config, state) as asked:
            return {
                f"{method} {route.path}"
                for route in asked.app.routes
                if need_of(route).scope is None
                for method in getattr(route, "methods", None) or ("GET",)
                if method != "HEAD"
            }

    assert asyncio.run(public()) == PUBLIC


# -- as if the others were not there ---------------------------------------------------

LISTS = (
    "now",
    "slow",
    "alarms",
    "status",
    "spool",
    "experiments",
    "experiments?limit=1",
    "experiments?before=3",
    "runs",
    "runs?limit=1",
    "runs?limit=2&before=3",
    "runs?experiment=shared",
    "runs?experiment=e0",
    "runs?experiment=e1",
    "peakogram",
    "preview/hit.png",
    "preview/hit.json",
    "preview/powder.png",
)
OF_TIME = ("daemon", "id", "time_ns", "boottime_ns", "age_s", "as_of")
"""What differs between two looks at the same thing."""

Planned = tuple[bool, int, int, int]
"""Whether it is ours; its number, experiment and images."""
PLANS = st.lists(
    st.tuples(st.booleans(), st.integers(1, 3), st.integers(0, 2), st.integers(0, 7)),
    min_size=1,
    max_size=8,
)


@hypothesis(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(plan=PLANS, live=st.sampled_from(["ours", "theirs", "none"]))
def test_answers_are_as_if_the_runs_of_others_were_not_there(settings, plan, live):
    """The same bytes, whatever else was recorded: names, numbers, order, tags."""
    alone = answered(settings, [one for one in plan if one[0]], plan, live)
    among = answered(settings, plan, plan, live)
    assert among == alone


def answered(
    settings: Any, written: Sequence[Planned], plan: Sequence[Planned], live: str
) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="access-") as folder:
        state = Path(folder)
        journal = Journal(state / "journal.sqlite", owner=True)
        for at, one in enumerate(plan):
            if one in written:
                # that of a second detector at the same time would hide its rates
                goes_on = at == len(plan) - 1 and (one[0] or live == "theirs")
                write_planned(journal, at, one, sealed=not goes_on)
        writer = LiveWriter(state)
        theirs = live == "theirs" and len(written) == len(plan)
        mine = [at for at, one in enumerate(plan) if one[0]]
        if theirs:
            write_live(writer, THEIRS, "uid-of-theirs")
        elif live == "ours" and mine:
            write_live(writer, OURS, uid_at(mine[-1]), plan[mine[-1]][1])
        else:
            sources = (LiveSource("eiger", state="ok"),)
            sinks = (LiveSink("ispyb", "failing"),)
            writer.write(beamline=BEAMLINE, sources=sources, sinks=sinks)
        config = settings(ispyb={"beamline": BEAMLINE}, state_directory=folder)
        paths = [*LISTS, *(p for n in (1, 2, 3) for p in of_run(str(n)))]
        paths += [p for at in mine for p in of_run(uid_at(at))]
        paths += [p for at in range(len(plan)) for p in of_run(f"uid-at-{at}")]
        try:
            return asyncio.run(ask_for(config, state, paths))
        finally:
            journal.close()


def of_run(name: str) -> list[str]:
    below = ("", "/images", "/images?class=indexed", "/images/1", "/images/5", "/chip")
    return [f"runs/{name}{rest}" for rest in below]


def uid_at(at: int) -> str:
    return f"uid-at-{at}"


def write_planned(journal: Journal, at: int, one: Planned, *, sealed: bool) -> None:
    ours, number, experiment, images = one
    name = "shared" if experiment == 2 else f"e{experiment}"
    proposal = OURS if ours else THEIRS
    told = announced_by(proposal, experiment={"name": name})
    write_run(journal, number, images, sealed, uid=uid_at(at), at=at, **told)


async def ask_for(config: Any, state: Path, paths: Sequence[str]) -> dict[str, Any]:
    who = of_proposal(OURS)
    found = {}
    async with running(config, state) as asked:
        await asked.until(lambda feed: feed.now_state.live is not None)
        for path in dict.fromkeys(paths):
            answer = await asked.get(f"/api/v1/{path}", who)
            found[path] = timeless(answer)
        stream = await asked.get("/api/v1/live", who)
        told = [
            without_times(json.loads(line[6:]))
            for line in stream.body.splitlines()
            if line.startswith(b"data: ")
        ]
        # a tick that passes meanwhile says the same once more
        found["live"] = [one for at, one in enumerate(told) if one not in told[:at]]
    return found


def timeless(answer: Answer) -> Any:
    headers = {k: v for k, v in answer.headers.items() if k not in ("content-length",)}
    if not headers["content-type"].endswith("json"):
        return answer.status, headers, answer.body
    kept = without_times(answer.json)
    if kept != answer.json:
        headers.pop("etag", None)  # of a body that tells a time
    return answer.status, headers, kept


def without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: without_times(v) for k, v in value.items() if k not in OF_TIME}
    if isinstance(value, list):
        return [without_times(item) for item in value]
    return value


# -- somebody walks through everything -------------------------------------------------

SECRETS = (
    THEIRS,
    f"sample-{THEIRS}",
    "uid-of-",
    "6789",  # number of their run
    "4321",  # its images
    "5431",  # of a run that nobody announced
    "313373",
    "413373",
    "733773",
    "1337.71",
    "271828",
    "828459",
)
OF_CHANCE = re.compile(rb'"(boottime_ns|time_ns)":\d+|(?<=")[0-9a-f]{32}(?=")')
"""Clocks, and tags, which are hashes of bodies."""


def test_a_person_of_one_proposal_walks_through_everything(
    config, state, journal, daemon
):
    """No name, number or count of another in any body or header."""
    write_run(journal, 1, 3, uid="mine-0001", **announced_by(OURS))
    write_run(
        journal, 6789, 4321, uid=uid_of(THEIRS), sealed=False, **announced_by(THEIRS)
    )
    write_run(journal, 5431, 4, uid=uid_of(""), nobody=True)
    write_live(daemon, THEIRS, uid_of(THEIRS), 6789)
    who, staff = of_proposal(OURS), person(beamlines=frozenset({BEAMLINE}))

    async def walk() -> tuple[list[Answer], list[Answer], list[Answer]]:
        async with running(config, state) as asked:
            await asked.until(lambda feed: feed.now_state.live is not None)
            paths = [
                r.path
                for r in asked.app.routes
                if need_of(r).scope is not None and "GET" in r.methods
            ]
            walked = [await asked.get(p, who) for p in walks(paths)]
            walked += [await asked.get(path, None) for path in walks(paths)]
            walked += [
                await asked.get(r.path.replace("{name}", "house"), None)
                for r in asked.app.routes
                if need_of(r).scope is None and "GET" in getattr(r, "methods", ())
            ]
            seen = [await asked.get(p, staff) for p in walks(paths)]
            told = [
                await asked.post(path, who, body)
                for path, body in itertools.chain(alarm_walks(), target_walks())
            ]
            return walked, seen, told

    walked, seen, told = asyncio.run(walk())
    assert {one.status for one in told} == {404}
    raw, everything = (OF_CHANCE.sub(b"", texts(one)) for one in (walked + told, seen))
    for secret in SECRETS:
        assert secret.encode() in everything, secret
        assert secret.encode() not in without_questions(raw), secret
    assert b"mine-0001" in raw


def walks(paths: Sequence[str]) -> Iterator[str]:
    """All that somebody might try."""
    names = ["mine-0001", "mine-0", "1", "2", "6789", "5431", "uid-of", "uid-of-mx"]
    names += [uid_of(THEIRS), uid_of(""), "uid-of-", "''", "%00", "*", "_" * 6]
    for path in paths:
        if "{uid}" not in path and "{which}" not in path:
            yield path
    for name, rest in itertools.product(
        names, ("", "/images", "/images/0", "/images/49", "/chip")
    ):
        yield f"/api/v1/runs/{name}{rest}"
    for which in ("last", "hit", "indexed", "unindexed", "powder"):
        yield f"/api/v1/preview/{which}.png"
        yield f"/api/v1/preview/{which}.json"
    for cursor in range(12):
        yield f"/api/v1/runs?before={cursor}"
        yield f"/api/v1/runs?limit=1&before={cursor}"
        yield f"/api/v1/experiments?limit=1&before={cursor}"
    for name in (f"experiment-{THEIRS}", f"experiment-{OURS}", "fvkhb", "1", "7"):
        yield f"/api/v1/runs?experiment={name}"
    for name in ("6789", uid_of(THEIRS), "1"):
        yield f"/api/v1/alarms?run={name}"


def alarm_walks() -> Iterator[tuple[str, Any]]:
    for name in (f"hit_rate/{THEIRS}", f"parked/{THEIRS}", "disk/1", "x"):
        yield f"/api/v1/alarms/{name}/seen", {"by": "somebody else"}


def target_walks() -> Iterator[tuple[str, Any]]:
    for name in (uid_of(THEIRS), "6789", "uid-of", uid_of("")):
        yield f"/api/v1/runs/{name}/targets", BODIES["targets"]


def without_questions(raw: bytes) -> bytes:
    """The answers without the names that a refusal repeats from the question."""
    for question in ("run", "alarm"):
        raw = raw.replace(b"\\u0027", b"'")
        for name in (uid_of(THEIRS), uid_of(""), "uid-of-mx", "uid-of-", "uid-of"):
            raw = raw.replace(f"{question} {name}: not".encode(), b"")
        for name in ("6789", "5431"):
            raw = raw.replace(f"{question} {name}: not".encode(), b"")
        for name, _ in alarm_walks():
            asked = name.removeprefix("/api/v1/alarms/").removesuffix("/seen")
            raw = raw.replace(f"no alarm '{asked}' stands".encode(), b"")
    return raw


def test_a_run_of_others_is_refused_in_the_words_of_none(config, state, journal):
    write_run(journal, 6789, 3, uid="theirs-01", **announced_by(THEIRS))

    async def both() -> list[tuple[Answer, Answer]]:
        found = []
        async with running(config, state) as asked:
            for rest in ("", "/images", "/images/0", "/images/99", "/chip"):
                for name, none in (("theirs-01", "nobodys-1"), ("6789", "6780")):
                    path = "/api/v1/runs/{}" + rest
                    one = await asked.get(path.format(name), of_proposal(OURS))
                    other = await asked.get(path.format(none), of_proposal(OURS))
                    same = replace(
                        other, body=other.body.replace(none.encode(), name.encode())
                    )
                    found.append((one, same))
        return found

    for one, other in asyncio.run(both()):
        assert (one.status, one.body, one.headers) == (
            404,
            other.body,
            other.headers | {"content-length": one.headers["content-length"]},
        )


def test_what_is_said_is_said_by_who_is_signed_in(config, state, journal, daemon):
    """From anywhere: the sign-in stands in the place of being at the host."""
    write_run(journal, 1, uid=uid_of(OURS), sealed=False, **announced_by(OURS))
    write_live(daemon, OURS, uid_of(OURS))
    daemon.start()

    async def say() -> list[int]:
        async with running(config, state) as asked:
            await asked.until(lambda feed: feed.now_state.daemon == "ok")
            who = of_proposal(OURS, "ada")
            alarm = f"/api/v1/alarms/hit_rate/{OURS}/seen"
            targets = f"/api/v1/runs/{uid_of(OURS)}/targets"
            seen = await asked.post(alarm, who, {"by": "eve"})
            wanted = await asked.post(targets, who, BODIES["targets"])
            return [seen.status, wanted.status]

    assert asyncio.run(say()) == [202, 202]
    said = [json.loads(p.read_bytes()) for p in (daemon.folder / "said").iterdir()]
    assert {one["by"] for one in said} == {"ada"}


def test_a_picture_that_is_of_another_run_by_now_is_not_shown(
    config, state, journal, daemon
):
    """The picture is written before what says of which run it is."""
    write_run(journal, 1, uid=uid_of(OURS), **announced_by(OURS))
    write_live(daemon, OURS, uid_of(OURS))
    path = "/api/v1/preview/hit.png"

    async def look() -> list[int]:
        async with running(config, state) as asked:
            before = await asked.get(path, of_proposal(OURS))
            (daemon.folder / "preview-hit.png").write_bytes(b"of another run")
            after = await asked.get(path, of_proposal(OURS))
            staff = await asked.get(path, person(everything=True))
            return [before.status, after.status, staff.status]

    assert asyncio.run(look()) == [200, 404, 200]


# -- one message for all who see the same ----------------------------------------------


def test_a_message_is_made_once_for_all_who_see_the_same(config, state, journal):
    for n in (1, 2, 3):
        of = OURS if n < 3 else THEIRS
        write_run(journal, n, uid=f"run-{n:05}", **announced_by(of))

    async def look() -> None:
        async with running(config, state) as asked:
            views, gate = asked.app.views, asked.app.gate
            # persons of different proposals besides, who see the same runs here
            mine = [
                gate.access(person(f"p{n}", proposals=frozenset({OURS, f"mx9{n}"})))
                for n in range(20)
            ]
            whole = gate.access(person(everything=True))
            slow = [await views.slow(one) for one in mine]
            assert len({id(one.message) for one in slow}) == 1
            assert len({id(views.now(one)) for one in mine}) == 1
            assert (await views.slow(whole)).message is asked.app.feed.slow
            assert views.now(whole) is asked.app.feed.now
            serial = asked.app.feed.slow.serial
            write_run(journal, 4, uid="run-00004", **announced_by(THEIRS))
            await asked.until(lambda feed: feed.slow.serial > serial)
            again = await views.slow(mine[0])
            assert again.message is slow[0].message  # nothing new for them

    asyncio.run(look())
