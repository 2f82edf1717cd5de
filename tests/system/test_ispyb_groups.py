"""Which group a serial run is in, and what a run keeps that only began as one."""

from __future__ import annotations

from contextlib import closing
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from recorder.errors import SinkError
from recorder.journal import Journal
from recorder.journal.records import SINK_KINDS
from recorder.records import Json
from recorder.sinks.ispyb.sink import IspybSink
from tests.ispyb import NO_ISPYB, announcement, record, write
from tests.mx_runs import rotation

TYPES = "SELECT experimentType AS t FROM DataCollectionGroup ORDER BY 1"


def serial(kind: str, **changes: Any) -> Json:
    return announcement(experiment={"name": "e", "type": kind}, **changes)


def types(site: Any) -> list[str]:
    return [row["t"] for row in site.rows(TYPES)]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (serial("Dehydration"), "is none that flavour esrf stores"),
        (serial("OSC", technique="ssx"), "means technique mx-rotation"),
    ],
)
async def test_a_group_that_is_there_takes_no_run_of_a_type_that_is_refused(
    site, settings, record_runs, body, why
):
    """Whoever is first: of the same experiment a jet has its group already."""
    await record_runs(serial("SSX-Jet"), body)
    with pytest.raises(SinkError, match=why):
        write(settings(ispyb=site.section))
    assert types(site) == ["SSX-Jet"]
    assert site.counts()["DataCollection"] == 1


async def test_runs_of_one_name_and_two_types_have_two_groups(
    site, settings, record_runs
):
    """A type in other words is the same; in another experiment it stays apart."""
    kinds = ("SSX-Jet", "SSX-Chip", "serial jet", "Serial Fixed")
    await record_runs(*(serial(kind) for kind in kinds))
    write(settings(ispyb=site.section))
    assert types(site) == ["SSX-Chip", "SSX-Jet"]
    found = site.rows(
        "SELECT dataCollectionGroupId AS g FROM DataCollection ORDER BY "
        "dataCollectionId"
    )
    first, second, third, fourth = (row["g"] for row in found)
    assert (first, second) == (third, fourth)


async def test_a_run_that_is_announced_anew_as_another_type_is_of_that_type(
    site, settings, record_runs
):
    await record_runs(serial("SSX-Jet"))
    configured = settings(ispyb=site.section)
    with closing(Journal(configured.journal_path)) as journal:
        opened, *rest = journal.records(kinds=SINK_KINDS)
        body = deepcopy(opened.body)
        body["body"]["experiment"]["type"] = "SSX-Chip"
        sink = IspybSink(configured)
        sink.open(journal)
        for entry in (replace(opened, body=body), opened, *rest):
            ids = sink.apply(entry)
            journal.advance(sink.name, entry.seq, entry.run, ids)
        sink.close()
    assert types(site) == ["SSX-Jet"]


async def test_rows_of_a_serial_run_that_it_is_not_are_kept_and_named_once(
    site, settings, tmp_path, log_events
):
    """Nothing is deleted: people find in the log what they may delete."""
    body = rotation()
    await record(settings(ispyb=NO_ISPYB), tmp_path, body)
    configured = settings(timezone="UTC", ispyb=site.section)
    with closing(Journal(configured.journal_path)) as journal:
        opened, *rest = journal.records(kinds=SINK_KINDS)
        plain = deepcopy(opened.body)
        kind = {"experiment": {"name": "unannounced", "type": "SSX-Jet"}}
        plain["body"] = {"proposal": "mx2345", "visit": 1, **kind}
        sink = IspybSink(configured)
        sink.open(journal)
        for entry in (replace(opened, body=plain), opened, opened, *rest):
            ids = sink.apply(entry)
            journal.advance(sink.name, entry.seq, entry.run, ids)
        sink.close()
    kept = ("SSXDataCollection", "AutoProcIntegration")
    assert [site.counts()[name] for name in kept] == [1, 1]
    (said,) = [e for e in log_events if e["event"] == "serial_rows_left"]
    assert (said["run"], said["technique"]) == (body["uid"], "mx-rotation")
    assert said["tables"] == list(kept)
