"""What the page does over time: connections, age, keys, addresses, themes."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import expect

from tests.system.page import states
from tests.system.page.reading import INK

pytestmark = pytest.mark.xdist_group("page")
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")


def test_eight_tabs_share_one_connection(server, context, open_page):
    pages = [open_page() for _ in range(8)]
    for page in pages:
        expect(page.locator("#images")).to_contain_text("560/10")
    server.said.now["live"]["run"]["received"] = 4000
    for page in pages:
        expect(page.locator("#images")).to_contain_text("4\u202f000/10")
    assert server.said.streams == 1
    pages[0].close()
    server.said.now["live"]["run"]["received"] = 5000
    expect(pages[7].locator("#images")).to_contain_text("5\u202f000/10")


@pytest.mark.parametrize("missing", ["SharedWorker", "SharedWorker BroadcastChannel"])
def test_it_works_without_shared_workers(server, context, open_page, missing):
    names = json.dumps(missing.split())
    context.add_init_script(f"for (const name of {names}) delete globalThis[name]")
    pages = [open_page() for _ in range(2)]
    for page in pages:
        expect(page.locator("#images")).to_contain_text("560/10")
    assert server.said.streams == (1 if missing == "SharedWorker" else 2)


def test_the_age_counts_up_and_a_lost_connection_is_loud(server, open_page, complaints):
    page = open_page()
    server.said.silent = True
    expect(page.locator("#age")).to_have_text(re.compile(r"age ([1-9]\.\d|\d\d+) s"))
    expect(page.locator("#lost [role=alert]")).to_have_text("CONNECTION LOST")
    ink = "e => getComputedStyle(e).color"
    cell = page.locator("#windows td b").first
    grey = cell.evaluate(ink)
    server.said.silent = False
    expect(page.locator("#lost")).to_be_hidden()
    assert cell.evaluate(ink) != grey
    server.stop()
    expect(page.locator("#lost [role=alert]")).to_have_text("CONNECTION LOST")
    server.said.now["live"]["run"]["received"] = 6000
    server.start()
    expect(page.locator("#images")).to_contain_text("6\u202f000")
    expect(page.locator("#lost")).to_be_hidden()
    complaints[:] = [line for line in complaints if "ERR_" not in line]


@pytest.mark.parametrize(
    ("daemon", "words"), [("stale", "THE DAEMON HANGS"), ("gone", "THE DAEMON IS GONE")]
)
def test_a_daemon_that_says_nothing_is_as_loud(server, open_page, daemon, words):
    server.said.now = states.now(daemon, 14.0)
    page = open_page()
    expect(page.locator("#lost [role=alert]")).to_have_text(words)
    expect(page.locator("#lost")).to_contain_text("its last word is 14 s old")


def test_a_browser_that_slept_is_right_soon(server, context, open_page, complaints):
    page = open_page()
    lifecycle = context.new_cdp_session(page)
    lifecycle.send("Page.setWebLifecycleState", {"state": "frozen"})
    port = server.port
    server.stop()
    server.said.now["live"]["run"]["received"] = 7000
    server.port = port
    server.start()
    server.said.now["live"]["run"]["received"] = 8000
    lifecycle.send("Page.setWebLifecycleState", {"state": "active"})
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator("#images")).to_contain_text("8\u202f000")
    complaints[:] = [line for line in complaints if "ERR_" not in line]


def test_without_a_daemon_it_shows_the_journal(server, open_page):
    server.said.now = {"daemon": "none", "age_s": None, "live": None, "problem": None}
    report = states.report(state="sealed", status="success", provisional=False)
    server.said.slow = states.slow(run=report)
    page = open_page(wait="#state:has-text('NO DAEMON')")
    expect(page.locator("#lost")).to_be_hidden()
    expect(page.locator("#rate-note")).to_have_text("run 3, sealed")
    expect(page.locator("#windows tbody tr").first).to_contain_text("20 % 18–21")
    expect(page.locator("#age")).to_have_text("age –")


def test_before_anything_is_known_nothing_is_claimed(server, open_page):
    server.said.now = {"daemon": "none", "age_s": None, "live": None, "problem": "why"}
    server.said.slow = {
        "id": 1,
        "complete": True,
        "experiments": [],
        "run": None,
        "version": "0",
        "problem": "the journal is damaged: run recorder check",
    }
    page = open_page(wait="#state:has-text('NO DAEMON')")
    expect(page.locator("#problems")).to_contain_text("run recorder check")
    assert "NaN" not in page.locator("body").inner_text()
    assert "undefined" not in page.locator("body").inner_text()


def test_why_of_an_image(server, open_page):
    path = "runs/3/images/3012"
    server.said.answers[path] = {
        "run": 3,
        "image": {"outcome": "non_hit", "spots": 0},
        "label": {"pump": "light", "delay_s": 0.003},
        "evidence": [{"rung": "measured", "because": "trigger 100"}],
    }
    page = open_page("#image=3/3012")
    expect(page.locator("#why")).to_contain_text("trigger 100")
    expect(page.locator("#why-title")).to_have_text("Image 3012 of run 3")
    server.said.answers[f"runs/{states.UID}/images/7"] = server.said.answers[path]
    page.locator("#card-list .run").first.wait_for()
    page.goto(f"{server.url}#image={states.UID[:8]}/7")
    expect(page.locator("#why-title")).to_have_text("Image 7 of run 3")


def test_keys_go_to_regions(open_page):
    page = open_page()
    for key, region in zip(
        "123456",
        ("rate", "chip", "time-points", "image", "chains", "cells"),
        strict=True,
    ):
        page.keyboard.press(key)
        expect(page.locator(f"#{region}")).to_be_focused()
    page.keyboard.press("a")
    expect(page.locator("#alarms")).to_be_focused()
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("w")
    expect(page.locator("#wall")).to_be_visible()


def test_the_wall_has_four_numbers_of_48_px_or_more(open_page):
    page = open_page("?wall")
    sizes = page.locator("#wall .huge").evaluate_all(
        "all => all.map(one => parseFloat(getComputedStyle(one).fontSize))"
    )
    assert len(sizes) == 4
    assert min(sizes) >= 48
    assert page.locator("#wall .huge").all_inner_texts() == [
        "9.1 %",
        "70 %",
        "3\u202f560",
        "1",
    ]


@pytest.mark.parametrize("query", ["", "?wall", "stale"])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1600, 400])
def test_axe_finds_nothing(new_context, server, axe, watched, query, theme, width):
    context = new_context(
        viewport={"width": width, "height": 1000}, color_scheme=theme, bypass_csp=True
    )
    page = watched(context.new_page())
    if query == "stale":
        server.said.now |= {"daemon": "stale", "age_s": 14.0}
    page.goto(server.url + query.removeprefix("stale"))
    page.locator("#state:has-text('run')").wait_for()
    if query != "?wall":
        page.locator("#chain-tables table").wait_for()
    page.evaluate(axe)
    found = page.evaluate("rules => axe.run({runOnly: rules})", list(RULES))
    told = [
        (one["id"], [n["html"] for n in one["nodes"]]) for one in found["violations"]
    ]
    assert told == [], told
    assert len(found["passes"]) > 20


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_canvases_have_ink_on_paper(open_page, theme):
    """axe cannot look into a canvas: black on black is found here."""
    page = open_page(f"?theme={theme}")
    page.locator("#chain-tables table").wait_for()
    page.wait_for_function(f"() => ({INK})(document.querySelector('#line'), 36)")
    paper = page.evaluate(
        "getComputedStyle(document.querySelector('#rate')).backgroundColor"
    )
    assert (paper == "rgb(255, 255, 255)") == (theme == "light")
    extremes = page.locator("#line").evaluate(
        """canvas => {
          const pen = canvas.getContext('2d');
          const {data} = pen.getImageData(0, 0, 36, canvas.height);
          let low = 255, high = 0;
          for (let n = 0; n < data.length; n += 4) if (data[n + 3] > 200) {
            low = Math.min(low, data[n + 1]); high = Math.max(high, data[n + 1]);
          }
          return [low, high];
        }"""
    )
    assert extremes[0] < 60 if theme == "light" else extremes[1] > 200


COUNT_TONES = """
  window.tones = 0;
  const own = AudioContext.prototype.createOscillator;
  AudioContext.prototype.createOscillator = function () {
    window.tones += 1;
    return own.call(this);
  };
