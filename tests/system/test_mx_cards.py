"""The two cards of a page of MX, from a simulated detector to their fields in rows."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest

from tests.system.beamline import Beamline, make_beamline, wait_sealed

WAVELENGTH = 12398.42 / 7000
CARD = """
SELECT d.*, g.workflowId, g.experimentType AS type,
       p.acronym AS protein, s.name AS sample,
       w.workflowType, w.workflowTitle
FROM DataCollection d JOIN DataCollectionGroup g USING (dataCollectionGroupId)
LEFT JOIN BLSample s ON s.blSampleId = g.blSampleId
LEFT JOIN Crystal c ON c.crystalId = s.crystalId
LEFT JOIN Protein p ON p.proteinId = c.proteinId
LEFT JOIN Workflow w ON w.workflowId = g.workflowId
"""


def recorded(
    config_file: Any, mosquitto: Any, recorder_daemon: Any, plan: tuple[str, str]
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Simulate a run and record it: its truth, its report, its card's row."""
    beamline = make_beamline(config_file, mosquitto, classify={"index": False})
    daemon = recorder_daemon(beamline.config)
    daemon.wait_for_event("recorder_ready")
    truth = beamline.simulate_mx(*plan, pixels=64, rate_hz=100, speed=20)
    report = wait_sealed(daemon, beamline, truth["uid"])
    assert daemon.terminate() == 0  # the rows are there then
    return truth, report, row_of(beamline)


def row_of(beamline: Beamline) -> dict[str, Any]:
    """The only row of the database that a card is made from."""
    base = sqlite3.connect(beamline.settings.state_directory / "ispyb.sqlite")
    base.row_factory = sqlite3.Row
    try:
        (row,) = base.execute(CARD).fetchall()
    finally:
        base.close()
    return dict(row)


def assert_card(row: dict[str, Any], fields: dict[str, Any]) -> None:
    """Each field as the card shows it."""
    common = {
        "sample": "lysozyme",
        "protein": "lysozyme",
        "imagePrefix": "lysozyme-simulated",
        "dataCollectionNumber": 1,
        "transmission": 12.5,
        "flux": 1.2e12,
        "flux_end": 1.19e12,
        "wavelength": pytest.approx(WAVELENGTH, rel=1e-5),
        "exposureTime": pytest.approx(0.01, rel=1e-4),
        "rotationAxis": "Omega",
        "startImageNumber": 1,
    }
    wanted = {**common, **fields}
    assert {name: row[name] for name in wanted} == wanted


def test_the_card_of_a_rotation_comes_back(config_file, mosquitto, recorder_daemon):
    plan = "range=0.05,images=7200,resolution=2.01,energy=7000"
    truth, report, row = recorded(
        config_file, mosquitto, recorder_daemon, ("mx-rotation", plan)
    )
    assert truth["received"] == report["images"]["received"] == 7200
    assert_card(
        row,
        {
            "type": "OSC",
            "workflowId": None,
            "numberOfImages": 7200,
            "axisStart": 0.0,
            "axisRange": pytest.approx(0.05),
            "axisEnd": pytest.approx(360.0),
            "overlap": 0.0,
            "resolution": pytest.approx(2.01, abs=0.005),
            "resolutionAtCorner": pytest.approx(1.72, abs=0.005),
        },
    )
    mx = report["mx"]
    assert mx["axis"]["total"] == pytest.approx(360.0)
    assert mx["axis"]["by_grade"]["announced"] == 7200
    assert mx["axis"]["range"] == pytest.approx(0.05)
    assert mx["planned"] == mx["images"] == 7200
    assert mx["resolution_edge"] == pytest.approx(2.01, abs=0.005)
    assert mx["resolution_corner"] == pytest.approx(1.72, abs=0.005)
    assert mx["energy"] == pytest.approx(7000, rel=1e-4)
    assert (mx["transmission"], mx["flux"], mx["flux_end"]) == (12.5, 1.2e12, 1.19e12)


@pytest.mark.parametrize("told", ["one", "pitch"])
def test_the_card_of_a_characterisation_comes_back(
    config_file, mosquitto, recorder_daemon, told
):
    plan = f"start=184.32,resolution=2.40,energy=7000,told={told}"
    _, report, row = recorded(
        config_file, mosquitto, recorder_daemon, ("mx-characterisation", plan)
    )
    assert_card(
        row,
        {
            "type": "Characterization",
            "workflowType": "Characterisation",
            "workflowTitle": "Characterise",
            "numberOfImages": 4,
            "axisStart": pytest.approx(184.32),
            "axisRange": 1.0,
            "axisEnd": pytest.approx(544.32),
            "overlap": -89.0,
            "resolution": pytest.approx(2.40, abs=0.005),
            "resolutionAtCorner": pytest.approx(1.96, abs=0.005),
        },
    )
    axis = report["mx"]["axis"]
    assert axis["start"] == pytest.approx(184.32)
    assert axis["total"] == pytest.approx(360.0)
    assert axis["overlap"] == pytest.approx(-89.0)
    wedges = 4 if told == "one" else 1  # a pitch makes one sweep of four images
    assert (axis["wedges_whole"], axis["wedges_planned"]) == (wedges, wedges)
