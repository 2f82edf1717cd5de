"""Times of arrival do not follow a host clock that is set; times for people do."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.journal import Journal, NewRecord, RecordKind
from recorder.journal.clock import MARK, shown_ns, take_over_clock
from recorder.journal.run_record import read_run_record, run_record
from recorder.reports.run_report import run_report
from recorder.runs.run import Run
from recorder.runtime.host_clock import STEP_NS, HostClock
from recorder.service.clock_steps import ClockSteps
from tests.builders import T0, Driver, collection, end, image, start
from tests.laws import examples

HOUR_NS = 3600 * 10**9


class Host:
    """A host whose clock is set; time passes only when it is told to."""

    def __init__(self) -> None:
        self.since_boot = 10**12
        self.wall = T0

    def passes(self, ns: int) -> None:
        self.since_boot += ns
        self.wall += ns

    def clock(self) -> HostClock:
        return HostClock(lambda: self.wall, lambda: self.since_boot)


@given(
    st.lists(st.tuples(st.integers(0, HOUR_NS), st.integers(-HOUR_NS, HOUR_NS))),
    st.integers(-(10**18), 10**18),
)
def test_whatever_is_set_times_differ_by_what_passed(moves, wall_at_start):
    host = Host()
    host.wall += wall_at_start
    clock = host.clock()
    begun, passed, set_by = clock.now_ns(), 0, 0
    assert begun == host.wall
    for ns, step in moves:
        host.passes(ns)
        host.wall += step
        passed, set_by = passed + ns, set_by + step
        assert clock.now_ns() - begun == passed
        assert clock.step_ns() == set_by
        assert clock.now_ns() + clock.step_ns() == host.wall


@settings(max_examples=examples(15))
@given(st.lists(st.integers(-HOUR_NS, HOUR_NS), max_size=4))
def test_each_step_is_said_once_over_restarts(tmp_path_factory, steps):
    journal = Journal(tmp_path_factory.mktemp("journal") / "journal.sqlite")
    host, said = Host(), []
    for step in steps:
        watch = ClockSteps(journal, host.clock())  # the recorder starts again
        watch.take_over()
        host.wall += step
        host.passes(10**9)
        for _ in range(3):
            before = watch.said_ns()
            watch.look(())
            said += [watch.said_ns() - before] if watch.said_ns() != before else []
        assert shown_ns(journal, 0) == watch.said_ns()
        missed = host.wall - host.since_boot - (T0 - 10**12) - watch.said_ns()
        assert abs(missed) < STEP_NS
    assert all(abs(one) >= STEP_NS for one in said)
    assert len(said) <= len(steps)
    journal.close()


def test_the_clock_goes_on_after_a_restart_and_not_after_a_boot(tmp_path):
    journal, host = Journal(tmp_path / "journal.sqlite"), Host()
    first = host.clock()
    ClockSteps(journal, first).take_over()
    host.wall += HOUR_NS
    again = host.clock()
    take_over_clock(journal, again)
    assert again.now_ns() == first.now_ns() == host.wall - HOUR_NS
    kept = json.loads(journal.marked(MARK) or "")
    journal.mark(MARK, json.dumps({**kept, "boot": "another"}))
    booted = host.clock()
    assert take_over_clock(journal, booted) == 0
    assert booted.now_ns() == host.wall
    journal.close()


@given(st.integers(-HOUR_NS, HOUR_NS))
def test_a_run_is_shown_with_the_clock_that_it_began_with(step):
    driver = Driver(clock_step_ns=lambda: step)
    driver.feed(collection(images=3), start(images=3), *map(image, range(3)), end())
    driver.wait(2.1)
    run = driver.only
    run = read_run_record(json.loads(json.dumps(run_record(run, "sealed"))))
    report, before = run_report(run), run_report(replace(run, clock_step_ns=0))
    assert report.started_ns - (before.started_ns or 0) == step
    assert (report.ended_ns or 0) - report.started_ns == run.ended_ns - run.opened_ns


def test_orphans_of_a_clock_that_was_ahead_go_and_fresh_ones_stay(tmp_path):
    journal = Journal(tmp_path / "journal.sqlite")
    for at_ns in (T0 - 2 * HOUR_NS, T0 - 1, T0, T0 + 2 * HOUR_NS):
        journal.write([NewRecord(RecordKind.EVENT, "nobody", {}, at_ns)])
    assert journal.drop_orphans("nobody", T0 - HOUR_NS, T0, 100) == 2
    left = journal.records(after=0, kinds=(RecordKind.EVENT,), limit=10)
    assert [record.time_ns for record in left] == [T0 - 1, T0]
    journal.close()


def test_a_run_of_an_older_journal_has_no_step():
    body = run_record(Run("u", 1, T0, collection()), "opened")
    del body["clock_step_ns"], body["silent_s"]
    run = read_run_record(json.loads(json.dumps(body)))
    assert (run.clock_step_ns, run.silent_s) == (0, 0.0)
