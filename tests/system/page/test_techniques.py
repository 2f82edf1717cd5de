"""Runs that are not serial: card, map, curve; nothing of light, dark and delays."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from recorder.records.report_json import report_to_json
from recorder.records.run_report import RunReport
from tests import technique_reports as reports
from tests.system.page import states
from tests.system.page.reading import GAP
from tests.system.page.test_behaviour import RULES

pytestmark = pytest.mark.xdist_group("page")
SERIAL_ONLY = ("#rate", "#time-points", "#chip", "#run .three", "#card-list .three")


def as_json(run: RunReport) -> Any:
    return json.loads(json.dumps(report_to_json(run)))


SAMPLE = {
    "location": "7",
    "Container": {"code": "PUCK-3", "sampleChangerLocation": "12"},
    "_metadata": {"proposal": "MX2345"},
}
"""As py-ISPyB's route has it."""


def tell(server: Any, shown: RunReport, *others: RunReport) -> None:
    """Nothing goes on; the latest run is of another technique, as all others."""
    for number in (4711, 2**31 - 1):
        server.said.answers.setdefault(f"ispyb/api/v1/samples/{number}", SAMPLE)
    body = as_json(shown)
    runs = [
        states.card(
            one.run,
            uid=one.uid,
            technique=one.technique,
            experiment=one.experiment,
            part_of=one.about.part_of if one.about else None,
            images={**as_json(one)["images"], "received": one.images.received},
        )
        for one in (shown, *others)
    ]
    images = sum(run["images"]["received"] for run in runs)
    total = {"runs": len(runs), "other_runs": len(runs), "other_images": images}
    card = states.experiment(
        runs, experiment=shown.experiment, cumulative=total, proposal="mx2345"
    )
    server.said.slow = states.slow(run=body, experiments=[card])
    server.said.now["live"] |= {"run": None, "state": "idle", "alarms": []}


def card_of(page: Page) -> dict[str, str]:
    found = page.locator("#technique-card > div")
    return {
        one.locator("dt").inner_text(): one.locator("dd").inner_text()
        for one in found.all()
    }


def opened(open_page: Any, *, wait: str = "#technique-card div >> nth=0") -> Page:
    page: Page = open_page(wait=wait)
    for selector in SERIAL_ONLY:
        expect(page.locator(selector).first).to_be_hidden()
    return page


def test_the_first_card_of_the_seed(server, open_page):
    tell(server, reports.rotation())
    page = opened(open_page)
    expect(page.locator("#technique-name")).to_have_text("Rotation")
    expect(page.locator("#technique-card")).to_contain_text("PUCK-3")
    assert card_of(page) == {
        "Workflow": "MXPressE (12)",
        "Protein": "thau",
        "Sample": "thau-x7 (BLSample 4711)",
        "Location": "7",
        "Container": "PUCK-3",
        "Sample changer": "12",
        "Prefix": "thau-x7_1",
        "Run": "1",
        "Images (total)": f"7{GAP}200 (7{GAP}200)",
        "Transmission": "12.5 %",
        "Resolution (corner)": "2.01 Å (1.72 Å)",
        "Energy (wavelength)": "12.7 keV (0.97625 Å)",
        "Omega range": "0.05°",
        "Omega start (total)": "184.32° (360.00°)",
        "Exposure": "5 ms",
        "Flux": "1.20e+12 photons/s",
        "Flux at the end": "1.10e+12 photons/s",
    }


def test_a_sample_of_another_proposal_is_not_shown(server, open_page):
    other = {**SAMPLE, "_metadata": {"proposal": "mx9999"}}
    server.said.answers["ispyb/api/v1/samples/4711"] = other
    tell(server, reports.rotation())
    page = opened(open_page)
    expect(page.locator("#technique-card")).to_contain_text("of another proposal")
    assert "PUCK-3" not in page.locator("body").inner_text()


def test_the_second_card_of_the_seed_and_what_contradicts_it(server, open_page):
    tell(server, reports.characterisation())
    page = opened(open_page)
    card = card_of(page)
    assert card["Images (total)"] == "3 (4)"
    assert card["Omega range"] == "1°"
    assert card["Omega start (total)"] == "184.32° (360.00°)"
    expect(page.locator("#sweeps tbody tr")).to_have_count(4)
    expect(page.locator("#technique-says .bad").first).to_contain_text("header")
    expect(page.locator("#technique-says")).to_contain_text("3 of 4 whole, 1 missed")


