"""What comes in bursts, and what takes long: nothing is lost, nothing stands still."""

from __future__ import annotations

import asyncio
import itertools
import time

import numpy as np

from recorder.journal import RecordKind
from recorder.journal.run_record import run_record
from recorder.records import EventType, RunState, SeriesKey
from recorder.records.image_outcome import INDEXED, NON_HIT
from recorder.runs.run import Run
from recorder.runs.tables.event_log import GRADES, TYPES, EventArrays
from recorder.runs.tables.image_table import ImageArrays
from recorder.service.host import hosting
from tests.builders import EXAMPLE_CHAINS, T0, collection

COPY_S = 0.06
"""CPU seconds that the event loop may use at a time while LARGE images are sealed: five
times as many must not take 0.3 s."""
LARGE = 200_000


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
    run.state = RunState.DRAINING
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
