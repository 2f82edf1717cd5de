"""Rotations, characterisations and grids as the published models of each flavour see
them, and as zocalo and SynchWeb take them by their own rules."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recorder.config import Settings
from recorder.errors import SinkError
from recorder.ispyb.schema.database import connect
from recorder.ispyb.schema.live_schema import read_live
from recorder.ispyb.site import chosen_flavour
from recorder.records import Json
from recorder.runs.technique import technique_named
from recorder.runs.technique_names import types_by_name
from tests.ispyb import announcement, forget_ids, record, record_with_end, write
from tests.mx_readers import (
    GRID,
    NEITHER,
    ROTATION,
    SCREENING,
    synchweb,
    total,
    zocalo,
)
from tests.mx_runs import (
    PLANE,
    SNAPSHOTS,
    TURNED,
    characterisation,
    grid,
    mx,
    parts,
    rotation,
)
from tests.published_models import ORACLES, Oracle, documented_rights, restrict
from tests.servers import Database

MakeSettings = Callable[..., Settings]


@pytest.fixture(params=["esrf", "maxiv", "diamond"])
def flavour(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def configured(
    flavour: str, settings: MakeSettings, mariadb_database: Database
) -> Settings:
    Oracle(ORACLES[flavour]).create(mariadb_database)
    section = mariadb_database.section(flavour=flavour)
    found = settings(timezone="UTC", ispyb=section)
    restrict(mariadb_database, documented_rights(found))
    return found


@pytest.fixture
def recorded(
    flavour: str, configured: Settings, mariadb_database: Database, tmp_path: Path
) -> Callable[..., Any]:
    """Records runs, and reads what the models find of them."""

    async def make(*bodies: Json) -> list[Json]:
        await record(configured, tmp_path, *bodies)
        return Oracle(ORACLES[flavour]).read(mariadb_database)

    return make


def about(**values: Any) -> Json:
    """Numbers as MariaDB shows those of a FLOAT."""
    return {
        name: value if isinstance(value, str | None) else pytest.approx(value, rel=2e-5)
        for name, value in values.items()
    }


def some(row: Json, wanted: Json) -> Json:
    return {name: row.get(name) for name in wanted}


# -- one run --------------------------------------------------------------------------


async def test_a_rotation_is_read_back_column_by_column(flavour, recorded):
    body = rotation(sample={"name": "a", "protein": {"acronym": "lyso"}})
    (run,) = await recorded(body)
    diamond = flavour == "diamond"
    wanted = about(
        axisStart=184.32,
        axisEnd=184.52,
        axisRange=0.05,
        overlap=0.0,
        rotationAxis="Omega",
        omegaStart=184.32,
        kappaStart=None,
        numberOfImages=4,
        startImageNumber=1,
        numberOfPasses=1,
        imagePrefix="lyso_1",
        imageSuffix="cbf",
        fileTemplate="lyso_1_####.cbf",
        imageDirectory="/data/visitor/mx2345" + "/" * diamond,
        wavelength=1.234567,
        detectorDistance=150.0,
        transmission=87.5,
        flux=1.23456789e12,
        exposureTime=0.0001,
        runStatus="DataCollection Successful",
        comments=f"[recorder:{body['uid']}]",
        **{f"xtalSnapshotFullPath{n}": SNAPSHOTS[n - 1] for n in (1, 2, 3, 4)},
    )
    assert some(run["collection"], wanted) == wanted
    # 46 px of 75 um from the centre to the nearest edge, 75 by 56 px to the corner
    assert run["collection"]["resolution"] > run["collection"]["resolutionAtCorner"] > 1
    assert run["group"]["experimentType"] == "OSC"
    assert run["group"]["comments"] == f"[recorder:{body['uid']}]"
    assert run["group"]["startTime"] == run["collection"]["startTime"]
    assert run["group"]["endTime"] == run["collection"]["endTime"]
    assert (run["ssx"], run["chains"], run["grids"]) == ([], [], [])
    assert run["protein"]["acronym"] == "lyso"


async def test_its_images_have_rows_and_nothing_looks_like_a_processing(
    flavour, recorded
):
    """A program only where image rows hang on one, and no integration anywhere."""
    (run,) = await recorded(rotation())
    assert run["integrations"] == []
    assert [row["imageNumber"] for row in run["images"]] == [1, 2, 3, 4]
    assert [row["spotTotal"] > 8 for row in run["images"]] == [True, False, True, False]
    for row in run["images"]:
        assert "dozor_score" not in row
        assert row["inResTotal"] == row["spotTotal"] >= row["goodBraggCandidates"]
        assert row.get("method1Res") == row.get("method2Res")
        assert ("autoProcProgramId" in row) == (flavour != "diamond")
    if flavour != "diamond":
        (program,) = run["programs"]
        assert program["processingStatus"] == "SUCCESS"
        assert set(program["files"]) == {"report.html", "summary.png"}
        assert run["results"] == []


async def test_an_axis_that_turns_backwards(flavour, recorded):
    """zocalo takes only positive ranges for rotations; the end tells the direction."""
    (run,) = await recorded(rotation("OSC", {**TURNED, "range": -0.05}))
    sign = 1 if flavour == "diamond" else -1
    wanted = about(axisStart=184.32, axisEnd=184.12, axisRange=sign * 0.05, overlap=0.0)
    assert some(run["collection"], wanted) == wanted


async def test_a_helical_rotation_has_both_ends(flavour, recorded):
    sweep = {**TURNED, "position": [0.1, 0.2, 0.3], "end_position": [0.1, 0.2, 0.9]}
    sweep |= {"kappa": 10.0, "phi": 20.0}
    (run,) = await recorded(rotation("Helical", sweep))
    found = run["positions"]
    place = {"posX": 0.1, "posY": 0.2, "posZ": 0.3}
    name = "POSITIONID" if flavour == "diamond" else "positionId"
    assert some(found[name], place) == place
    start = about(phiX=0.1, phiY=0.2, phiZ=0.3, omega=184.32, kappa=10, phi=20)
    assert some(found["startPositionId"], start) == start
    end = start | about(phiZ=0.9, omega=184.52)
    assert some(found["endPositionId"], start) == end
    wanted = about(kappaStart=10.0, phiStart=20.0, omegaStart=184.32)
    assert some(run["collection"], wanted) == wanted


async def test_a_characterisation_is_one_collection_of_images_far_apart(
    flavour, recorded
):
    (run,) = await recorded(characterisation())
    diamond = flavour == "diamond"
    wanted = about(axisStart=184.32, axisRange=1.0, overlap=-89.0, numberOfImages=4)
    assert some(run["collection"], wanted) == wanted
    assert total(run) == pytest.approx(4.0 if diamond else 360.0, abs=0.01)


@pytest.mark.parametrize("fast", ["x", "y"])
async def test_a_grid_has_its_shape_and_place(flavour, recorded, fast):
    (run,) = await recorded(grid("Mesh", {"fast": fast}))
    (found,) = run["grids"]
    wanted = about(
        dx_mm=0.02,
        dy_mm=0.01,
        steps_x=2,
        steps_y=2,
        meshAngle=30.0,
        orientation="horizontal" if fast == "x" else "vertical",
    )
    if flavour == "diamond":
        wanted |= about(micronsPerPixelX=0.5, micronsPerPixelY=0.25, snaked=1)
        wanted |= about(snapshot_offsetXPixel=311, snapshot_offsetYPixel=422)
    else:
        wanted |= about(pixelspermicronX=0.5, pixelspermicronY=0.25)
        wanted |= about(snapshot_offsetxpixel=311, snapshot_offsetypixel=422)
    assert some(found, wanted) == wanted
    standing = about(axisStart=30.0, axisEnd=30.0, axisRange=0.0, overlap=0.0)
    assert some(run["collection"], standing) == standing


async def test_the_planes_of_one_announcement_are_one_group_with_a_grid_each(
    flavour, recorded
):
    planes = [grid("Mesh3D"), grid("Mesh3D", {"angle": 120.0})]
    first, second = await recorded(*parts(planes))
    assert first["group"] == second["group"]
    kind = "Mesh3D" if flavour == "diamond" else "Mesh"
    assert first["group"]["experimentType"] == kind
    assert first["group"]["endTime"] == second["collection"]["endTime"]
    if flavour == "diamond":
        assert first["experiment_type"]["name"] == "Mesh3D"
        angles = [one["grids"][0]["meshAngle"] for one in (first, second)]
        assert [len(one["grids"]) for one in (first, second)] == [1, 1]
    else:  # they hang on the group
        angles = [one["meshAngle"] for one in first["grids"]]
        assert second["grids"] == first["grids"]
    assert angles == [30.0, 120.0]


def numbers(run: Json) -> list[int]:
    return [one["gridInfoId"] for one in run["grids"]]


@pytest.mark.parametrize("angle", [30.0, None])
async def test_planes_that_are_alike_have_a_grid_each(
    flavour, configured, recorded, mariadb_database, angle
):
    """Whatever ids are lost: all, or those of one run."""
    planes = [grid("Mesh3D", {"angle": angle}) for _ in range(2)]
    before = await recorded(*parts(planes))
    found = {number for run in before for number in numbers(run)}
    assert len(found) == 2
    for lost in ("whole.1", "whole.2", None):
        forget_ids(configured, lost)
        write(configured)
        after = Oracle(ORACLES[flavour]).read(mariadb_database)
        assert [numbers(run) for run in after] == [numbers(run) for run in before]


async def test_planes_of_one_run_have_a_grid_each_where_a_group_has_them(
    flavour, configured, recorded, mariadb_database
):
    """Two that are alike, with images in common, stay one run."""
    body = grid("Mesh3D")
    plane = {**PLANE, "first_image": 0}
    body["grid"] = {"planes": [plane, plane, {**plane, "angle": 120.0}]}
    (run,) = await recorded(body)
    angles = [one["meshAngle"] for one in run["grids"]]
    assert angles == ([30.0] if flavour == "diamond" else [30.0, 30.0, 120.0])
    for lose in (False, True):
        if lose:
            forget_ids(configured)
        write(configured)
        (again,) = Oracle(ORACLES[flavour]).read(mariadb_database)
        assert again["grids"] == run["grids"]


async def test_runs_of_one_experiment_have_groups_of_their_own(recorded):
    """A page shows one card a group, of its last run."""
    first, second = await recorded(rotation(), rotation(uid="other"))
    names = ("dataCollectionGroupId", "comments")
    assert all(first["group"][name] != second["group"][name] for name in names)


# -- what readers take them for -------------------------------------------------------

LINE = {"steps": [4, 1]}
KINDS = {
    "rotation": (rotation(), ROTATION, "OSC"),
    "backwards": (rotation("OSC", {**TURNED, "range": -0.05}), ROTATION, "OSC"),
    "helical": (rotation("Helical"), ROTATION, "Helical"),
    "inverse beam": (rotation("SAD - Inverse Beam"), ROTATION, "SAD - Inverse Beam"),
    "characterisation": (characterisation(), SCREENING, "Characterization"),
    "grid": (grid(), GRID, GRID),
    "line": (grid("LineScan", LINE), GRID, GRID),
    "no plan": (mx("OSC"), NEITHER, "OSC"),
    "serial": (announcement(), NEITHER, "Serial Fixed"),
}


async def test_each_run_is_in_exactly_the_right_class_of_zocalo_and_synchweb(
    settings, mariadb_database, tmp_path
):
    """Both read Diamond's database, and tell runs by their columns."""
    oracle = Oracle("diamond")
    oracle.create(mariadb_database)
    configured = settings(ispyb=mariadb_database.section(flavour="diamond"))
    bodies = [{**body, "uid": name} for name, (body, _, _) in KINDS.items()]
    await record(configured, tmp_path, *bodies)
    runs = oracle.read(mariadb_database)
    found = {
        name: (zocalo(run), synchweb(run))
        for name, run in zip(KINDS, runs, strict=True)
    }
    assert found == {name: tuple(wanted) for name, (_, *wanted) in KINDS.items()}


