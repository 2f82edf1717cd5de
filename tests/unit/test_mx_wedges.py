"""Which wedge and which angle an image has: known for sure, or unknown and said."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from recorder.mx.angles import AngleGrade, apart, image_angles
from recorder.mx.captured_wedges import wedge_at
from recorder.mx.wedges import wedges_of
from recorder.records.detector import FileAngles, Goniometer
from recorder.records.mx_plan import Sweep

PERIOD = 0.1
SPACING = 30.0
"""Seconds from a wedge to the next."""


class Series:
    """Images of wedges whose triggers came or did not."""

    def __init__(self, sizes, missed=(), lost=(), spacing=SPACING):
        self.sizes = list(sizes)
        self.index, self.within, self.start_s = [], [], []
        at = 5.0
        for wedge, size in enumerate(self.sizes):
            for n in range(size if wedge not in missed else 0):
                self.index.append(wedge)
                self.within.append(n)
                self.start_s.append(at + n * PERIOD)
            at += spacing
        self.made = len(self.index)
        self.made_some = set(self.index)
        kept = [n for n in range(self.made) if n not in lost]
        self.ids = np.array(kept, np.int64)
        self.index = np.array(self.index, np.int64)[kept]
        self.within = np.array(self.within, np.int64)[kept]
        self.start_s = np.array(self.start_s)[kept]
        self.captured_s = 1000.0 + SPACING * np.arange(len(self.sizes))

    def wedges(self, **known):
        return wedges_of(self.ids, self.sizes, **known)

    def says_the_truth(self, found):
        known = found.index >= 0
        placed = found.within >= 0
        assert (found.index[known] == self.index[known]).all(), found
        assert (found.within[placed] == self.within[placed]).all(), found
        if not known.all():
            assert found.notes
        assert not set(found.missed) & self.made_some, found
        return bool(known.all())


SERIES = st.tuples(
    st.lists(st.integers(1, 6), min_size=1, max_size=5)
    | st.builds(lambda size, n: [size] * n, st.integers(1, 6), st.integers(1, 5)),
    st.sets(st.integers(0, 4), max_size=2),
    st.sets(st.integers(0, 29), max_size=3),
).map(lambda drawn: Series(*drawn))


@given(SERIES, st.data())
def test_no_image_gets_a_wedge_that_it_is_not_of(series, data):
    """Whatever is known beside the images of a run that ended well."""
    assume(series.ids.size > 0)
    flag = st.booleans()
    known = {"made": series.made, "sent": len(series.sizes)}
    if data.draw(flag):
        known["start_s"] = series.start_s
        known["period_s"] = PERIOD
    if data.draw(flag):
        known["captured"] = series.index
    elif data.draw(flag):
        known["captured_s"] = series.captured_s
    if len(set(series.sizes)) == 1 and data.draw(flag):
        known["images_per_trigger"] = series.sizes[0]
    series.says_the_truth(series.wedges(**known))


@pytest.mark.parametrize("sizes", [[1, 1, 1, 1], [2, 3]])
@pytest.mark.parametrize("made", [None, 0, 2])
@pytest.mark.parametrize("sent", [None, 0, 2, 4])
def test_a_part_that_ended_before_its_first_image_came_has_no_wedges(sizes, made, sent):
    found = wedges_of(np.array([], np.int64), sizes, made=made, sent=sent)
    assert found.index.size == found.within.size == 0


@given(SERIES)
def test_without_a_missed_trigger_all_are_known_by_their_count(series):
    whole = Series(series.sizes)
    found = whole.wedges(made=whole.made, sent=len(whole.sizes))
    assert whole.says_the_truth(found)
    assert found.notes == ()
    assert found.missed == ()


@given(SERIES)
def test_captured_positions_give_all_images_their_wedge(series):
    assume(series.ids.size > 0)
    found = series.wedges(
        start_s=series.start_s,
        period_s=PERIOD,
        captured=series.index,
        made=series.made,
        sent=len(series.sizes),
    )
    assert series.says_the_truth(found)


@pytest.mark.parametrize("size", [1, 10])
@pytest.mark.parametrize("missed", [1, 2])
def test_a_middle_trigger_that_was_missed_is_seen_by_the_pause(size, missed):
    series = Series([size] * 4, {missed})
    found = series.wedges(
        start_s=series.start_s, period_s=PERIOD, made=series.made, sent=4
    )
    assert series.says_the_truth(found)
    assert found.missed == (missed,)
    assert any(str(missed + 1) in note for note in found.notes)


@pytest.mark.parametrize("missed", [0, 3])
def test_whether_the_first_or_the_last_trigger_was_missed_is_unknown(missed):
    series = Series([10] * 4, {missed})
    found = series.wedges(
        start_s=series.start_s, period_s=PERIOD, made=series.made, sent=4
    )
    assert (found.index == -1).all()
    assert "unknown" in found.notes[0]
    caught = series.wedges(
        start_s=series.start_s, period_s=PERIOD, captured=series.index, sent=4
    )
    assert series.says_the_truth(caught)


def test_a_wedge_whose_images_were_lost_did_make_some():
    """Image 5 was made; that of the trigger after image 8 was not."""
    series = Series([1] * 20, {9}, {5})
    found = series.wedges(
        start_s=series.start_s, period_s=SPACING, made=series.made, sent=20
    )
    assert series.says_the_truth(found)
    assert found.missed == (9,)
    series = Series([1] * 20, {9}, {8})
    found = series.wedges(
        start_s=series.start_s, period_s=SPACING, made=series.made, sent=20
    )
    assert series.says_the_truth(found)
    assert found.missed == ()
    assert "where images are lost besides" in found.notes[0]


@pytest.mark.parametrize("known", [{}, {"captured_s": np.arange(2.0)}])
def test_before_the_first_image_there_is_nothing_to_tell(known):
    none = np.empty(0, np.int64)
    found = wedges_of(none, [1] * 4, images_per_trigger=1, sent=2, **known)
    assert (found.index.size, found.missed, found.notes) == (0, (), ())


def test_sizes_tell_wedges_apart():
    series = Series([100, 50, 20], {0})
    found = series.wedges(
        start_s=series.start_s, period_s=PERIOD, made=series.made, sent=3
    )
    assert series.says_the_truth(found)
    assert found.missed == (0,)


def test_while_a_run_goes_on_wedges_come_one_after_the_other():
    series = Series([10] * 4)
    ids, times = series.ids[:25], series.start_s[:25]
    for known in ({}, {"start_s": times}, {"images_per_trigger": 10}):
        found = wedges_of(ids, [10] * 4, **known)
        assert (found.index == series.index[:25]).all(), known
        assert found.notes == ()


def test_images_beyond_the_plan_are_of_no_wedge_and_said():
    found = wedges_of(np.arange(45), [10] * 4, made=45)
    assert (found.index[40:] == -1).all()
    assert (found.index[:40] == np.arange(40) // 10).all()
    assert "5 images more" in found.notes[0]


def test_many_sweeps_are_quick():
    series = Series([10] * 1000, {500})
    found = series.wedges(
        start_s=series.start_s, period_s=PERIOD, made=series.made, sent=1000
    )
    assert series.says_the_truth(found)


@given(st.lists(st.floats(-400, 400), min_size=1, max_size=4), st.floats(0.5, 5))
def test_a_captured_angle_is_in_one_wedge_or_in_none(starts, width):
    ends = [start + width for start in starts]
    inside = np.array(starts) + width / 2
    found = wedge_at(inside, starts, ends)
    for n, wedge in enumerate(found.tolist()):
        alone = all(
            abs(float(apart(inside[n], start + width / 2))) > width
            for other, start in enumerate(starts)
            if other != n
        )
        assert wedge in (n, -1)
        assert wedge == n or not alone
    assert (wedge_at(np.array([np.nan]), starts, ends) == -1).all()


@given(
    st.lists(st.tuples(st.integers(-800, 800), st.integers(-400, 400)), max_size=6),
    st.lists(st.integers(-800, 800), max_size=6),
)
def test_a_captured_angle_is_in_the_one_wedge_that_has_it(wedges, angles):
    """Whole degrees: none is at an edge, which is a tenth of a degree farther."""
    starts = [float(start) for start, _ in wedges]
    ends = [float(start + width) for start, width in wedges]
    found = wedge_at(np.array(angles, np.float64), starts, ends)
    for angle, wedge in zip(angles, found.tolist(), strict=True):
        mine = [
            n
            for n, (start, width) in enumerate(wedges)
            if any(
                min(start, start + width) <= angle + turn <= max(start, start + width)
                for turn in range(-3600, 3600, 360)
            )
        ]
        assert wedge == (mine[0] if len(mine) == 1 else -1)


# -- angles --------------------------------------------------------------------

SWEEP = Sweep(184.32, 0.05, 7200)
IDS = np.arange(7200)
PLANNED = 184.32 + IDS * 0.05


def of_axis(increment, start=184.32, axis="omega"):
    return [Goniometer(axis, start, increment)]


def test_a_header_counts_only_if_it_turns():
    """Three of three real headers have an increment of 0, one of a sweep that turns."""
    for header in (of_axis(0.0), of_axis(0.0, 0.0), of_axis(float("nan"))):
        found = image_angles(IDS, header=header)
        assert (found.grade == AngleGrade.NONE).all()
        assert np.isnan(found.start).all()
        told = image_angles(IDS, [SWEEP], header=header)
        assert (told.grade == AngleGrade.ANNOUNCED).all()
        assert told.contradictions == ()
    found = image_angles(IDS, header=of_axis(0.05))
    assert (found.grade == AngleGrade.HEADER).all()
    assert found.start == pytest.approx(PLANNED)
    assert found.end == pytest.approx(PLANNED + 0.05)


def test_the_best_source_counts_image_by_image():
    captured = np.where(IDS < 100, PLANNED + 0.001, np.nan)
    in_file = FileAngles("omega", PLANNED[:200], PLANNED[:200] + 0.05)
    found = image_angles(
        IDS, [SWEEP], header=of_axis(0.05), file=in_file, captured=captured
    )
    grades = np.repeat(
        [AngleGrade.CAPTURED, AngleGrade.FILE, AngleGrade.ANNOUNCED], [100, 100, 7000]
    )
    assert (found.grade == grades).all()
    assert found.contradictions == ()
    assert found.end - found.start == pytest.approx(0.05)


@given(st.floats(0.026, 179), st.sampled_from(["header", "file", "captured"]))
def test_a_contradiction_is_told_and_the_better_source_counts(off, source):
    """Half an image is 0.025 degrees."""
    wrong = PLANNED + off
    known = {
        "header": of_axis(0.05, 184.32 + off),
        "file": FileAngles("omega", wrong),
        "captured": wrong,
    }
    found = image_angles(IDS, [SWEEP], **{source: known[source]})
    (text,) = found.contradictions
    assert source in text
    assert "7200 images" in text
    used = PLANNED if source == "header" else wrong
    assert found.start == pytest.approx(used)


@given(st.integers(-3, 3), st.floats(-0.02, 0.02))
def test_whole_turns_and_less_than_half_an_image_are_no_contradiction(turns, off):
    same = PLANNED + 360 * turns + off
    found = image_angles(IDS, [SWEEP], captured=same, file=FileAngles("omega", same))
    assert found.contradictions == ()


def test_a_file_whose_axis_stands_says_nothing_of_a_sweep():
    found = image_angles(IDS, [SWEEP], file=FileAngles("omega", np.zeros(7200)))
    assert (found.grade == AngleGrade.ANNOUNCED).all()
    assert "stands" in found.contradictions[0]
    still = [Sweep(0.0, 0.0, 7200)]
    found = image_angles(IDS, still, file=FileAngles("omega", np.zeros(7200)))
    assert (found.grade == AngleGrade.FILE).all()
    assert found.contradictions == ()


def test_a_file_that_turns_another_axis_is_said():
    found = image_angles(IDS, [SWEEP], file=FileAngles("phi", PLANNED))
    assert (found.grade == AngleGrade.ANNOUNCED).all()
    assert "phi" in found.contradictions[0]


def test_a_header_tells_the_angles_of_the_first_trigger_only():
    sweeps = [Sweep(90.0 * n, 1.0, 10) for n in range(4)]
    ids = np.arange(40)
    found = image_angles(
        ids, sweeps, header=of_axis(1.0, 0.0), triggers=4, images_per_trigger=10
    )
    assert found.contradictions == ()
    alone = image_angles(
        ids, header=of_axis(1.0, 0.0), triggers=4, images_per_trigger=10
    )
    assert np.isfinite(alone.start[:10]).all()
    assert np.isnan(alone.start[10:]).all()


def test_an_image_of_an_unknown_wedge_has_no_announced_angle():
    sweeps = [Sweep(90.0 * n, 1.0, 10) for n in range(4)]
    series = Series([10] * 4, {0})
    wedges = series.wedges(
        start_s=series.start_s, period_s=PERIOD, made=series.made, sent=4
    )
    found = image_angles(series.ids, sweeps, wedges=wedges)
    assert (found.grade == AngleGrade.NONE).all()
    caught = image_angles(
        series.ids, sweeps, wedges=wedges, captured=90.0 * series.index + series.within
    )
    assert (caught.grade == AngleGrade.CAPTURED).all()


@given(SERIES)
def test_known_wedges_give_the_planned_angles(series):
    assume(series.ids.size > 0)
    sweeps = [
        Sweep(50.0 * n, 0.5, size, pitch=0.75) for n, size in enumerate(series.sizes)
    ]
    wedges = series.wedges(
        start_s=series.start_s,
        period_s=PERIOD,
        captured=series.index,
        made=series.made,
        sent=len(series.sizes),
    )
    found = image_angles(series.ids, sweeps, wedges=wedges)
    known = found.grade == AngleGrade.ANNOUNCED
    expected = 50.0 * series.index + 0.75 * series.within
    assert found.start[known] == pytest.approx(expected[known])
    assert found.end[known] == pytest.approx(expected[known] + 0.5)
