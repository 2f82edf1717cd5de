"""Runs that are not serial, as reports, sums and the live state have them."""

from __future__ import annotations

from dataclasses import replace

from recorder.live.run_state import open_run
from recorder.records import RunState
from recorder.records.image_report import ClassCounts, ImageCounts
from recorder.records.mx_plan import Part
from recorder.records.run_report import RunReport
from recorder.reports.experiments import by_experiment, cumulative
from recorder.reports.html.page import report_page
from recorder.reports.text import report_text
from tests.builders import collection, new_run


def a_report(run: int, technique: str = "ssx", **more) -> RunReport:
    images = ImageCounts(received=100 * run, expected=100 * run, classified=100 * run)
    classes = ClassCounts(indexed=7, non_indexed_hits=3, non_hits=100 * run - 10)
    known = {"images": images, "classes": classes, "state": RunState.SEALED}
    return RunReport(run, f"u{run}", technique=technique, **{**known, **more})


BOTH = [a_report(1), a_report(2, "mx-rotation"), a_report(4)]


def test_only_serial_runs_are_summed_up():
    total = cumulative(BOTH)
    assert (total.runs, total.images, total.indexed, total.skipped) == (3, 500, 14, 480)
    assert (total.other_runs, total.other_images) == (1, 200)
    assert total.indexed + total.non_indexed_hits + total.skipped == total.images
    assert cumulative([BOTH[0], BOTH[2]]).other_runs == 0


def test_the_text_says_what_was_done_and_no_rate_of_a_crystal_that_turns():
    text = report_text(by_experiment(BOTH))
    one, two, three = text.split("  Run ")[1:]
    assert "hit rate" in one and "pump" in three
    assert two.startswith("2: mx-rotation, sealed")
    assert "expected 200 = received 200 + lost 0" in two
    assert "spots      on 10 images" in two
    assert not [word for word in ("hit rate", "pump", "lattices") if word in two]
    assert "all 2 serial runs: 500 images, 14 indexed" in text
    assert "1 runs that are not serial: 200 images" in text
    alone = report_text(by_experiment([BOTH[1]]))
    assert "skipped" not in alone


def test_a_page_of_runs_that_are_not_serial_has_no_bar_of_three():
    alone = [a_report(1, "mx-grid"), a_report(2, "mx-grid")]
    page = report_page(by_experiment(alone), {})
    assert "images of runs that are not serial" in page
    assert "skipped" not in page
    assert "skipped" in report_page(by_experiment(BOTH), {})


def test_a_run_that_goes_on_says_which_part_of_what_it_is():
    part = Part("u", 2, 3, 100, 100)
    told = replace(collection("u.2", technique="mx-rotation"), part=part)
    run = new_run("u.2", announcement=told, state=RunState.OPEN)
    run.images.receive(1, None)
    short = open_run(run)
    assert (short.part, short.parts, short.technique) == (2, 3, "mx-rotation")
    assert (short.received, short.lost, short.source) == (1, 1, None)