# -- a run that goes on, ends early, is written again ---------------------------------


async def test_it_shows_the_plan_while_it_goes_on_and_ends_where_it_was_stopped(
    flavour, configured, settings, mariadb_database, tmp_path
):
    body = rotation("OSC", {**TURNED, "images": 7200})
    kept = settings(ispyb={"enabled": False})
    end = {"uid": body["uid"], "status": "aborted", "reason": "stopped by hand"}
    end["time_ns"] = 1
    await record_with_end(kept, tmp_path, body, end)
    write(configured, until="run_sealed")
    (run,) = Oracle(ORACLES[flavour]).read(mariadb_database)
    planned = about(numberOfImages=7200, axisStart=184.32, axisEnd=544.32)
    assert some(run["collection"], planned) == planned
    assert "runStatus" not in run["collection"]
    write(configured)
    (run,) = Oracle(ORACLES[flavour]).read(mariadb_database)
    wanted = about(numberOfImages=4, axisEnd=184.52, runStatus="DataCollection aborted")
    assert some(run["collection"], wanted) == wanted


async def test_applied_again_with_ids_lost_nothing_changes(
    flavour, configured, recorded, mariadb_database
):
    sweep = {**TURNED, "position": [0.1, 0.2, 0.3], "end_position": [0.1, 0.2, 0.9]}
    flow = {"type": "MeshScan", "title": "Find it"}
    before = await recorded(
        rotation("Helical", sweep),
        *parts([grid("Mesh3D", workflow=flow), grid("Mesh3D", {"angle": 120.0})]),
    )
    forget_ids(configured)
    write(configured)
    after = Oracle(ORACLES[flavour]).read(mariadb_database)
    for old, new in zip(before, after, strict=True):
        for name in old:
            assert new[name] == old[name], name
    flows = [run["workflow"] for run in before]
    if flavour != "diamond":
        wanted = {"workflowType": "MeshScan", "workflowTitle": "Find it"}
        assert flows[0] is None
        assert some(flows[1], wanted) == wanted
        assert flows[2] == flows[1]


