"""Each own address for each person of the matrix, by the tables of each kind of site.

Everybody signs in at the door; their rights are read from the published schemas on a
real server, by an account that may only SELECT.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from recorder.journal import Journal
from recorder.web.routes import need_of
from tests.access_matrix import (
    Who,
    announced_by,
    ask,
    expected,
    filled,
    problem_of,
    write_live,
)
from tests.asking import Asked, running, texts
from tests.published_sites import KINDS, LOGINS, NOBODY, PublishedSite, published_site
from tests.reading import ALL, CONTACT, MEMBER, STAFF
from tests.servers import Database
from tests.web import Answer, LiveWriter, write_run

PYISPYB = "/ispyb/"
AT_THE_DOOR = {"authenticator": [{"kind": "dummy"}], "insecure_dummy": True}


@dataclass(frozen=True)
class Told:
    """A run of the beamline, as it was announced."""

    proposal: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)
    seen_by: frozenset[str] = frozenset()
    """Beside the staff and those who may see all proposals."""


SESSION = frozenset({CONTACT.login, MEMBER.login})
RUNS = {
    "run-by-visit": Told("mx2345", {"visit": 1}, SESSION),
    "run-by-session": Told("MX2345", {"visit": 0, "session_id": 11}, SESSION),
    "run-other-visit": Told("mx2345", {"visit": 2}, frozenset({MEMBER.login})),
    "run-of-others": Told("mx9999", {"visit": 1}),
    "run-unannounced": Told(),
}
STAFFED = frozenset({STAFF.login, ALL.login})


def seen(site: PublishedSite, login: str) -> frozenset[str]:
    """Runs that somebody sees; Diamond knows persons of sessions only."""
    if login == MEMBER.login and site.kind == "diamond":
        return frozenset()
    return frozenset(
        uid for uid, told in RUNS.items() if login in STAFFED | told.seen_by
    )


@pytest.fixture(params=KINDS)
def site(
    request: pytest.FixtureRequest, settings: Any, mariadb_database: Database
) -> PublishedSite:
    kind = str(request.param)
    return published_site(kind, mariadb_database, settings, **AT_THE_DOOR)


def test_each_own_address_for_each_person_of_each_kind_of_site(
    site: PublishedSite, state: Path, journal: Journal, daemon: LiveWriter
) -> None:
    """Status, problem and names: every address that the application has."""
    for n, (uid, told) in enumerate(RUNS.items(), 1):
        more = announced_by(told.proposal, **told.more) if told.proposal else {}
        write_run(journal, n, 3, False, uid=uid, nobody=not told.proposal, **more)
    daemon.start()
    wanted, found, names = asyncio.run(_walk(site, state, daemon))
    assert found == wanted
    assert len(found) >= 20 * len(LOGINS) * len(RUNS)
    assert names == {login: seen(site, login) for login in LOGINS}
    assert site.rights(NOBODY).permissions == frozenset()


async def _walk(site: PublishedSite, state: Path, daemon: LiveWriter) -> Any:
    wanted, found = {}, {}
    answers: dict[str, list[Answer]] = {login: [] for login in LOGINS}
    async with running(site.settings, state, outside=True) as asked:
        people = {login: await _who(asked, site, login) for login in LOGINS}
        people["none"] = Who(None)
        for n, (uid, told) in enumerate(RUNS.items(), 1):
            write_live(daemon, told.proposal, uid, n)
            await asked.until(lambda feed, uid=uid: _goes_on(feed, uid))
            for method, path, scope in _own(asked):
                address = filled(path, told.proposal, uid)
                for login, who in people.items():
                    place = uid, login, method, path
                    wanted[place] = expected(path, method, who, scope, uid)
                    answer = await ask(asked, method, address, who)
                    found[place] = answer.status, problem_of(answer)
                    if login in answers and "{uid}" not in path:
                        answers[login].append(answer)
    return wanted, found, {k: _names(texts(v)) for k, v in answers.items()}


async def _who(asked: Asked, site: PublishedSite, login: str) -> Who:
    """Somebody who has signed in."""
    sign_in = asked.app.sign_in
    assert sign_in is not None
    signed = await sign_in.by_password(None, login, "any", "192.0.2.1")
    secret = await sign_in.session(signed)
    sees = seen(site, login)
    return Who(secret, sees, blind=not sees)


def _own(asked: Asked) -> list[tuple[str, str, Any]]:
    found: list[tuple[str, str, Any]] = []
    for route in asked.app.routes:
        scope, path = need_of(route).scope, getattr(route, "path", "")
        if scope is not None and not path.startswith(PYISPYB):
            methods = set(getattr(route, "methods", ())) - {"HEAD"}
            found += [(method, path, scope) for method in sorted(methods)]
    return found


def _goes_on(feed: Any, uid: str) -> bool:
    live = feed.now_state.live
    return bool(live and live.run and live.run.uid == uid)


def _names(raw: bytes) -> frozenset[str]:
    return frozenset(uid for uid in RUNS if uid.encode() in raw)
