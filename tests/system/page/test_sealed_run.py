"""Regions of a run that is over: from its report, as from the live state before."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from recorder.ssx.alarms.wilson import wilson
from tests.system.page import states
from tests.system.page.reading import GAP, cells, share

pytestmark = pytest.mark.xdist_group("page")


def test_a_sealed_run_has_its_line_and_its_targets(server, open_page):
    server.said.now = {"daemon": "none", "age_s": None, "live": None, "problem": None}
    line = {"step": 100, "classified": [100] * 30, "hits": [20] * 30}
    delays = [
        {"chain": "Detections", "slot": 0, "delay": 0.003, "images": 1780}
        | {"hits": 371, "indexed": 260}
    ]
    report = states.report(
        state="sealed",
        line=line | {"indexed": [14] * 30},
        delays=delays,
        pump_classes={
            "light": {"classified": 1780, "hits": 371, "tried": 371, "indexed": 260},
            "dark": {"classified": 1700, "hits": 323, "tried": 323, "indexed": 226},
        },
        # The measured median is not the wanted delay to the digit; one has no image.
        targets=[{"delay": 0.00301, "indexed": 1000}, {"delay": 1, "indexed": 500}],
    )
    server.said.slow = states.slow(run=report)
    page = open_page(wait="#state:has-text('NO DAEMON')")
    expect(page.locator("#line-note")).to_contain_text("each 100 images")
    points = page.locator("#delays li")
    expect(points).to_have_count(2)
    expect(points.nth(0)).to_contain_text(f"260/1{GAP}000 indexed")
    expect(points.nth(1)).to_contain_text("1 s0/500 indexed")
    assert cells(page, "#pump")["☀ light"] == ["21 % 19–23", "70 % 65–75", f"1{GAP}780"]
    assert cells(page, "#pump")["light − dark"][0] == "+1.8 % −0.8 … +4.5"
    expect(page.locator("#set-target")).to_be_hidden()


def test_time_points_of_a_report_are_those_of_the_live_state(open_page):
    """2 % or 1 µs apart is the same; each target has one time point."""
    slots = [
        {
            "chain": chain,
            "slot": n,
            "delay": delay,
            "images": 9,
            "hits": 3,
            "indexed": 2,
        }
        for n, (chain, delay) in enumerate(
            [("a", 0.00302), ("b", 0.003), (None, None), ("a", 2.9e-6), ("a", 1.0)]
        )
    ]
    targets = [(2e-6, 10), (0.00295, 20), (0.00301, 30), (1.03, 40)]
    found = open_page().evaluate(
        """async ([slots, targets]) => {
          const {timePoints} = await import('/static/targets.js');
          return timePoints(slots, targets).map(
            ({delay_s, images, indexed, target}) => [delay_s, images, indexed, target]);
        }""",
        [slots, [{"delay": delay, "indexed": n} for delay, n in targets]],
    )
    assert found == [
        [2.9e-6, 9, 2, 10],
        [0.00295, 0, 0, 20],
        [0.003, 18, 4, 30],
        [1.0, 9, 2, None],
        [1.03, 0, 0, 40],
        [None, 9, 2, None],
    ]


def test_an_experiment_is_all_its_groups_and_tried_is_what_was_tried(server, open_page):
    """ISPyB may have several groups of one experiment: each has a card."""
    server.said.now = {"daemon": "none", "age_s": None, "live": None, "problem": None}
    cards = [
        states.experiment([states.card(n, tried=tried)], data_collection_group_id=n)
        for n, tried in ((2, 800), (3, 0))
    ]
    report = states.report(state="sealed", classification={"tried": 560})
    server.said.slow = states.slow(experiments=cards, run=report)
    page = open_page(wait="#state:has-text('NO DAEMON')")
    expect(page.locator("#windows tbody")).to_contain_text(f"7{GAP}000")
    found = cells(page, "#windows")
    low, high = wilson(490, 560)
    assert found["indexed of hits"][2] == f"88 % {share(low)}–{share(high)}"
    assert found["images"][3] == f"7{GAP}000"
    low, high = wilson(1400, 1800)
    assert found["indexed of hits"][3] == f"78 % {share(low)}–{share(high)}"
