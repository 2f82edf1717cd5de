"""Which series belongs to which run, and what is said where nobody can know."""

from __future__ import annotations

from dataclasses import replace

import pytest

from recorder.records import RunState, RunStatus
from tests.builders import (
    SECOND,
    T0,
    Driver,
    collection,
    collection_end,
    end,
    image,
    key,
    ledger_now,
    start,
)

LEFT, RIGHT = key(1, "l", "left"), key(1, "r", "right")
TWO = ("left", "right")
HOUR = 3600 * SECOND


def images(n: int, series=None, first: int = 0) -> list:
    return [image(i, series) for i in range(first, first + n)]


def bound(driver: Driver) -> dict:
    """Series of each run that was announced."""
    return {
        run.announcement.uid: run.key and (run.key.source, run.key.unique_id)
        for run in driver.runs
        if run.announced
    }


def announced(uid: str, received_ns: int = T0, clock_ns: int = 0, **body):
    told = collection(uid, received_ns, **body)
    return replace(told, time_ns=received_ns + clock_ns)


def seal(driver: Driver) -> None:
    driver.wait(31.0)
    driver.wait(3.0)


# -- clocks of others ------------------------------------------------------------------


@pytest.mark.parametrize("clock_ns", [-HOUR, HOUR])
def test_a_detectors_clock_decides_nothing_and_is_named_once(clock_ns):
    driver = Driver()
    for n in range(3):
        series = key(n + 1, f"s{n}")
        told = announced(f"r{n}", images=3)
        header = start(series, images=3, arm_time_ns=T0 + clock_ns)
        driver.feed(told, header, *images(3, series), end(series))
        driver.wait(2.1)
    assert bound(driver) == {f"r{n}": ("eiger", f"s{n}") for n in range(3)}
    assert driver.noticed == ["clock_offset"]
    notes = [note for run in driver.sealed for note in run.notes]
    way = "behind" if clock_ns < 0 else "ahead of"
    assert len(notes) == 1
    assert f"the clock of eiger is 3600 s {way} the recorder's" in notes[0]


@pytest.mark.parametrize("clock_ns", [-HOUR, HOUR])
def test_an_announcing_hosts_clock_decides_nothing_and_is_named_once(clock_ns):
    driver = Driver()
    for n in range(3):
        series = key(n + 1, f"s{n}")
        told = announced(f"r{n}", T0, clock_ns, images=3)
        driver.feed(told, start(series, 3), *images(3, series), end(series))
        driver.wait(2.1)
    assert bound(driver) == {f"r{n}": ("eiger", f"s{n}") for n in range(3)}
    assert driver.noticed == ["clock_offset"]


def test_a_clock_that_is_set_wrong_later_is_named_again_after_an_hour():
    driver = Driver()
    for n, (wrong, waited) in enumerate([(20, 0), (90, 10), (90, 3600), (90, 4000)]):
        driver.now += waited
        series = key(n + 1, f"s{n}")
        header = start(series, 1, arm_time_ns=T0 + wrong * SECOND)
        driver.feed(announced(f"r{n}"), header, image(0, series), end(series))
        driver.wait(2.1)
    said = [dict(item.fields)["offset_s"] for item in driver.said]
    assert said == [20.0, 90.0]


def test_a_chip_that_takes_minutes_to_align_is_still_the_announced_run():
    driver = Driver()
    driver.feed(announced("aligned", images=3))
    driver.wait(500.0)
    late = T0 + 500 * SECOND
    driver.feed(start(images=3, received_ns=late), *images(3), end())
    driver.wait(2.1)
    assert bound(driver) == {"aligned": ("eiger", "a")}


def test_an_announcement_that_waited_in_the_broker_finds_its_run():
    """The clock of its host is an hour ahead, as of the announcement before."""
    driver = Driver(hold_s=0.0)
    driver.feed(announced("first", T0, HOUR, images=1), start(images=1), image(0))
    driver.feed(end())
    driver.wait(2.1)
    second = key(2, "b")
    driver.feed(
        start(second, 9),
        *[replace(i, received_ns=T0 + 60 * SECOND) for i in images(9, second)],
    )
    waited = replace(
        collection("second", T0 + 60 * SECOND + HOUR), received_ns=T0 + 90 * SECOND
    )
    driver.feed(waited)
    assert bound(driver)["second"] == ("eiger", "b")


# -- names and order -------------------------------------------------------------------


def test_runs_announced_ahead_are_bound_first_in_first_out_and_it_is_said():
    driver = Driver()
    driver.feed(announced("a", T0 - 200 * SECOND), announced("b", T0))
    for series in (key(1, "x"), key(2, "y")):
        driver.feed(start(series, 3), *images(3, series), end(series))
        driver.wait(2.1)
    assert bound(driver) == {"a": ("eiger", "x"), "b": ("eiger", "y")}
    assert driver.noticed == ["bound_by_order"]
    first, second = driver.sealed
    assert any("order of arrival" in note for note in first.notes)
    assert not second.notes


