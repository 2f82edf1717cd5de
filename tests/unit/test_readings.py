"""Energy scans and spectra: their messages, their runs, and what a restart knows."""

from __future__ import annotations

import json
import math
from contextlib import closing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.errors import UsageError
from recorder.journal import Journal, NewRecord, RecordKind
from recorder.journal.event_json import end_to_json
from recorder.journal.pruning import remove_rows
from recorder.journal.reading_json import reading_record
from recorder.journal.restore import load_run
from recorder.journal.run_record import read_run_record, run_record
from recorder.records import (
    BadMessage,
    CollectionEnd,
    Found,
    Reading,
    RunState,
    RunStatus,
    ScanPoints,
    Spectrum,
)
from recorder.records.limits import MAX_CHANNELS, MAX_POINTS
from recorder.records.report_json import report_from_json, report_to_json
from recorder.reports.run_report import run_report
from recorder.runs.book.readings_desk import KEPT_READINGS
from recorder.runs.run import Run
from recorder.service.replay_control import ReplayOptions, read_control
from recorder.sources.control.messages import parse_message
from tests.builders import (
    Driver,
    announcement,
    collection,
    collection_end,
    end,
    image,
    start,
)

SCAN_TOPIC = "scan/points"
NAN = float("nan")
SCAN = {"type": "Energy scan", "name": "e"}
XRF = {"type": "XRF spectrum", "name": "e"}
PLAN = {"element": "Se", "edge": "K", "edge_energy": 12658.0, "points": 6}


def said(topic: str, **body: Any) -> Any:
    payload = json.dumps({"uid": "m-1", "collection": "uid-1", **body}).encode()
    (record,) = parse_message(topic, payload, 7)
    return record


def points(first: int = 0, count: int = 3, **more: Any) -> ScanPoints:
    numbers = range(first, first + count)
    body = {
        "uid": f"m-{first}",
        "first": first,
        "energy": [12600.0 + n for n in numbers],
        "counts": [10 * n for n in numbers],
        **more,
    }
    found = said("scan/points", **body)
    assert isinstance(found, ScanPoints), found
    return found


def spectrum(uid: str = "s-1", **more: Any) -> Spectrum:
    body = {"uid": uid, "counts": [1, 2, 3, 4], "calibration": [0, 10, 0], **more}
    found = said("spectrum", **body)
    assert isinstance(found, Spectrum), found
    return found


def ended(**more: Any) -> CollectionEnd:
    body = {"uid": "uid-1", "time_ns": 10**18, "status": "success", **more}
    (record,) = parse_message("collection/end", json.dumps(body).encode(), 9)
    assert isinstance(record, CollectionEnd), record
    return record


# -- messages --------------------------------------------------------------------------


def test_points_are_read():
    found = points(4, 2, monitor=[1.5, 2], live_time=[0.1, None])
    assert (found.index, found.energy, found.counts) == (
        (4, 5),
        (12604, 12605),
        (40, 50),
    )
    assert (found.monitor, found.live_time) == ((1.5, 2.0), (0.1, None))
    assert (found.problems, found.left_out, found.received_ns) == ((), 0, 7)


def test_one_point_may_be_sent_without_a_list():
    found = said("scan/points", first=9, energy=12600.5, counts=3)
    assert (found.index, found.energy, found.counts) == ((9,), (12600.5,), (3.0,))


ANY = st.one_of(
    st.floats(), st.integers(), st.none(), st.booleans(), st.text(max_size=3)
)


ENERGY = ANY | st.floats(40, 2e6) | st.integers(40, 60)


@given(st.lists(st.tuples(ENERGY, ANY), max_size=12), st.integers(0, 50))
def test_a_bad_number_costs_its_own_point_only(rows, first):
    """Whatever is in the lists: a point is kept with its own index or left out."""
    energy, counts = [list(column) for column in zip(*rows, strict=True)] or ([], [])
    found = said("scan/points", first=first, energy=energy, counts=counts)
    pairs = zip(found.energy, found.counts, strict=True)
    kept = dict(zip(found.index, pairs, strict=True))
    for place, (one, many) in enumerate(rows):
        numbers = [n for n in (one, many) if type(n) in (int, float)]
        good = (
            len(numbers) == 2
            and all(math.isfinite(n) and abs(n) < 1e30 for n in map(_float, numbers))
            and 50 <= one <= 1e6
            and many >= 0
        )
        assert (first + place in kept) == good
        if good:
            assert kept[first + place] == (float(one), float(many))
    assert found.left_out == len(rows) - len(kept)
    assert bool(found.problems) == (found.left_out > 0)