# -- types ----------------------------------------------------------------------------


def test_each_type_of_ours_is_one_that_the_published_schema_has(flavour, configured):
    """And each type that means a technique with images is stored by each flavour."""
    engine = connect(configured)
    column = read_live(engine).column("DataCollectionGroup", "experimentType")
    engine.dispose()
    assert column is not None
    stored = chosen_flavour(configured).experiment_types
    assert set(stored.values()) <= set(column.choices)
    known = types_by_name()
    ours = {name for name in known if technique_named(name).takes_images}
    assert set(stored) == {kind for name in ours for kind in known[name]}


# -- samples --------------------------------------------------------------------------


async def test_a_sample_that_is_there_is_linked_and_none_is_invented(
    flavour, configured, recorded, mariadb_database
):
    mariadb_database.execute(
        "INSERT INTO Protein (proteinId, proposalId, acronym) VALUES (5, 1, 'p')",
        "INSERT INTO Crystal (crystalId, proteinId) VALUES (6, 5)",
        "INSERT INTO BLSample (blSampleId, crystalId, name) VALUES (7, 6, 'x7')",
    )
    runs = await recorded(
        rotation(sample={"name": "another name", "id": 7}),
        rotation(sample={"name": "x7"}),
        rotation(sample={"name": "nobody entered it"}),
        rotation(sample=None),
    )
    assert [run["group"].get("blSampleId") for run in runs] == [7, 7, None, None]
    count = "SELECT COUNT(*) AS n FROM BLSample"
    assert mariadb_database.rows(count) == [{"n": 1}]


