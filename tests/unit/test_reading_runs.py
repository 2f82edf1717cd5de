"""Files, numbers of images, programs and groups, as somebody may see them."""

from __future__ import annotations

import pytest

from recorder.ispyb.reading.administration import activities, groups, permissions
from recorder.ispyb.reading.parts import Page
from recorder.ispyb.reading.processings import message_statuses, programs, statuses
from recorder.ispyb.reading.run_data import (
    RunFilter,
    attachments,
    quality,
    workflow_steps,
)
from recorder.ispyb.schema import people_tables as q
from recorder.ispyb.schema import read_run_tables as r
from recorder.ispyb.schema import read_tables as p
from recorder.ispyb.schema.live_schema import read_live
from tests.reading import (
    ALL,
    CONTACT,
    MEMBER,
    STAFF,
    STRANGER,
    at,
    embedded,
    reading,
    write,
)

ANY = Page(0, 100)
RUNS = (1, 2, 3, 4, 5, 6, 7, 8)


@pytest.fixture(params=[False, True], ids=["bare", "whole"])
def engine(request, tmp_path):
    found = embedded(tmp_path / "ispyb.db", whole=request.param)
    yield found
    found.dispose()


@pytest.fixture
def whole(tmp_path):
    found = embedded(tmp_path / "whole.db")
    yield found
    found.dispose()


def test_statuses_are_of_runs_that_one_sees(engine):
    with reading(engine) as rows:
        for rights, seen in (
            (ALL, {1, 4, 7}),
            (MEMBER, {1, 4}),
            (STAFF, {1, 4, 7}),
            (STRANGER, set()),
        ):
            assert set(statuses(rows, rights, RUNS).statuses) == seen
        found = statuses(rows, ALL, RUNS).statuses
        (one,) = found[1].autoIntegration["recorder"]
        assert (one.status, one.autoProcProgramId) == (1, 1)
        assert not found[1].processing
        (failed,) = found[4].processing["recorder"]
        assert failed.status == 0
        (running,) = found[7].processing["recorder"]
        assert running.status is None
        assert statuses(rows, ALL, ()).statuses == {}
        assert programs(rows, CONTACT, ANY, 1).results[0].processingStatus == 1
        assert programs(rows, CONTACT, ANY, 7).total == 0
        assert programs(rows, ALL, ANY, None).total == 0


def test_programs_of_jobs_and_their_messages(whole):
    """As at Diamond, where a program has no column for its collection."""
    live = read_live(whole)
    with whole.begin() as db:
        write(db, live, r.job, {"processingJobId": 1, "dataCollectionId": 2})
        job = {"autoProcProgramId": 11, "processingJobId": 1, "processingStatus": "1"}
        write(db, live, r.program, job)
        for word in ("ERROR", "INFO", "INFO"):
            said = {"autoProcProgramId": 11, "severity": word}
            write(db, live, r.program_message, said)
        write(db, live, r.screening, {"screeningId": 1, "dataCollectionGroupId": 1})
        ended = {"screeningId": 1, "strategySuccess": 1, "indexingSuccess": 0}
        write(db, live, r.screening_output, ended)
        write(db, live, r.program_attachment, {"autoProcProgramId": 11})
    with reading(whole) as rows:
        hidden = rows.live.hiding(["AutoProcProgram.dataCollectionId"])
        rows.live = hidden
        found = statuses(rows, CONTACT, RUNS).statuses
        (one,) = found[2].processing["unknown"]
        assert (one.status, one.autoProcProgramId) == (1, 11)
        (screened,) = found[3].screening["unknown"]
        assert (screened.status, screened.indexingSuccess) == (1, 0)
        (program,) = programs(rows, CONTACT, ANY, 2).results
        assert program.metadata.attachments == 1
        counts = message_statuses(rows, CONTACT, RUNS).statuses
        assert (counts[2].errors, counts[2].warnings, counts[2].info) == (1, 0, 2)
        assert message_statuses(rows, STRANGER, RUNS).statuses == {}