def _float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


@given(st.lists(ANY, min_size=1, max_size=12))
def test_a_bad_channel_costs_itself_only(counts):
    found = said("spectrum", counts=counts)
    if isinstance(found, BadMessage):
        assert found.kind == "lengths"
        return
    assert len(found.counts) == len(counts)
    for value, kept in zip(counts, found.counts, strict=True):
        good = type(value) in (int, float) and 0 <= _float(value) <= 1e30
        assert kept == (float(value) if good else None)


@pytest.mark.parametrize(
    ("topic", "body", "kind", "says"),
    [
        ("scan/points", {"first": 0, "energy": [1], "counts": []}, "lengths", "1 ener"),
        (
            "scan/points",
            {"first": -1, "energy": [1], "counts": [1]},
            "invalid",
            "first",
        ),
        ("scan/points", {"energy": [1], "counts": [1]}, "invalid", "first"),
        (
            "scan/points",
            {"first": 0, "energy": "x", "counts": [1]},
            "invalid",
            "energy",
        ),
        (
            "scan/points",
            {"first": MAX_POINTS - 1, "energy": [1, 2], "counts": [1, 2]},
            "too_big",
            str(MAX_POINTS),
        ),
        ("spectrum", {"counts": []}, "lengths", "0 channels"),
        ("spectrum", {"counts": [NAN, NAN]}, "lengths", "2 channels"),
        ("spectrum", {"counts": 7}, "invalid", "counts"),
        ("spectrum", {"counts": [1] * (MAX_CHANNELS + 1)}, "too_big", "channels"),
        (
            "spectrum",
            {"schema": "recorder.scan/1", "counts": [1]},
            "unknown_schema",
            "",
        ),
    ],
)
def test_what_cannot_be_read_is_refused_and_names_its_run(topic, body, kind, says):
    found = said(topic, **body)
    assert isinstance(found, BadMessage)
    assert (found.kind, found.collection) == (kind, "uid-1")
    assert says in found.detail


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ([0, 10], (0.0, 10.0, 0.0)),
        ([-20, 10, 1e-5], (-20.0, 10.0, 1e-5)),
        ([0, -10, 0], None),
        ([0, NAN, 0], None),
        ("10", None),
        ([1], None),
    ],
)
def test_a_calibration_is_used_whole_or_not_at_all(given, kept):
    found = spectrum(calibration=given)
    assert found.calibration == kept
    assert bool(found.problems) == (kept is None)


def test_readings_that_the_broker_kept_are_the_past():
    payload = json.dumps({"uid": "m", "collection": "c", "counts": [1]}).encode()
    (found,) = parse_message("spectrum", payload, retained=True)
    assert found.kind == "retained"


def test_the_result_of_the_sender_is_taken_as_it_is():
    found = ended(
        flux_end=1e12,
        points=6,
        result={
            "peak": {"energy": 12661.53, "f_prime": -7.1, "f_double_prime": 5.2},
            "inflection": 12658.2,
            "remote": {"energy": 12758.0},
        },
        files={"scan": "/a/b.raw", "efs": "/a/b.efs", "plot": "/a/b.png"},
    ).facts
    assert found.result is not None
    assert found.result.peak == Found(12661.53, -7.1, 5.2)
    assert found.result.inflection == Found(12658.2)
    assert (found.flux, found.points, found.problems) == (1e12, 6, ())
    assert found.files is not None
    assert found.files.efs == "/a/b.efs"


def test_what_of_a_result_cannot_be_used_is_named_and_the_rest_stands():
    found = ended(
        flux_end="bright",
        points=-1,
        result={"peak": {"energy": "x", "f_prime": -7}, "pik": 3, "remote": None},
        files={"plot": "a\nb", "efs": "/a.efs", "png": "x"},
    ).facts
    assert found.result is not None
    assert found.result.peak == Found(None, -7.0)
    assert found.files is not None
    assert (found.files.plot, found.files.efs) == (None, "/a.efs")
    for word in ("flux_end", "points", "peak.energy", "pik", "files.plot", "png"):
        assert any(word in problem for problem in found.problems), word


# -- runs ------------------------------------------------------------------------------