@pytest.mark.parametrize("kind", ["OSC", "SSX-Jet"])
async def test_a_sample_of_another_proposal_is_refused_by_name(
    configured, settings, mariadb_database, tmp_path, kind
):
    mariadb_database.execute(
        "INSERT INTO Proposal (proposalId, personId, proposalCode, proposalNumber) "
        "VALUES (9, 1, 'mx', '9')",
        "INSERT INTO Protein (proteinId, proposalId, acronym) VALUES (5, 9, 'p')",
        "INSERT INTO Crystal (crystalId, proteinId) VALUES (6, 5)",
        "INSERT INTO BLSample (blSampleId, crystalId, name) VALUES (7, 6, 'x7')",
    )
    kept = settings(ispyb={"enabled": False})
    await record(kept, tmp_path, mx(kind, sample={"name": "x7", "id": 7}))
    with pytest.raises(SinkError, match=r"sample\.id 7 is of another proposal"):
        write(configured)
    assert mariadb_database.rows("SELECT * FROM DataCollection") == []


# -- a database that lacks something --------------------------------------------------


async def test_without_serial_tables_rotations_are_written(
    settings, mariadb_database, tmp_path
):
    oracle = Oracle("esrf")
    oracle.create(mariadb_database)
    mariadb_database.execute(
        "SET FOREIGN_KEY_CHECKS = 0",
        "DROP TABLE SSXDataCollection, Event, EventChain, EventType",
    )
    configured = settings(ispyb=mariadb_database.section())
    await record(configured, tmp_path, rotation())
    query = "SELECT axisRange + 0e0 AS r, runStatus AS s FROM DataCollection"
    (row,) = mariadb_database.rows(query)
    assert row == {"r": pytest.approx(0.05), "s": "DataCollection Successful"}