def test_files_and_numbers_of_images(whole):
    live = read_live(whole)
    path = "/data/../etc/<b>run 1</b>.h5"
    with whole.begin() as db:
        for run in (1, 7):
            write(
                db,
                live,
                r.file_attachment,
                {"dataCollectionId": run, "fileFullPath": path, "fileType": "log"},
            )
            for number in (3, 1, 2):
                signal = None if number == 2 else 0.5
                numbers = {"imageNumber": number, "totalIntegratedSignal": signal}
                write(db, live, r.quality, {"dataCollectionId": run, **numbers})
    with reading(whole) as rows:
        (one,) = attachments(rows, CONTACT, ANY, "/api").results
        assert one.metadata.fileName == "b>.h5"
        assert one.metadata.url == "/api/datacollections/attachments/1"
        assert attachments(rows, STAFF, ANY, "/api", RunFilter(group=3)).total == 1
        assert attachments(rows, CONTACT, ANY, "/api", RunFilter(7)).total == 0
        found = quality(rows, CONTACT, ANY, RunFilter(1))
        (numbers,) = found.results
        assert found.total == 3 and numbers.imageNumber == (1, 2, 3)
        assert numbers.totalIntegratedSignal == (0.5, None, 0.5)
        assert numbers.spotTotal == ()
        hidden = quality(rows, CONTACT, ANY, RunFilter(7))
        assert hidden.total == 0 and hidden.results[0].imageNumber == ()


def test_steps_of_workflows(whole):
    live = read_live(whole)
    with whole.begin() as db:
        of = r.group.update().where(r.group.c.dataCollectionGroupId != 2)
        db.execute(of.values(workflowId=5))
        write(db, live, r.workflow_step, {"workflowId": 5}, {"workflowId": 6})
    with reading(whole) as rows:
        assert workflow_steps(rows, STAFF, ANY).total == 1
        assert workflow_steps(rows, CONTACT, ANY, 5).total == 1
        assert workflow_steps(rows, CONTACT, ANY, 6).total == 0
        assert workflow_steps(rows, STRANGER, ANY).total == 0


def test_groups_permissions_and_what_was_done(whole):
    live = read_live(whole)
    with whole.begin() as db:
        write(db, live, q.user_group, {"userGroupId": 1, "name": "staff"})
        of = {"permissionId": 1, "type": "bl_admin", "description": "id29"}
        write(db, live, q.permission, of, {"permissionId": 2, "type": "uportal_sync"})
        write(db, live, q.group_permission, {"userGroupId": 1, "permissionId": 1})
        for person in (1, 2):
            write(db, live, q.group_person, {"userGroupId": 1, "personId": person})
        write(db, live, p.activity, {"action": "online", "dateTime": at(9)})
    with reading(whole) as rows:
        (one,) = groups(rows, ANY).results
        assert (one.metadata.permissions, one.metadata.people) == (1, 2)
        assert groups(rows, ANY, 2).total == 0
        assert permissions(rows, ANY).total == 2
        assert permissions(rows, ANY, group=1).results[0].type == "bl_admin"
        assert permissions(rows, ANY, search="ID29").total == 1
        assert permissions(rows, ANY, number=2, search="%").total == 0
        assert activities(rows, ANY, "online").total == 1
        assert activities(rows, ANY, "offline").total == 0


def test_where_there_are_no_such_tables_there_is_nothing(tmp_path):
    engine = embedded(tmp_path / "bare.db", whole=False)
    with reading(engine) as rows:
        assert attachments(rows, ALL, ANY, "").total == 0
        assert workflow_steps(rows, ALL, ANY).total == 0
        assert message_statuses(rows, ALL, RUNS).statuses == {}
        assert quality(rows, ALL, ANY).total == 0
    engine.dispose()