def scan(**more: Any):
    return collection(experiment=SCAN, energy_scan=PLAN, **more)


def test_a_scan_is_open_from_its_announcement_on_and_sealed_with_its_sums():
    driver = Driver()
    driver.feed(scan())
    assert driver.book.active[0].state is RunState.OPEN
    driver.feed(points(0, 3), points(3, 3), ended())
    driver.wait(2.1)
    run = driver.only
    run.state = RunState.SEALED
    report = run_report(run)
    assert (run.status, report.ledger.closed) == (RunStatus.SUCCESS, True)
    assert report.energy_scan is not None
    counts = report.energy_scan.points
    assert (counts.expected, counts.received, counts.lost) == (6, 6, 0)
    assert report.energy_scan.energy == tuple(12600.0 + n for n in range(6))
    assert report.images.received == 0
    assert not [note for note in run.notes if "image" in note]
    assert report_from_json(report_to_json(report)) == report


def test_images_are_never_those_of_a_scan():
    driver = Driver()
    driver.feed(scan(), start(), *(image(n) for n in range(10)), end())
    driver.wait(1.1)
    driver.wait(2.1)
    assert {run.announced for run, _ in driver.accepted} == {False}
    assert driver.book.run_of("uid-1") is not None
    assert "announcement_not_bound" not in driver.noticed


def test_images_are_those_of_the_run_that_was_announced_after_a_scan():
    driver = Driver()
    driver.feed(scan(), collection("uid-2"), start(), *(image(n) for n in range(10)))
    assert {run.uid for run, _ in driver.accepted} == {"uid-2"}


@given(st.permutations([(0, 2), (1, 3), (4, 1), (4, 2), (0, 6)]), st.booleans())
def test_each_point_counts_once_in_whatever_order_and_over_a_restart(parts, again):
    driver = Driver()
    driver.feed(scan())
    for place, (first, count) in enumerate(parts):
        driver.feed(points(first, count))
        if again and place == 2:
            driver.restart()
    driver.feed(ended())
    driver.wait(2.1)
    run = driver.only
    assert run.points.arrays().index.tolist() == [0, 1, 2, 3, 4, 5]
    assert run.counts["duplicate_points"] == 14 - 6
    assert run.counts["contradicting_points"] == 0


def test_the_first_word_on_a_point_stays_and_the_other_is_said():
    driver = Driver()
    driver.feed(scan(), points(0, 3), points(2, 1, counts=[999.0]), ended())
    driver.wait(2.1)
    assert driver.only.points.arrays().counts.tolist() == [0, 10, 20]
    assert driver.only.counts["contradicting_points"] == 1
    assert any("other values" in note for note in driver.only.notes)


@given(st.sets(st.integers(0, 40), max_size=30), st.integers(0, 45))
def test_points_are_received_or_lost(came, planned):
    plan = {**PLAN, "points": planned} if planned else {"element": "Se", "edge": "K"}
    driver = Driver()
    driver.feed(collection(experiment=SCAN, energy_scan=plan))
    driver.feed(*(points(n, 1) for n in came), ended())
    driver.wait(2.1)
    run = driver.only
    run.state = RunState.SEALED
    report = run_report(run)
    assert report.energy_scan is not None
    counts = report.energy_scan.points
    assert counts.expected == max(planned, max(came, default=-1) + 1)
    assert counts.received == len(came)
    missing = set(range(counts.expected)) - came
    ranges = [range(a, b + 1) for a, b in counts.lost_ranges]
    assert {n for one in ranges for n in one} == missing
    assert counts.lost == len(missing)
    assert report.ledger.closed


def test_an_end_that_says_how_many_points_there_were_counts_more_than_the_plan():
    driver = Driver()
    driver.feed(scan(), points(0, 3), ended(status="aborted", points=4))
    driver.wait(2.1)
    run = driver.only
    run.state = RunState.SEALED
    found = run_report(run).energy_scan
    assert found is not None
    assert (found.points.expected, found.points.lost) == (4, 1)


@pytest.mark.parametrize(
    ("came", "status", "says"),
    [
        (6, RunStatus.SUCCESS, ""),
        (4, RunStatus.ABORTED, "4 of 6"),
        (0, "aborted", "no"),
    ],
)
def test_a_scan_that_nobody_ends_is_sealed_after_a_while(came, status, says):
    driver = Driver(announcement_timeout_s=600.0)
    driver.feed(scan())
    if came:
        driver.wait(500.0)
        driver.feed(points(0, came))
    driver.wait(599.0)
    assert driver.sealed == []
    driver.wait(1.5)
    driver.wait(2.1)
    assert driver.only.status == status
    assert says in driver.only.reason


