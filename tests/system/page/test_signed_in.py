"""The page of people who signed in: who they are, what they see, and when it ends."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.xdist_group("page")
ADA = {
    "kind": "session",
    "login": "ada",
    "name": "Ada Lovelace",
    "scopes": ["read:live", "read:runs", "read:images"],
    "sees": "some",
    "rights": "a",
    "reasons": ["is a person of proposal mx2345"],
    "notices": [],
}


@pytest.fixture
def signed_in(server: Any) -> dict[str, Any]:
    """Who is signed in, to be changed."""
    me = {**ADA}
    server.said.answers["me"] = lambda: me if "status" not in me else me["status"]
    return me


def partial(said: Any) -> None:
    """Somebody else's run goes on."""
    live = said.now["live"]
    live |= {"run": None, "state": "unknown", "alarms": [], "previews": []}
    for source in live["sources"]:
        source |= {"age_ms": None, "hz": 0.0, "lost": 0, "missed": None}
    for sink in live["sinks"]:
        sink |= {"lag_s": 0.0, "pending": 0, "parked": 0, "problem": None}
    said.now["partial"] = True


def test_it_says_who_is_signed_in_and_what_they_see(server, signed_in, open_page):
    page = open_page()
    expect(page.locator("#who")).to_have_text("Ada Lovelace (ada)")
    expect(page.locator("#who")).to_have_attribute("title", ADA["reasons"][0])
    expect(page.locator("#sight")).to_contain_text("your own sessions and proposals")
    expect(page.locator("#set-target")).to_be_hidden()  # not among the scopes
    page.locator("#sign-out").click()
    page.wait_for_url(re.compile("/sign-in$"))
    assert server.said.posted == [("/sign-out", {})]


def test_nobody_is_named_where_nobody_signs_in(server, signed_in, open_page):
    signed_in |= {"kind": "open", "login": "page", "name": "", "sees": "beamline"}
    page = open_page()
    expect(page.locator("#images")).to_contain_text("560/10")
    for hidden in ("#who", "#sign-out", "#sight"):
        expect(page.locator(hidden)).to_be_hidden()


def test_a_run_of_others_is_not_told_as_an_idle_beamline(server, signed_in, open_page):
    partial(server.said)
    page = open_page(wait="#state:has-text('RUN')")
    expect(page.locator("#state")).to_have_text("NO RUN OF YOURS NOW")
    expect(page.locator("#parts")).to_contain_text("detector")
    for guess in ("Hz", "nothing yet", "lag"):
        expect(page.locator("#parts")).not_to_contain_text(guess)
    expect(page).to_have_title(re.compile("no run of yours now"))


def test_who_sees_nothing_is_told_so_in_plain_words(
    server, signed_in, open_page, complaints
):
    signed_in["sees"] = "nothing"
    server.said.refuses = 403
    page = open_page(wait="#sight:not([hidden])")
    expect(page.locator("#sight")).to_contain_text("Ask your local contact")
    expect(page.locator("#lost")).to_be_hidden()
    page.wait_for_timeout(3500)  # after that silence a lost connection would be told
    expect(page.locator("#lost")).to_be_hidden()
    assert server.said.asked == ["/"]
    refused = [line for line in complaints if "403" in line]
    assert len(refused) <= 2  # one stream, as the network and as the console tell it
    complaints[:] = [line for line in complaints if line not in refused]


def test_a_session_that_ends_leads_to_the_sign_in_page_once(
    server, signed_in, open_page, complaints
):
    page = open_page()
    expect(page.locator("#images")).to_contain_text("560/10")
    signed_in["status"] = 401
    server.said.refuses = 401
    page.wait_for_url(re.compile("/sign-in$"))
    page.wait_for_timeout(1500)
    assert server.said.asked == ["/", "/sign-in"]
    complaints[:] = [line for line in complaints if "40" not in line]


def test_other_rights_begin_with_a_new_page(server, signed_in, open_page, complaints):
    """What was seen before is nowhere on it."""
    page = open_page()
    expect(page.locator("#images")).to_contain_text("560/10")
    page.evaluate("document.body.dataset.old = 'yes'")
    signed_in |= {"rights": "b"}
    partial(server.said)
    server.said.slow["experiments"], server.said.slow["run"] = [], None
    server.said.refuses = 503
    while server.said.streams:
        page.wait_for_timeout(20)
    server.said.refuses = None
    expect(page.locator("body[data-old]")).to_have_count(0)
    expect(page.locator("#state")).to_have_text("NO RUN OF YOURS NOW")
    expect(page.locator("#sight")).to_contain_text("No run of your own")
    complaints[:] = [line for line in complaints if "50" not in line]


def test_what_all_must_know_stands_with_the_problems(server, signed_in, open_page):
    signed_in["notices"] = ["the database has been away since noon"]
    page = open_page()
    expect(page.locator("#problems")).to_contain_text("away since noon")
