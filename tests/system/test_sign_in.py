"""Sign-in as browsers and programs meet it: a real server, real sockets."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recorder.web.sign_in.tries import FIRST_DELAY_S
from tests.sign_in import PASSWORD, Browser, local, write_passwords
from tests.web import Web, write_run


@pytest.fixture
def passwords(tmp_path: Path) -> Path:
    return write_passwords(tmp_path / "passwords", "anna", "bert")


@pytest.fixture
def start_signed(start_web: Callable[..., Web], passwords: Path) -> Callable[..., Web]:
    """With local passwords: anna sees all."""

    def start(**changes: Any) -> Web:
        web = local(passwords, anna={"all_proposals": True})
        return start_web(web={**web, **changes})

    return start


def events(web: Web, name: str) -> list[dict[str, Any]]:
    return [line for line in web.log if line.get("event") == name]


def test_nothing_is_shown_to_who_did_not_sign_in(start_signed, journal):
    write_run(journal, 1)
    web = start_signed()
    for path in (
        "/api/v1/now", "/api/v1/slow", "/api/v1/live", "/api/v1/runs", "/metrics",
        "/api/v1/runs/1", "/api/v1/status", "/nothing", "/api/v1/preview/last.png",
        "//api/v1/now", "/static/../api/v1/now", "/sign-in/../api/v1/now",
        "/healthz/", "/sign-in;/api/v1/now", "/SIGN-IN/../",
    ):  # fmt: skip
        answer = web.get(path)
        assert answer.status in (401, 404), path
        assert b"fvkhb" not in answer.body
    assert web.get("/api/v1/now").headers["www-authenticate"] == "Bearer"
    page = web.get("/", Accept="text/html")
    assert (page.status, page.headers["location"]) == (303, "/sign-in")
    assert web.get("/").status == 401
    for path in ("/healthz", "/sign-in/config", "/api/v1/openapi.json"):
        assert web.get(path).status == 200


def test_signing_in_and_out(start_signed, journal):
    write_run(journal, 1)
    web = start_signed()
    browser = Browser(web)
    answer = browser.sign_in("anna")
    assert (answer.status, answer.json["name"]) == (200, "Anna")
    assert answer.headers["cache-control"] == "no-store"
    assert browser.get("/api/v1/runs/1").status == 200
    assert browser.get("/", Accept="text/html").status == 200
    cookies = dict(browser.jar)
    assert browser.post("/sign-out", {}).json["login"] == "anna"
    assert browser.jar == {}
    assert browser.get("/api/v1/runs/1").status == 401
    browser.jar = cookies  # a copy of the cookie is worth nothing now
    assert browser.get("/api/v1/runs/1").status == 401
    (came,), (went,) = events(web, "signed_in"), events(web, "signed_out")
    assert (came["login"], came["address"], came["authenticator"]) == (
        "anna", "127.0.0.1", "house",
    )  # fmt: skip
    assert went["key"] == came["key"]
    assert cookies["__Host-sid"] not in json.dumps(web.log)
    assert PASSWORD not in json.dumps(web.log)


def test_a_session_dies_with_the_next_sign_in_of_its_browser(start_signed):
    """Fixation: nobody goes on in a session that somebody else gave them."""
    web = start_signed()
    theirs = Browser(web)
    theirs.sign_in("bert")
    victim = Browser(web)
    victim.jar = dict(theirs.jar)
    victim.sign_in("anna")
    assert victim.jar != theirs.jar
    assert theirs.get("/api/v1/now").status == 401
    made_up = Browser(web)
    made_up.jar = {"__Host-sid": "A" * 43}
    made_up.sign_in("anna")
    assert made_up.jar["__Host-sid"] != "A" * 43


@pytest.mark.parametrize(
    "cookie",
    ["", "A" * 43, "A" * 10_000, "../../etc/passwd", "' OR 1=1 --", "\xff\xfe", "\x7f"],
)
def test_forged_cookies_and_tokens(start_signed, cookie):
    web = start_signed()
    assert web.get("/api/v1/now", Cookie=f"__Host-sid={cookie}").status == 401
    for beginning in ("", "rct_", "rca_", "rcr_"):
        answer = web.get("/api/v1/now", Authorization=f"Bearer {beginning}{cookie}")
        assert answer.status == 401
        assert web.get("/healthz", Authorization=f"Bearer {cookie}").status == 200
    assert not events(web, "step_failed")


def test_what_others_hold_of_a_session_lets_nobody_in(start_signed, state):
    """The file, a backup of it, a cookie as a bearer, and the key of lists."""
    web = start_signed()
    browser = Browser(web)
    browser.sign_in("anna")
    secret = browser.jar["__Host-sid"]
    path = state / "web" / "sign_in.sqlite"
    assert path.stat().st_mode & 0o777 == 0o600
    body = path.read_bytes()
    assert secret.encode() not in body
    (hash_,) = sqlite3.connect(path).execute("SELECT hash FROM secret").fetchone()
    key = web.wait_for_event("signed_in")["key"]
    for forged in (hash_.hex(), key, secret):
        answer = web.get("/api/v1/now", Authorization=f"Bearer {forged}")
        assert answer.status == 401
    for forged in (hash_.hex(), key):
        assert web.get("/api/v1/now", Cookie=f"__Host-sid={forged}").status == 401


def test_wrong_is_told_in_the_same_words_and_time(start_signed):
    """To the person and to who guesses; the others of its kind: tests/unit."""
    web = start_signed()
    cases = [("anna", "wrong"), ("nobody", PASSWORD), ("bert", ""), ("*)(uid=*", "x")]
    for login, password in cases:
        browser = Browser(web)
        began = time.monotonic()
        answer = browser.sign_in(login, password)
        assert time.monotonic() - began >= FIRST_DELAY_S
        assert answer.status == 401
        assert answer.json["detail"] == "login or password is wrong"
        assert not browser.jar
    told = [(e["login"], e["reason"]) for e in events(web, "sign_in_refused")]
    assert told == [(login, "wrong") for login, _ in cases]
    half = b'{"login": "anna", "password": "\\ud800"}'
    assert web.post("/sign-in", half).status == 422


def test_a_stream_ends_with_its_session(start_signed, journal, daemon):
    daemon.start()
    web = start_signed()
    browser = Browser(web)
    browser.sign_in("anna")
    link = web.connect()
    link.sendall(
        b"GET /api/v1/live HTTP/1.1\r\nHost: localhost\r\n"
        b"Cookie: __Host-sid=%s\r\n\r\n" % browser.jar["__Host-sid"].encode()
    )
    found = b""
    while b"event: now" not in found:
        found += link.recv(1 << 16)
    browser.post("/sign-out", {})
    while not found.endswith(b"0\r\n\r\n"):
        part = link.recv(1 << 16)
        assert part, "the stream was cut, not ended"
        found += part
    link.close()


def test_what_is_no_json_or_from_elsewhere_is_refused(start_signed):
    web = start_signed()
    body = json.dumps({"login": "anna", "password": PASSWORD}).encode()
    form = web.post("/sign-in", body, Content_Type="application/x-www-form-urlencoded")
    assert form.status == 415
    foreign = web.post("/sign-in", body, Origin="http://evil.example")
    assert (foreign.status, foreign.json["type"][-6:]) == (403, "origin")
    none = web.ask("POST", "/sign-in", body, {"Content-Type": "application/json"})
    assert none.status == 403
    rebound = web.post("/sign-in", body, Host="evil.example")
    assert rebound.status == 421
    assert web.get("/sign-out").status == 405


def test_where_nobody_signs_in(start_web):
    web = start_web()
    assert web.get("/api/v1/now").status == 200
    assert web.get("/sign-in").headers["location"] == "/"
    assert web.get("/sign-in/config").json["authenticators"] == []
    answer = web.post("/sign-in", {"login": "anna", "password": "x"})
    assert (answer.status, answer.json["type"][-10:]) == (404, "no-sign-in")


def test_the_process_may_be_started_again(start_signed):
    web = start_signed()
    browser = Browser(web)
    browser.sign_in("anna")
    web.terminate()
    browser.web = start_signed()
    assert browser.get("/api/v1/now").status == 200


@pytest.mark.parametrize(
    ("web", "text"),
    [
        ({"host": "0.0.0.0"}, "there is no TLS"),
        ({"host": "0.0.0.0", "authenticator": []}, "nobody signs in"),
        ({"authenticator": [{"kind": "dummy", "name": "d"}]}, "insecure_dummy"),
        (
            {"authenticator": [{"kind": "dummy", "name": "d"}], "insecure_dummy": True,
             "proxies": ["192.0.2.1"]}, "loopback",
        ),
        (
            {"authenticator": [{"kind": "dummy", "name": "d"}], "insecure_dummy": True,
             "host": "0.0.0.0", "proxies": ["192.0.2.9"]}, "loopback",
        ),
        (
            {"authenticator": [
                {"kind": "local", "name": "l", "passwords_file": "passwords"}]},
            "CREDENTIALS_DIRECTORY",
        ),
    ],
)  # fmt: skip
def test_what_would_be_open_to_others_does_not_start(
    run_recorder, config_file, passwords, web, text
):
    config = config_file(web={**local(passwords), **web})
    done = run_recorder("web", config=config)
    assert done.returncode == 2
    assert text in done.stderr


def test_dummy_is_for_this_host(start_web):
    dummy = {"authenticator": [{"kind": "dummy", "name": "any"}]}
    web = start_web(web={**dummy, "insecure_dummy": True})
    assert web.get("/sign-in/config").json["insecure"] is True
    browser = Browser(web)
    assert browser.sign_in("anna", "").status == 401
    assert browser.sign_in("anna", "x").status == 200