def test_two_detectors_by_the_name_in_the_announcement():
    driver = Driver(detectors=TWO)
    driver.feed(
        announced("r", detector="right"), announced("l", detector={"name": "left"})
    )
    driver.feed(start(LEFT, 3), start(RIGHT, 3), *images(3, LEFT), *images(3, RIGHT))
    assert bound(driver) == {"l": ("left", "l"), "r": ("right", "r")}
    assert driver.noticed == []
    assert not any(run.notes for run in driver.runs)


def test_two_detectors_without_a_name_are_noted():
    driver = Driver(detectors=TWO)
    driver.feed(announced("a"), announced("b"))
    driver.feed(start(LEFT, 3), start(RIGHT, 3), *images(3, LEFT), *images(3, RIGHT))
    assert bound(driver) == {"a": ("left", "l"), "b": ("right", "r")}
    assert driver.noticed == ["bound_by_order"]
    assert all(any("order of arrival" in n for n in run.notes) for run in driver.runs)


def test_a_named_detector_leaves_the_run_that_any_may_have():
    driver = Driver(detectors=TWO)
    driver.feed(announced("any"), announced("left", detector="left"))
    driver.feed(start(LEFT, 3), *images(3, LEFT), start(RIGHT, 3), *images(3, RIGHT))
    assert bound(driver) == {"left": ("left", "l"), "any": ("right", "r")}


def test_a_detector_that_is_none_is_a_problem_and_the_run_is_recorded():
    driver = Driver(detectors=TWO)
    driver.feed(announced("a", detector="lefft"), start(LEFT, 3), *images(3, LEFT))
    (run,) = driver.runs
    assert bound(driver) == {"a": ("left", "l")}
    (problem,) = run.announcement.problems
    assert problem == (
        "detector: 'lefft' is no configured detector, there is left, right: the name "
        "is left out"
    )


def test_the_other_detectors_announcement_is_not_taken_and_it_is_said_once():
    driver = Driver(detectors=TWO, hold_s=0.0)
    driver.feed(announced("r", detector="right"))
    for n in range(2):
        series = key(n + 1, f"l{n}", "left")
        driver.feed(start(series, 3), *images(3, series), end(series))
        driver.wait(2.1)
    assert bound(driver) == {"r": None}
    assert driver.noticed == ["announcement_not_bound"]
    assert any("names the detector right" in n for n in driver.sealed[0].notes)


def test_a_window_that_is_set_is_kept_and_the_near_miss_said():
    driver = Driver(match_window_s=60.0)
    driver.feed(announced("old", T0 - 70 * SECOND), start(), *images(2))
    driver.wait(1.1)
    assert bound(driver) == {"old": None}
    assert "announcement_not_bound" in driver.noticed
    assert any("70 s from the series" in n for n in driver.runs[1].notes)


def test_a_run_that_was_ended_without_a_series_does_not_take_the_next_ones():
    driver = Driver()
    driver.feed(announced("a"), collection_end("a"), announced("b"))
    driver.feed(start(images=3), *images(3))
    assert bound(driver) == {"a": None, "b": ("eiger", "a")}


def test_series_that_a_relay_interleaves_keep_the_uid_of_their_header():
    driver = Driver()
    one, two = key(7, "x"), key(8, "y")
    driver.feed(announced("b", images=3), announced("a", images=3))
    driver.feed(start(one, 3, recorder_uid="a"), start(two, 3, recorder_uid="b"))
    for n in range(3):
        driver.feed(image(n, one), image(n, two))
    driver.feed(end(one), end(two))
    driver.wait(2.1)
    assert bound(driver) == {"a": ("eiger", "x"), "b": ("eiger", "y")}
    assert {run.status for run in driver.sealed} == {RunStatus.SUCCESS}
    assert {run.images.received for run in driver.sealed} == {3}
    assert {run.revision for run in driver.sealed} == {0}


def test_a_rearmed_detector_with_the_same_uid_has_the_run():
    driver = Driver()
    driver.feed(announced("a", images=3), start(key(1, "x"), 3, recorder_uid="a"))
    again = key(2, "y")
    driver.feed(start(again, 3, recorder_uid="a"), *images(3, again), end(again))
    driver.wait(2.1)
    assert bound(driver) == {"a": ("eiger", "y")}


# -- headers, strays, last images ------------------------------------------------------


@pytest.mark.parametrize("waited", [0.0, 1.5, 9.0])
@pytest.mark.parametrize("told", [True, False])
def test_a_header_after_the_first_images_completes_the_series(waited, told):
    driver = Driver()
    headless = key(7, "")
    if told:
        driver.feed(announced("a", images=5))
    driver.feed(*images(2, headless))
    driver.wait(waited)
    series = key(7, "7/now")
    driver.feed(start(series, 5), *images(3, series, first=2), end(series))
    driver.wait(1.1)
    driver.wait(2.1)
    run = driver.only
    assert run.announced is told
    assert (run.status, run.images.received) == (RunStatus.SUCCESS, 5)
    assert run.start is not None
    assert not any("header" in note for note in run.notes)


