"""What the row of a rotation says when it is over: where it ended, and by whom."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from recorder.config import Settings
from recorder.journal import RecordKind
from recorder.journal.records import Record
from recorder.records import (
    Classification,
    ImageClass,
    ImageOutcome,
    Json,
    RunState,
    RunStatus,
)
from recorder.records.detector import FileAngles
from recorder.records.report_json import report_to_json
from recorder.reports.run_report import run_report
from tests.builders import announced, collection_end, new_run, start
from tests.ispyb import NO_ISPYB, Site, embedded_site, record, write
from tests.mx_runs import grid, parts, rotation
from tests.system.test_ispyb_mx_cards import apply

SWEEP = {"start": 10.0, "range": 1.0, "images": 100}
GAPS = range(2, 52, 2)
ROW = (
    "SELECT axisStart + 0e0 AS s, axisEnd + 0e0 AS e, axisRange + 0e0 AS r, "
    "overlap + 0e0 AS o, numberOfImages AS n, rotationAxis AS a, comments AS c "
    "FROM DataCollection"
)


@pytest.fixture
def site(tmp_path: Any) -> Site:
    """Formulae of ESRF's family; no server has a part in what is asked here."""
    return embedded_site(tmp_path / "state" / "ispyb.sqlite")


@pytest.fixture
def written(
    site: Site, settings: Callable[..., Settings], tmp_path: Any
) -> Callable[..., Any]:
    """The row of a run with the report of so many images."""

    async def make(
        ids: Iterable[int],
        status: str = "success",
        *,
        angles: FileAngles | None = None,
        axis: str = "omega",
        said: int | None = None,
        without: bool = False,
    ) -> dict[str, Any]:
        body = rotation("OSC", SWEEP)
        body["scan"]["axis"] = axis
        if axis not in ("omega", "kappa", "phi"):
            del body["scan"]  # no sweep may be announced of it: a file says it
        await record(settings(ispyb=NO_ISPYB), tmp_path, body)
        report = sealed(body, ids, status, said, angles)
        if without:
            report["mx"] = None

        def change(entry: Record) -> Json:
            found = deepcopy(entry.body)
            if entry.kind == RecordKind.RUN_SEALED:
                found["report"] = {**found["report"], **report}
            return found

        apply(settings(ispyb=site.section), change)
        return site.one(ROW)

    return make


def sealed(
    body: Json,
    ids: Iterable[int],
    status: str,
    said: int | None,
    angles: FileAngles | None,
) -> Json:
    """The report of a run of which these images came."""
    first = replace(start(images=None), angles=angles)
    run = new_run(announcement=announced(body), start=first, key=first.key)
    for n in ids:
        run.images.receive(n, n * 10**7)
        run.images.finish(ImageOutcome(n, Classification(ImageClass.NON_HIT, 3)))
    run.state, run.status = RunState.SEALED, RunStatus(status)
    run.end = collection_end(status=RunStatus(status))
    if said is not None:
        run.end = replace(run.end, images=said)
    found = report_to_json(run_report(run))
    return {name: found[name] for name in ("mx", "images", "status")}


# -- where it ended --------------------------------------------------------------------


@pytest.mark.parametrize("without", [False, True])
async def test_a_whole_rotation_ends_where_its_plan_does(written, without):
    """A report of an older recorder, which does not say it, says as much here."""
    row = await written(range(100), without=without)
    assert (row["s"], row["e"], row["n"]) == (10.0, 110.0, 100)


async def test_a_shortened_rotation_that_ended_well_ends_where_it_ended(written):
    """Its plan is of 100 images; the end says 90."""
    row = await written(range(90), said=90)
    assert (row["s"], row["e"], row["n"]) == (10.0, 100.0, 90)


async def test_an_aborted_rotation_ends_with_its_last_image_whatever_was_lost(written):
    """More gaps than a report lists, before the images that were never made."""
    ids = [n for n in range(60) if n not in GAPS]
    row = await written(ids, "aborted")
    assert (row["s"], row["e"], row["n"]) == (10.0, 70.0, 60 - len(GAPS))


# -- who says it -----------------------------------------------------------------------


def angles(start: Any, axis: str = "omega") -> FileAngles:
    return FileAngles(axis, np.asarray(start, np.float64))


async def test_regular_angles_of_a_file_count_more_than_the_announcement(written):
    """It began elsewhere and turned backwards."""
    of_file = angles(40.0 - np.arange(100.0) * 0.5)
    of_file = replace(of_file, end=of_file.start - 0.5)
    row = await written(range(100), angles=of_file)
    assert (row["s"], row["e"], row["r"]) == (40.0, -10.0, -0.5)
    assert row["o"] == 0.0
    assert "angles" not in row["c"]


async def test_uneven_angles_of_a_file_are_named_beside_the_announced_ones(written):
    start = 40.0 + np.arange(100.0)
    start[50:] += 5.0
    row = await written(range(100), angles=angles(start))
    assert (row["s"], row["e"], row["r"]) == (10.0, 110.0, 1.0)
    assert "angles: file omega of image 0 is 40.0000°, announced 10.0000°" in row["c"]
    assert row["c"].endswith("]")


async def test_a_file_that_knows_some_angles_does_not_speak_for_all(written):
    start = 40.0 + np.arange(100.0)
    start[60:] = np.nan
    row = await written(range(100), angles=angles(start))
    assert (row["s"], row["e"]) == (10.0, 110.0)
    assert "angles: file omega of image 0" in row["c"]


async def test_a_file_that_agrees_changes_nothing(written):
    row = await written(range(100), angles=angles(10.0 + np.arange(100.0)))
    assert (row["s"], row["e"], row["r"], row["o"]) == (10.0, 110.0, 1.0, 0.0)
    assert "angles" not in row["c"]


@pytest.mark.parametrize("axis", ["chi", "two_theta"])
async def test_an_axis_that_has_no_column_of_its_start_has_none(written, axis):
    of_file = angles(np.arange(100.0), axis)
    row = await written(
        range(100), angles=replace(of_file, end=of_file.start + 1), axis=axis
    )
    assert [row[name] for name in ("s", "e", "r", "o", "a")] == [None] * 5
    assert row["n"] == 100


# -- several collections of one series -------------------------------------------------


async def test_a_part_says_what_its_file_calls_its_images_and_counts_its_own_from_1(
    site, settings, tmp_path
):
    """Readers put image n on cell n of a run's own grid, whatever its file's are."""
    planes = [grid("Mesh3D"), grid("Mesh3D", {"angle": 120.0})]
    await record(settings(ispyb=NO_ISPYB), tmp_path, *parts(planes), rotation())
    write(settings(ispyb=site.section))
    found = site.rows(
        "SELECT startImageNumber AS first, MIN(imageNumber) AS low, "
        "MAX(imageNumber) AS high FROM DataCollection c JOIN AutoProcProgram p ON "
        "p.dataCollectionId = c.dataCollectionId JOIN ImageQualityIndicators i ON "
        "i.autoProcProgramId = p.autoProcProgramId GROUP BY c.dataCollectionId "
        "ORDER BY c.dataCollectionId"
    )
    rows = [(row["first"], row["low"], row["high"]) for row in found]
    assert rows == [(1, 1, 4), (5, 1, 4), (1, 1, 4)]
