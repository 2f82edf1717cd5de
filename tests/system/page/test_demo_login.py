"""`recorder demo --login` in a browser: two people, their local contact, two runs."""

from __future__ import annotations

import json
import re
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

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


@pytest.fixture
def page_of(demo: Demo, browser: Browser) -> Iterator[Callable[[str], Page]]:
    """The page of somebody who signed in, in a browser of their own."""
    contexts = []

    def sign_in(login: str) -> Page:
        context = browser.new_context(viewport={"width": 1400, "height": 900})
        contexts.append(context)
        answer = context.request.post(
            f"{demo.url}sign-in",
            data={"login": login, "password": demo.passwords[login]},
            headers={"origin": demo.url.rstrip("/")},
        )
        assert answer.ok, answer.text()
        page = context.new_page()
        page.goto(demo.url)
        page.locator("#card-list .run").first.wait_for()
        return page

    yield sign_in
    for context in contexts:
        context.close()


ASK = "path => fetch(path).then((r) => r.text())"


@pytest.mark.parametrize("login", OWN)
def test_each_sees_their_runs_and_no_name_of_others(demo, page_of, login):
    page, own = page_of(login), OWN[login]
    expect(page.locator("#who")).to_contain_text(f"({login})")
    expect(page.locator("#sight")).to_contain_text("your own sessions and proposals")
    expect(page.locator("#card-list article")).to_have_count(len(own))
    paths = ("runs", "experiments", "status", "spool", "alarms", "slow", "now")
    answers = [page.evaluate(ASK, f"/api/v1/{path}") for path in paths]
    runs = json.loads(answers[0])["runs"]
    assert [run["proposal"] for run in runs] == own
    seen = "".join([page.content(), *answers])
    for name in ("mx1001", "mx1002"):
        assert (name in seen) == (name in own), name


def test_a_run_of_the_other_is_not_there_for_them(demo, page_of):
    theirs = json.loads(page_of("bert").evaluate(ASK, "/api/v1/runs"))["runs"][0]["uid"]
    page = page_of("anna")
    ask = "path => fetch(path).then((r) => r.status)"
    for path in ("", "/images", "/images/1", "/chip"):
        assert page.evaluate(ask, f"/api/v1/runs/{theirs}{path}") == 404


def test_who_signs_out_in_one_tab_is_out_in_all(demo, page_of):
    page = page_of("lena")
    other = page.context.new_page()
    other.goto(demo.url)
    other.locator("#card-list .run").first.wait_for()
    page.locator("#sign-out").click()
    page.wait_for_url("**/sign-in")
    other.wait_for_url("**/sign-in", timeout=20_000)
    page.goto(demo.url)
    page.wait_for_url("**/sign-in")
