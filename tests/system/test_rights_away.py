"""Rights while the facility's database comes and goes."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete, insert

from recorder.config import Settings
from recorder.ispyb.people.asking import People
from recorder.ispyb.schema import people_tables as p
from recorder.ispyb.schema.database import connect, create_embedded
from recorder.records.access import Identity
from recorder.web.problems import ProblemError
from recorder.web.rights import FRESH_S, GRACE_S, RETRY_S, RightsCache
from tests.busy import in_time
from tests.people import UserOffice, populate, published, reading_account, root_engine
from tests.servers import HOST, Database, MariaDB

MakeSettings = Callable[..., Settings]
STAFF, LOCAL, BOB = map(Identity, ("staff", "local", "bob"))
BOB_SAYS = {"bob": {"proposals": ["mx10"]}}


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def database(mariadb: MariaDB) -> Iterator[Database]:
    yield published(mariadb, "esrf")
    mariadb.start()


@pytest.fixture
def office(database: Database) -> Iterator[UserOffice]:
    found = UserOffice(root_engine(database))
    populate(found)
    yield found
    found.engine.dispose()


@pytest.fixture
def cache(
    office: UserOffice,
    database: Database,
    settings: MakeSettings,
    clock: Clock,
) -> Iterator[RightsCache]:
    section = reading_account(database)
    people = People(settings(web={"ispyb": section, "people": BOB_SAYS}))
    found = RightsCache(people, clock)
    yield found
    found.close()


async def read_again(cache: RightsCache) -> None:
    """Until a read that goes on in the background has ended."""
    if pending := list(cache._reading.values()):
        await asyncio.wait(pending)


async def test_who_is_removed_from_a_group_is_out_within_a_minute(cache, office, clock):
    assert (await cache.of(STAFF)).beamlines == {"ID29"}
    with office.engine.begin() as db:
        db.execute(delete(p.group_person))
    clock.now += FRESH_S - 1
    assert (await cache.of(STAFF)).beamlines == {"ID29"}
    clock.now += 1
    assert (await cache.of(STAFF)).beamlines == frozenset()


async def test_a_killed_database(cache, mariadb: MariaDB, clock):
    """Who was known stays; who is new gets what the file says, or clear words."""
    known = await cache.of(STAFF)
    assert (await cache.of(BOB)).proposals == frozenset()  # the tables decide
    mariadb.kill()
    clock.now += FRESH_S
    assert await cache.of(STAFF) == known
    assert cache.away_since is not None
    with (
        in_time(3.5),
        pytest.raises(ProblemError, match="cannot be asked now") as raised,
    ):
        await cache.of(LOCAL)
    assert raised.value.status == 503
    clock.now += GRACE_S - FRESH_S - 1
    assert await cache.of(STAFF) == known
    await read_again(cache)
    clock.now += 2
    with pytest.raises(ProblemError):
        await cache.of(STAFF)
    assert (await cache.of(BOB)).proposals == {"mx10"}
    mariadb.start()
    clock.now += RETRY_S
    assert await cache.of(STAFF) == known
    assert cache.away_since is None
    assert (await cache.of(BOB)).proposals == frozenset()
    assert (await cache.of(LOCAL)).sessions


async def test_an_account_that_is_locked_out_is_an_absence(cache, database, clock):
    known = await cache.of(STAFF)
    user = f"{database.user}@'{HOST}'"
    database.execute(f"SET PASSWORD FOR {user} = PASSWORD('another')")
    database.execute(
        *(
            f"KILL {row['Id']}"
            for row in database.rows("SHOW PROCESSLIST")
            if row["User"] == database.user
        )
    )
    clock.now += FRESH_S
    assert await cache.of(STAFF) == known
    with pytest.raises(ProblemError):
        await cache.of(LOCAL)


async def test_a_table_that_is_gone_is_found_out(cache, office, clock):
    """The columns are looked at anew when a statement fails for it."""
    known = await cache.of(LOCAL)
    assert known.sessions
    with office.engine.begin() as db:
        db.exec_driver_sql("RENAME TABLE Session_has_Person TO gone")
    clock.now += FRESH_S
    assert await cache.of(LOCAL) == known  # of grace: nobody foresaw it
    clock.now += RETRY_S
    await cache.of(LOCAL)
    await read_again(cache)
    assert (await cache.of(LOCAL)).sessions == ()
    assert cache.away_since is None
    with office.engine.begin() as db:
        db.exec_driver_sql("RENAME TABLE gone TO Session_has_Person")


async def test_a_server_that_says_nothing_costs_three_seconds(settings):
    with socket.create_server((HOST, 0)) as silent:
        url = f"mariadb+pymysql://web@{HOST}:{silent.getsockname()[1]}/ispyb"
        cache = RightsCache(People(settings(web={"ispyb": {"url": url}})))
        with in_time(4.0), pytest.raises(ProblemError):
            await cache.of(STAFF)
        with in_time(1.0), pytest.raises(ProblemError):
            await cache.of(LOCAL)
        cache.close()
        await read_again(cache)


async def test_no_database_at_all(settings):
    """Rights are those of the file; an account that writes is not borrowed."""
    ispyb = {"url": f"mariadb+pymysql://recorder@{HOST}:1/ispyb"}
    groups = {"staff": {"beamlines": ["id29"]}}
    web = {"people": BOB_SAYS, "directory_group": groups}
    cache = RightsCache(People(settings(ispyb=ispyb, web=web)))
    assert (await cache.of(BOB)).proposals == {"mx10"}
    assert (await cache.of(Identity("BOB"))).proposals == {"mx10"}
    both = await cache.of(Identity("bob", ("staff", "others")))
    assert both.beamlines == {"id29"}
    assert both.proposals == {"mx10"}
    nobody = await cache.of(LOCAL)
    assert nobody.login == "local"
    assert not (nobody.proposals or nobody.beamlines or nobody.everything)
    cache.close()


async def test_the_embedded_file_is_made_later_and_may_go_away(settings, clock):
    """Before it is made nobody is known; once it was there its absence is one."""
    of = settings(web={"people": BOB_SAYS})
    cache = RightsCache(People(of), clock)
    assert not (await cache.of(LOCAL)).proposals
    engine = connect(of)
    create_embedded(engine, "mx1", of.beamline)
    with engine.begin() as db:
        db.execute(insert(p.person).values(login="local", personId=77))
    engine.dispose()
    clock.now += FRESH_S
    known = await cache.of(LOCAL)
    assert known.person_id == 77
    path = Path(of.ispyb_url.removeprefix("sqlite:///"))
    away = await asyncio.to_thread(path.rename, path.with_name("elsewhere"))
    clock.now += FRESH_S
    assert await cache.of(LOCAL) == known
    assert cache.away_since is not None
    assert (await cache.of(BOB)).proposals == {"mx10"}
    with pytest.raises(ProblemError, match="cannot be asked now"):
        await cache.of(STAFF)
    await asyncio.to_thread(away.rename, path)
    clock.now += RETRY_S
    assert await cache.of(LOCAL) == known
    await read_again(cache)
    assert cache.away_since is None
    cache.close()
