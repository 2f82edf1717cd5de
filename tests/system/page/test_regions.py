"""Each region says what the live state and the report say."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import expect

from recorder.ssx.alarms.wilson import wilson
from tests.system.page import states
from tests.system.page.reading import GAP, cells, share

pytestmark = pytest.mark.xdist_group("page")


def test_the_header_says_state_age_and_each_part(open_page):
    page = open_page()
    expect(page.locator("#state")).to_have_text("OPEN run 3")
    expect(page.locator("#images")).to_have_text(f"3{GAP}560/10{GAP}000 images")
    expect(page.locator("#eta")).to_have_text("ETA 64 s")
    expect(page.locator("#age")).to_have_text("age 0.2 s")
    expect(page.locator("#lost-count")).to_have_text("lost 2")
    expect(page.locator("#missed")).to_have_text("missed 1")
    parts = page.locator("#parts li")
    assert [
        " ".join(part.locator("> span").all_inner_texts()) for part in parts.all()
    ] == [
        "● detector 100.0 Hz, lost 2, missed 1",
        "● panda-1 100.0 Hz, +3 ppm",
        "● broker",
        "● pool 12 % full, 2 workers",
        "● node host-b 8 workers, 21 held",
        "○ node host-c away, its connection ended",
        "● journal 800 GB free",
        "● ispyb lag 0.4 s, 2 to write",
        "▲ results failing, lag 75 s, 12 to write, 1 parked, "
        "the disk is full: make room",
    ]


def test_the_age_is_that_of_the_images_while_a_run_is_open(server, open_page):
    live = server.said.now["live"]
    live["sources"][0]["age_ms"] = 5000.0
    page = open_page()
    age = page.locator("#age")
    expect(age).to_have_text("age 5.1 s")
    live["sources"][0]["age_ms"] = None
    expect(age).to_have_text("age –")
    live["sources"][0]["age_ms"] = 20_000.0
    expect(age).to_have_text("age 20 s")
    server.said.now["age_s"] = 14.0
    server.said.now["daemon"] = "stale"
    expect(age).to_have_text("age 34 s")
    live["run"]["state"] = "draining"
    expect(age).to_have_text("age 14 s")


def test_rates_have_wilsons_intervals_in_four_windows(open_page):
    page = open_page()
    found = cells(page, "#windows")
    windows = states.live()["run"]["windows"]
    for heading, part, whole in (
        ("hits of images", "hits", "classified"),
        ("indexed of hits", "indexed", "tried"),
        ("indexed of images", "indexed", "classified"),
    ):
        expected = []
        for name in ("10s", "60s", "run", "all"):
            one = windows[name]
            low, high = wilson(one[part], one[whole])
            rate = share(one[part] / one[whole])
            expected.append(f"{rate} % {share(low)}–{share(high)}")
        assert found[heading] == expected
    assert found["images"][0] == f"1{GAP}000"


def test_light_and_dark_and_their_difference(open_page):
    found = cells(open_page(), "#pump")
    assert list(found) == [
        "☀ light",
        "☾ dark",
        "light − dark",
        "dark 1",
        "dark 2",
        "? unknown",
    ]
    # 371 of 1780 and 323 of 1700, Newcombe's method 10 (Statistics in Medicine 17, 873)
    assert found["light − dark"][0] == "+1.8 % −0.8 … +4.5"
    assert found["☀ light"][0] == "21 % 19–23"


def test_no_laser_is_not_dark(server, open_page):
    run = server.said.now["live"]["run"]
    run["pump"] |= {"declared": False, "light": run["pump"]["unknown"]}
    server.said.slow = states.slow(run=states.report(event_chains=[]))
    page = open_page()
    expect(page.locator("#pump-note")).to_have_text(
        "No laser is declared, and none was seen."
    )
    expect(page.locator("#pump")).to_be_hidden()


def test_time_points_tell_targets_and_which_is_behind(open_page):
    page = open_page()
    points = page.locator("#delays li")
    expect(points).to_have_count(3)
    expect(points.nth(0)).to_contain_text(
        f"3 ms1{GAP}880/3{GAP}000 indexed · ETA 4 min"
    )
    expect(points.nth(1)).to_contain_text("33 % behind")
    expect(points.nth(2)).to_contain_text("100 ms1 indexed · 20 % hits (5.7–51) of 10")
    expect(page.locator("#delay-note")).to_have_text(
        "measured delay 3.0003 ms, σ 22 ns, 2 outliers"
    )
    expect(page.locator("#misfires")).to_have_text(
        f"3 misfires of 1{GAP}790 pulses due (0.1–0.5 %)"
    )


def test_event_chains_commanded_measured_verdict(open_page):
    page = open_page()
    rows = page.locator("#chain-tables tbody tr").all_inner_texts()
    assert [row.split("\t") for row in rows] == [
        ["laser", "pump", "commanded", "0 s", "10 ns", "20 ms", f"5{GAP}000"]
        + ["▲ differs"],
        ["measured", "0 s", "10 ns", "20 ms", f"1{GAP}787"],
        ["fired 1787 times of 1790"],
        ["X-ray detection", "–", "commanded", "3 ms", "100 µs", "10 ms"]
        + [f"10{GAP}000", "✓ ok"],
        ["measured", "3.0003 ms", "100 µs", "10 ms", f"3{GAP}563"],
        ["laser", "heater", "commanded", "", "", "", "", "+ extra"],
        ["measured", "5.1 ms", "–", "–", "3"],
        ["was not declared"],
    ]


def test_cards_have_the_seeds_shape(open_page):
    page = open_page()
    card = page.locator("#card-list article")
    facts = card.locator("dl.facts div").all_inner_texts()
    assert [fact.split("\n") for fact in facts] == [
        ["Protein", "kljvz"],
        ["Sample", "laagg"],
        ["Support", "SSX-Chip"],
        ["Experiment", "fvkhb"],
        ["# Runs", "4"],
        ["Images", f"14{GAP}000"],
        ["ISPyB group", "2"],
    ]
    assert card.locator(".three li").all_inner_texts() == [
        f"1{GAP}420 indexed 10.14 %",
        "810 non-indexed hits 5.79 %",
        f"11{GAP}770 skipped 84.07 %",
    ]
    widths = card.locator(".bar .part").evaluate_all(
        "parts => parts.map(part => part.getBoundingClientRect().width)"
    )
    assert widths[0] / sum(widths) == pytest.approx(1420 / 14_000, abs=0.001)
    assert card.locator(".run").all_inner_texts() == ["#1", "#2 ✕", "#3 ▶", "#4 !"]


def test_the_proof_of_recording_or_why_not(server, open_page):
    page = open_page()
    assert page.locator("#run-body .proof li").all_inner_texts() == [
        f"✓ 3{GAP}560/3{GAP}560 received images accounted",
        "✓ ISPyB: DCG 2, DC 17",
        "✓ ispyb: written",
        "… results: pending",
        "✓ 1 event chain written",
        "… not sealed yet: open",
    ]
    assert cells(page, "#run-body")["lost"] == ["2"]
    ledger = {"closed": False, "differences": ["3 images are missing"]}
    server.said.slow = states.slow(run=states.report(ledger=ledger))
    expect(page.locator("#run-body")).to_contain_text("✗ 3 images are missing")


def test_alarms_with_hint_evidence_and_seen(server, open_page):
    page = open_page()
    alarm = page.locator("#alarm-list li")
    expect(alarm.get_by_role("alert")).to_contain_text("Hit rate fell from 20 %")
    expect(alarm).to_contain_text("Perhaps the jet moved or clogged.")
    alarm.get_by_role("button", name="why").click()
    expect(alarm).to_contain_text(f"image 3{GAP}012 of run 3")
    expect(alarm).to_contain_text("solvent -0.41")
    alarm.get_by_role("button", name="seen").click()
    page.locator("#say-form input").fill("ann")
    with page.expect_response("**/seen"):
        page.locator("#say-form button[type=submit]").click()
    expect(page.locator("#say")).to_be_hidden()
    assert server.said.posted == [("alarms/hit_rate/3/seen", {"by": "ann"})]
    server.said.now["live"]["alarms"][0]["seen_by"] = "ann"
    expect(alarm).to_contain_text("seen by ann")
    expect(alarm.get_by_role("button", name="seen")).to_be_hidden()
    expect(page.locator("#sound")).to_have_text("Sound off")


def test_the_level_of_an_alarm_is_taken_as_normal_once_that_is_offered(
    server, open_page
):
    page = open_page()
    alarm = page.locator("#alarm-list li")
    button = alarm.get_by_role("button", name="normal from now on")
    expect(alarm).to_contain_text("Hit rate fell")
    expect(button).to_be_hidden()
    server.said.now["live"]["alarms"][0]["can_be_normal"] = True
    button.click()
    page.locator("#say-form input").fill("ann")
    page.locator("#say-form button[type=submit]").click()
    expect(page.locator("#say")).to_be_hidden()
    page.wait_for_function("() => !document.querySelector('.normal').disabled")
    assert server.said.posted == [("alarms/hit_rate/3/normal", {"by": "ann"})]
    server.said.now["live"]["alarms"][0] |= {"can_be_normal": False, "cleared_ns": 1}
    expect(button).to_be_hidden()


def test_a_target_is_said(server, open_page):
    page = open_page()
    page.locator("#set-target").click()
    page.locator("#say-form select").select_option("0.01")
    page.locator("#say-form input").fill("500")
    with page.expect_response("**/targets"):
        page.locator("#say-form button[type=submit]").click()
    assert server.said.posted == [
        (f"runs/{states.UID}/targets", [{"delay": 0.01, "indexed": 500}])
    ]


def test_the_line_has_no_time_in_1970(server, open_page):
    server.said.now["live"]["run"]["line"]["from_ns"] = 0
    server.said.now["live"]["run"]["started_ns"] = 0
    server.said.now["live"]["alarms"][0]["raised_ns"] = 0
    page = open_page()
    expect(page.locator("#line")).to_have_attribute(
        "aria-label", "No rate over time yet"
    )
    assert "1970" not in page.locator("body").inner_text()


def test_intervals_are_those_of_the_report(open_page):
    """Of the same counts: Wilson's, and Newcombe's of the difference made of them."""
    random = np.random.default_rng(6)
    trials = random.integers(1, 10_000, 400)
    hits = (trials * random.choice([0, 0.001, 0.2, 0.5, 1], 400)).astype(int)
    counts = np.stack((hits, trials), 1).tolist()
    found = open_page().evaluate(
        """async counts => {
          const {wilson, difference} = await import('/static/stats.js');
          return [counts.map(([k, n]) => wilson(k, n)),
            counts.slice(1).map(([k, n], at) => difference(...counts[at], k, n))];
        }""",
        counts,
    )
    expected = [wilson(*one) for one in counts]
    np.testing.assert_allclose(found[0], expected, rtol=0, atol=1e-12)
    shares = hits / trials
    for n, one in enumerate(found[1]):
        (low1, high1), (low2, high2) = expected[n : n + 2]
        low = np.hypot(shares[n] - low1, high2 - shares[n + 1])
        high = np.hypot(high1 - shares[n], shares[n + 1] - low2)
        middle = shares[n] - shares[n + 1]
        assert one["value"] == pytest.approx(middle)
        assert one["interval"] == pytest.approx([middle - low, middle + high])