async def test_without_grids_only_grid_scans_are_refused(
    settings, mariadb_database, tmp_path, log_events
):
    oracle = Oracle("esrf")
    oracle.create(mariadb_database)
    mariadb_database.execute("SET FOREIGN_KEY_CHECKS = 0", "DROP TABLE GridInfo")
    configured = settings(ispyb=mariadb_database.section())
    await record(configured, tmp_path, rotation())
    await record(settings(ispyb={"enabled": False}), tmp_path, grid(uid="g"))
    with pytest.raises(SinkError, match=r"technique mx-grid need .* grids, .*GridInfo"):
        write(configured)
    (row,) = mariadb_database.rows("SELECT comments FROM DataCollection")
    assert "recorder:g" not in row["comments"]


async def test_without_columns_of_rotations_they_are_named_and_left_out(
    settings, mariadb_database, tmp_path, log_events
):
    oracle = Oracle("esrf")
    oracle.create(mariadb_database)
    mariadb_database.execute(
        "ALTER TABLE DataCollection DROP COLUMN overlap, DROP COLUMN flux_end"
    )
    configured = settings(ispyb=mariadb_database.section())
    await record(configured, tmp_path, rotation(), announcement())
    found = mariadb_database.rows("SELECT runStatus AS s FROM DataCollection")
    assert [row["s"] for row in found] == ["DataCollection Successful"] * 2
    said = next(e for e in log_events if e["event"] == "ispyb_limited")
    assert said["problems"] == [
        "column DataCollection.flux_end: missing",
        "column DataCollection.overlap: missing",
    ]


async def test_a_type_that_means_another_technique_gives_way_to_the_plan(recorded):
    """Who names the technique need not name a type: a jet it is not."""
    runs = await recorded(
        rotation("SSX-Jet", technique="mx-rotation"),
        rotation("SSX-Jet", {**TURNED, "range": 0.0}, technique="mx-rotation"),
        grid("SSX-Jet", technique="mx-grid"),
    )
    kinds = [run["group"]["experimentType"] for run in runs]
    assert kinds == ["OSC", "Still", "Mesh"]
