"""Chip, pictures and cells say what the API and the report say."""

from __future__ import annotations

import threading

import pytest
from playwright.sync_api import expect

from tests.system.page import states
from tests.system.page.reading import GAP, INK, cells

pytestmark = pytest.mark.xdist_group("page")


def test_the_chip_tells_its_wells_in_words_too(server, open_page):
    page = open_page()
    seen = server.said.slow["run"]["scan"]["wells"]["indexed"]
    expect(page.locator("#chip-legend")).to_contain_text(f"{seen} indexed")
    label = page.locator("#chip-map").get_attribute("aria-label") or ""
    assert f"{seen} indexed" in label
    expect(page.locator("#chip-hint")).to_have_text(
        "diagonals (12 % of wells hit there, 30 % elsewhere): perhaps off by one well"
    )
    expect(page.locator("#chip-note")).to_have_text(
        f"3{GAP}828 of 6{GAP}384 wells, 3 images without a well"
    )
    assert cells(page, "#shots")["1"] == ["28 % 25–31", "60 % 54–66", "2.20", "900"]
    page.get_by_text("Blocks", exact=True).click()
    assert cells(page, "#blocks")["7"] == ["25 % 20–31", "60 % 46–72", "200"]


def test_a_chip_of_a_million_wells_is_drawn(server, open_page):
    key, chip = states.scan(250, 250)
    server.said.slow = states.slow(run=states.report(scan=key))
    server.said.answers[f"runs/{states.UID}/chip"] = chip
    page = open_page()
    expect(page.locator("#chip-legend")).to_contain_text("not seen")
    colours = page.locator("#chip-map").evaluate(
        """canvas => new Set(new Uint32Array(canvas.getContext('2d').getImageData(
          0, 0, canvas.width, canvas.height).data.buffer)).size"""
    )
    assert colours > 3


def test_without_a_scan_it_says_so(server, open_page):
    server.said.slow = states.slow()
    page = open_page()
    expect(page.locator("#chip-note")).to_have_text("no scan announced")
    expect(page.locator("#chip-map")).to_be_hidden()


def test_pictures_are_held_and_gone_back_through(server, open_page):
    page = open_page()
    text = page.locator("#picture-text")
    expect(text).to_have_text(
        f"run 3 image 3{GAP}551: indexed, 41 spots ○, 1 lattice (predicted +), 1.90 Å"
    )
    about = server.said.answers["preview/hit.json"]
    for serial in range(10, 14):
        newest = {"serial": serial, "image_id": 4000 + serial}
        server.said.answers["preview/hit.json"] = about | newest
        server.said.now["live"]["previews"][1] |= newest
        expect(text).to_contain_text(f"4{GAP}0{serial}")
    page.keyboard.press("h")
    page.locator("#back").click()
    expect(text).to_contain_text(f"4{GAP}012")
    page.locator("#forward").click()
    expect(text).to_contain_text(f"4{GAP}013")
    newest = {"serial": 20, "image_id": 4020}
    server.said.answers["preview/hit.json"] = about | newest
    server.said.now["live"]["previews"][1] |= newest
    expect(page.locator("#image-note")).to_have_text("1 before the last")
    expect(text).to_contain_text(f"4{GAP}013")
    page.keyboard.press("h")
    expect(text).to_contain_text(f"4{GAP}020")
    for kind, words in (("powder", "as a powder"), ("peakogram", "intensity")):
        page.locator(f"[data-which={kind}]").click()
        expect(text).to_contain_text("Spots of 700 hits of run 3, added up")
        expect(text).to_contain_text(words)


def test_a_held_picture_stays_whatever_comes(server, open_page):
    page = open_page()
    text = page.locator("#picture-text")
    expect(text).to_contain_text(f"3{GAP}551")
    page.keyboard.press("h")
    about = server.said.answers["preview/hit.json"]
    for n in range(1, 25):  # more than are kept to go back through
        newest = {"serial": 10 + n, "image_id": 4000 + n}
        server.said.answers["preview/hit.json"] = about | newest
        server.said.now["live"]["previews"][1] |= newest
        expect(page.locator("#image-note")).to_have_text(f"{n} before the last")
    expect(text).to_contain_text(f"3{GAP}551")
    page.keyboard.press("h")
    expect(text).to_contain_text(f"4{GAP}024")


def test_a_late_chip_of_another_run_is_not_shown(server, open_page):
    late = threading.Event()
    own = server.said.answers[f"runs/{states.UID}/chip"]
    uid = states.card(2)["uid"]
    key, chip = states.scan()
    report = states.report(run=2, uid=uid, state="sealed", scan=key)
    server.said.answers[f"runs/{uid}"] = report
    server.said.answers[f"runs/{uid}/chip"] = chip | {"uid": uid}
    server.said.answers[f"runs/{states.UID}/chip"] = lambda: late.wait(120) and own
    page = open_page()
    with page.expect_response(f"**/runs/{states.UID}/chip"):
        page.goto(f"{server.url}#run={uid}")
        expect(page.locator("#chip-map")).to_be_visible()
        late.set()
    page.evaluate("new Promise(drawn => setTimeout(drawn, 200))")
    expect(page.locator("#chip-map")).to_be_visible()
    page.goto(f"{server.url}#")
    expect(page.locator("#rate-note")).to_have_text("run 3, provisional")
    expect(page.locator("#chip-map")).to_be_visible()


def test_a_chip_that_was_refused_is_asked_for_again(server, open_page, complaints):
    answers = server.said.answers
    path = f"runs/{states.UID}/chip"
    answers[path], chip = 503, answers[path]
    sealed = states.report(state="sealed", scan=server.said.slow["run"]["scan"])
    server.said.slow = states.slow(run=sealed)
    server.said.now["live"]["run"] = None
    server.said.now["live"]["state"] = "idle"
    page = open_page(wait="#state:has-text('IDLE')")
    expect(page.locator("#chip-hint")).to_contain_text("The map cannot be had: 503")
    answers[path] = chip
    expect(page.locator("#chip-map")).to_be_visible()
    expect(page.locator("#chip-hint")).not_to_contain_text("503")
    complaints[:] = [line for line in complaints if "503" not in line]


def test_cells_have_medians_and_the_announced_cell(open_page):
    page = open_page()
    assert page.locator("#histograms figure p").all_inner_texts() == [
        "a median 78.54 Å, announced 78.50",
        "b median 78.61 Å, announced 78.50",
        "c median 37.92 Å, announced 37.90",
        "α median 90.00 °, announced 90.00",
        "β median 90.00 °, announced 90.00",
        "γ median 90.00 °, announced 90.00",
        "resolution median 1.98 Å",
    ]
    found = cells(page, "#recent")
    assert found["resolution (Å)"] == ["1.87", "1.98"]
    assert found["solvent ring (counts)"] == ["2.11", "2.1"]


def test_every_canvas_is_drawn(open_page):
    page = open_page()
    page.locator("#histograms canvas").nth(6).wait_for()
    expect(page.locator("#picture-text")).to_contain_text("spots")
    expect(page.locator("#chip-legend")).to_contain_text("indexed")
    shown = "document.querySelectorAll('#grid canvas:not([hidden])')"
    page.wait_for_function(f"() => [...{shown}].every(c => ({INK})(c))")
