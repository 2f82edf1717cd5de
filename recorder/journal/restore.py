"""Rebuild runs from the journal: after a restart, and for reports."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from recorder.journal.alarm_records import alarms_of
from recorder.journal.event_json import event_from_json
from recorder.journal.file_angles import give_angles
from recorder.journal.reading_json import points_from_json, spectrum_from_json
from recorder.journal.records import Record, RecordKind, Seq
from recorder.journal.run_index import Headline
from recorder.journal.run_record import read_run_record
from recorder.journal.series_headers import with_arrays
from recorder.journal.snapshots import (
    event_arrays,
    has_trigger,
    image_arrays,
    pack,
    unpack_events,
    unpack_images,
)
from recorder.journal.snapshots_table import SNAPSHOT_ROWS
from recorder.journal.store import Journal
from recorder.records import ImageOutcome, Reading, ScanPoints, TimedEvent
from recorder.records.report_json import counted_in
from recorder.runs.run import Run
from recorder.runs.tables.seen_uids import SeenUids

EVENT_BATCH = 10_000
"""Events that are read at a time: about 12 MB, at the 1.2 kB that a record of one takes
in memory. Chosen, not tuned."""


def load_run(journal: Journal, uid: str) -> Run | None:
    """A run as the journal knows it, images and events included."""
    known = journal.headline(uid)
    run = None if known is None else describe_run(journal, known)
    if known is None or run is None:
        return None
    run.alarms = alarms_of(journal, uid)
    for name in known.event_names:
        number = 0
        after = 0
        while (snapshot := journal.snapshot(name, "events", number)) is not None:
            after, body = snapshot
            run.events.extend(unpack_events(body))
            number += 1
        while batch := _event_batch(journal, name, after):
            run.events.extend(event_arrays(entry.body for entry in batch))
            after = batch[-1].seq
    take_readings(run, journal.readings(known.event_names))
    last = journal.last_image(uid)
    for number in range(0 if last is None else last // SNAPSHOT_ROWS + 1):
        snapshot = journal.snapshot(uid, "images", number)
        if snapshot is not None:
            run.images.extend(unpack_images(snapshot[1]))
        else:
            images = journal.image_rows(
                uid, number * SNAPSHOT_ROWS, (number + 1) * SNAPSHOT_ROWS
            )
            run.images.extend(image_arrays(images))
    return run


def reading_of(record: Record) -> Reading:
    """The reading that a record is of."""
    if record.kind == RecordKind.SPECTRUM:
        return spectrum_from_json(record.body)
    return points_from_json(record.body)


def take_readings(run: Run, records: Iterable[Record]) -> None:
    """Give a run what it had of points and spectra; the first word stays."""
    if run.takes_images:
        return
    for reading in map(reading_of, records):
        if isinstance(reading, ScanPoints):
            run.points.add(reading)
        elif run.spectrum is None:
            run.spectrum = reading


def describe_run(journal: Journal, known: Headline) -> Run | None:
    """A run without its images and events."""
    record = journal.record(known.described)
    if record is None:
        return None
    run = read_run_record(record.body)
    give_angles(journal, run, (record.body["series"] or {}).get("angles"))
    updated = None if known.updated is None else journal.record(known.updated)
    if updated is not None:  # counted since the last change of its description
        for name, count in counted_in(updated.body.get("report")).items():
            run.counts[name] = max(run.counts[name], count)
    return run


def event_names(journal: Journal, uid: str) -> list[str]:
    """Under which names a run's events stand: its uid, and the announced one."""
    known = journal.headline(uid)
    return [uid] if known is None else known.event_names


def _event_batch(journal: Journal, name: str, after: Seq) -> list[Record]:
    return journal.records(
        after=after, kinds=(RecordKind.EVENT,), run=name, limit=EVENT_BATCH
    )


