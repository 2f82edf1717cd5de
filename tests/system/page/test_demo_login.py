"""`recorder demo --login` in a browser: two people, their local contact, two runs."""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Response, expect

from tests.servers import Recorder

pytestmark = pytest.mark.xdist_group("page")
OWN = {"anna": ["mx1001"], "bert": ["mx1002"], "lena": ["mx1002", "mx1001"]}
"""Proposals whose runs they see, latest first."""


@dataclass(frozen=True)
class Demo:
    url: str
    passwords: dict[str, str]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    folder = tmp_path_factory.mktemp("demo")
    arguments = ("demo", "--login", "--dir", str(folder / "demo"), "--images", "40")
    started = Recorder(sys.executable, arguments, None)
    started.wait_for(lambda line: line.startswith("daemon and live page run on"))
    told = "\n".join(started.lines)
    url = re.search(r"live page: (\S+)", told)
    assert url is not None
    yield Demo(url[1], dict(re.findall(r"sign in as (\w+), password (\S+):", told)))
    started.signal(signal.SIGINT)
    assert started.wait() == 0
    assert_private(folder / "demo" / "passwords")


def assert_private(path: Path) -> None:
    assert path.stat().st_mode & 0o077 == 0
    assert len(path.read_text(encoding="utf-8").splitlines()) == len(OWN)


@dataclass(frozen=True)
class Desk:
    """A browser of somebody who signed in, and all that it was answered."""

    page: Page
    bodies: list[bytes]


@pytest.fixture
def desk_of(demo: Demo, browser: Browser) -> Iterator[Any]:
    contexts = []

    def sign_in(login: str) -> Desk:
        context = browser.new_context(viewport={"width": 1400, "height": 900})
        contexts.append(context)
        answer = context.request.post(
            f"{demo.url}sign-in",
            data={"login": login, "password": demo.passwords[login]},
            headers={"origin": demo.url.rstrip("/")},
        )
        assert answer.ok, answer.text()
        page = context.new_page()
        bodies: list[bytes] = []
        page.on("response", lambda answer: keep(answer, bodies))
        page.goto(demo.url)
        page.locator("#card-list .run").first.wait_for()
        return Desk(page, bodies)

    yield sign_in
    for context in contexts:
        context.close()


def keep(answer: Response, bodies: list[bytes]) -> None:
    if "event-stream" not in answer.headers.get("content-type", ""):
        bodies.append(answer.body())


@pytest.mark.parametrize("login", OWN)
def test_each_sees_their_runs_and_no_name_of_others(demo, desk_of, login):
    desk = desk_of(login)
    page, own = desk.page, OWN[login]
    expect(page.locator("#who")).to_contain_text(f"({login})")
    expect(page.locator("#sight")).to_contain_text("your own sessions and proposals")
    expect(page.locator("#card-list article")).to_have_count(len(own))
    for path in ("runs", "experiments", "status", "spool", "slow", "now"):
        page.evaluate("path => fetch(path).then((r) => r.text())", f"/api/v1/{path}")
    runs = page.evaluate("fetch('/api/v1/runs').then((r) => r.json())")["runs"]
    assert [run["proposal"] for run in runs] == own
    seen = page.content().encode() + b"".join(desk.bodies)
    for name in ("mx1001", "mx1002"):
        assert (name.encode() in seen) == (name in own), name


def test_a_run_of_the_other_is_not_there_for_them(demo, desk_of):
    theirs = desk_of("bert").page.evaluate(
        "fetch('/api/v1/runs').then((r) => r.json())"
    )["runs"][0]["uid"]
    page = desk_of("anna").page
    ask = "path => fetch(path).then((r) => r.status)"
    for path in ("", "/images", "/images/1", "/chip"):
        assert page.evaluate(ask, f"/api/v1/runs/{theirs}{path}") == 404


def test_who_signs_out_in_one_tab_is_out_in_all(demo, desk_of):
    page = desk_of("lena").page
    other = page.context.new_page()
    other.goto(demo.url)
    other.locator("#card-list .run").first.wait_for()
    page.locator("#sign-out").click()
    page.wait_for_url("**/sign-in")
    other.wait_for_url("**/sign-in", timeout=20_000)
    page.goto(demo.url)
    page.wait_for_url("**/sign-in")