def test_a_grid_has_its_map_centre_and_shift_and_the_sum_of_its_planes(
    server, open_page
):
    tell(server, reports.grid(), reports.line_scan())
    page = opened(open_page)
    says = page.locator("#technique-says")
    expect(says).to_contain_text("from image 331 on by 1 cell")
    expect(says).to_contain_text("x 18.50 ± 0.21, y 8.50 ± 0.34 cells")
    assert card_of(page)["Collection"] == "1 of 2"
    assert card_of(page)["Images (total)"] == "585 (640)"
    grid = page.locator("#grid-map")
    most = max(map(max, reports.spots(30, 20)))
    expect(grid).to_have_attribute(
        "aria-label", f"Map of 30 × 20 cells, at most {most} spots, 1 crystals"
    )
    box = grid.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 2, box["y"] + 2)
    spots = reports.spots(30, 20)[0][0]
    expect(page.locator("#grid-legend")).to_contain_text(
        f"cell x 0, y 0: {spots} spots"
    )


def test_a_scan_and_a_spectrum_have_their_curves_and_no_images(server, open_page):
    tell(server, reports.energy_scan())
    page = opened(open_page)
    card = card_of(page)
    assert card["Element and edge"] == "Se K"
    assert card["Peak"] == "12664.1 eV, f′ -7.9 e, f″ 6.2 e"
    legend = page.locator("#curve-legend")
    expect(legend).to_contain_text("peak of the sender")
    expect(legend).to_contain_text("inflection by our check")
    expect(page.locator("#technique-says")).to_contain_text("12660.1 eV ± 0.45 eV")
    expect(page.locator("#image")).to_be_hidden()
    expect(page.locator("#run table")).to_be_hidden()
    tell(server, reports.spectrum())
    expect(page.locator("#technique-name")).to_have_text("Fluorescence spectrum")
    expect(legend).to_contain_text("Fe Ka or Mn Kb")


def test_back_at_a_serial_run_all_is_as_it_was(server, open_page):
    tell(server, reports.grid())
    page = opened(open_page)
    states.everything(server.said)
    expect(page.locator("#technique")).to_be_hidden()
    for selector in SERIAL_ONLY[:4]:
        expect(page.locator(selector).first).to_be_visible()


def test_all_runs_that_go_on_are_listed(server, open_page):
    tell(server, reports.grid())
    runs = [
        {
            "run": n,
            "uid": f"{n:08d}-0000-4000-8000-000000000000",
            "technique": "mx-grid",
            "state": "open",
            "source": "eiger",
            "part": n,
            "parts": 2,
            "received": 100 * n,
            "expected": 600,
            "lost": n - 1,
        }
        for n in (1, 2)
    ]
    server.said.now["live"] |= {"open_runs": runs, "open_runs_left_out": 3}
    page = opened(open_page)
    shown = page.locator("#open-runs li")
    expect(shown).to_have_text(
        [
            "open run 1 mx-grid, collection 1 of 2, 100/600 images (eiger)",
            "open run 2 mx-grid, collection 2 of 2, 200/600 images, lost 1 (eiger)",
            "and 3 more",
        ]
    )


@pytest.mark.parametrize("n", range(9))
def test_ugly_reports_are_only_text(server, open_page, n):
    tell(server, reports.ugly()[n])
    page = opened(open_page)
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: dialogs.append(dialog.message) or dialog.dismiss())
    for width in (1600, 400):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_function("() => document.documentElement.scrollWidth > 0")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert "\u202e" not in page.locator("body").inner_text()
    assert page.locator("main img, main script").count() == 0
    assert dialogs == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("kind", ["rotation", "grid", "energy_scan"])
def test_nothing_keeps_people_out(new_context, watched, server, axe, theme, kind):
    tell(server, getattr(reports, kind)())
    context = new_context(
        viewport={"width": 1200, "height": 1000}, color_scheme=theme, bypass_csp=True
    )
    page = watched(context.new_page())
    page.goto(server.url)
    page.locator("#technique-card div >> nth=0").wait_for()
    page.evaluate(axe)
    found = page.evaluate("rules => axe.run({runOnly: rules})", list(RULES))
    told = [
        (one["id"], [n["html"] for n in one["nodes"]]) for one in found["violations"]
    ]
    assert told == [], told