def pack_run(journal: Journal, uid: str) -> int:
    """Make the snapshots of a run that are due.

    The last images are left alone: workers finish them in any order.
    """
    made = 0
    last = journal.last_image(uid)
    due = 0 if last is None else max(0, last - SNAPSHOT_ROWS // 2) // SNAPSHOT_ROWS
    there = journal.snapshot_ends(uid, "images")
    for number in sorted(set(range(due)) - set(there)):
        journal.make_image_snapshot(uid, number, _packed_images)
        made += 1
    for name in event_names(journal, uid):
        ends = journal.snapshot_ends(name, "events")
        number, after = len(ends), max(ends.values(), default=0)
        # counted before they are read: this is asked every few seconds
        while (
            journal.count(after=after, kinds=(RecordKind.EVENT,), run=name)
            >= SNAPSHOT_ROWS
        ):
            batch = journal.records(
                after=after, kinds=(RecordKind.EVENT,), run=name, limit=SNAPSHOT_ROWS
            )
            body = pack(event_arrays(entry.body for entry in batch))
            after = batch[-1].seq
            journal.keep_snapshot(name, "events", number, after, body)
            number += 1
            made += 1
    return made


def _packed_images(images: Iterable[ImageOutcome]) -> bytes:
    return pack(image_arrays(images))


def events_of(journal: Journal, uid: str) -> Iterator[TimedEvent]:
    """All events of a run as they were received, repeated ones once."""
    seen = SeenUids()
    for name in event_names(journal, uid):
        after = 0
        while batch := _event_batch(journal, name, after):
            for entry in batch:
                if seen.add(entry.body["uid"]):
                    yield event_from_json(entry.body)
            after = batch[-1].seq


def events_of_trigger(journal: Journal, uid: str, trigger: int) -> Iterator[TimedEvent]:
    """Those events of a run that are of one trigger, repeated ones once.

    Only the stretches of the journal are read whose snapshots have the trigger.
    """
    seen, last = SeenUids(), journal.last_record()
    for name in event_names(journal, uid):
        after, number = 0, 0
        stretches = []
        while (snapshot := journal.snapshot(name, "events", number)) is not None:
            upto, body = snapshot
            if has_trigger(body, trigger):
                stretches.append((after, upto))
            after, number = upto, number + 1
        for first, upto in (*stretches, (after, last)):
            for event in journal.events_at(name, trigger, first, upto):
                if seen.add(event["uid"]):
                    yield event_from_json(event)


def load_unsealed(journal: Journal) -> list[Run]:
    """Runs that were going on when the recorder stopped."""
    runs = (_load_to_go_on(journal, known.uid) for known in journal.unsealed())
    return [run for run in runs if run is not None]


def _load_to_go_on(journal: Journal, uid: str) -> Run | None:
    """A run whose further images are to be classified as the first ones were."""
    run = load_run(journal, uid)
    if run is not None and run.start is not None:
        run.start = with_arrays(journal, uid, run.start)
    return run


def load_last_sealed(
    journal: Journal, most: int, rows: int, since_ns: int
) -> list[Run]:
    """The runs that were opened last and are sealed, oldest first.

    Args:
        journal: Where they are.
        most: How many of them.
        rows: How many images and events they may have together, of which those that
            are packed count a tenth: restarts must be quick.
        since_ns: Only those whose last change is not older (Unix ns).
    """
    found: list[Run] = []
    for known in journal.headlines_before():
        if not known.sealed:
            continue
        if len(found) == most or known.described_ns < since_ns:
            break
        rows -= _rows_to_read(journal, known)
        if rows < 0:
            break
        run = _load_to_go_on(journal, known.uid)
        if run is not None:
            found.append(run)
    return found[::-1]


def _rows_to_read(journal: Journal, known: Headline) -> int:
    uid = known.uid
    images = len(journal.snapshot_ends(uid, "images"))
    last = journal.last_image(uid)
    count = 0 if last is None else max(0, last + 1 - images * SNAPSHOT_ROWS)
    packed = images * SNAPSHOT_ROWS
    for name in known.event_names:
        ends = journal.snapshot_ends(name, "events")
        after = max(ends.values(), default=0)
        count += journal.count(after=after, kinds=(RecordKind.EVENT,), run=name)
        packed += len(ends) * SNAPSHOT_ROWS
    return count + packed // 10
