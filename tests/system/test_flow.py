"""What comes in bursts, and what takes long: nothing is lost, nothing stands still."""

from __future__ import annotations

import asyncio
import itertools
import time
from contextlib import closing
from pathlib import Path

import numpy as np

from recorder.journal import Journal, RecordKind
from recorder.journal.run_record import run_record
from recorder.records import EventType, RunState, SeriesKey
from recorder.records.image_outcome import INDEXED, NON_HIT
from recorder.runs.run import Run
from recorder.runs.tables.event_arrays import GRADES, TYPES, EventArrays
from recorder.runs.tables.image_table import ImageArrays
from recorder.service.host import hosting
from tests.builders import EXAMPLE_CHAINS, T0, announcement, collection
from tests.busy import crowd
from tests.publisher import BurstPublisher, event_bodies
from tests.servers import TIMEOUT_S
from tests.system.beamline import make_beamline

COPY_S = 0.06
"""CPU seconds that the event loop may use at a time while LARGE images are sealed: five
times as many must not take 0.3 s."""
LARGE = 200_000
MOSQUITTO_KEEPS = 900
"""Messages for a client that is away: mosquitto drops what is beyond 1000."""


def large_run(images: int) -> Run:
    """A run that has come to its end, with a captured trigger for each image."""
    announced = collection("large", T0, images=images, event_chains=EXAMPLE_CHAINS)
    run = Run("large", 1, T0, announced, key=SeriesKey("eiger", 1, "large"))
    ids = np.arange(images)
    begun = T0 + ids * 1_000_000
    indexed = ids % 3 == 0
    lattices = int(indexed.sum())
    run.images.extend(
        ImageArrays(
            image_id=ids,
            outcome=np.where(indexed, INDEXED, NON_HIT).astype(np.uint8),
            start_time_ns=begun,
            stop_time_ns=begun + 10_000,
            spots=np.full(images, 10),
            resolution=np.full(images, 2.0, np.float32),
            solvent=np.full(images, 0.1, np.float32),
            lattices=indexed.astype(np.uint16),
            effort=np.zeros(images, np.uint8),
            upstream=np.zeros(images, np.bool_),
            rings=np.zeros(images, np.uint16),
            cells=np.tile([79.1, 79.1, 38.2, 90.0, 90.0, 90.0], (lattices, 1)),
            residuals=np.full(lattices, 0.001),
        )
    )
    run.events.extend(
        EventArrays(
            type=np.full(images, TYPES.index(EventType.XRAY_DETECTION), np.uint8),
            grade=np.full(images, len(GRADES) - 2, np.uint8),
            trigger=ids,
            time_ns=begun + 5,
            duration_s=np.full(images, np.nan, np.float32),
            clock=np.ones(images, np.uint16),
            name=np.zeros(images, np.uint16),
            off=np.zeros(images, np.bool_),
            uid=ids * 7919,
            texts=np.array(["", "panda"]),
        )
    )
    run.state, run.folder = RunState.DRAINING, "large"
    return run


async def test_a_large_run_is_sealed_beside_the_event_loop(settings):
    """The work (seconds) is in a thread: what the loop itself does is a copy."""
    run = large_run(LARGE)
    async with hosting(settings(pool={"workers": 0})) as (host, _):
        book, writer = host.pipeline.book, host.pipeline.writer
        writer.record(RecordKind.RUN, run.uid, run_record(run, "opened"))
        await writer.flush()
        book.restore([run], {}, ())
        moments = [time.thread_time()]
        while book.active:
            await asyncio.sleep(0.01)
            moments.append(time.thread_time())
        await writer.flush()
        record = host.journal.latest(RecordKind.RUN_SEALED, "large")
    busiest = max(b - a for a, b in itertools.pairwise(moments))
    assert busiest < COPY_S
    assert record is not None
    assert record.body["report"]["images"]["received"] == LARGE


def journalled(path: Path) -> set[str]:
    """Uids of the events in the journal."""
    with closing(Journal(path, read_only=True)) as journal:
        return {r.body["uid"] for r in journal.records(kinds=(RecordKind.EVENT,))}


def wait_for_events(path: Path, count: int) -> set[str]:
    """The uids once so many are there, or the time is over."""
    end = time.monotonic() + TIMEOUT_S
    while len(found := journalled(path)) < count and time.monotonic() < end:
        time.sleep(0.2)
    return found


def test_a_burst_through_a_default_broker_is_journalled(
    config_file, make_mosquitto, recorder_daemon
):
    """10 000 events in 2 s: a queue of 1000 behind 20 ahead would drop most of them.

    As quick as that where nothing else runs: a queue has as long as its reader needs.
    """
    broker = make_mosquitto(persistent=False)
    beamline = make_beamline(config_file, broker)
    daemon = recorder_daemon(beamline.config)
    daemon.wait_for_event("broker_connected")
    with closing(BurstPublisher(broker.port)) as publisher:
        publisher.announce("burst")
        daemon.wait_for_event("run_started")
        publisher.send("recorder/demo/event", event_bodies(10_000), 5000 / crowd())
    path = beamline.settings.journal_path
    assert wait_for_events(path, 10_000) == {f"burst-{n}" for n in range(10_000)}


def test_what_was_not_on_disk_comes_again_after_a_kill(
    config_file, make_mosquitto, recorder_daemon
):
    """A broker forgets what is acknowledged: nothing may be before it is on disk."""
    broker = make_mosquitto(persistent=False)
    beamline = make_beamline(config_file, broker)
    first = recorder_daemon(beamline.config)
    first.wait_for_event("broker_connected")
    with closing(BurstPublisher(broker.port)) as publisher:
        publisher.announce("burst")
        first.wait_for_event("run_started")
        publisher.send("recorder/demo/event", event_bodies(MOSQUITTO_KEEPS), 0)
    first.kill()
    second = recorder_daemon(beamline.config)
    second.wait_for_event("broker_connected")
    path = beamline.settings.journal_path
    found = wait_for_events(path, MOSQUITTO_KEEPS)
    assert found == {f"burst-{n}" for n in range(MOSQUITTO_KEEPS)}


def test_announcements_beyond_the_bound_are_refused_and_the_next_run_is_recorded(
    config_file, mosquitto, recorder_daemon
):
    beamline = make_beamline(config_file, mosquitto, runs={"max_announced": 5})
    daemon = recorder_daemon(beamline.config)
    daemon.wait_for_event("broker_connected")
    many = [announcement(f"ahead-{n:04}") for n in range(2000)]
    beamline.publish("collection/start", many)
    refused = daemon.wait_for_event("message_refused", kind="too_many")
    assert "runs.max_announced" in refused["error"]
    ended = {"uid": "ahead-0000", "status": "aborted", "time_ns": 1}
    beamline.publish("collection/end", ended)
    daemon.wait_for_event("run_sealed", uid="ahead-0000")
    beamline.publish("collection/start", announcement("next"))
    daemon.wait_for_event("run_started", uid="next")
    assert beamline.status(lambda s: s["bad_messages"] >= 1995)
    events = [e["event"] for e in daemon.log]
    assert events.count("message_refused") == 1
    assert len(beamline.report()) == 6
