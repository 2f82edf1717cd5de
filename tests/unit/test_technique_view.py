"""Runs that are not serial, as reports, sums and the live state have them."""

from __future__ import annotations

import json
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from recorder.live.run_state import open_run
from recorder.records import RunState
from recorder.records.image_report import ClassCounts, ImageCounts
from recorder.records.mx_plan import Part
from recorder.records.report_json import report_from_json, report_to_json
from recorder.records.run_report import RunReport
from recorder.records.technique_report import AxisReport, MxReport
from recorder.reports.experiments import by_experiment, cumulative
from recorder.reports.html.facts import NO_FACTS
from recorder.reports.html.page import report_page
from recorder.reports.png.canvas import can_draw
from recorder.reports.png.summary import summary_png
from recorder.reports.proof import proof_of
from recorder.reports.run_report import run_report
from recorder.reports.technique_card import card_lines, images_of_parts, with_more
from recorder.reports.text import report_text
from recorder.terminal.marks import ASCII, UNICODE
from recorder.terminal.moment import Moment
from recorder.terminal.picture import picture
from recorder.web.shapes import Now, Slow
from tests import technique_reports as reports
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
    assert "1 run that is not serial: 200 images" in text
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


def test_the_cards_of_the_seed_are_told_field_by_field():
    assert dict(card_lines(reports.rotation())) == {
        "workflow": "MXPressE (12)",
        "protein": "thau",
        "sample": "thau-x7 (BLSample 4711)",
        "prefix": "thau-x7_1",
        "run": "1",
        "collection": None,
        "images (total)": "7,200 (7,200)",
        "transmission": "12.5 %",
        "resolution (corner)": "2.01 Å (1.72 Å)",
        "energy (wavelength)": "12.7 keV (0.97625 Å)",
        "omega range": "0.05°",
        "omega start (total)": "184.32° (360.00°)",
        "exposure": "5 ms",
        "flux": "1.2e+12 photons/s",
        "flux at the end": "1.1e+12 photons/s",
    }
    second = dict(card_lines(reports.characterisation()))
    assert second["omega start (total)"] == "184.32° (360.00°)"
    assert second["images (total)"] == "3 (4)"


def test_the_total_of_images_is_that_of_all_planes():
    planes = [reports.grid(), reports.line_scan()]
    total = images_of_parts(planes)
    assert total == {"uid-grid": 640}
    assert dict(card_lines(planes[0], total))["images (total)"] == "585 (640)"
    assert dict(card_lines(planes[0]))["images (total)"] == "585 (600)"


def test_nothing_is_made_up_where_nothing_is_known():
    bare = RunReport(1, "u", technique="mx-rotation", mx=MxReport(axis=AxisReport()))
    told = {name: value for name, value in card_lines(bare) if value is not None}
    assert told == {"run": "1", "images (total)": "0 (0)"}
    assert with_more(None, "1.72 Å") == "unknown (1.72 Å)"


def test_what_the_announcement_says_is_in_the_report():
    run = new_run(
        "u",
        announcement=collection(
            "u",
            technique="mx-rotation",
            sample={"name": "x7", "id": 4711, "protein": {"acronym": "thau"}},
            workflow={"type": "MXPress", "id": 12},
            files={"prefix": "x7_1"},
            beam={"transmission": 12.5, "flux": 1e12, "size": [0.05, 0.02]},
        ),
    )
    about = run_report(run).about
    assert about is not None
    assert (about.workflow, about.workflow_id, about.prefix) == ("MXPress", 12, "x7_1")
    assert (about.sample, about.sample_id, about.protein) == ("x7", 4711, "thau")
    assert (about.transmission, about.beam_size) == (12.5, (0.05, 0.02))
    assert run_report(new_run("v")).about is None, "of a serial run"


EVERY = {run.technique + f"-{run.run}": run for run in reports.every()}
UGLY = {f"ugly-{run.run}": run for run in reports.ugly()}


@pytest.mark.parametrize("name", [*EVERY, *UGLY])
def test_each_picture_can_be_made_of_anything(name):
    """Text, page, sheet, terminal; names stay texts, numbers that are none no lines."""
    run = {**EVERY, **UGLY}[name]
    text = report_text(by_experiment([run]))
    assert "\x1b" not in text
    assert "hit rate" not in text
    page = report_page(by_experiment([run]), {})
    ElementTree.fromstring(page.removeprefix("<!DOCTYPE html>"))
    assert "<img" not in page
    assert "nan" not in page.lower().replace(reports.UGLY.lower(), "")
    if can_draw():
        assert summary_png(run, NO_FACTS).startswith(b"\x89PNG")
    moment = Moment(Now(), Slow(run=run, complete=True))
    for width, height in ((150, None), (80, 24), (20, 10)):
        for signs in (UNICODE, ASCII):
            for line in picture(moment, width, height, signs):
                assert "\x1b" not in line.plain
    known = json.loads(json.dumps(report_to_json(run)))
    assert report_from_json(known) == run


def test_a_page_has_the_map_with_the_crystal_and_the_curve_with_its_marks():
    page = report_page(by_experiment(reports.every()), {})
    assert page.count('class="unknown"') == 30
    assert page.count('class="sigma"') == 1
    assert "x 18.50 ± 0.21, y 8.50 ± 0.34 cells" in page
    assert "from image 331 on by 1 cell" in page
    assert page.count("<polyline") == 2
    assert page.count('class="mark two"') == 2 + 3, "remote lies beyond the scan"
    assert page.count('class="error"') == 2
    for name in ("Light and dark", "Time points", "Chip or scan", "hit rate"):
        assert name not in page


def test_a_scan_is_recorded_without_images():
    proof = proof_of(reports.energy_scan())
    assert proof.whole
    assert "no images belong to it" in proof.text
    assert "7,200/7,200" in proof_of(reports.rotation()).text
    nothing = replace(reports.rotation(), images=ImageCounts())
    assert "no images" not in proof_of(nothing).text
