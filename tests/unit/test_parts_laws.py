"""Laws of several collections in one series, whatever is lost, comes twice or dies.

The journal is a list of what would be written: a recorder that is killed finds the
beginning of it, and the broker sends again what was not acknowledged.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from recorder.journal.run_record import read_run_record, run_record
from recorder.records import Announcement, Image, RunState, RunStatus
from recorder.runs.book.actions import Accepted, Action, Changed, Due, Opened
from recorder.runs.book.book import RunBook
from recorder.runs.run import Run

from ..builders import (
    SECOND,
    Driver,
    collection,
    end,
    image,
    key,
    ledger_now,
    outcome,
    start,
)

BEYOND = 3
"""Images after all ranges that may come."""


class Journalled(Driver):
    """A driver whose records can be cut: what a kill leaves of them."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.journal: list[tuple[str, Any]] = []

    def _take(self, actions: list[Action]) -> None:
        super()._take(actions)
        for action in actions:
            if isinstance(action, Accepted):
                self.journal.append((action.run.uid, action.image))
            elif isinstance(action, Opened | Changed | Due):
                body = json.dumps(run_record(action.run, "test"))
                self.journal.append((action.run.uid, body))

    def kill(self, lost: int) -> None:
        """The last records were not written; another recorder reads the others."""
        del self.journal[max(0, len(self.journal) - lost) :]
        described: dict[str, str] = {}
        images: dict[str, list[Image]] = {}
        for uid, what in self.journal:
            if isinstance(what, Image):
                images.setdefault(uid, []).append(what)
            else:
                described[uid] = what
        runs = [
            self._restored(body, images.get(uid, [])) for uid, body in described.items()
        ]
        self.book = RunBook(self.settings)
        over = [run for run in runs if run.state is RunState.SEALED]
        going = [run for run in runs if run.state is not RunState.SEALED]
        self.book.restore([*over, *going], {}, [run.uid for run in runs])

    def _restored(self, body: str, images: list[Image]) -> Run:
        run = read_run_record(json.loads(body))
        for one in images:
            run.images.receive(one.image_id, one.start_time_ns)
            run.images.finish(outcome(one.image_id))
        run.last_progress = run.bound_at = self.now
        run.drain_until = self.now + self.settings.drain_s
        return run


@dataclass(frozen=True)
class Day:
    """One announcement and what comes of its series."""

    announced: Announcement
    ranges: list[tuple[int, int]]
    records: list[Any]
    kills: dict[int, int]
    """Records that are lost, by the place of the kill in the records."""

    def part(self, number: int) -> str | None:
        """Uid of the part that an image of the series is of."""
        for n, (first, images) in enumerate(self.ranges, start=1):
            if first <= number < first + images:
                return f"U.{n}"
        last = max(range(len(self.ranges)), key=lambda n: sum(self.ranges[n]))
        return f"U.{last + 1}" if number >= self.total else None

    @property
    def total(self) -> int:
        """Images until the last range ends."""
        return max(first + images for first, images in self.ranges)


@st.composite
def days(draw: Any) -> Day:
    ranges, after = [], 0
    for _ in range(draw(st.integers(2, 4))):
        after += draw(st.sampled_from([0, 0, 0, 1, 3]))
        ranges.append((after, draw(st.integers(1, 4))))
        after = sum(ranges[-1])
    ranges = draw(st.permutations(ranges))
    sweeps = [
        {"start": 0, "range": 1, "images": images, "first_image": first}
        for first, images in ranges
    ]
    announced = collection(
        "U", experiment={"name": "e", "type": "OSC"}, scan={"sweeps": sweeps}
    )
    numbers = draw(
        st.lists(st.integers(0, after + BEYOND - 1), max_size=2 * after, unique=False)
    )
    if draw(st.booleans()):
        numbers = sorted(numbers)
    header = draw(st.booleans())
    of = key() if header else key(unique_id="")
    records: list[Any] = [image(n, of, recorder_uid="U") for n in numbers]
    if header:
        records.insert(
            0, start(of, draw(st.sampled_from([None, after])), recorder_uid="U")
        )
    if draw(st.booleans()):
        records.append(end(of))
    kills = draw(
        st.dictionaries(
            st.integers(0, len(records)), st.integers(0, 2 * len(ranges)), max_size=3
        )
    )
    return Day(announced, ranges, records, kills)


def play(day: Day) -> tuple[Journalled, set[int]]:
    """The driver in the end, and the images of the series that are certainly known."""
    driver = Journalled()
    driver.feed(day.announced)
    for n, record in enumerate([*day.records, None]):
        if n in day.kills:
            driver.kill(day.kills[n])
            driver.feed(day.announced)
        if record is not None:
            driver.feed(record)
            driver.wait(0.01)
    for _ in range(3):
        driver.wait(601.0)
        driver.wait(5.0)
    known: set[int] = set()
    for uid, what in driver.journal:
        if isinstance(what, Image):
            first, _ = day.ranges[int(uid.removeprefix("U.")) - 1]
            known.add(what.image_id + first)
    return driver, known


def later(record: Any, day: Day, pause: int) -> Any:
    """An image after so many pauses (s) as there are parts before it."""
    if not isinstance(record, Image) or record.start_time_ns is None:
        return record
    before = sum(record.image_id >= first for first, _ in day.ranges)
    return replace(record, start_time_ns=record.start_time_ns + before * pause * SECOND)


@given(days())
def test_each_image_is_in_the_part_whose_range_has_it(day):
    """Those that came after the last kill, and those that were written before it."""
    driver, written = play(day)
    assert driver.book.quiet
    found = {run.announcement.uid: run for run in driver.runs}
    assert sorted(found) == [f"U.{n + 1}" for n in range(len(day.ranges))]
    last_kill = max(day.kills, default=-1)
    sent = {
        record.image_id
        for record in day.records[max(last_kill, 0) :]
        if isinstance(record, Image)
    }
    must = written | {n for n in sent if day.part(n)}
    for n, (first, _) in enumerate(day.ranges, start=1):
        run = found[f"U.{n}"]
        have = {i + first for i in run.images.ids.tolist()}
        assert have == {i for i in must if day.part(i) == f"U.{n}"}
        assert ledger_now(run).closed
        reached = run.images.size >= day.ranges[n - 1][1]
        assert (run.status is RunStatus.SUCCESS) == reached, run.reason
    assert len({run.key for run in driver.runs}) == 1
    received = sum(run.images.received for run in driver.runs)
    assert received == len(must)


@given(days(), st.sampled_from([0, 7]))
def test_what_is_of_no_part_is_counted(day, pause):
    """Without a kill each of them is counted, and nothing else is.

    Pauses between the parts, as the plan has them, are no missed triggers.
    """
    day = replace(day, kills={}, records=[later(r, day, pause) for r in day.records])
    driver, _ = play(day)
    assert not any(run.counts["images_of_unknown_wedge"] for run in driver.runs)
    gaps = [r for r in day.records if isinstance(r, Image) and not day.part(r.image_id)]
    counted = sum(run.counts["images_of_no_part"] for run in driver.runs)
    assert counted == len(gaps)
    beyond = {
        r.image_id
        for r in day.records
        if isinstance(r, Image) and r.image_id >= day.total
    }
    counted = sum(run.counts["images_beyond_plan"] for run in driver.runs)
    assert counted == len(beyond)
