"""Tokens of programs and screens: what they show, whose they are, how they end."""

from __future__ import annotations

import json
import socket
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.sign_in import Browser, local, write_passwords
from tests.web import Answer, Web, write_run

TOKENS = "/account/tokens"


@pytest.fixture
def passwords(tmp_path: Path) -> Path:
    return write_passwords(tmp_path / "passwords", "anna", "bert")


@pytest.fixture
def section(passwords: Path) -> dict[str, Any]:
    return local(
        passwords, anna={"all_proposals": True}, bert={"proposals": ["mx2346"]}
    )


@pytest.fixture
def web(start_web: Callable[..., Web], section: dict[str, Any], journal: Any) -> Web:
    """Two runs: of mx2345 and of mx2346."""
    write_run(journal, 1, proposal="mx2345")
    write_run(journal, 2, proposal="mx2346")
    return start_web(web=section)


def signed_in(web: Web, login: str = "anna") -> Browser:
    browser = Browser(web)
    assert browser.sign_in(login).status == 200
    return browser


def make(browser: Browser, *scopes: str, **more: Any) -> str:
    wish = {"label": "report", "scopes": list(scopes or ["read:runs"]), **more}
    answer = browser.post(TOKENS, wish)
    assert answer.status == 201, answer.json
    token: str = answer.json["token"]
    return token


def asked(web: Web, token: str, path: str = "/api/v1/runs") -> Answer:
    return web.get(path, Authorization=f"Bearer {token}")


def runs(answer: Answer) -> list[int]:
    return [run["run"] for run in answer.json["runs"]]


def test_a_token_shows_what_its_owner_sees_and_its_scope(web, state):
    anna, bert = signed_in(web), signed_in(web, "bert")
    every, one = make(anna), make(bert)
    assert every.startswith("rct_")
    assert (runs(asked(web, every)), runs(asked(web, one))) == ([2, 1], [2])
    live = asked(web, every, "/api/v1/now")
    assert (live.status, live.json["type"][-5:]) == (403, "scope")
    assert asked(web, make(anna, "read:live"), "/api/v1/now").status == 200
    assert asked(web, make(anna, "metrics"), "/metrics").status == 200
    assert every not in json.dumps(web.log)
    assert every.encode() not in (state / "web" / "sign_in.sqlite").read_bytes()
    (first, *_) = [e for e in web.log if e.get("event") == "token_made"]
    assert (first["login"], first["scopes"]) == ("anna", "read:runs")


LIMITS: list[tuple[dict[str, Any], list[int]]] = [
    ({"proposal": "mx2345"}, [1]),
    ({"proposal": "MX2345"}, [1]),
    ({"proposal": "mx1"}, []),
    ({"beamline": "id29"}, []),
    ({"beamline": "demo"}, [2, 1]),
    ({"session": 7}, []),
]


def test_a_limit_is_never_passed(web):
    anna, bert = signed_in(web), signed_in(web, "bert")
    for only, seen in LIMITS:
        assert runs(asked(web, make(anna, **only))) == seen
        expected = [n for n in seen if n == 2]
        assert runs(asked(web, make(bert, **only))) == expected


