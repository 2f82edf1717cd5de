"""`recorder demo --login` in a browser: two people, their local contact, two runs."""

from __future__ import annotations

import json
import re
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

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
    way_in = [ln for ln in started.lines if ln.startswith(("live page:", "sign in as"))]
    assert len(way_in) == 2 * (1 + len(OWN)), "said again after the report"
    assert way_in[: 1 + len(OWN)] == way_in[1 + len(OWN) :]
    yield Demo(url[1], dict(re.findall(r"sign in as (\w+), password (\w+)  ", told)))
    started.signal(signal.SIGINT)
    assert started.wait() == 0
    assert_private(folder / "demo" / "passwords")


def assert_private(path: Path) -> None:
    assert path.stat().st_mode & 0o077 == 0
    assert len(path.read_text(encoding="utf-8").splitlines()) == len(OWN)


@pytest.fixture
def page_of(demo: Demo, new_context: Callable[..., Any]) -> Callable[[str], Page]:
    """The page of somebody who signed in, in a browser of their own."""

    def sign_in(login: str) -> Page:
        context = new_context(viewport={"width": 1400, "height": 900})
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

    return sign_in


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
    other.wait_for_url("**/sign-in")
    page.goto(demo.url)
    page.wait_for_url("**/sign-in")


def test_the_account_says_what_they_see_and_forgets_what_it_showed_once(demo, page_of):
    page = page_of("anna")
    page.set_viewport_size({"width": 400, "height": 800})
    page.goto(f"{demo.url}account")
    expect(page.locator("#rights")).to_contain_text("proposal mx1001")
    expect(page.locator("#rights")).not_to_contain_text("mx1002")
    page.fill("#label", "my script")
    page.click("#make button[type=submit]")
    expect(page.locator("#problem")).to_contain_text("choose at least one thing")
    expect(page.locator("#problem")).to_be_in_viewport()
    page.check("[name=scope] >> nth=0")
    page.click("#make button[type=submit]")
    expect(page.locator("#secret")).to_contain_text("rct_")
    expect(page.locator("#secret")).to_be_in_viewport()
    expect(page.locator("#problem")).to_have_text("")
    wide = "document.documentElement.scrollWidth - window.innerWidth"
    assert page.evaluate(wide) <= 0
    page.get_by_role("button", name="Revoke my script").click()
    expect(page.locator("#made")).to_be_hidden()
    expect(page.locator("#secret")).to_have_text("")
