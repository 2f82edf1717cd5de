"""Small records for tests."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import h5py
import hdf5plugin
import numpy as np

from recorder.journal.event_json import event_from_json, event_to_json
from recorder.journal.run_record import read_run_record, run_record
from recorder.pool.pool import Pool
from recorder.records import (
    Announcement,
    Classification,
    CollectionEnd,
    DetectorInfo,
    EventType,
    Evidence,
    Image,
    ImageClass,
    ImageOutcome,
    NotProcessed,
    Payload,
    Reading,
    RunStatus,
    SeriesEnd,
    SeriesKey,
    SeriesStart,
    TimedEvent,
    Unprocessed,
)
from recorder.runs.book.actions import Accepted, Action, Due, LookAgain, Noticed
from recorder.runs.book.book import RunBook
from recorder.runs.book.endings import BookSettings, decide_status
from recorder.runs.ledger import Ledger, ledger_of
from recorder.runs.read_announcement import read_announcement
from recorder.runs.run import Run, SecondLookState
from recorder.runs.timeline.of_run import timeline_of
from recorder.sources import native_decoder, wheel_decoder
from recorder.sources.decoder import NATIVE, WHEELS, ChunkDecoder

SECOND = 10**9
T0 = 1_795_541_400 * SECOND
SHAPE = (12, 10)
EXAMPLE_CHAINS = [
    {
        "name": "Detections",
        "scope": "collection",
        "events": [
            {
                "type": "LaserExcitation",
                "offset": 0.1,
                "duration": 0.5,
                "period": 1,
                "repetition": 10000,
            },
            {
                "type": "XrayDetection",
                "offset": 0.7,
                "duration": 0.1,
                "period": 1,
                "repetition": 10000,
            },
            {
                "type": "XrayDetection",
                "offset": 0.9,
                "duration": 0.1,
                "period": 1,
                "repetition": 10000,
            },
        ],
    },
    {
        "name": "Sample preparation",
        "scope": "collection",
        "events": [
            {"type": "ReactionTrigger", "name": "mixed a", "offset": -50},
            {"type": "ReactionTrigger", "name": "mixed c", "offset": 0},
        ],
    },
]
"""The chains of the example in docs/reference/mqtt.md."""


def decoders() -> dict[str, ChunkDecoder]:
    """Those that can be used here; the native one only where it could be built."""
    found = {WHEELS: ChunkDecoder(WHEELS, wheel_decoder.decode_into)}
    if (native := native_decoder.load()) is not None:
        found[NATIVE] = ChunkDecoder(NATIVE, native)
    return found


def key(series_id: int = 1, unique_id: str = "a", source: str = "eiger") -> SeriesKey:
    return SeriesKey(source, series_id, unique_id)


def payload(value: int = 0, shape: tuple[int, int] = SHAPE) -> Payload:
    return Payload(np.full(shape, value, "<u2").tobytes(), "raw", shape, "<u2")


def start(
    series: SeriesKey | None = None, images: int | None = 10, **more: Any
) -> SeriesStart:
    return SeriesStart(
        key=series or key(),
        info=DetectorInfo(shape=SHAPE),
        expected_images=images,
        received_ns=more.pop("received_ns", T0),
        **more,
    )


def image(image_id: int, series: SeriesKey | None = None, **more: Any) -> Image:
    return Image(
        key=series or key(),
        image_id=image_id,
        payload=payload(),
        start_time_ns=image_id * SECOND,
        received_ns=T0 + image_id,
        **more,
    )


def end(series: SeriesKey | None = None) -> SeriesEnd:
    return SeriesEnd(series or key(), T0 + 100 * SECOND)


def announcement(uid: str = "uid-1", **body: Any) -> dict[str, Any]:
    return {
        "schema": "recorder.collection/1",
        "uid": uid,
        "time": "2026-11-24T00:30:00Z",
        "proposal": "mx2345",
        "visit": 1,
        "experiment": {"name": "fvkhb", "type": "SSX-Chip"},
        "sample": {"name": "laagg", "protein": {"acronym": "kljvz"}},
        **body,
    }


def announced(body: dict[str, Any], time_ns: int = 0) -> Announcement:
    return read_announcement({**body, "time_ns": time_ns}, time_ns)


def collection(uid: str = "uid-1", time_ns: int = T0, **body: Any) -> Announcement:
    return announced(announcement(uid, **body), time_ns)


def stand_in(**body: Any) -> Announcement:
    """What stands for the announcement of a run that nobody announced."""
    return replace(announced(announcement(**body)), uid=None)


def new_run(uid: str = "u", number: int = 1, opened_ns: int = 0, **more: Any) -> Run:
    """A run that nobody announced, unless its announcement is given."""
    more.setdefault("announcement", stand_in())
    return Run(uid, number, opened_ns, **more)


def ledger_now(run: Run) -> Ledger:
    return ledger_of(run, timeline_of(run))


def collection_end(
    uid: str = "uid-1", status: RunStatus = RunStatus.SUCCESS, reason: str = ""
) -> CollectionEnd:
    return CollectionEnd(uid, T0, status, reason, T0)


def event(
    kind: str, trigger: int, uid: str = "uid-1", time_ns: int = 0, **more: Any
) -> TimedEvent:
    return TimedEvent(
        uid=f"{kind}-{trigger}-{more.get('evidence', '')}",
        type=EventType(kind),
        time_ns=time_ns,
        collection=uid,
        trigger=trigger,
        clock="panda-1",
        evidence=more.pop("evidence", Evidence.CAPTURED),
        **more,
    )


class Driver:
    """A run book with a clock that tests turn."""

    def __init__(self, **settings: Any) -> None:
        nobody = stand_in(experiment={"name": "unannounced"})
        values = {"hold_s": 1.0, "drain_s": 2.0, "quiet_s": 2.0, **settings}
        self.settings = BookSettings(unannounced=nobody, **values)
        self.book = RunBook(self.settings)
        self.now = 1000.0
        self.accepted: list[tuple[Run, int]] = []
        self.sealed: list[Run] = []
        self.noticed: list[str] = []
        self.said: list[Noticed] = []
        self._nameless: list[str] = []

    def restart(self, forget: int = 0) -> None:
        """Another book takes over what the journal holds of all but the oldest runs."""
        runs = [self._read_again(run) for run in self.runs[forget:]]
        rows = [event_from_json(json.loads(body)) for body in self._nameless]
        self.book = RunBook(self.settings)
        self.book.restore(runs, {}, (), rows)

    def _read_again(self, run: Run) -> Run:
        again = read_run_record(json.loads(json.dumps(run_record(run, "test"))))
        again.images, again.events = run.images, run.events
        again.points, again.spectrum = run.points, run.spectrum
        again.last_progress = again.bound_at = self.now
        again.drain_until = self.now + self.settings.drain_s
        return again

    @property
    def runs(self) -> list[Run]:
        """All that are in memory."""
        return [*self.book.sealed, *self.book.active]

    def feed(self, *records: Any) -> None:
        for record in records:
            if isinstance(record, SeriesStart):
                self._take(self.book.series_start(record, self.now))
            elif isinstance(record, Image):
                self._take(self.book.image(record, self.now))
            elif isinstance(record, SeriesEnd):
                self._take(self.book.series_end(record, self.now))
            elif isinstance(record, Announcement):
                self._take(self.book.announcement(record, self.now))
            elif isinstance(record, CollectionEnd):
                self._take(self.book.collection_end(record, self.now))
            elif isinstance(record, Reading):
                self._take(self.book.reading(record, self.now))
            else:
                run, _, actions = self.book.event(record, self.now)
                self._take(actions)
                if run is None and record.collection is None:
                    self._nameless.append(json.dumps(event_to_json(record)))

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self._take(self.tick())

    def tick(self) -> list[Action]:
        """What is due now; nothing has to be looked at again."""
        actions = self.book.tick(self.now)
        looks = [action for action in actions if isinstance(action, LookAgain)]
        for action in looks:
            action.run.second_look = SecondLookState.DONE
        again = self.book.tick(self.now) if looks else []
        return [action for action in actions if action not in looks] + again

    def _take(self, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, Accepted):
                self.accepted.append((action.run, action.image.image_id))
                action.run.images.finish(outcome(action.image.image_id))
            elif isinstance(action, Noticed):
                self.noticed.append(action.event)
                self.said.append(action)
            elif isinstance(action, Due):
                copy = action.run.copy()
                decide_status(copy)
                further = self.book.take_report(action.run, copy, self.now)
                assert further == []
                self.sealed.append(action.run)

    @property
    def only(self) -> Run:
        (run,) = self.sealed
        return run


def outcome(
    image_id: int,
    kind: ImageClass | Unprocessed = ImageClass.NON_HIT,
    start_ns: int | None = None,
    stop_ns: int | None = None,
    **found: Any,
) -> ImageOutcome:
    """What became of an image."""
    result: Classification | NotProcessed
    if isinstance(kind, ImageClass):
        result = Classification(kind, **{"spots": 0, **found})
    else:
        result = NotProcessed(kind, **{"reason": "no pixels", **found})
    return ImageOutcome(image_id, result, start_ns, stop_ns, T0)


def non_hits(run: str, numbers: Iterable[int]) -> list[tuple[str, ImageOutcome]]:
    """Images of a run, as the journal takes them."""
    return [(run, outcome(number)) for number in numbers]


def bitshuffle_chunk(pixels: Any, codec: str = "lz4") -> bytes:
    """An image compressed as a detector does it, by the HDF5 library."""
    with h5py.File("memory", "w", driver="core", backing_store=False) as file:
        data = file.create_dataset(
            "data",
            data=pixels[None],
            chunks=(1, *pixels.shape),
            **hdf5plugin.Bitshuffle(cname=codec),
        )
        file.flush()
        return bytes(data.id.read_direct_chunk((0, 0, 0))[1])


@asynccontextmanager
async def working(pool: Pool) -> AsyncIterator[None]:
    """A pool at work for the length of a block, within a minute."""
    task = asyncio.create_task(pool.run())
    try:
        async with asyncio.timeout(120):
            yield
    finally:
        task.cancel()
        await asyncio.wait([task])


def dumps(body: Any) -> bytes:
    return json.dumps(body).encode()
