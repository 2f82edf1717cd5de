"""Sums over sessions, and who gets them."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.ispyb.reading.parts import Page
from recorder.ispyb.reading.stat_records import Action, Collected, SessionOf
from recorder.ispyb.reading.stat_rows import StatFilter, runs
from recorder.ispyb.reading.stat_sums import (
    PARAMETERS,
    centring,
    ended,
    errors,
    histograms,
    hourly,
    times,
)
from recorder.ispyb.reading.stats import stats
from recorder.ispyb.schema import read_run_tables as r
from recorder.ispyb.schema.live_schema import read_live
from recorder.web.pyispyb.frame import adapter_of
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

OF_SESSION = StatFilter(11)


@pytest.fixture(params=[False, True], ids=["bare", "whole"])
def engine(request, tmp_path):
    found = embedded(tmp_path / "ispyb.db", whole=request.param)
    yield found
    found.dispose()


def test_the_time_of_a_session(engine):
    with reading(engine) as rows:
        found = stats(rows, CONTACT, OF_SESSION)
    (mine,) = found.sessions
    assert (mine.sessionId, mine.duration, mine.startup) == (11, 8.0, 1.0)
    assert (mine.datacollection, mine.remaining) == (2.25, 3.75)
    assert mine.thinking == 8 - 1 - 2.25
    assert found.average.duration == 8.0


def test_aborted_only_where_the_status_says_so(engine):
    """py-ISPyB counts what was cancelled as failed."""
    with reading(engine) as rows:
        found = stats(rows, CONTACT, OF_SESSION)
    (of,) = found.totals
    assert (of.experimentType, of.total) == ("SSX-Jet", 5)
    assert (of.failed, of.failedPercent) == (1, 20.0)
    assert (of.aborted, of.cancelled) == (1, 1)
    assert found.overview.counts.failed == 1


def test_one_answer_has_the_keys_of_all(engine):
    """py-ISPyB's page gives what one of its addresses answered for another's."""
    with reading(engine) as rows:
        found = stats(rows, CONTACT, OF_SESSION)
    plain = adapter_of(type(found)).dump_python(found)
    assert {"average", "sessions", "overview", "history", "plottables"} <= set(plain)
    assert {"totals", "datacollections", "loaded", "beamLines"} <= set(plain)
    assert set(plain["average"]) == {
        *("duration", "startup", "datacollection", "edge", "xrf", "robot"),
        *("strategy", "centring", "fault", "remaining", "thinking"),
    }, "the page knows no others, and fails with one"
    assert plain["overview"]["sessionId"] == "11"
    assert plain["overview"]["session"] == "mx2345-1"
    assert len(plain["history"]) == len(plain["plottables"]["time"]) == 4
    assert plain["datacollections"]["average"][9] == 1.0
    (bins,) = plain["beamLines"]
    assert bins["beamLineName"] == "id29"
    assert bins["frequency"][bins["bin"].index(12200)] == 5


def test_sessions_that_one_does_not_see_are_none(engine):
    with reading(engine) as rows:
        for wanted, seeing in (
            (OF_SESSION, (ALL, MEMBER, CONTACT, STAFF)),
            (StatFilter(12), (ALL, MEMBER)),
            (StatFilter(21), (ALL, STAFF)),
            (StatFilter(99), ()),
            (StatFilter(name="mx2345-1"), (ALL, MEMBER, CONTACT, STAFF)),
            (StatFilter(proposal="MX9999"), (ALL, STAFF)),
        ):
            for rights in (ALL, MEMBER, CONTACT, STAFF, STRANGER):
                found = stats(rows, rights, wanted)
                assert (found is not None) == (rights in seeing), (wanted, rights.login)
        both = stats(rows, MEMBER, StatFilter(proposal="mx2345"))
        assert [one.sessionId for one in both.sessions] == [11, 12]
        assert both.overview.counts.datacollections == 6
        mine = stats(rows, CONTACT, StatFilter(proposal="mx2345"))
        assert mine.overview.counts.datacollections == 5
        staff = stats(rows, STAFF, StatFilter(beamline="ID29"))
        assert {one.sessionId for one in staff.sessions} == {11, 21}
        undated = stats(rows, MEMBER, StatFilter(12))
        assert undated.overview.duration is None and undated.average.duration == 0


def test_what_else_took_time(tmp_path):
    engine = embedded(tmp_path / "ispyb.db")
    live = read_live(engine)
    with engine.begin() as db:
        robot = {"blsessionId": 11, "blsampleId": 101, "actionType": "LOAD"}
        write(
            db,
            live,
            r.robot,
            {**robot, "startTimestamp": at(8.5), "endTimestamp": at(8.9)},
        )
        scan = {"sessionId": 11, "startTime": at(14), "endTime": at(14.5)}
        write(db, live, r.energy_scan, scan)
        write(db, live, r.xrf, {"sessionId": 11, "startTime": at(15)})
        lost = {"beamtimelost_starttime": at(15), "beamtimelost_endtime": at(15.25)}
        write(db, live, r.fault, {"sessionId": 11, "beamtimelost": 1, **lost})
        write(db, live, r.fault, {"sessionId": 11, "beamtimelost": 0, **lost})
        write(
            db,
            live,
            r.screening,
            {"dataCollectionId": 1, "bltimeStamp": at(10.1)},
        )
        year = {"startDate": datetime(2026, 1, 1), "endDate": datetime(2026, 12, 31)}  # noqa: DTZ001
        write(db, live, r.beamline_run, {"runId": 1, "run": "2026-1", **year})
        write(db, live, r.beamline_run, {"runId": 2, "run": "2027-1"})
    with reading(engine) as rows:
        found = stats(rows, CONTACT, OF_SESSION)
        (mine,) = found.sessions
        assert (mine.edge, mine.xrf, mine.fault) == (0.5, 0.0, 0.25)
        assert (round(mine.robot, 3), round(mine.centring, 3)) == (0.4, 0.1)
        assert round(mine.strategy, 3) == 0.1
        counts = found.overview.counts
        assert (counts.robot, counts.edge, counts.xrf) == (1, 1, 1)
        assert found.loaded.average[8] == 1.0
        kinds = {point.eventType for point in found.history}
        assert kinds == {"dc", "robot", "edge", "strategy"}
        by_run = stats(rows, STAFF, StatFilter(beamline="id29", run=1))
        assert by_run.overview.run == "2026-1"
        assert by_run.overview.sessionId is None
        for run in (2, 3):
            assert stats(rows, ALL, StatFilter(beamline="id29", run=run)) is None
        assert [run.runId for run in runs(rows, Page()).results] == [1, 2]
    engine.dispose()


@pytest.mark.parametrize(
    ("status", "how"),
    [
        ("DataCollection Successful", "success"),
        ("Successful", "success"),
        ("DataCollection aborted", "aborted"),
        ("Data collection ABORTED by user", "aborted"),
        ("DataCollection Cancelled", "cancelled"),
        ("DataCollection Failed", "failed"),
        ("Robot stuck", "failed"),
        (None, "running"),
        ("  ", "running"),
    ],
)
def test_how_a_collection_ended(status, how):
    assert ended(status) == how


MOMENTS = st.none() | st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1))  # noqa: DTZ001
NUMBERS = st.none() | st.floats(allow_nan=True)
COLLECTED = st.builds(
    Collected,
    key=st.integers(1, 10**6),
    session=st.integers(1, 3),
    sample_id=st.none() | st.integers(1, 3),
    kind=st.none() | st.sampled_from(["SSX-Jet", "OSC"]),
    start=MOMENTS,
    end=MOMENTS,
    status=st.none() | st.text() | st.sampled_from(["aborted", "success"]),
    wavelength=NUMBERS,
    exposure=NUMBERS,
    size_x=NUMBERS,
    size_y=NUMBERS,
    chi=NUMBERS,
    kappa=NUMBERS,
    phi=NUMBERS,
    sample=st.none(),
    protein=st.none(),
)
ACTIONS = st.builds(
    Action,
    what=st.sampled_from(["robot", "edge", "xrf", "fault", "strategy"]),
    session=st.integers(1, 3),
    sample_id=st.none() | st.integers(1, 3),
    start=MOMENTS,
    end=MOMENTS,
)
SESSIONS = st.lists(
    st.builds(
        SessionOf, st.integers(1, 3), st.none(), st.sampled_from(["a", None]), MOMENTS,
        MOMENTS,
    ),
    unique_by=lambda session: session.key,
)  # fmt: skip


@given(SESSIONS, st.lists(COLLECTED), st.lists(ACTIONS))
def test_no_rows_make_hours_that_cannot_be(sessions, collected, actions):
    average, each = times(sessions, collected, actions)
    for one in (average, *each):
        for name in type(average).__dataclass_fields__:
            assert getattr(one, name) >= 0 and math.isfinite(getattr(one, name))
        assert centring(collected, actions) >= 0
    assert {one.sessionId for one in each} <= {s.key for s in sessions}


@given(SESSIONS, st.lists(COLLECTED))
def test_each_collection_counts_once(sessions, collected):
    found = errors(collected)
    assert sum(one.total for one in found) == len(collected)
    for one in found:
        assert one.failed + one.aborted + one.cancelled <= one.total
        assert 0 <= one.failedPercent <= 100
    hours = hourly(one.start for one in collected)
    assert len(hours.average) == 24 and all(v == 0 or v >= 1 for v in hours.average)
    for parameter in PARAMETERS:
        bins = histograms(parameter, sessions, collected)
        assert sum(sum(one.frequency) for one in bins) <= len(collected)


def test_an_hour_is_an_average_of_days():
    day = timedelta(days=1)
    moments = [at(9), at(9.5), at(9) + day, at(9) + 31 * day, at(9.25) + 31 * day]
    assert hourly(moments).average[9] == pytest.approx(5 / 3)
