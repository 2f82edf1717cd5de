"""What is announced of the beam means the same wherever it is used."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from recorder.classifying.setup import make_setup
from recorder.config import GeometrySection
from recorder.mx.resolution import wavelength_of
from recorder.records import ClassifySettings, DetectorInfo
from recorder.runs.detector_reach import wavelength
from recorder.runs.run import Run
from recorder.sinks.ispyb.collections import collection_values
from tests.builders import SHAPE, collection, new_run, payload, start

HEADER = DetectorInfo(
    shape=SHAPE, pixel_size=(75e-6, 75e-6), distance=0.2, beam_center=(8.0, 8.0)
)


def run_of(beam: dict[str, Any], kind: str, **header: Any) -> Run:
    series = replace(start(), info=replace(HEADER, **header))
    announced = collection("a", beam=beam, experiment={"name": "e", "type": kind})
    return new_run("a", 1, 1, start=series, key=series.key, announcement=announced)


@pytest.mark.parametrize("kind", ["SSX-Jet", "OSC"])
@pytest.mark.parametrize(
    ("beam", "header", "angstrom"),
    [
        ({"energy": 7000.0}, {}, wavelength_of(7000.0)),
        ({"energy": 7000.0}, {"wavelength": 1.5}, wavelength_of(7000.0)),
        ({"energy": 7000.0}, {"photon_energy": 9000.0}, wavelength_of(7000.0)),
        ({"energy": 7000.0, "wavelength": 1.2}, {}, 1.2),
        ({"energy": 1e-310}, {"wavelength": 1.5}, 1.5),
        ({"energy": 0.0}, {"wavelength": 1.5}, 1.5),
        ({}, {"photon_energy": 9000.0}, wavelength_of(9000.0)),
    ],
)
def test_an_energy_stands_for_the_wavelength(
    kind: str, beam: dict[str, Any], header: dict[str, Any], angstrom: float
):
    """For classification, for the report of a rotation and for the row of each run."""
    run = run_of(beam, kind, **header)
    setup, _ = make_setup(run, payload(), GeometrySection(), ClassifySettings())
    assert setup.geometry is not None
    assert setup.geometry.wavelength == pytest.approx(angstrom)
    assert wavelength(run) == pytest.approx(angstrom)
    assert collection_values(run, None)["wavelength"] == pytest.approx(angstrom)


def test_an_announced_energy_wins_over_a_configured_wavelength():
    section = GeometrySection(wavelength=1.5)
    run = run_of({"energy": 7000.0}, "SSX-Jet")
    setup, _ = make_setup(run, payload(), section, ClassifySettings())
    assert setup.geometry.wavelength == pytest.approx(wavelength_of(7000.0))
