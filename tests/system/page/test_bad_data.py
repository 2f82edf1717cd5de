"""Names that want to be more than names, many runs, other versions."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import expect

from tests.busy import crowd
from tests.system.page import states

pytestmark = pytest.mark.xdist_group("page")
UGLY = {
    "html": "<img src=x onerror=alert(1)><script>alert(2)</script>",
    "quotes": "\"'><b onmouseover='alert(3)'>`${alert(4)}`",
    "ansi": "\x1b[31mred\x1b[0m\x07\x00",
    "rtl": "\u202eabc\u05d0\u05d1 \u0627\u0628",
    "long": "x" * 300,
    "spaced": "a  b\n\tc",
}


def visible(name: str) -> str:
    """White space is a space; other controls, also of direction, are numbers."""
    told = {c: f"‹U+{c:04X}›" for c in (*range(32), 0x202E)}
    return name.translate(told | dict.fromkeys((9, 10, 13), " "))


@pytest.mark.parametrize("kind", UGLY)
def test_names_are_only_text(server, open_page, kind):
    name = UGLY[kind]
    alarm = server.said.now["live"]["alarms"][0]
    alarm |= {"text": name, "seen_by": name, "hints": [{"text": name, "evidence": {}}]}
    live = server.said.now["live"]
    live |= {"beamline": name}
    live["run"] |= {"proposal": name}
    live["sources"][0] |= {"name": name, "problem": name}
    chain = states.chains()[0]
    chain["name"] = chain["commanded"][0]["name"] = name
    chain["audit"][0] |= {"event": name, "findings": [name]}
    report = states.report(event_chains=[chain], reason=name, notes=[name])
    runs = [states.card(3)]
    one = states.experiment(
        runs, experiment=name, protein=name, sample=name, support=name
    )
    server.said.slow = states.slow(run=report, experiments=[one])
    page = open_page()
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: dialogs.append(dialog.message) or dialog.dismiss())
    page.locator("#chain-tables table").wait_for()
    page.mouse.move(400, 300)
    assert "\u202e" not in page.locator("body").inner_text()
    for selector in ("#place bdi", "#card-list bdi", "#chain-tables bdi", "#parts bdi"):
        shown = page.locator(selector).first.text_content() or ""
        assert shown == visible(name)
    assert page.locator("main img, main script, #cards img, #alarms img").count() == 0
    assert dialogs == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 1600
    page.set_viewport_size({"width": 400, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= 400


def test_a_thousand_runs_and_a_million_images_are_painted_within_a_second(
    server, context, open_page
):
    runs = [states.card(n) for n in range(1, 1001)]
    many = {"received": 1_000_000, "classified": 1_000_000, "lost": 0}
    runs[999] |= {"images": many}
    server.said.slow = states.slow(experiments=[states.experiment(runs)])
    server.said.now["live"]["run"] |= {"received": 1_000_000, "expected": None}
    open_page().close()
    page = open_page()
    page.locator("#card-list .run").first.wait_for()
    paint = page.evaluate(
        "performance.getEntriesByName('first-contentful-paint')[0].startTime"
    )
    assert paint < 1000 * crowd()
    expect(page.locator("#card-list")).to_contain_text("runs 901 to 1000 of 1\u202f000")
    assert page.locator("#card-list .run").count() == 100
    page.get_by_role("button", name="◀ earlier runs").click()
    expect(page.locator("#card-list")).to_contain_text("runs 801 to 900")
    started = time.process_time()
    expect(page.locator("#images")).to_have_text("1\u202f000\u202f000 images")
    assert time.process_time() - started < 5


def test_runs_that_were_left_out_are_fetched(server, open_page):
    listed = [states.card(n) for n in range(201, 301)]
    older = [states.card(n) for n in range(200, 0, -1)]
    one = states.experiment(listed, runs_left_out=200)
    one["cumulative"]["runs"] = 300
    server.said.slow = states.slow(experiments=[one])
    server.said.answers["runs"] = {"runs": older, "next": 10}
    page = open_page()
    for first, last in ((101, 200), (1, 100)):
        page.get_by_role("button", name="◀ earlier runs").click()
        expect(page.locator("#card-list")).to_contain_text(
            f"runs {first} to {last} of 300"
        )
    expect(page.get_by_role("button", name="◀ earlier runs")).to_be_disabled()


def test_an_older_report_and_keys_of_a_newer_one(server, open_page):
    server.said.slow = states.slow(
        run={"run": 3, "uid": states.UID, "state": "sealed", "new": {"key": 1}}
    )
    server.said.now = {"daemon": "none", "age_s": None, "live": None}
    page = open_page(wait="#state:has-text('NO DAEMON')")
    expect(page.locator("#run-title")).to_contain_text("Run 3: sealed")
    body = page.locator("body").inner_text()
    assert "NaN" not in body
    assert "undefined" not in body
