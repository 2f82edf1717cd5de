"""The simulator's page on rotations, grids and scans says what the program has."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from recorder.simulate.mx.grids import SimulatedGrid
from recorder.simulate.mx.mx_run import IMAGE_FAULTS, PLANS, parse_plan
from recorder.simulate.mx.mx_truth import image_entry
from recorder.simulate.mx.sweeps import SimulatedSweeps, SimulatedWedges
from recorder.simulate.stream.series import Frame, encode
from recorder.simulate.timing.faults import Fate
from tests.unit.test_docs import REFERENCE, names, rows, same, sections

PAGE = REFERENCE / "simulator-mx.md"
TITLES = {
    "Rotation": "mx-rotation",
    "Grid": "mx-grid",
    "Energy scan": "energy-scan",
    "Fluorescence spectrum": "xrf",
}


@pytest.mark.parametrize("title", TITLES)
def test_every_setting_of_a_plan(title):
    technique = TITLES[title]
    table = rows(sections(PAGE)[title])
    documented = {row[0].strip("`"): row[1].strip("`") for row in table}
    same(list(documented), [item.name for item in fields(PLANS[technique])])
    given = {name: text for name, text in documented.items() if text != "none"}
    if title in ("Energy scan", "Fluorescence spectrum"):
        given["bad"] = "none"
    spelt = ",".join(f"{name}={value}" for name, value in given.items())
    assert parse_plan(technique, spelt) == PLANS[technique]()


def test_the_defaults_of_a_characterisation():
    text = sections(PAGE)["Characterisation"]
    other = [
        (item.name, getattr(SimulatedWedges(), item.name))
        for item in fields(SimulatedWedges)
        if getattr(SimulatedWedges(), item.name)
        != getattr(SimulatedSweeps(), item.name)
    ]
    assert other
    for name, value in other:
        assert f"`{name}={value}`" in text.replace("\n", " ")


def test_every_key_of_the_truth():
    frame = Frame(encode([np.zeros((8, 8), np.uint16)])[0], "miss")
    fate = Fate(missed=False, lost=False, duplicate=False, corrupt=False)
    entry = image_entry(SimulatedGrid().exposures(0.01), 0, frame, 0, fate, 0)
    same(names(sections(PAGE)["Truth of a series"]), entry)


def test_every_fault_that_such_a_run_can_have():
    first = sections(PAGE)["Faults of such runs"].split("A trigger is")[0]
    for name in IMAGE_FAULTS:
        assert f"`{name}`" in first


def test_the_page_can_be_found():
    assert "simulator-mx.md" in Path("docs/README.md").read_text()
