"""Binding, states and the ledger: every way a series can go wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.records import Evidence, RunState, RunStatus, Unprocessed
from recorder.runs.book import known_runs
from recorder.runs.book.actions import Accepted
from recorder.runs.run import Run
from tests.builders import (
    SECOND,
    T0,
    Driver,
    collection,
    collection_end,
    end,
    event,
    image,
    key,
    ledger_now,
    new_run,
    start,
)


def images(n: int, **more: object) -> list:
    return [image(i, **more) for i in range(n)]


def test_announced_run_is_sealed_with_a_closed_ledger():
    driver = Driver()
    driver.feed(collection(), start(), *images(10), end(), collection_end())
    driver.wait(2.1)
    ledger = ledger_now(driver.only)
    assert driver.only.status is RunStatus.SUCCESS
    assert (ledger.expected, ledger.received, ledger.lost) == (10, 10, 0)
    assert ledger.closed


def test_header_may_come_before_the_announcement():
    driver = Driver()
    driver.feed(start(), *images(3))
    assert not driver.accepted
    driver.wait(0.5)
    driver.feed(collection())
    assert [n for _, n in driver.accepted] == [0, 1, 2]
    assert driver.accepted[0][0].uid == "uid-1"


def test_images_before_the_announcement_keep_pixels_within_the_bound():
    driver = Driver(max_held_bytes=2 * image(0).pixel_bytes)
    driver.feed(start(), *images(4))
    accepted = [
        action.image
        for action in driver.book.announcement(collection(), driver.now)
        if isinstance(action, Accepted)
    ]
    assert [item.image_id for item in accepted] == [0, 1, 2, 3]
    assert [item.problem and item.problem[0] for item in accepted] == [
        None,
        None,
        Unprocessed.OVERLOAD,
        Unprocessed.OVERLOAD,
    ]
    assert [item.pixel_bytes > 0 for item in accepted] == [True, True, False, False]
    assert accepted[3].start_time_ns == image(3).start_time_ns


def test_series_without_announcement_is_recorded_after_the_hold():
    driver = Driver()
    driver.feed(start(), *images(3))
    driver.wait(1.01)
    driver.feed(end())
    driver.wait(2.1)
    assert not driver.only.announced
    assert driver.only.experiment == "unannounced"
    assert ledger_now(driver.only).unknown == 3


def test_late_announcement_adopts_the_run():
    driver = Driver()
    driver.feed(start(), *images(3))
    driver.wait(1.5)
    driver.feed(collection(time_ns=T0 + 2 * SECOND))
    driver.feed(end())
    driver.wait(2.1)
    assert driver.only.announced
    assert driver.only.experiment == "fvkhb"


@pytest.mark.parametrize("how", ["series_unique_id", "recorder_uid"])
def test_identity_beats_time(how: str):
    driver = Driver()
    naming = {"series_unique_id": "a"} if how == "series_unique_id" else {}
    driver.feed(collection("right", T0 - 50 * SECOND, **naming))
    driver.feed(collection("near", T0))
    uid = "right" if how == "recorder_uid" else None
    driver.feed(start(recorder_uid=uid), *images(2))
    assert {run.uid for run, _ in driver.accepted} == {"right"}


def test_announcement_too_far_in_time_is_not_bound():
    driver = Driver(match_window_s=60.0)
    driver.feed(collection("old", T0 - 120 * SECOND), start(), *images(2))
    driver.wait(1.1)
    assert {run.announced for run, _ in driver.accepted} == {False}


def test_lost_images_are_named():
    driver = Driver()
    driver.feed(start(), image(0), image(1), image(5), image(8))
    driver.wait(1.1)
    driver.feed(end())
    driver.wait(2.1)
    ledger = ledger_now(driver.only)
    assert (ledger.expected, ledger.received, ledger.lost) == (10, 4, 6)
    assert driver.only.images.lost_ranges(10) == [(2, 4), (6, 7), (9, 9)]
    assert driver.only.status is RunStatus.ABORTED
    assert "after image 9 of 10" in driver.only.reason


def test_duplicates_and_disorder_change_nothing():
    driver = Driver(hold_s=0.0)
    order = [3, 0, 1, 1, 2, 0, 4, 3]
    driver.feed(start(images=5), *(image(i) for i in order), end())
    driver.wait(2.1)
    run = driver.only
    assert run.counts["duplicate_images"] == 3
    assert run.counts["out_of_order_images"] == 3
    assert sorted(n for _, n in driver.accepted) == [0, 1, 2, 3, 4]
    assert ledger_now(run).closed


def test_ids_that_come_again_with_other_times_are_a_finding():
    """The count of the detector jumps back: those are other images, not copies."""
    driver = Driver(hold_s=0.0)
    driver.feed(start(images=8), *images(8))
    later = [replace(image(n), start_time_ns=10**9 + n) for n in range(3)]
    driver.feed(*later, image(5), end())
    driver.wait(2.1)
    run = driver.only
    assert run.counts["reused_image_ids"] == 3
    assert run.counts["duplicate_images"] == 1
    assert len(driver.accepted) == 8
    assert [n for n in run.notes if "came again with other start times, first 0" in n]
    assert driver.noticed.count("image_id_reused") == 1
    assert ledger_now(run).closed


def test_missing_header_is_recorded_and_said():
    driver = Driver(hold_s=0.0)
    headless = key(7, "")
    driver.feed(image(4, headless), image(5, headless), end(key(7, "")))
    driver.wait(2.1)
    run = driver.only
    assert "series_header_missing" in driver.noticed
    assert any("joined late" in note for note in run.notes)
    assert (ledger_now(run).expected, ledger_now(run).lost) == (6, 4)


def test_missing_end_aborts_after_the_timeout():
    driver = Driver(hold_s=0.0)
    driver.feed(start(), *images(6))
    driver.wait(29.0)
    assert not driver.sealed
    driver.wait(1.1)
    driver.wait(2.1)
    assert driver.only.status is RunStatus.ABORTED
    assert "no image for 30 s" in driver.only.reason
    assert ledger_now(driver.only).closed


def test_missing_end_of_a_complete_series_is_a_success():
    driver = Driver(hold_s=0.0)
    driver.feed(start(images=3), *images(3))
    driver.wait(30.1)
    driver.wait(2.1)
    assert driver.only.status is RunStatus.SUCCESS


def test_new_series_ends_the_open_one_as_aborted():
    driver = Driver(hold_s=0.0)
    second = key(2, "b")
    driver.feed(start(), *images(4), start(second), image(0, second), end(second))
    driver.wait(2.1)
    first, other = driver.sealed
    assert (first.status, other.key) == (RunStatus.ABORTED, second)
    assert "a new series began" in first.reason


def test_repeated_series_id_is_another_series():
    driver = Driver(hold_s=0.0)
    again = key(1, "after restart")
    driver.feed(start(images=2), *images(2), end())
    driver.wait(2.1)
    driver.feed(start(again, images=2), *images(2, series=again), end(again))
    driver.wait(2.1)
    assert [ledger_now(run).received for run in driver.sealed] == [2, 2]


def test_restart_without_a_header_is_not_swallowed_as_duplicates():
    driver = Driver(hold_s=0.0)
    driver.feed(start(key(1, "a"), images=5), *images(5, series=key(1, "a")))
    again = [replace(image(n, key(1, "")), start_time_ns=n + 7) for n in range(4)]
    driver.feed(*again)
    driver.wait(2.1)
    driver.wait(30.1)
    driver.wait(2.1)
    first, second = driver.sealed
    assert (first.images.received, second.images.received) == (5, 4)
    assert first.counts["duplicate_images"] == 0


def test_open_run_does_not_call_the_future_lost():
    driver = Driver(hold_s=0.0)
    driver.feed(start(images=10), image(0), image(2))
    ledger = ledger_now(driver.book.active[0])
    assert (ledger.expected, ledger.received, ledger.lost) == (None, 2, 1)
    assert not ledger.differences()


def test_empty_series_make_no_run():
    driver = Driver(hold_s=0.0)
    driver.feed(end(), start(), end(), end(), start(key(2, "b")), end(key(2, "b")))
    driver.wait(700.0)
    assert not driver.sealed
    assert not driver.book.active


def test_rearmed_detector_keeps_the_announced_run():
    driver = Driver()
    again = key(2, "b")
    driver.feed(collection(), start(), start(again), *images(10, series=again))
    driver.feed(end(again))
    driver.wait(2.1)
    assert driver.only.uid == "uid-1"
    assert "series_replaced" in driver.noticed


def test_late_image_makes_an_amended_revision():
    driver = Driver(hold_s=0.0)
    driver.feed(start(images=3), image(0), image(1), end())
    driver.wait(2.1)
    assert ledger_now(driver.only).lost == 1
    driver.feed(image(2))
    assert driver.only.state is RunState.DRAINING
    driver.wait(2.1)
    run = driver.sealed[-1]
    assert (run.revision, ledger_now(run).lost) == (1, 0)
    assert run.counts["late_images"] == 1


def test_more_images_than_declared_are_counted_as_they_are():
    driver = Driver(hold_s=0.0)
    driver.feed(start(images=3), *images(5), end())
    driver.wait(2.1)
    ledger = ledger_now(driver.only)
    assert (ledger.expected, ledger.received, ledger.lost) == (5, 5, 0)


def test_impossible_image_ids_cost_nothing_else():
    driver = Driver(hold_s=0.0)
    driver.feed(start(images=3), image(0), image(10**12), image(5_000_000), image(1))
    driver.feed(image(2), end())
    driver.wait(2.1)
    assert driver.only.counts["impossible_ids"] == 2
    assert ledger_now(driver.only).closed


def test_second_client_is_recognised():
    driver = Driver(hold_s=0.0)
    driver.feed(start(images=100), *(image(2 * i) for i in range(40)))
    assert "second_client" in driver.noticed


@pytest.mark.parametrize("status", [RunStatus.ABORTED, RunStatus.FAILED])
def test_announced_end_decides_the_status(status: RunStatus):
    driver = Driver()
    driver.feed(collection(), start(), *images(4), end())
    driver.feed(collection_end(status=status, reason="shutter closed"))
    driver.wait(2.1)
    assert (driver.only.status, driver.only.reason) == (status, "shutter closed")


def test_announced_run_without_series_is_sealed():
    driver = Driver(announcement_timeout_s=600.0)
    driver.feed(collection(images=10))
    driver.wait(601.0)
    driver.wait(2.1)
    ledger = ledger_now(driver.only)
    assert driver.only.status is RunStatus.ABORTED
    assert (ledger.expected, ledger.received, ledger.lost) == (10, 0, 10)


def test_repeated_announcement_is_no_new_run():
    driver = Driver()
    driver.feed(collection(), collection(), start(), *images(10), collection())
    driver.feed(end())
    driver.wait(2.1)
    driver.feed(collection())
    assert driver.only.counts["duplicate_announcements"] == 3
    assert not driver.book.active


def test_events_before_their_announcement_are_kept():
    driver = Driver()
    driver.feed(event("LaserExcitation", 0), event("LaserExcitation", 2))
    driver.feed(collection(), start(), *images(10), end())
    driver.wait(2.1)
    assert driver.only.events.counts["LaserExcitation"] == 2


def test_measured_beats_captured_for_the_same_trigger():
    driver = Driver()
    measured = event("LaserExcitation", 0, evidence=Evidence.MEASURED)
    driver.feed(collection(), event("LaserExcitation", 0), measured)
    driver.feed(start(), *images(10), end())
    driver.wait(2.1)
    rows = driver.only.events.rows()
    assert rows.laser.tolist() == [0]
    assert rows.laser_measured.tolist() == [True]


@given(st.permutations(range(12)), st.sets(st.integers(0, 11)), st.data())
def test_ledger_closes_whatever_comes(order, dropped, data):
    driver = Driver(hold_s=0.0)
    driver.feed(start(images=12))
    for n in order:
        if n not in dropped:
            driver.feed(*[image(n)] * data.draw(st.integers(1, 3)))
    driver.feed(end())
    driver.wait(31.0)
    driver.wait(2.1)
    if len(dropped) == 12:
        assert not driver.sealed
        return
    ledger = ledger_now(driver.only)
    assert ledger.closed, ledger.differences()
    assert ledger.received == 12 - len(dropped)
    assert ledger.lost == len(dropped)


@pytest.mark.parametrize(("made", "revision", "lost"), [(10, 0, 2), (9, 1, 1)])
def test_an_end_after_the_seal_amends_only_what_it_changes(made, revision, lost):
    """The broker was away: the end comes when the run is sealed."""
    driver = Driver()
    driver.feed(collection(images=10), start(images=10), *images(8), end())
    driver.wait(2.1)
    assert driver.only.state is RunState.SEALED
    driver.only.status = RunStatus.SUCCESS
    driver.feed(replace(collection_end(), images=made))
    driver.wait(2.1)
    run = driver.sealed[-1]
    assert len(driver.sealed) == 1 + revision
    assert (run.state, run.status) == (RunState.SEALED, RunStatus.SUCCESS)
    assert (run.revision, ledger_now(run).lost) == (revision, lost)


def test_an_announced_end_stands_for_a_series_end_that_was_lost():
    """It was on its way when the recorder was killed."""
    driver = Driver()
    driver.feed(collection(images=10), start(images=10), *images(8))
    driver.feed(replace(collection_end(), images=9))
    driver.wait(4.9)
    assert not driver.sealed
    driver.wait(0.2)
    driver.wait(2.1)
    run = driver.only
    assert (run.status, ledger_now(run).lost) == (RunStatus.SUCCESS, 1)
    assert any("series end was lost" in note for note in run.notes)


def test_an_end_that_comes_while_a_sealed_run_is_open_again_counts():
    """Messages of an outage come one by one: first late events, then the end."""
    driver = Driver()
    driver.feed(collection(images=10), start(images=10), *images(8), end())
    driver.wait(2.1)
    assert driver.only.status is RunStatus.ABORTED
    driver.feed(event("XrayDetection", 0))
    assert driver.only.state is RunState.DRAINING
    driver.feed(replace(collection_end(), images=9))
    driver.wait(2.1)
    run = driver.sealed[-1]
    assert (run.state, run.status, run.reason) == (
        RunState.SEALED,
        RunStatus.SUCCESS,
        "",
    )
    assert ledger_now(run).lost == 1


def test_a_late_image_mends_the_status_that_its_absence_caused():
    driver = Driver()
    driver.feed(collection(images=4), start(images=4), *images(3), end())
    driver.wait(2.1)
    assert driver.only.status is RunStatus.ABORTED
    driver.feed(image(3))
    driver.wait(2.1)
    run = driver.sealed[-1]
    assert (run.revision, run.status, run.reason) == (1, RunStatus.SUCCESS, "")


def test_what_a_restart_must_know_is_told_at_once():
    """Each of these is journalled with the message that caused it."""
    driver = Driver()
    driver.feed(collection(images=4), start(images=4), *images(3))
    said = driver.book.collection_end(collection_end(), driver.now)
    assert [action.what for action in said] == ["end_announced"]
    driver.feed(end())
    driver.wait(2.1)
    late = driver.book.image(image(3), driver.now)
    assert late[0].what == "reopened"


@pytest.mark.parametrize("how", ["timeout", "new header", "series end"])
def test_a_series_that_reached_its_last_image_is_complete_however_it_ended(how: str):
    """Lost images in its middle are lost; nothing was cut short."""
    driver = Driver()
    driver.feed(collection(images=10), start(images=10))
    driver.feed(*[image(n) for n in range(10) if n not in (3, 4)])
    run = _end(driver, how)
    assert (run.state, run.status, run.reason) == (
        RunState.SEALED,
        RunStatus.SUCCESS,
        "",
    )
    assert ledger_now(run).lost == 2
    said = any("series end was lost" in note for note in run.notes)
    assert said == (how == "timeout")


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("timeout", "no image for 30 s and no series end"),
        ("new header", "a new series began before this one ended"),
        ("series end", "the series ended after image 7 of 10"),
    ],
)
def test_a_series_with_fewer_images_than_declared_says_what_is_known(
    how: str, reason: str
):
    driver = Driver()
    driver.feed(collection(images=10), start(images=10), *images(7))
    run = _end(driver, how)
    assert (run.state, run.status) == (RunState.SEALED, RunStatus.ABORTED)
    assert run.reason == reason


def test_what_comes_after_a_series_was_given_up_can_still_complete_it():
    """An image stood in a queue for half a minute: complete is complete."""
    driver = Driver()
    driver.feed(collection(images=10), start(images=10), *images(9))
    driver.wait(31.0)
    driver.wait(2.1)
    run = driver.only
    assert (run.state, run.status) == (RunState.SEALED, RunStatus.ABORTED)
    driver.feed(image(9))
    driver.wait(15.0)
    assert (run.state, run.status, run.revision) == (
        RunState.SEALED,
        RunStatus.SUCCESS,
        1,
    )


def test_a_series_end_while_a_silent_run_drains_is_its_end():
    driver = Driver()
    driver.feed(collection(images=10), start(images=10), *images(8))
    driver.wait(31.0)
    driver.feed(end())
    driver.wait(2.1)
    run = driver.only
    assert run.reason == "the series ended after image 8 of 10"
    assert run.ended_ns is not None


def _end(driver: Driver, how: str) -> Run:
    """Let the series end in one of three ways, and the run be sealed."""
    if how == "timeout":
        driver.wait(31.0)
    elif how == "series end":
        driver.feed(end())
    else:
        driver.feed(start(key(2, "b"), images=10))
    driver.wait(5.1)
    driver.wait(2.1)
    return driver.only


def test_sealed_runs_in_memory_are_few_or_small(monkeypatch):
    """The last one stays whatever it has; of earlier ones as many as fit."""
    monkeypatch.setattr(known_runs, "KEPT_ROWS", 25)
    known, runs = known_runs.KnownRuns(), []
    for number, size in enumerate((4, 6, 7, 11, 100, 8)):
        run = new_run(f"uid-{number}", number)
        for n in range(size):
            run.images.receive(n, None)
        known.active.append(run)
        known.seal(run)
        runs.append([kept.images.size for kept in known.sealed])
    assert runs == [[4], [4, 6], [4, 6, 7], [6, 7, 11], [100], [8]]
    assert known.by_uid("uid-5") is not None
