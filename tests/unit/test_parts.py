"""Several collections in one series: each image in the part whose range has it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from recorder.records import (
    Announcement,
    Capture,
    EndFacts,
    RunState,
    RunStatus,
    TimedEvent,
)
from recorder.records.limits import MAX_ANNOUNCED_BYTES, MAX_COLLECTIONS
from recorder.runs.run import Run
from recorder.runs.timeline.mx_doubts import doubtful
from recorder.runs.timeline.mx_images import mx_images
from recorder.runs.timeline.of_run import timeline_of

from ..builders import (
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
    start,
)

OSC = {"name": "lyso", "type": "OSC"}


def swept(*images: int, uid: str = "U", **more: Any) -> Announcement:
    """Sweeps one after the other, or from the image that stands in a pair with them."""
    sweeps = []
    for item in images:
        first, n = item if isinstance(item, tuple) else (None, item)
        sweep = {"start": 0, "range": 0.5, "images": n}
        sweeps.append(sweep if first is None else {**sweep, "first_image": first})
    return collection(uid, experiment=OSC, scan={"sweeps": sweeps}, **more)


def images(*numbers: int, of: Any = None) -> list[Any]:
    return [image(n, of) for n in numbers]


def parts(driver: Driver) -> dict[str, Run]:
    return {run.announcement.uid or run.uid: run for run in driver.runs}


def ids(driver: Driver) -> dict[str, list[int]]:
    return {uid: run.images.ids.tolist() for uid, run in parts(driver).items()}


def sealed(driver: Driver) -> dict[str, Run]:
    driver.wait(2.1)
    driver.wait(0.1)
    assert driver.book.quiet
    return parts(driver)


def test_each_sweep_gets_its_own_images_counted_from_0():
    driver = Driver()
    driver.feed(swept(3, 2, 4), start(images=9), *images(*range(9)), end())
    found = sealed(driver)
    assert ids(driver) == {"U.1": [0, 1, 2], "U.2": [0, 1], "U.3": [0, 1, 2, 3]}
    assert {run.status for run in found.values()} == {RunStatus.SUCCESS}
    assert [run.number for run in found.values()] == [1, 2, 3]
    assert [run.start.expected_images for run in found.values()] == [3, 2, 4]
    for run in found.values():
        assert ledger_now(run).closed
        assert ledger_now(run).lost == 0
        assert not run.notes


@pytest.mark.parametrize(
    ("told", "header"),
    [
        ({"series_unique_id": "a"}, {}),
        ({"series_unique_id": "1"}, {}),
        ({}, {"recorder_uid": "U"}),
        ({}, {"recorder_uid": "U.2"}),
    ],
)
def test_what_names_one_of_them_names_all(told, header):
    driver = Driver()
    driver.feed(collection("other"), swept(1, 1, **told))
    driver.feed(start(images=2, **header), *images(0, 1), end())
    driver.wait(2.1)
    driver.wait(0.1)
    assert ids(driver) == {"other": [], "U.1": [0], "U.2": [0]}
    assert "bound_by_order" not in driver.noticed


def test_by_order_the_parts_are_no_rivals_of_each_other():
    driver = Driver()
    driver.feed(swept(1, 1), start(images=2), *images(0, 1), end())
    found = sealed(driver)
    assert "bound_by_order" not in driver.noticed
    assert not any(run.notes for run in found.values())


def test_the_uid_that_images_carry_without_a_header_binds_all():
    driver = Driver()
    of = key(unique_id="")
    driver.feed(collection("other"), swept(2, 1))
    driver.feed(*[image(n, of, recorder_uid="U") for n in range(3)])
    driver.feed(end(of))
    driver.wait(2.1)
    driver.wait(0.1)
    assert ids(driver) == {"other": [], "U.1": [0, 1], "U.2": [0]}


def test_a_header_that_comes_after_the_images_completes_all():
    driver = Driver()
    of = key(unique_id="")
    driver.feed(swept(2, 2), *images(0, 1, 2, of=of))
    driver.wait(1.1)
    assert {run.state for run in driver.runs} == {RunState.OPEN}
    driver.feed(start(images=4), image(3), end())
    found = sealed(driver)
    assert ids(driver) == {"U.1": [0, 1], "U.2": [0, 1]}
    assert [run.start.expected_images for run in found.values()] == [2, 2]
    assert [run.key for run in found.values()] == [key(), key()]
    assert not any(run.notes for run in found.values())


def test_the_series_goes_on_though_a_part_has_all_its_images():
    """No part is given up while another one gets images."""
    driver = Driver(series_timeout_s=30.0)
    driver.feed(swept(1, 3, 1), start(images=5), image(0))
    for n in (1, 2, 3, 4):
        driver.wait(20.0)
        driver.feed(image(n))
    assert {run.state for run in driver.runs} == {RunState.OPEN}
    driver.feed(end())
    assert {run.status for run in sealed(driver).values()} == {RunStatus.SUCCESS}


def test_a_series_that_falls_silent_ends_all_and_only_what_lacks_images_is_aborted():
    driver = Driver(series_timeout_s=30.0)
    driver.feed(swept(1, 2, 1), start(images=4), *images(0, 1))
    driver.wait(31.0)
    found = sealed(driver)
    assert [run.status for run in found.values()] == ["success", "aborted", "aborted"]
    assert "no image for 30 s" in found["U.2"].reason


def test_a_rotation_that_is_cut_short():
    driver = Driver()
    driver.feed(swept(2, 3, 2), start(images=7), *images(0, 1, 2), end())
    found = sealed(driver)
    assert [run.status for run in found.values()] == ["success", "aborted", "aborted"]
    assert found["U.2"].reason == "the series ended after image 1 of 3"
    assert [ledger_now(run).received for run in found.values()] == [2, 1, 0]
    assert all(ledger_now(run).closed for run in found.values())


def test_the_end_that_is_announced_reaches_all_parts():
    driver = Driver()
    driver.feed(swept(2, 3, 2), start(images=7), *images(0, 1, 2))
    over = collection_end("U", RunStatus.ABORTED, "stopped by the user")
    driver.feed(replace(over, images=3), end())
    found = sealed(driver)
    assert [run.status for run in found.values()] == ["success", "aborted", "aborted"]
    assert "stopped by the user" in found["U.2"].reason
    assert [run.end.images for run in found.values()] == [2, 1, 0]
    assert [ledger_now(run).lost for run in found.values()] == [0, 0, 0]
    driver.feed(over)
    driver.wait(0.1)
    assert driver.book.quiet


def test_the_end_of_one_part_is_that_parts():
    driver = Driver()
    driver.feed(swept(1, 1), start(images=2), *images(0, 1))
    driver.feed(collection_end("U.1", RunStatus.FAILED, "no beam"), end())
    found = sealed(driver)
    assert [run.status for run in found.values()] == ["failed", "success"]


def test_an_announcement_that_comes_again_is_no_new_run():
    driver = Driver()
    for _ in range(2):
        driver.feed(swept(1, 1))
    driver.feed(start(images=2), *images(0, 1), swept(1, 1), end())
    sealed(driver)
    driver.feed(swept(1, 1), swept(1, 1, 1), collection("U"))
    driver.restart()
    driver.feed(swept(1, 1))
    assert list(parts(driver)) == ["U.1", "U.2"]
    assert driver.book.quiet
    assert parts(driver)["U.1"].counts["duplicate_announcements"] == 6


def test_a_uid_that_a_part_has_is_refused_with_a_reason():
    driver = Driver()
    driver.feed(swept(1, 1))
    refused = driver.book.refusal(collection("U.2"))
    assert "'U.2'" in refused.detail
    assert driver.book.refusal(swept(1, 1)) is None


def test_each_part_that_waits_for_its_series_counts():
    """One announcement may always wait, however many parts it has."""
    driver = Driver(max_announced=2)
    assert driver.book.refusal(swept(1, 1, 1)) is None
    driver.feed(collection("V"))
    refused = driver.book.refusal(swept(1, 1))
    assert refused.kind == "too_many"
    assert "of 2 parts" in refused.detail
    driver.feed(collection("W"))
    assert driver.book.refusal(collection("X")).kind == "too_many"


def test_what_each_part_keeps_counts():
    """The bound is that of all that is kept, before and after a restart."""
    driver = Driver()
    size = MAX_ANNOUNCED_BYTES // 5
    driver.feed(swept(1, 1, more="x" * size))
    for _ in range(2):
        assert driver.book.refusal(collection("V", more="x" * size)) is None
        assert driver.book.refusal(swept(1, 1, uid="V", more="x" * size)) is None
        refused = driver.book.refusal(swept(1, 1, 1, 1, uid="V", more="x" * size))
        assert refused.kind == "too_many"
        driver.restart()


def test_more_sweeps_than_can_be_runs_are_one_run():
    driver = Driver()
    driver.feed(swept(*[1] * (MAX_COLLECTIONS + 1)))
    (run,) = driver.runs
    assert run.uid == "U"
    assert run.announcement.planned_images == MAX_COLLECTIONS + 1
    assert "at most 100 can be collections" in " ".join(run.announcement.problems)
    driver.feed(swept(*[1] * MAX_COLLECTIONS, uid="V"))
    assert len(driver.runs) == MAX_COLLECTIONS + 1


def test_ends_of_parts_keep_the_flux_only():
    driver = Driver()
    driver.feed(swept(1, 1), start(images=2), *images(0, 1), end())
    sealed(driver)
    told = EndFacts(flux=1e12, points=3, problems=("collection/end: result: no",))
    driver.feed(replace(collection_end("U"), facts=told))
    for run in sealed(driver).values():
        assert run.end.facts == EndFacts(flux=1e12)
        assert (run.revision, run.counts["end_problems"]) == (1, 0)


# -- images without a place ---------------------------------------------------------


def test_images_between_two_parts_are_named_and_given_to_neither():
    driver = Driver()
    driver.feed(swept((0, 2), (4, 2)), start(images=6), *images(*range(6)), end())
    found = sealed(driver)
    assert ids(driver) == {"U.1": [0, 1], "U.2": [0, 1]}
    assert found["U.1"].counts["images_of_no_part"] == 2
    assert any("first image_id 2 of" in note for note in found["U.1"].notes)
    assert driver.noticed.count("image_of_no_part") == 1
    assert {run.status for run in found.values()} == {RunStatus.SUCCESS}


def test_images_before_the_first_part_are_named_with_it():
    driver = Driver()
    driver.feed(swept((5, 1), (3, 1)), start(images=6), *images(0, 3, 5), end())
    found = sealed(driver)
    assert ids(driver) == {"U.1": [0], "U.2": [0]}
    assert sum(run.counts["images_of_no_part"] for run in found.values()) == 1


def test_images_beyond_all_ranges_stay_with_the_last_part_and_are_counted():
    driver = Driver()
    driver.feed(swept((3, 2), (0, 3)), start(images=5), *images(*range(8)), end())
    found = sealed(driver)
    assert ids(driver) == {"U.1": [0, 1, 2, 3, 4], "U.2": [0, 1, 2]}
    assert found["U.1"].counts["images_beyond_plan"] == 3
    assert any("more images came" in note for note in found["U.1"].notes)
    assert ledger_now(found["U.1"]).closed


def test_images_beyond_the_plan_of_a_single_sweep_are_counted_as_well():
    driver = Driver()
    driver.feed(swept(2), start(images=4), *images(*range(4)), end())
    found = sealed(driver)
    assert found["U"].counts["images_beyond_plan"] == 2


def test_late_images_of_a_part_that_nobody_remembers_go_to_no_neighbour():
    driver = Driver()
    driver.feed(swept(2, 2), start(images=4), *images(0, 2, 3), end())
    sealed(driver)
    driver.restart(forget=1)
    driver.feed(image(1))
    driver.wait(20)
    (left,) = driver.book.sealed
    assert left.images.ids.tolist() == [0, 1]
    assert left.counts["images_of_no_part"] == 1
    assert any("no longer in memory" in note for note in left.notes)


def test_a_late_image_opens_its_own_part_again():
    driver = Driver()
    driver.feed(swept(2, 2), start(images=4), *images(0, 2, 3), end())
    sealed(driver)
    driver.feed(image(1), image(3))
    driver.wait(2.1)
    found = sealed(driver)
    assert [run.revision for run in found.values()] == [0, 1]
    assert sorted(ids(driver).items()) == [("U.1", [0, 1]), ("U.2", [0, 1])]
    again = parts(driver)
    assert again["U.1"].revision == 1
    assert again["U.1"].status is RunStatus.SUCCESS
    assert again["U.2"].counts["duplicate_images"] == 1


def test_all_parts_of_the_last_series_are_remembered():
    driver = Driver()
    driver.feed(swept(*[1] * 20), start(images=20), *images(*range(1, 20)), end())
    sealed(driver)
    driver.feed(image(0))
    assert parts(driver)["U.1"].images.received == 1


# -- series that overlap ------------------------------------------------------------


def test_a_header_ends_all_parts_softly_and_a_late_image_goes_on_with_all():
    driver = Driver()
    b = key(2, "b")
    driver.feed(swept(2, 2, 2), start(images=6), *images(0, 1, 2))
    driver.feed(start(b), image(0, b))
    assert {run.state for run in driver.runs} == {RunState.DRAINING}
    driver.feed(image(3))
    assert parts(driver)["U.3"].state is RunState.OPEN
    driver.feed(image(4), image(5), end())
    found = sealed_but_last(driver)
    assert [run.status for run in found] == ["success"] * 3
    assert [run.images.received for run in found] == [2, 2, 2]


def sealed_but_last(driver: Driver) -> list[Run]:
    driver.wait(2.1)
    driver.wait(0.1)
    return driver.book.sealed


def test_a_detector_that_is_armed_again_before_the_first_image_keeps_all_parts():
    driver = Driver()
    b = key(2, "b")
    driver.feed(swept(2, 2), start(images=4), start(b, images=4))
    driver.feed(*images(*range(4), of=b), end(b))
    found = sealed(driver)
    assert ids(driver) == {"U.1": [0, 1], "U.2": [0, 1]}
    assert {run.key for run in found.values()} == {b}
    assert driver.noticed.count("series_replaced") >= 1


def test_a_part_without_images_is_not_replaced_while_others_have_some():
    driver = Driver()
    b = key(2, "b")
    driver.feed(swept(2, 2), start(images=4), image(0), start(b, images=4))
    assert {run.state for run in driver.runs} == {RunState.DRAINING}
    assert "series_replaced" not in driver.noticed
    driver.wait(2.1)
    driver.wait(0.1)
    assert [run.status for run in driver.book.sealed] == ["aborted", "aborted"]


def test_two_detectors_at_the_same_time_each_with_several_parts():
    driver = Driver(detectors=("left", "right"))
    left, right = key(1, "x", "left"), key(1, "x", "right")
    driver.feed(
        swept(2, 2, uid="L", detector="left"), swept(1, 3, uid="R", detector="right")
    )
    driver.feed(start(right, images=4), start(left, images=4))
    for n in range(4):
        driver.feed(image(n, left), image(n, right))
    driver.feed(end(left))
    assert {run.announcement.part.of for run in driver.book.active} == {"L", "R"}
    driver.feed(end(right))
    sealed(driver)
    assert {uid: len(found) for uid, found in ids(driver).items()} == {
        "L.1": 2,
        "L.2": 2,
        "R.1": 1,
        "R.2": 3,
    }


# -- an announcement that comes late ------------------------------------------------


def test_an_announcement_that_comes_late_makes_the_run_its_first_part():
    driver = Driver()
    driver.feed(start(images=4), *images(0, 1))
    driver.wait(1.1)
    late = replace(swept(3, 2), received_ns=T0 + 2 * SECOND)
    driver.feed(late, *images(2, 3, 4), end())
    sealed(driver)
    assert sorted(ids(driver).items()) == [("U.1", [0, 1, 2]), ("U.2", [0, 1])]


def test_an_announcement_that_comes_too_late_to_be_parted_is_one_run_and_says_so():
    driver = Driver()
    driver.feed(start(images=4), *images(0, 1))
    driver.wait(1.1)
    driver.feed(swept(1, 3), *images(2, 3), end())
    found = sealed(driver)
    assert ids(driver) == {"U": [0, 1, 2, 3]}
    assert any("all 2 are one run" in note for note in found["U"].notes)


# -- events -------------------------------------------------------------------------


def events(driver: Driver) -> dict[str, int]:
    return {uid: run.events.size for uid, run in parts(driver).items()}


def test_an_event_without_a_trigger_is_of_the_part_that_the_series_is_at():
    driver = Driver()
    driver.feed(swept(2, 2))
    for n in range(5):
        named = replace(event("XrayDetection", 0, "U"), uid=f"e{n}", trigger=None)
        driver.feed(named, image(n) if n else start(images=4))
        driver.feed(replace(named, uid=f"f{n}", collection=None))
    assert events(driver) == {"U.1": 5, "U.2": 5}


def test_rows_of_triggers_are_of_the_part_of_their_images():
    driver = Driver()
    driver.feed(event("XrayDetection", 100, "U"), swept(2, 2), start(images=4))
    driver.feed(*[event("XrayDetection", 100 + n, "U") for n in range(4)])
    driver.feed(*images(*range(4)), end())
    found = sealed(driver)
    assert events(driver) == {"U.1": 2, "U.2": 2}
    assert found["U.2"].events.first_number == 102
    assert all(ledger_now(run).triggers == 2 for run in found.values())
    assert all(ledger_now(run).closed for run in found.values())


# -- techniques without images ------------------------------------------------------


def test_a_scan_gets_no_series_no_rows_and_ends_by_its_end():
    driver = Driver()
    scan = collection("E", experiment={"name": "e", "type": "Energy scan"})
    driver.feed(scan, start(images=2), *images(0, 1))
    driver.wait(1.1)
    driver.feed(end())
    driver.wait(2.1)
    driver.wait(0.1)
    assert not driver.sealed[0].announced
    (left,) = driver.book.active
    assert left.announcement.uid == "E"
    assert "announcement_not_bound" not in driver.noticed
    driver.feed(collection_end("E"))
    driver.wait(2.1)
    driver.wait(0.1)
    assert driver.book.quiet
    assert driver.sealed[-1].status is RunStatus.SUCCESS


def test_a_scan_that_nobody_ends_is_given_up():
    driver = Driver(announcement_timeout_s=60.0)
    driver.feed(collection("E", experiment={"name": "e", "type": "XRF spectrum"}))
    driver.wait(61.0)
    sealed(driver)
    assert driver.only.reason == "announced, but nothing was measured for 60 s"


# -- triggers that were missed ------------------------------------------------------


def waited(numbers: list[int], pauses: dict[int, float]) -> list[Any]:
    """Images of a period of a second, with longer waits before some of them."""
    found, now = [], 0.0
    for n in numbers:
        now += pauses.get(n, 1.0)
        found.append(replace(image(n), start_time_ns=int(now * SECOND)))
    return found


def unclear(driver: Driver) -> dict[str, int]:
    return {
        uid: run.counts["images_of_unknown_wedge"] for uid, run in parts(driver).items()
    }


def test_pauses_where_the_plan_has_them_say_nothing():
    driver = Driver()
    driver.feed(swept(3, 3, 3), start(images=9))
    driver.feed(*waited(list(range(9)), {3: 10.0, 6: 10.0}), end())
    found = sealed(driver)
    assert not any(run.notes for run in found.values())
    assert unclear(driver) == {"U.1": 0, "U.2": 0, "U.3": 0}


def test_a_series_without_pauses_says_nothing():
    driver = Driver()
    driver.feed(swept(3, 3, 3), start(images=9), *images(*range(9)), end())
    assert not any(run.notes for run in sealed(driver).values())


def test_a_missed_trigger_is_noted_where_its_images_are_in_doubt():
    """Four wedges of one image each: the second makes none, as the start times show."""
    driver = Driver()
    driver.feed(swept(1, 1, 1, 1), start(images=4, images_per_trigger=1, triggers=4))
    driver.feed(*waited([0, 1, 2], {1: 20.0, 2: 10.0}), end())
    driver.feed(collection_end("U"))
    found = sealed(driver)
    assert ids(driver) == {"U.1": [0], "U.2": [0], "U.3": [0], "U.4": []}
    assert found["U.2"].counts["images_of_unknown_wedge"] == 1
    assert found["U.3"].counts["images_of_unknown_wedge"] == 1
    assert "wedge_unknown" in driver.noticed
    assert any("may be of another part of U" in note for note in found["U.2"].notes)
    assert [run.in_doubt for run in found.values()] == [[], [(0, 0)], [(0, 0)], []]
    driver.restart()
    again = mx_images(parts(driver)["U.2"], timeline_of(parts(driver)["U.2"]))
    assert np.isnan(again.angles.start).tolist() == [True]
    again = mx_images(parts(driver)["U.1"], timeline_of(parts(driver)["U.1"]))
    assert again.angles.start.tolist() == [0.0]


def test_a_late_image_that_explains_all_takes_the_doubt_back():
    driver = Driver()
    driver.feed(swept(1, 1, 1), start(images=3, images_per_trigger=1, triggers=3))
    first, second, third = waited([0, 1, 2], {1: 10.0, 2: 10.0})
    driver.feed(first, second, end(), collection_end("U"))
    assert any(run.in_doubt for run in sealed(driver).values())
    driver.feed(third)
    driver.wait(2.1)
    found = sealed(driver)
    assert not any(run.in_doubt for run in found.values())
    assert [run.images.received for run in found.values()] == [1, 1, 1]


def test_a_missed_line_of_the_first_plane_is_noted_with_both():
    plane = {"steps": [4, 3], "step_um": [20.0, 20.0]}
    driver = Driver()
    driver.feed(
        collection(
            "U",
            experiment={"name": "e", "type": "Mesh3D"},
            grid={"planes": [plane, {**plane, "angle": 90}]},
        ),
        start(images=24, images_per_trigger=4, triggers=6),
    )
    driver.feed(*waited(list(range(20)), dict.fromkeys(range(4, 20, 4), 5.0)))
    driver.feed(collection_end("U"), end())
    found = sealed(driver)
    assert [run.images.received for run in found.values()] == [12, 8]
    assert all(run.counts["images_of_unknown_wedge"] for run in found.values())
    for run in found.values():
        cells = mx_images(run, timeline_of(run)).cells
        assert (cells.cell[doubtful(run)] < 0).all()


@pytest.mark.parametrize("turn", [1.0, 5.0])
@pytest.mark.parametrize(
    ("missed", "whole"), [(0, True), (1, True), (2, True), (1, False), (2, False)]
)
def test_images_of_the_second_plane_do_not_hide_a_missed_line_of_the_first(
    turn, missed, whole
):
    """They fill up its numbers, but no cell is claimed from which an image is not."""
    plane = {"steps": [4, 3], "step_um": [20.0, 20.0], "snaked": True}
    driver = Driver()
    driver.feed(
        collection(
            "U",
            experiment={"name": "e", "type": "Mesh3D"},
            grid={"planes": [plane, {**plane, "angle": 90}]},
        ),
        start(images=24, images_per_trigger=4, triggers=6),
    )
    made = [line for line in range(6 if whole else 5) if line != missed]
    true = [4 * line + n for line in made for n in range(4)]
    for number, at in enumerate(true):
        ns = int((at + turn * (at // 4)) * SECOND)
        driver.feed(replace(image(number), start_time_ns=ns))
    status = RunStatus.SUCCESS if whole else RunStatus.ABORTED
    driver.feed(collection_end("U", status=status), end())
    for n, run in enumerate(sealed(driver).values()):
        cells = mx_images(run, timeline_of(run)).cells
        for number, cell in zip(run.images.ids, cells.cell, strict=True):
            assert cell in (-1, true[number + 12 * n] - 12 * n)
        if run.in_doubt:
            assert not any("where they belong" in note for note in run.notes)


@pytest.mark.parametrize("missed", [0, 1, 2, 3])
def test_images_of_the_next_sweep_do_not_hide_a_missed_one_of_the_first(missed):
    """Each image has a trigger: no angle is claimed from which an image is not."""
    driver = Driver()
    driver.feed(swept(4, 4), start(images=8, images_per_trigger=1, triggers=8))
    true = [n for n in range(8) if n != missed]
    for number, at in enumerate(true):
        ns = int((at + 20.0 * (at // 4)) * SECOND)
        driver.feed(replace(image(number), start_time_ns=ns))
    driver.feed(collection_end("U"), end())
    for n, run in enumerate(sealed(driver).values()):
        angles = mx_images(run, timeline_of(run)).angles.start
        for number, angle in zip(run.images.ids, angles, strict=True):
            assert np.isnan(angle) or angle == 0.5 * (true[number + 4 * n] - 4 * n)


def test_a_part_lasts_from_its_first_image_to_its_last():
    driver = Driver()
    driver.feed(swept(2, 2, 2), start(images=6))
    for n in range(5):
        driver.feed(replace(image(n), received_ns=T0 + n * SECOND))
    driver.feed(end())
    found = sealed(driver)
    spans = {
        uid: ((run.opened_ns - T0) // SECOND, (run.ended_ns - T0) // SECOND)
        for uid, run in found.items()
    }
    assert spans == {"U.1": (0, 1), "U.2": (2, 3), "U.3": (4, 100)}


ARMED: dict[str, Any] = {"images": 20, "images_per_trigger": 10, "triggers": 2}
PERIOD = replace(start().info, frame_time_s=0.01)


def rows_at(*at: tuple[int, float]) -> list[TimedEvent]:
    """Rows of timing hardware by their number and time (s)."""
    return [event("XrayDetection", n, "U", int(t * SECOND)) for n, t in at]


def test_rows_are_of_triggers_that_make_several_images():
    driver = Driver()
    driver.feed(swept(10, 10), replace(start(**ARMED), info=PERIOD))
    driver.feed(*rows_at((7, 5.0), (8, 5.12)))
    assert events(driver) == {"U.1": 1, "U.2": 1}


@pytest.mark.parametrize("header", [ARMED, {"images": 20}])
@pytest.mark.parametrize("pause", [0.0, 9.0])
def test_rows_are_of_images_though_a_trigger_makes_several(header, pause):
    driver = Driver()
    driver.feed(swept(10, 10), replace(start(**header), info=PERIOD))
    driver.feed(*rows_at(*((n, n * 0.01 + pause * (n > 9)) for n in range(20))))
    assert events(driver) == {"U.1": 10, "U.2": 10}


@pytest.mark.parametrize("each", [1, 10])
def test_rows_without_times_are_of_the_part_that_the_series_is_at(each):
    """A row for each image, or one for each trigger: nothing tells it."""
    driver = Driver()
    driver.feed(swept(10, 10), start(**ARMED))
    for n in range(20):
        rows = [event("XrayDetection", n // each, "U")] if n % each == 0 else []
        driver.feed(*rows, image(n))
    assert events(driver) == {"U.1": 10 // each, "U.2": 10 // each}


def captured(number: int, at: str = "armed") -> TimedEvent:
    """A row of timing hardware: it names no run."""
    row = event("XrayDetection", number, None, received_ns=T0)
    return replace(row, uid=f"{at}/{number}", capture=Capture(at, T0))


@pytest.mark.parametrize("early", [0, 2, 5])
@pytest.mark.parametrize("again", [None, 1, 4])
def test_a_capture_is_all_parts_and_each_row_its_images(early, again):
    """Some rows come before the announcement; the recorder may be killed."""
    driver = Driver()
    driver.feed(*[captured(n) for n in range(early)])
    driver.feed(swept(2, 3, 1), start(images=6))
    for n in range(6):
        if n == again:
            driver.restart()
        driver.feed(image(n))
        if n >= early:
            driver.feed(captured(n))
    driver.feed(end())
    found = sealed(driver)
    assert events(driver) == {"U.1": 2, "U.2": 3, "U.3": 1}
    assert {tuple(run.captures) for run in found.values()} == {(("panda-1", "armed"),)}
    assert not any(ledger_now(run).differences() for run in found.values())
