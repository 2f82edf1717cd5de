"""A reader of the live stream who loses a right, on a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from uvicorn import Config, Server

import recorder.web.rights
import recorder.web.sign_in.door
from recorder.ispyb.schema import people_tables as p
from recorder.ispyb.schema.database import connect, create_embedded
from recorder.web.app import make_app
from recorder.web.place import WebPlace
from recorder.web.serving import listen
from tests.busy import in_time
from tests.people import UserOffice
from tests.servers import TIMEOUT_S
from tests.sign_in import PASSWORD, local, write_passwords
from tests.system.test_access import THEIRS, announced_by, uid_of, write_live
from tests.web import write_run

FRESH_S, AGAIN_S = 0.5, 0.1
"""Instead of a minute, and of seconds."""
DARK_S = 5 * (FRESH_S + AGAIN_S)
"""In which it must be dark where nothing else runs, generously."""


@pytest.fixture
def office(settings: Any, state: Path) -> UserOffice:
    engine = connect(settings(state_directory=str(state)))
    create_embedded(engine, "mx2345", "demo")
    return UserOffice(engine)


@asynccontextmanager
async def served(settings: Any, state: Path) -> AsyncIterator[int]:
    """The port of a real server with everything before and behind its door."""
    app = make_app(WebPlace(settings, state / "live"))
    app.feed.start(asyncio.get_running_loop())
    sock = listen("127.0.0.1", 0)
    server = Server(Config(app.asgi, log_config=None, lifespan="off"))
    task = asyncio.create_task(server.serve(sockets=[sock]))
    try:
        await asyncio.wait_for(app.feed.first.wait(), 30)
        yield sock.getsockname()[1]
    finally:
        app.feed.stop()
        server.should_exit = True
        await task
        app.reading.close()
        app.views.close()
        assert app.sign_in is not None
        await app.sign_in.close()


@dataclass
class Asked:
    """The answer to a request, of which the body may still come."""

    status: int
    head: str
    body: asyncio.StreamReader


@asynccontextmanager
async def asking(
    port: int, method: str, path: str, cookie: str = "", body: str = ""
) -> AsyncIterator[Asked]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = [
        f"{method} {path} HTTP/1.1",
        f"host: 127.0.0.1:{port}",
        f"origin: http://127.0.0.1:{port}",
        f"cookie: {cookie}",
    ]
    if body:
        lines += ["content-type: application/json", f"content-length: {len(body)}"]
    writer.write("\r\n".join([*lines, "", body]).encode())
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    try:
        yield Asked(int(head.split()[1]), head, reader)
    finally:
        writer.close()
        await writer.wait_closed()


async def signed_in(port: int) -> str:
    """The cookie of ada."""
    body = f'{{"login": "ada", "password": "{PASSWORD}"}}'
    async with asking(port, "POST", "/sign-in", body=body) as answer:
        assert answer.status == 200, answer.head
        (line,) = (ln for ln in answer.head.splitlines() if "__Host-sid" in ln)
        return line.partition(": ")[2].partition(";")[0]


async def status_of(port: int, path: str, cookie: str) -> int:
    async with asking(port, "GET", path, cookie) as answer:
        return answer.status


@pytest.mark.parametrize("how", ["beamline group", "proposal"])
def test_who_loses_a_right_is_dark_soon_and_refused_after(
    settings, state, journal, daemon, office, monkeypatch, tmp_path, how
):
    monkeypatch.setattr(recorder.web.rights, "FRESH_S", FRESH_S)
    monkeypatch.setattr(recorder.web.sign_in.door, "AGAIN_S", AGAIN_S)
    person = office.person("ada")
    proposal = office.proposal("mx", "2222", person if how == "proposal" else 0)
    if how == "beamline group":
        office.group("ID29 staff", ["bl_admin"], person)
        office.beamline_groups(
            [{"permission": "bl_admin", "beamLines": [{"beamLineName": "demo"}]}]
        )
    write_run(journal, 1, uid=uid_of(THEIRS), sealed=False, **announced_by(THEIRS))
    write_live(daemon, THEIRS, uid_of(THEIRS))
    daemon.start()
    config = settings(
        state_directory=str(state),
        web=local(write_passwords(tmp_path / "passwords", "ada")),
    )

    async def watch() -> list[int]:
        async with served(config, state) as port:
            cookie = await signed_in(port)
            async with asking(port, "GET", "/api/v1/live", cookie) as live:
                assert live.status == 200
                await live.body.readuntil(uid_of(THEIRS).encode())
                if how == "proposal":
                    office.remove(p.proposal_person, proposalId=proposal)
                else:
                    office.remove(p.group_person, personId=person)
                with in_time(DARK_S):
                    await asyncio.wait_for(live.body.read(-1), TIMEOUT_S)  # to its end
            run = f"/api/v1/runs/{uid_of(THEIRS)}"
            paths = ("/api/v1/live", run)
            return [await status_of(port, path, cookie) for path in paths]

    assert asyncio.run(watch()) == [403, 404]


def test_the_real_times_make_less_than_a_minute():
    assert recorder.web.rights.FRESH_S + recorder.web.sign_in.door.AGAIN_S <= 60
