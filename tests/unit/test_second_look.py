"""The last lesson of a run, and which images are looked at again with its state."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.classifying.lessons import Lessons
from recorder.classifying.second_look import Kept, SecondLook
from recorder.classifying.timetable import Timetable
from recorder.journal import Journal
from recorder.pool.jobs import Job, LessonJob
from recorder.pool.pool import Pool
from recorder.records import (
    Classification,
    ClassifierSetup,
    ClassifySettings,
    Geometry,
    ImageClass,
    Lattice,
    Learned,
    LearnedBackground,
    Unprocessed,
    WorkLevel,
)
from recorder.runs.tables.image_table import ImageTable
from recorder.ssx.learning.as_good import as_good
from tests.builders import SHAPE, outcome, payload

GEOMETRY = Geometry(SHAPE, (75e-6, 75e-6), 0.1, (16.0, 16.0), 1.0)
CELL = (79.0, 79.0, 38.0, 90.0, 90.0, 90.0)
TIMES = Timetable()
SETUP = ClassifierSetup(
    SHAPE, "uint16", GEOMETRY, CELL, None, None, None, None, ClassifySettings()
)
MAP = LearnedBackground(np.ones((4, 4), np.float32), np.zeros(SHAPE, np.bool_), 1.0)
BLANK = Classification(ImageClass.NON_HIT, 0)
HIT = Classification(
    ImageClass.NON_INDEXED_HIT, 20, positions=np.ones((20, 2), np.float32)
)
INDEXED = Classification(ImageClass.INDEXED, 20)


class Workers:
    """Lessons of one run over a pool that is not running: the test plays its workers.

    Args:
        taught: State that each lesson teaches, by its number; the last one else.
        most: Bytes of pixels that are kept.
        found: What becomes of each image.
    """

    def __init__(
        self, taught: dict[int, Learned], most: int = 1 << 20, found: object = HIT
    ) -> None:
        self.found = found
        self.pool = Pool(1)
        self.look = SecondLook(SETUP, most)
        self.taught = taught
        self.changes: list[int] = []
        self.lessons = Lessons(
            self.pool,
            self.pool.add_setup(SETUP),
            lambda old, new, first: self.changes.append(first),
            self.look,
        )
        self.first: dict[int, int] = {}
        self.again: dict[int, int] = {}
        self.ended = 0
        self._state = 0

    def offer(self, image_id: int) -> None:
        def first(_: object) -> None:
            self.first[image_id] = self._state

        def again(_: object) -> None:
            assert image_id not in self.again
            self.again[image_id] = self._state

        assert self.lessons.offer(image_id, payload(), first, again, force=True)
        self.work()

    def work(self) -> None:
        queue = self.pool._backlog._queue
        while queue:
            job = queue.popleft()
            if isinstance(job, LessonJob):
                number = job.lesson.number
                known = [n for n in self.taught if n <= number]
                state = self.taught[max(known)] if known else Learned(0)
                job.done(replace(state, number=number))
            else:
                assert isinstance(job, Job)
                self._state = job.learned
                job.done(self.found)

    def end(self) -> None:
        def ended() -> None:
            self.ended += 1

        self.lessons.finish(ended)
        self.work()


def run_of(images: int, taught: dict[int, Learned], most: int = 1 << 20) -> Workers:
    workers = Workers(taught, most)
    for n in range(images):
        workers.offer(n)
    workers.end()
    assert (workers.ended, len(workers.first)) == (1, images)
    return workers


@given(st.integers(1, 700), st.integers(1, 8))
def test_what_knew_less_is_looked_at_once_more_and_nothing_else(images, best):
    """State ``best`` is the first that knows what the run knows at its end."""
    workers = run_of(images, {best: Learned(0, MAP, cell=CELL)})
    last = TIMES.asks(images - 1) + 1
    due = {n for n, state in workers.first.items() if state < min(best, last)}
    if best > last:
        due = set()
    assert set(workers.again) == due
    assert set(workers.again.values()) <= {last}
    assert workers.look.older == 0


def test_a_run_that_is_too_short_for_any_lesson_learns_when_it_ends():
    workers = run_of(20, {1: Learned(0, MAP)})
    assert set(workers.first.values()) == {0}
    assert workers.again == dict.fromkeys(range(20), 1)


def test_a_cell_that_is_found_late_reaches_back_to_the_first_image():
    other = (150.0, 79.0, 38.0, 90.0, 90.0, 90.0)
    workers = run_of(300, {1: Learned(0, MAP), 3: Learned(0, MAP, cell=other)})
    assert sorted(workers.again) == [n for n in range(300) if TIMES.state_of(n) < 3]


def test_a_change_that_the_last_lesson_brings_is_said_with_the_images_it_is_used_for():
    moved = replace(GEOMETRY, distance=0.103)
    workers = run_of(30, {1: Learned(0, MAP, geometry=moved)})
    assert workers.changes == [0]
    workers = run_of(300, {1: Learned(0, MAP)})
    assert workers.changes == []


def test_a_beam_that_drifts_sends_no_image_back():
    states = {
        n: Learned(
            0,
            MAP,
            geometry=replace(GEOMETRY, beam_center=(16.0 + 4 * n, 16.0)),
            images=20,
        )
        for n in range(1, 12)
    }
    assert max(run_of(3000, states).again) < 64  # those without a map


@given(st.integers(0, 40))
def test_no_more_is_kept_than_there_is_room_for(images_kept):
    size = len(payload().data)
    workers = run_of(60, {1: Learned(0, MAP)}, most=images_kept * size)
    assert sorted(workers.again) == list(range(images_kept))
    assert workers.look.older == 60 - images_kept


def test_pixels_are_let_go_once_the_run_has_settled():
    workers = Workers({1: Learned(0, MAP)}, found=INDEXED)
    for n in range(2000):
        workers.offer(n)
    assert sorted(workers.look._kept) == list(range(64))
    workers.end()
    assert sorted(workers.again) == list(range(64))


def test_a_run_whose_crystals_come_late_keeps_its_first_images():
    workers = Workers({1: Learned(0, MAP)})
    for n in range(2000):
        workers.offer(n)
    assert len(workers.look._kept) > 1000


def test_an_image_that_was_not_classified_is_not_looked_at_again():
    look = SecondLook(SETUP, 1 << 20)
    look.keep(Kept(0, payload(), 0, lambda _: None))
    look.keep(Kept(1, payload(), 0, lambda _: None))
    look.finished(0, (Unprocessed.CORRUPT, "no pixels"))
    look.learned(Learned(0), Learned(1, MAP))
    assert [image.image_id for image in look.due()] == [1]


@pytest.mark.parametrize(
    ("new", "same"),
    [
        (Learned(2, MAP), True),
        (Learned(2, MAP, cell=(79.2, 79.2, 38.1, 90.0, 90.0, 90.0)), True),
        (Learned(2, MAP, cell=(80.0, 80.0, 38.0, 90.0, 90.0, 90.0)), False),
        (Learned(2, MAP, cell=(79.0, 79.0, 38.0, 90.0, 91.0, 90.0)), False),
        (Learned(2, MAP, replace(GEOMETRY, distance=0.1004)), True),
        (Learned(2, MAP, replace(GEOMETRY, distance=0.101)), False),
        (Learned(2, MAP, replace(GEOMETRY, beam_center=(17.0, 17.0))), True),
        (Learned(2, MAP, replace(GEOMETRY, beam_center=(18.0, 18.0))), False),
    ],
)
def test_what_costs_no_lattice_is_no_change(new, same):
    assert as_good(Learned(1, MAP), new, SETUP) is same


def test_a_map_is_better_than_none():
    assert not as_good(Learned(0), Learned(1, MAP), SETUP)
    assert as_good(Learned(1, MAP), Learned(2), SETUP)


# -- the table and the journal ---------------------------------------------------------

LATTICE = Lattice(CELL, (1.0,) * 9, 12, -20.0, 0.001)
results = st.builds(
    Classification,
    st.sampled_from(ImageClass),
    spots=st.integers(0, 100),
    lattices=st.lists(
        st.builds(
            replace,
            st.just(LATTICE),
            residual=st.sampled_from([0.001, 0.002, float("nan")]),
        ),
        max_size=3,
    ).map(tuple),
    resolution=st.sampled_from([None, 1.5, 2.0]),
    solvent=st.sampled_from([None, 1.5]),
    effort=st.sampled_from(WorkLevel),
)


def facts(table: ImageTable) -> list[object]:
    found = [
        table.column(name).tolist()
        for name in ("outcome", "spots", "lattices", "effort")
    ]
    limits = np.nan_to_num(table.column("resolution")).tolist()
    solvent = np.nan_to_num(table.column("solvent")).tolist()
    kept = table.lattices
    counts = (table.received, table.lattice_count, table.hits_not_tried, table.pending)
    return [
        *found,
        limits,
        solvent,
        sorted(map(tuple, kept.cells.tolist())),
        sorted(kept.residuals.tolist()),
        counts,
        +table.outcomes,
        +table.reduced,
    ]


@given(st.lists(st.tuples(results, st.none() | results), min_size=1, max_size=8))
def test_an_amended_table_is_as_if_the_second_look_had_been_the_first(both):
    twice, once = ImageTable(), ImageTable()
    for n, (first, second) in enumerate(both):
        for table in (twice, once):
            table.receive(n, None)
        made = replace(outcome(n), result=first)
        assert twice.finish(made)
        if second is None:
            assert once.finish(made)
            continue
        again = replace(made, result=second)
        assert once.finish(again)
        assert twice.amend(again)
        assert not twice.amend(made)
    assert facts(twice) == facts(once)
    assert facts(twice.copy()) == facts(twice)


def test_only_a_class_is_amended():
    table = ImageTable()
    for n in range(2):
        table.receive(n, None)
    table.finish(outcome(1, Unprocessed.CORRUPT))
    for n in range(3):
        assert not table.amend(outcome(n))
    assert (table.pending, dict(table.outcomes)) == (1, {Unprocessed.CORRUPT: 1})


def test_in_the_journal_only_a_second_look_takes_the_place_of_a_first(tmp_path):
    journal = Journal(tmp_path / "journal.sqlite")
    journal.write((), [("u", outcome(0)), ("u", outcome(1))])
    again = replace(INDEXED, before=ImageClass.NON_HIT)
    changed = replace(outcome(0), result=again)
    journal.write((), [("u", changed), ("u", replace(outcome(1), result=INDEXED))])
    journal.write((), [("u", outcome(0))])
    assert list(journal.image_rows("u")) == [changed, outcome(1)]
    journal.close()