def test_points_that_come_late_make_a_further_revision():
    driver = Driver()
    driver.feed(scan(), points(0, 3), ended())
    driver.wait(2.1)
    driver.feed(points(3, 3))
    driver.wait(2.1)
    assert driver.sealed[-1].points.size == 6
    assert driver.sealed[-1].revision == 1
    assert driver.sealed[-1].counts["late_readings"] == 1


def test_a_result_that_is_told_after_the_end_is_taken_and_no_other_word_changes():
    driver = Driver()
    driver.feed(scan(), points(0, 6), ended())
    driver.wait(2.1)
    driver.feed(ended(status="failed", result={"peak": 12660.0}))
    driver.wait(2.1)
    run = driver.sealed[-1]
    assert run.end is not None
    assert run.end.facts.result is not None
    assert (run.status, run.revision) == (RunStatus.SUCCESS, 1)
    driver.feed(ended(result={"peak": 1.0}))
    assert driver.book.active == []


def test_a_serial_run_has_no_use_for_what_an_end_says_of_a_scan():
    """It is ignored, whether it can be used or not, and makes no further revision."""
    driver = Driver()
    driver.feed(collection("r-1"), start(images=1), image(0), end())
    driver.wait(2.1)
    more = {"points": 3, "files": {"scan": "/a"}, "result": 5, "flux_end": -1}
    driver.feed(ended(uid="r-1", **more), ended(uid="r-1", flux_end=1e12))
    driver.wait(2.1)
    run = driver.sealed[-1]
    assert (run.uid, run.revision, run.notes) == ("r-1", 0, [])
    assert run.counts["end_problems"] == 0


def test_a_rotation_reads_the_flux_of_its_end():
    driver = Driver()
    sweep = {"start": 0, "range": 1, "images": 1}
    osc = {"name": "lyso", "type": "OSC"}
    driver.feed(collection("r-1", experiment=osc, scan={"sweeps": [sweep]}))
    driver.feed(ended(uid="r-1", flux_end=-1, points="x"))
    run = driver.runs[-1]
    assert [note for note in run.notes if "flux_end" in note]
    assert run.counts["end_problems"] == 1
    driver.feed(ended(uid="r-1", flux_end=1e12, points=4))
    assert run.end.facts.flux == 1e12
    assert run.end.facts.points is None


def test_points_wait_for_their_announcement():
    driver = Driver()
    driver.feed(points(0, 3), points(3, 1), spectrum(collection="other"))
    assert driver.noticed == ["readings_unclaimed", "readings_unclaimed"]
    driver.feed(scan())
    assert driver.book.active[0].points.size == 4


def test_no_more_wait_than_are_kept():
    driver = Driver()
    driver.feed(*(points(n, 1) for n in range(KEPT_READINGS + 5)), scan())
    assert driver.book.active[0].points.arrays().index[0] == 5


def test_a_run_has_one_spectrum():
    driver = Driver()
    driver.feed(collection(experiment=XRF), spectrum(), spectrum())
    driver.feed(spectrum("s-2", counts=[9]), ended())
    driver.wait(2.1)
    run = driver.only
    assert run.spectrum is not None
    assert run.spectrum.uid == "s-1"
    assert run.counts["duplicate_readings"] == 1
    assert run.counts["further_spectra"] == 1


def test_readings_for_a_run_with_images_are_named_and_change_nothing():
    driver = Driver()
    driver.feed(collection(), start(), points(), *(image(n) for n in range(10)), end())
    driver.wait(2.1)
    assert driver.only.readings == 0
    assert driver.only.counts["unwanted_readings"] == 1
    assert any("technique ssx" in note for note in driver.only.notes)


def test_a_nameless_event_is_not_for_a_run_without_images():
    driver = Driver()
    driver.feed(collection(), start(), collection("uid-2", experiment=SCAN))
    assert driver.book._runs.current is driver.book.run_of("uid-1")


# -- journal ---------------------------------------------------------------------------