"""
RING = 2
"""Tones of one ring."""


def test_a_tab_behind_others_rings_and_has_its_title(server, context, open_page):
    context.add_init_script(COUNT_TONES)
    red = server.said.now["live"]["alarms"][0]
    server.said.now["live"]["alarms"] = []
    page = open_page()
    expect(page).to_have_title("open · recorder")
    page.locator("#sound").click()
    page.evaluate("Object.defineProperty(document, 'hidden', {get: () => true})")
    tones = page.evaluate("tones")
    amber = red | {"severity": "amber"}
    server.said.now["live"]["alarms"] = [amber]
    expect(page).to_have_title("▲1 open · recorder")
    assert page.evaluate("tones") == tones
    # The same alarm, worse: it sounds, once.
    other = amber | {"id": "other"}
    server.said.now["live"]["alarms"] = [red, other]
    expect(page).to_have_title("▲2 open · recorder")
    assert page.evaluate("tones") == tones + RING
    server.said.now["live"]["alarms"] = [red, other, amber | {"id": "third"}]
    expect(page).to_have_title("▲3 open · recorder")
    assert page.evaluate("tones") == tones + RING
    # Over, and again.
    server.said.now["live"]["alarms"] = [red | {"cleared_ns": 1}]
    expect(page).to_have_title("open · recorder")
    server.said.now["live"]["alarms"] = [red]
    expect(page).to_have_title("▲1 open · recorder")
    assert page.evaluate("tones") == tones + 2 * RING
