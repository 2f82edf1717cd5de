"""Laws of binding: what changes nothing, whatever else is drawn."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.records import (
    Announcement,
    Capture,
    EventType,
    Evidence,
    SeriesStart,
    TimedEvent,
)
from tests.builders import (
    SECOND,
    T0,
    Driver,
    collection,
    end,
    image,
    key,
    ledger_now,
    start,
)

DAYS = 86_400 * SECOND
CLOCKS = st.integers(-400 * 365 * DAYS // 10, 400 * 365 * DAYS // 10)
Timed = list[tuple[float, Any]]


def series_of(source: str, n: int, uid: str | None, at: float, made: int) -> Timed:
    """Header, images and end of a series, each with the time at which it comes."""
    of = key(n, f"{source}{n}", source)
    ns = T0 + int(at * SECOND)
    header = start(of, made, recorder_uid=uid, received_ns=ns, arm_time_ns=ns)
    images = [replace(image(i, of), received_ns=ns + i) for i in range(made)]
    over = replace(end(of), received_ns=ns + SECOND // 2)
    return [(at, header), *[(at, item) for item in images], (at + 0.5, over)]


def told(uid: str, at: float, **body: Any) -> tuple[float, Announcement]:
    return at, collection(uid, T0 + int(at * SECOND), **body)


@st.composite
def days(draw: Any) -> Timed:
    """Runs one after the other, announced before, with, or shortly after the header."""
    messages: Timed = []
    at = 0.0
    for n in range(draw(st.integers(1, 4))):
        at += draw(st.sampled_from([5.0, 40.0, 200.0]))
        made = draw(st.integers(2, 4))
        uid = f"r{n}" if draw(st.booleans()) else None
        messages += series_of("eiger", n, uid, at, made)
        for ahead in draw(st.sampled_from([(), (150.0,), (0.0,), (-0.3,), (-3.0,)])):
            messages.append(told(f"r{n}", at - ahead, images=made))
    return sorted(messages, key=lambda item: item[0])


def shifted(record: Any, host_ns: int, detector_ns: int) -> Any:
    if isinstance(record, Announcement):
        return replace(record, time_ns=record.time_ns + host_ns)
    if isinstance(record, SeriesStart):
        return replace(record, arm_time_ns=record.arm_time_ns + detector_ns)
    return record


def play(messages: Timed, driver: Driver, restart_at: int | None = None) -> Any:
    """The series, images and status of each run."""
    begun, at = driver.now, 0.0
    for n, (moment, record) in enumerate(messages):
        while at + 1.0 < moment:
            at += 1.0
            driver.now = begun + at
            driver.wait(0.0)
        driver.now, at = begun + moment, moment
        driver.wait(0.0)
        if n == restart_at:
            driver.restart()
        driver.feed(record)
    for _ in range(20):
        driver.wait(1.0)
    return sorted(
        (
            run.announcement.uid or "",
            run.key.source if run.key else "",
            run.key.unique_id if run.key else "",
            tuple(run.images.ids.tolist()),
            run.events.size,
            run.status,
        )
        for run in driver.runs
    )


@settings(deadline=None)
@given(days(), CLOCKS, CLOCKS)
def test_shifting_the_clock_of_the_host_or_the_detector_changes_nothing(
    messages, host_ns, detector_ns
):
    other = [(at, shifted(r, host_ns, detector_ns)) for at, r in messages]
    assert play(messages, Driver()) == play(other, Driver())


def two_detectors(how: str) -> list[Timed]:
    """Two runs on each of two detectors, in the order that each of them keeps."""
    lines: list[Timed] = []
    for source in ("left", "right"):
        line: Timed = []
        for n in (1, 2):
            uid = f"{source}-run{n}"
            named = {"detector": source} if how == "detector" else {}
            line.append(told(uid, 0.0, images=3, **named))
            line += series_of(source, n, uid if how == "uid" else None, 0.0, 3)
        lines.append(line)
    return lines


@settings(deadline=None)
@given(st.data(), st.sampled_from(["uid", "detector"]), st.integers(0, 20) | st.none())
def test_interleaving_two_detectors_or_a_restart_changes_nothing(data, how, restart_at):
    left, right = two_detectors(how)
    choices = data.draw(st.permutations([0] * len(left) + [1] * len(right)))
    lines = [iter(left), iter(right)]
    mixed = [next(lines[choice]) for choice in choices]
    driver = Driver(detectors=("left", "right"))
    found = play(mixed, driver, restart_at)
    assert found == play([*left, *right], Driver(detectors=("left", "right")))
    assert [uid for uid, *_ in found] == [
        "left-run1",
        "left-run2",
        "right-run1",
        "right-run2",
    ]
    assert {item[5] for item in found} == {"success"}
    assert "bound_by_order" not in driver.noticed


@settings(deadline=None)
@given(st.data(), st.integers(0, 15) | st.none())
def test_interleaving_two_series_of_one_stream_changes_nothing(data, restart_at):
    """A relay sends both on one socket; their headers carry the uid of the run."""
    lines = [series_of("eiger", n, f"r{n}", 0.0, 3) for n in (1, 2)]
    choices = data.draw(st.permutations([0] * 5 + [1] * 5))
    parts = [iter(line) for line in lines]
    ahead = [told(f"r{n}", 0.0, images=3) for n in data.draw(st.permutations([1, 2]))]
    mixed = [*ahead, *[next(parts[choice]) for choice in choices]]
    driver = Driver()
    found = play(mixed, driver, restart_at)
    assert [(uid, unique, ids) for uid, _, unique, ids, _, _ in found] == [
        ("r1", "eiger1", (0, 1, 2)),
        ("r2", "eiger2", (0, 1, 2)),
    ]
    assert {item[5] for item in found} == {"success"}


def rows(capture: Capture, n: int, at: float) -> Timed:
    ns = T0 + int(at * SECOND)
    return [
        (
            at,
            TimedEvent(
                uid=f"{capture.id}/{i}",
                type=EventType.XRAY_DETECTION,
                time_ns=ns + i * SECOND,
                trigger=i,
                clock="panda",
                evidence=Evidence.CAPTURED,
                received_ns=ns,
                capture=capture,
            ),
        )
        for i in range(n)
    ]


def capture_at(at: float, detector: str | None = None) -> Capture:
    return Capture(f"armed@{at}", T0 + int(at * SECOND), detector)


@settings(deadline=None)
@given(
    st.floats(-1.4, 0.4),
    st.floats(0.0, 5.0),
    st.booleans(),
    st.integers(0, 30) | st.none(),
)
def test_each_capture_is_its_runs_whenever_it_begins(begins, late, told_before, again):
    """Run 1 ends at 10.5 and drains for two seconds; run 2 is armed at 12.5."""
    second = 12.5 + begins
    messages = [
        told("r1", 9.0, images=5),
        *series_of("eiger", 1, None, 10.0, 5),
        *rows(capture_at(9.5), 5, 10.1 + late),
        told("r2", 10.8 if told_before else 12.4, images=4),
        *series_of("eiger", 2, None, 12.5, 4),
        *rows(capture_at(second), 4, max(12.6, second, 10.2 + late)),
    ]
    driver = Driver()
    found = play(sorted(messages, key=lambda item: item[0]), driver, again)
    assert [(uid, size) for uid, _, _, _, size, _ in found] == [("r1", 5), ("r2", 4)]
    assert all(not ledger_now(run).differences() for run in driver.runs)


def test_timing_hardware_that_stays_armed_serves_one_run_after_the_other():
    once = capture_at(0.5)
    ten = [record for _, record in rows(once, 10, 0.0)]
    messages: Timed = []
    for n, at in enumerate((1.0, 10.0)):
        messages += [told(f"r{n}", at, images=5)]
        messages += series_of("eiger", n, None, at, 5)
        for record in ten[5 * n : 5 * n + 5]:
            ns = T0 + int((at + 0.2) * SECOND)
            messages.append((at + 0.2, replace(record, received_ns=ns)))
    found = play(sorted(messages, key=lambda item: item[0]), Driver())
    assert [(uid, size) for uid, _, _, _, size, _ in found] == [("r0", 5), ("r1", 5)]


@given(st.none() | st.integers(0, 25))
@settings(deadline=None)
def test_a_capture_that_begins_while_a_run_drains_is_the_next_runs(again):
    """Its rows come before the next run is even announced."""
    messages = [
        told("r1", 0.0, images=5),
        *series_of("eiger", 1, None, 1.0, 5),
        *rows(capture_at(0.5), 5, 1.2),
        *rows(capture_at(2.0), 4, 2.5),
        told("r2", 3.0, images=4),
        *series_of("eiger", 2, None, 3.5, 4),
    ]
    driver = Driver()
    found = play(sorted(messages, key=lambda item: item[0]), driver, again)
    assert [(uid, size) for uid, _, _, _, size, _ in found] == [("r1", 5), ("r2", 4)]
    assert "capture_waits" in driver.noticed


def test_the_captures_of_two_detectors_by_panda_detector():
    messages: Timed = [
        told("l", 0.0, images=3, detector="left"),
        told("r", 0.0, images=3, detector="right"),
        *rows(capture_at(0.1, "right"), 4, 0.2),
    ]
    for source in ("left", "right"):
        messages += series_of(source, 1, None, 1.0, 3)
    driver = Driver(detectors=("left", "right"))
    found = play(messages, driver)
    assert [(uid, size) for uid, _, _, _, size, _ in found] == [("l", 0), ("r", 4)]
    assert "capture_ambiguous" not in driver.noticed


def test_a_capture_that_may_be_another_detectors_is_said():
    messages: Timed = [
        told("l", 0.0, images=3, detector="left"),
        told("r", 0.0, images=3, detector="right"),
        *series_of("left", 1, None, 1.0, 3)[:-1],
        *series_of("right", 1, None, 1.0, 3)[:-1],
        *rows(capture_at(1.0), 4, 1.2),
    ]
    driver = Driver(detectors=("left", "right"))
    play(messages, driver)
    assert "capture_ambiguous" in driver.noticed


def test_timing_hardware_that_is_armed_anew_within_a_run_stays_with_it():
    messages: Timed = [
        told("a", 0.0, images=9),
        *series_of("eiger", 1, None, 1.0, 9)[:5],
        *rows(capture_at(1.0), 4, 1.1),
        *rows(capture_at(1.2), 5, 1.3),
    ]
    driver = Driver()
    found = play(messages, driver)
    assert found[0][4] == 9
    assert any("began anew" in note for note in driver.runs[0].notes)