def journalled(tmp_path, run: Run, readings: list[Reading]) -> Run:
    with closing(Journal(tmp_path / "j.sqlite")) as journal:
        rows = [NewRecord(RecordKind.RUN, run.uid, run_record(run, "opened"), 0)]
        rows += [NewRecord(*reading_record(one), 0) for one in readings]
        journal.write(rows)
        found = load_run(journal, run.uid)
        assert found is not None
        assert journal.early_readings(0, 9) == []
        return found


def test_a_restart_knows_every_reading(tmp_path):
    driver = Driver()
    every: list[Reading] = [
        points(0, 3, monitor=[1.0, None, 2.0]),
        points(2, 4, energy=[1, None, 3, 4]),
        spectrum(counts=[1, NAN, 3]),
    ]
    driver.feed(scan(), *every)
    run = driver.book.active[0]
    again = journalled(tmp_path, run, every)
    assert again.spectrum == run.spectrum
    for name in ("index", "energy", "counts", "monitor", "live_time"):
        mine, known = (
            getattr(run.points.arrays(), name),
            getattr(again.points.arrays(), name),
        )
        assert mine.tolist() == pytest.approx(known.tolist(), nan_ok=True)


def test_a_restart_knows_what_the_end_said():
    driver = Driver()
    driver.feed(scan(), ended(result={"peak": {"energy": 1.5}}, files={"efs": "/e"}))
    run = driver.book.active[0]
    again = read_run_record(json.loads(json.dumps(run_record(run, "test"))))
    assert again.end is not None
    assert run.end is not None
    assert again.end.facts == run.end.facts
    assert json.dumps(end_to_json(run.end))


def test_the_end_that_an_earlier_recorder_stored_is_read():
    driver = Driver()
    driver.feed(collection(), collection_end())
    body = json.loads(json.dumps(run_record(driver.book.active[0], "test")))
    for stored in (["success", ""], ["success", "", 3]):
        again = read_run_record({**body, "end": stored})
        assert again.end is not None
        assert not again.end.facts.says


def test_a_file_with_images_is_never_of_a_scan(tmp_path):
    path = tmp_path / "collection.json"
    body = announcement("u", experiment=SCAN, energy_scan=PLAN)
    path.write_text(json.dumps(body), encoding="utf-8")
    with pytest.raises(UsageError, match="energy-scan has no images"):
        read_control(ReplayOptions(tmp_path / "x.h5", collection=path))


def test_a_scan_that_is_announced_late_takes_no_series():
    driver = Driver()
    driver.feed(start(), *(image(n) for n in range(5)))
    driver.wait(1.1)
    driver.feed(scan())
    images = {run.uid: run.images.received for run in driver.book.active}
    assert images.pop("uid-1") == 0
    assert list(images.values()) == [5]
    assert driver.book.run_of("uid-1").state is RunState.OPEN


def test_readings_go_with_the_images_of_a_run_that_is_pruned(tmp_path):
    driver = Driver()
    driver.feed(scan())
    run = driver.book.active[0]
    with closing(Journal(tmp_path / "j.sqlite")) as journal:
        rows = [NewRecord(RecordKind.RUN, run.uid, run_record(run, "opened"), 0)]
        rows += [NewRecord(*reading_record(one), 0) for one in (points(), spectrum())]
        journal.write(rows)
        assert len(journal.readings([run.uid])) == 2
        remove_rows(journal, run.uid)
        assert journal.readings([run.uid]) == []


def test_readings_that_no_run_claims_are_orphans(tmp_path):
    with closing(Journal(tmp_path / "j.sqlite")) as journal:
        journal.write([NewRecord(*reading_record(points()), 5)])
        assert journal.event_names() == ["uid-1"]
        assert [one.run for one in journal.early_readings(0, 9)] == ["uid-1"]
        assert journal.early_readings(6, 9) == []
        assert journal.drop_orphans("uid-1", 10, 20, 9) == 1


def test_the_beam_of_a_spectrum_is_the_announced_one_where_it_does_not_say():
    for more, energy in (
        ({"spectrum": {"energy": 12700.0}, "beam": {"energy": 9000.0}}, 12700.0),
        ({"beam": {"energy": 9000.0}}, 9000.0),
        ({}, None),
    ):
        driver = Driver()
        driver.feed(collection(experiment=XRF, **more), spectrum())
        found = run_report(driver.book.active[0]).spectrum
        assert found is not None
        assert found.energy == energy
