"""Runs by their address: which is meant, and that it is not shown as it was."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.system.page import states

pytestmark = pytest.mark.xdist_group("page")


def test_one_run_at_its_address_and_back(server, open_page):
    other = states.report(run=2, uid=states.card(2)["uid"], state="sealed")
    server.said.answers[f"runs/{other['uid']}"] = other
    page = open_page()
    page.keyboard.press("[")
    expect(page.locator("#run-title")).to_contain_text("Run 2: sealed")
    assert page.url.endswith("#run=00000002-0000")
    expect(page.locator("#rate-note")).to_have_text("run 2, sealed")
    expect(page.locator(".run.chosen")).to_have_text("#2 ✕")
    page.keyboard.press("]")
    expect(page.locator("#run-title")).to_contain_text("Run 3: open")
    page.keyboard.press("Escape")
    expect(page.locator("#rate-note")).to_have_text("run 3, provisional")


def test_a_run_that_is_not_there_says_so(server, open_page, complaints):
    page = open_page("#run=99")
    expect(page.locator("#run-body")).to_contain_text("Run 99 cannot be shown")
    complaints[:] = [line for line in complaints if "404" not in line]


def test_a_number_is_of_the_experiment_that_is_shown(server, open_page):
    """Experiments count their runs from one; links have uids."""
    old, new = (states.card(n)["uid"] for n in (2, 7))
    later = states.card(7, run=2, experiment="other")
    cards = [states.experiment([later], experiment="other")]
    server.said.slow = states.slow(experiments=server.said.slow["experiments"] + cards)
    for uid, name in ((old, "fvkhb"), (new, "other")):
        report = states.report(run=2, uid=uid, state="sealed", experiment=name)
        server.said.answers[f"runs/{uid}"] = report
    page = open_page()
    page.locator("#card-list .run").first.wait_for()
    facts = page.locator("#run-body > p").first
    page.goto(f"{server.url}#run=2")
    expect(facts).to_contain_text("fvkhb")
    page.locator("#card-list article", has_text="other").locator(".run").click()
    expect(facts).to_contain_text("other")
    assert page.url.endswith(f"#run={new[:13]}")
    page.goto(f"{server.url}#run={old[:8]}")
    expect(facts).to_contain_text("fvkhb")


def test_a_chosen_run_is_asked_again_until_it_is_written(server, open_page):
    uid = states.card(2)["uid"]
    path = f"runs/{uid}"
    earlier = states.report(
        run=2, uid=uid, state="draining", sinks={"ispyb": "pending"}
    )
    server.said.answers[path] = earlier
    page = open_page(f"#run={uid}")
    expect(page.locator("#run-title")).to_contain_text("Run 2: draining")
    server.said.answers[path] = earlier | {"state": "sealed"}
    server.said.slow = states.slow()
    expect(page.locator("#run-title")).to_contain_text("Run 2: sealed")
    expect(page.locator("#run-body .proof")).to_contain_text("ispyb: pending")
    written = {"state": "sealed", "sinks": {"ispyb": "written"}}
    server.said.answers[path] = earlier | written
    server.said.slow = states.slow()
    expect(page.locator("#run-body .proof")).to_contain_text("ispyb: written")
    # Its last word, until its card is another.
    server.said.answers[path] = earlier | written | {"reason": "amended"}
    server.said.slow = states.slow()
    expect(page.locator("#run-body .proof")).to_contain_text("ispyb: written")
    amended = [states.card(2, reason="amended"), states.card(3)]
    server.said.slow = states.slow(experiments=[states.experiment(amended)])
    expect(page.locator("#run-body")).to_contain_text("amended")
