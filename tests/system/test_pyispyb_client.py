"""The client that is published for py-ISPyB's API asks ours.

Its models take no null, which py-ISPyB sends as we do: where all is known it works. It
takes whole numbers only for sizes and cells, which py-ISPyB cuts to whole numbers and
we do not.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text, update

from recorder.ispyb.schema import read_run_tables as r
from recorder.ispyb.schema import read_tables as p
from recorder.ispyb.schema import tables as t
from recorder.ispyb.schema.columns import CELL
from recorder.ispyb.schema.live_schema import read_live
from recorder.web.pyispyb.frame import ROOT
from tests.people import root_engine
from tests.published_models import SCRIPTS, environment
from tests.published_sites import published_site
from tests.reading import at, embedded, write
from tests.servers import Database

KNOWN_SESSION: dict[str, Any] = {
    "sessionId": 31,
    "proposalId": 1,
    "beamLineName": "id29",
    "visit_number": 3,
    "startDate": at(8),
    "endDate": at(16),
    "beamLineOperator": "Carl",
    "scheduled": 1,
    "nbShifts": 3,
    "sessionTitle": "a title",
    "comments": "a comment",
    "beamLineSetupId": 1,
}
KNOWN_SETUP: dict[str, Any] = {
    "beamLineSetupId": 1,
    "synchrotronName": "ESRF",
    "synchrotronMode": "uniform",
    "undulatorType1": "u21",
    "undulatorType2": "u35",
    "undulatorType3": "none",
    "focalSpotSizeAtSample": 0.001,
    "focusingOptic": "CRL",
    "beamDivergenceHorizontal": 0.1,
    "beamDivergenceVertical": 0.1,
    "polarisation": 0.99,
    "monochromatorType": "Si 111",
    "setupDate": at(7),
}
LISTS = (
    "/options/ui",
    "/samples/sub",
    "/samples/images",
    "/labcontacts",
    "/datacollections/attachments",
    "/datacollections/workflows/steps",
)


def call(path: str, inside: dict[str, Any] | None = None, **query: Any) -> Any:
    return {
        "path": f"{ROOT}{path}",
        "path_params": inside or {},
        "query_params": query,
    }


def ask(address: str, *calls: Any) -> list[str]:
    """What the client made of each."""
    python = environment(SCRIPTS / "client-requirements.txt")
    done = subprocess.run(
        [str(python), str(SCRIPTS / "client.py")],
        input=json.dumps(calls),
        text=True,
        capture_output=True,
        check=False,
        env={**os.environ, "CLIENT_HOST": address.rstrip("/"), "CLIENT_TOKEN": "none"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return list(json.loads(done.stdout))


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Of sample 101, its protein and components all is known."""
    folder = tmp_path / "state"
    folder.mkdir()
    engine = embedded(folder / "ispyb.sqlite")
    live = read_live(engine)
    known = {
        p.protein: (1, {"sequence": "MKV", "density": 1.5, "molecularMass": 14.3}),
        p.crystal: (1, dict.fromkeys((*CELL, "size_X", "size_Y", "size_Z"), 79.0)),
        p.sample: (
            101,
            {"comments": "x", "location": "3", "loopType": "chip", "containerId": 1},
        ),
        t.component: (1, {"composition": "NaCl"}),
    }
    with engine.begin() as db:
        changer = {"sampleChangerLocation": "3", "beamlineLocation": "id29"}
        write(db, live, p.container, {"containerId": 1, "code": "puck", **changer})
        for table, (number, values) in known.items():
            key = next(iter(table.primary_key.columns))
            db.execute(update(table).where(key == number).values(**values))
        protein = {"containmentLevel": "1", "hazardGroup": "1", "safetyLevel": "GREEN"}
        db.execute(
            update(p.protein)
            .where(p.protein.c.proteinId == 1)
            .values(**protein, componentTypeId=901)
        )
        for table in (t.sample_composition, t.crystal_composition):
            db.execute(
                update(table).values(
                    abundance=0.5, ratio=1, ph=7, concentrationTypeId=9
                )
            )
        db.execute(update(t.component).values(composition="NaCl"))
        write(
            db,
            live,
            r.file_attachment,
            {"dataCollectionId": 1, "fileFullPath": "/a/b.log", "fileType": "log"},
        )
        numbers = {"goodBraggCandidates": 5, "method2Res": 2.5}
        write(db, live, r.quality, {"dataCollectionId": 1, "imageNumber": 1, **numbers})
        write(db, live, p.sample_image, {"blSampleId": 101, "offsetX": 1})
        db.execute(
            update(p.sample_image).values(
                offsetY=1, micronsPerPixelX=0.5, micronsPerPixelY=0.5
            )
        )
        write(db, live, r.workflow_step, {"workflowId": 5, "status": "done"})
        db.execute(update(r.workflow_step).values(workflowStepType="a", comments="b"))
        db.execute(update(r.group).values(workflowId=5))
        write(db, live, r.robot, {"blsessionId": 11, "startTimestamp": at(9)})
    engine.dispose()
    return folder


def test_the_published_client_reads_what_is_known(
    state: Path, start_web: Callable[..., Any]
) -> None:
    web = start_web(state_directory=str(state), beamline="id29")
    known = [
        call("/samples/{blSampleId}", {"blSampleId": 101}),
        call("/proteins/{proteinId}", {"proteinId": 1}),
        call("/proteins", proteinId=1),
        call("/samples", proteinId=1),
        call("/datacollections/quality", dataCollectionId=1),
        *(call(path) for path in LISTS),
    ]
    assert ask(web.address, *known) == ["ok"] * len(known)
    nulls = [
        call("/samples/{blSampleId}", {"blSampleId": 201}),
        call("/proteins/{proteinId}", {"proteinId": 3}),
        call("/proteins", proteinId=3),
        call("/samples", proteinId=3),
    ]
    for said in ask(web.address, *nulls):
        assert "NoneClass" in said, said


def test_the_published_client_reads_a_session(
    mariadb_database: Database, settings: Any, start_web: Callable[..., Any]
) -> None:
    """Its model wants the times at which rows were made; the server fills them."""
    published_site("esrf", mariadb_database, settings)
    engine = root_engine(mariadb_database)
    with engine.begin() as db:
        for name, row in (("BeamLineSetup", KNOWN_SETUP), ("BLSession", KNOWN_SESSION)):
            values = ", ".join(f":{key}" for key in row)
            db.execute(
                text(f"INSERT INTO {name} ({', '.join(row)}) VALUES ({values})"), row
            )
    engine.dispose()
    section = mariadb_database.section()
    ispyb = {key: section[key] for key in ("url", "password")}
    web = start_web(beamline="id29", web={"ispyb": ispyb})
    calls = [call("/session/{sessionId}", {"sessionId": 31})]
    assert ask(web.address, *calls) == ["ok"]