@pytest.mark.parametrize(
    "wish",
    [
        {"days": 91}, {"days": 0}, {"days": -1}, {"days": True}, {"scopes": []},
        {"scopes": ["everything"]}, {"label": ""}, {"label": " "}, {"label": "a\nb"},
        {"label": "x" * 101}, {"proposal": "mx"}, {"proposal": "'; DROP TABLE way;--1"},
        {"proposal": "mx1", "beamline": "id29"}, {"session": 0}, {"session": 2**40},
        {"session": "7x"}, {"scopes": ["sync"]},
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(web_of_module, wish):
    body = {"label": "x", "scopes": ["read:runs"], **wish}
    answer = web_of_module.post(TOKENS, body)
    assert answer.status == (403 if wish == {"scopes": ["sync"]} else 422)
    assert answer.json["detail"]


@pytest.fixture(scope="module")
def web_of_module(tmp_path_factory):
    folder = tmp_path_factory.mktemp("module")
    path = write_passwords(folder / "passwords", "anna")
    config = folder / "recorder.toml"
    config.write_text(
        f'state_directory = "{folder}"\n[[web.authenticator]]\nkind = "local"\n'
        f'name = "house"\npasswords_file = "{path}"\n'
    )
    web = Web(config)
    browser = Browser(web)
    assert browser.sign_in("anna").status == 200
    yield browser
    web.terminate()


def test_a_token_makes_no_token_and_ends_no_session(web):
    anna = signed_in(web)
    token = make(anna, "read:live", "read:runs")
    key = anna.get("/account/mine").json["sessions"][0]["key"]
    header = {"Authorization": f"Bearer {token}"}
    for path, body in (
        (TOKENS, {"label": "x", "scopes": ["read:runs"]}),
        ("/account/revoke", {"key": key}),
    ):
        assert web.post(path, body, **header).status == 403
    assert web.get("/account/mine", **header).status == 403
    assert anna.get("/account/mine").status == 200


def test_what_is_revoked_lets_nobody_in(web):
    anna, bert = signed_in(web), signed_in(web, "bert")
    token = make(anna)
    account = anna.get("/account/mine").json
    (shown,) = account["tokens"]
    assert (shown["label"], shown["scopes"]) == ("report", ["read:runs"])
    assert "token" not in shown
    revoke = "/account/revoke"
    assert bert.post(revoke, {"key": shown["key"]}).status == 404
    assert asked(web, token).status == 200
    assert anna.post(revoke, {"key": shown["key"]}).status == 200
    refused = asked(web, token)
    assert (refused.status, refused.headers["www-authenticate"]) == (
        401, 'Bearer error="invalid_token"',
    )  # fmt: skip
    other = signed_in(web)
    mine = next(s for s in anna.get("/account/mine").json["sessions"] if s["mine"])
    assert other.post(revoke, {"key": mine["key"]}).status == 200
    assert anna.get("/api/v1/now").status == 401


def test_who_has_no_rights_any_more_has_none_with_a_token(
    start_web, section, web, state
):
    token = make(signed_in(web))
    web.terminate()
    section = {**section, "people": {}}
    again = start_web(web=section)
    assert runs(asked(again, token)) == []


def test_a_token_is_over_when_it_ends(web, state):
    token = make(signed_in(web))
    db = sqlite3.connect(state / "web" / "sign_in.sqlite")
    db.execute("UPDATE way SET ends_s = ends_s - 30 * 86400 WHERE kind = 'token'")
    db.commit()
    db.close()
    assert asked(web, token).status == 401


def test_tokens_by_command(web, run_recorder, config_file, section, journal):
    config = config_file(web=section)

    def run(*words: str) -> Any:
        return run_recorder("token", *words, config=config)

    made = run("make", "nightly", "--login", "bert", "--scope", "read:runs")
    assert made.returncode == 0, made.stderr
    token = made.stdout.strip()
    assert runs(asked(web, token)) == [2]
    listed = run("list", "--json")
    (item,) = json.loads(listed.stdout)
    assert (item["login"], item["label"]) == ("bert", "nightly")
    assert token not in listed.stdout
    assert run("revoke", item["key"]).returncode == 0
    assert asked(web, token).status == 401
    for words in (
        ("make", "x"), ("make", "x", "--login", "bert"),
        ("make", "x", "--login", "a b", "--scope", "read:runs"),
        ("make", "x", "--login", "bert", "--scope", "read"),
        ("make", "x", "--screen", "hutch"), ("revoke", "0"),
        ("make", "x", "--screen", "192.0.2.1", "--scope", "read:runs"),
        ("make", "x", "--login", "bert", "--scope", "sync", "--days", "91"),
    ):  # fmt: skip
        wrong = run(*words)
        assert wrong.returncode == 2
        assert wrong.stdout == ""
        assert wrong.stderr.startswith("recorder: ")


def test_a_screen_shows_its_beamline_at_its_address_without_names(
    web, run_recorder, config_file, section
):
    config = config_file(web=section)
    run = run_recorder("token", "make", "hutch", "--screen", "127.0.0.1", config=config)
    screen = Browser(web)
    token = run.stdout.strip()
    assert screen.post("/sign-in/token", {"token": token}).status == 200
    assert screen.get("/api/v1/now").status == 200
    assert b"mx234" not in screen.get("/api/v1/slow").body
    for path in ("/api/v1/runs", "/metrics", "/account/mine", "/api/v1/status"):
        assert screen.get(path).status == 403
    away = run_recorder("token", "make", "x", "--screen", "192.0.2.9", config=config)
    other = away.stdout.strip()
    assert screen.post("/sign-in/token", {"token": other}).status == 401
    assert asked(web, other, "/api/v1/now").status == 401
    person = make(signed_in(web), "read:live")
    assert screen.post("/sign-in/token", {"token": person}).status == 401


def test_a_stream_of_a_token_ends_when_it_is_revoked_elsewhere(
    web, daemon, run_recorder, config_file, section
):
    """By a command: another process, so it is seen at the next look."""
    daemon.start()
    token = make(signed_in(web), "read:live")
    with socket.create_connection(("127.0.0.1", web.port), timeout=60) as link:
        link.sendall(
            b"GET /api/v1/live HTTP/1.1\r\nHost: localhost\r\n"
            b"Authorization: Bearer %s\r\n\r\n" % token.encode()
        )
        assert b"200" in link.recv(1 << 16)
        config = config_file(web=section)
        listed = run_recorder("token", "list", "--json", config=config)
        (key,) = [w["key"] for w in json.loads(listed.stdout) if w["kind"] == "token"]
        run_recorder("token", "revoke", key, config=config)
        found = b""
        while not found.endswith(b"0\r\n\r\n"):
            part = link.recv(1 << 16)
            assert part
            found = (found + part)[-100:]


def test_a_program_needs_no_origin_and_another_page_gets_nowhere(web):
    """Who has no page sends a token; a page of others cannot send that header."""
    token = make(signed_in(web), "write:targets")
    body = json.dumps([{"delay": 0.003, "indexed": 5}]).encode()
    sent = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    path = "/api/v1/runs/1/targets"
    program = web.ask("POST", path, body, sent)
    assert (program.status, program.json["type"][-8:]) == (409, "run-over")
    foreign = web.ask("POST", path, body, {**sent, "Origin": "http://evil.example"})
    assert (foreign.status, foreign.json["type"][-6:]) == (403, "origin")
    preflight = {"Origin": "http://evil.example"}
    answer = web.ask("OPTIONS", path, None, preflight)
    assert "access-control-allow-origin" not in answer.headers