def test_a_header_of_a_stream_2_series_completes_it_whenever_it_comes():
    driver = Driver()
    driver.feed(*images(2))
    driver.wait(20.0)
    driver.feed(start(images=5), *images(3, first=2), end())
    driver.wait(2.1)
    assert driver.only.start is not None
    assert driver.only.status is RunStatus.SUCCESS


def test_the_same_number_much_later_is_another_series():
    driver = Driver()
    driver.feed(*images(2, key(7, "")))
    driver.wait(20.0)
    again = key(7, "7/now")
    driver.feed(start(again, 5), *images(5, again), end(again))
    driver.wait(2.1)
    driver.wait(2.1)
    assert [run.images.received for run in driver.sealed] == [2, 5]


def test_a_header_that_comes_late_and_names_another_run_is_said():
    driver = Driver()
    driver.feed(announced("a"), *images(2, key(7, "")))
    driver.wait(1.5)
    driver.feed(start(key(7, "x"), 5, recorder_uid="b"))
    assert "header_names_another_run" in driver.noticed


@pytest.mark.parametrize("at", range(6))
def test_a_stray_image_ends_no_run(at):
    driver = Driver()
    mine = images(5)
    stray = image(3, key(99, "z"))
    driver.feed(announced("a", images=5), start(images=5))
    driver.feed(*mine[:at], stray, *mine[at:], end())
    driver.wait(2.1)
    run = driver.only
    assert (run.status, run.images.received) == (RunStatus.SUCCESS, 5)
    assert run.counts["stray_images"] == 1
    assert driver.noticed == ["stray_image"]
    assert any("another series" in note for note in run.notes)
    driver.wait(6.0)
    assert driver.book.quiet


def test_a_stray_between_two_runs_takes_no_announcement():
    driver = Driver()
    driver.feed(announced("b", images=5), image(3, key(99, "z")))
    driver.wait(2.0)
    driver.feed(start(images=5), *images(5), end())
    driver.wait(2.1)
    assert bound(driver) == {"b": ("eiger", "a")}
    assert driver.sealed[0].status is RunStatus.SUCCESS


def test_a_series_whose_header_was_lost_is_no_stray():
    driver = Driver()
    second = key(2, "b")
    driver.feed(start(images=5), *images(4), *images(3, second), end(second))
    driver.wait(1.1)
    driver.wait(2.1)
    first, other = sorted(driver.sealed, key=lambda run: run.key.series_id)
    assert (first.status, first.images.received) == (RunStatus.ABORTED, 4)
    assert "a new series began" in first.reason
    assert other.images.received == 3
    assert not first.counts["stray_images"]


def test_the_last_images_may_come_after_the_next_header():
    driver = Driver()
    second = key(2, "b")
    driver.feed(announced("a", images=5), start(images=5), *images(3))
    driver.feed(announced("b", images=2), start(second, 2), image(0, second))
    driver.feed(*images(2, first=3), end(), image(1, second), end(second))
    driver.wait(2.1)
    assert bound(driver) == {"a": ("eiger", "a"), "b": ("eiger", "b")}
    assert [run.status for run in driver.sealed] == [RunStatus.SUCCESS] * 2
    assert [run.images.received for run in driver.sealed] == [5, 2]


def test_a_complete_run_without_its_end_is_complete_when_the_next_begins():
    driver = Driver()
    second = key(2, "b")
    driver.feed(announced("a", images=5), start(images=5), *images(5), start(second))
    driver.wait(2.1)
    assert (driver.only.status, driver.only.reason) == (RunStatus.SUCCESS, "")


# -- no images -------------------------------------------------------------------------


@pytest.mark.parametrize("with_header", [True, False])
def test_a_success_without_images_says_so(with_header):
    driver = Driver()
    driver.feed(announced("uid-1", images=150))
    if with_header:
        driver.feed(start(images=150))
    driver.feed(collection_end())
    driver.wait(5.1)
    driver.wait(2.1)
    run = driver.only
    assert run.reason == "no image came of 150 announced"
    assert any(note.startswith("no image came") for note in run.notes)
    assert ledger_now(run).lost == 150


def test_a_late_image_takes_that_word_back():
    driver = Driver()
    driver.feed(announced("uid-1", images=1), start(images=1), end(), collection_end())
    driver.wait(2.1)
    assert driver.only.reason
    driver.feed(image(0))
    driver.wait(2.1)
    run = driver.sealed[-1]
    assert (run.state, run.reason, run.notes) == (RunState.SEALED, "", [])
