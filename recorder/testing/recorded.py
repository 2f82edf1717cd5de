"""A journal with small real runs, for sinks to be driven along."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from recorder.config import Settings
from recorder.journal import Journal
from recorder.records import (
    ClassifierSetup,
    ClassifySettings,
    ControlRecord,
    EventType,
    Evidence,
    Image,
    Payload,
    SeriesEnd,
    SeriesKey,
    SeriesStart,
    TimedEvent,
)
from recorder.service.host import Host, hosting
from recorder.service.run_settings import book_settings
from recorder.simulate.stills.settings import StillSettings, default_geometry
from recorder.simulate.stream.series import Series, synthetic_series
from recorder.sources.control.messages import parse_message
from recorder.ssx.detector.geometry import resolve

IMAGES = 6
"""Images of a recorded run: three light, three dark."""
BEGUN_NS = 1_750_000_000 * 10**9
"""Unix ns; a moment of 2025."""
PERIOD_NS = 10**7
"""Time between two images, ns: 100 Hz."""
RUNS = ("recorded-1", "recorded-2")
_KEPT: list[TemporaryDirectory[str]] = []
"""Removed when the process ends."""
CHAINS = [
    {
        "name": "Detections",
        "scope": "collection",
        "events": [
            {
                "type": "LaserExcitation",
                "name": "pump",
                "offset": 0.001,
                "duration": 0.001,
                "period": 0.02,
                "repetition": IMAGES // 2,
            },
            {
                "type": "XrayDetection",
                "offset": 0.002,
                "duration": 0.001,
                "period": 0.01,
                "repetition": IMAGES,
            },
        ],
    }
]


@cache
def small_series() -> Series:
    """Stills of a small detector, some with lattices."""
    settings = StillSettings(geometry=default_geometry(256), hit_share=0.5)
    return synthetic_series(IMAGES, 1, pool=IMAGES, settings=settings)


@cache
def small_setup() -> ClassifierSetup:
    """What is known before the first image of the small series."""
    series = small_series()
    geometry, _ = resolve(series.info, None)
    return ClassifierSetup(
        shape=series.frames[0].payload.shape,
        dtype="uint16",
        geometry=geometry,
        cell=series.unit_cell,  # type: ignore[arg-type]
        space_group=series.space_group,
        mask=series.mask,
        flatfield=None,
        saturation=None,
        settings=ClassifySettings(),
    )


@cache
def small_payloads() -> tuple[Payload, ...]:
    """The images of the small series, in their order."""
    series = small_series()
    return tuple(series.frame(n).payload for n in range(len(series.order)))


def plain_settings(folder: Path, **changes: Any) -> Settings:
    """No broker, no workers, no database; everything within a folder."""
    values: dict[str, Any] = {
        "state_directory": folder / "state",
        "detector": (),
        "mqtt": {"enabled": False},
        "ispyb": {"enabled": False},
        "pool": {"workers": 0},
        **changes,
    }
    return Settings(**values)


@cache
def recorded_journal() -> Path:
    """The journal of two announced runs of one experiment, recorded once."""
    folder = TemporaryDirectory(prefix="recorder-testing-")
    _KEPT.append(folder)
    settings = plain_settings(Path(folder.name))
    asyncio.run(_record(settings))
    return settings.journal_path


def copy_journal(settings: Settings) -> None:
    """Give a configuration a journal of its own."""
    journal = recorded_journal()
    settings.journal_path.parent.mkdir(parents=True, exist_ok=True)
    for path in journal.parent.glob(f"{journal.name}*"):
        shutil.copy(path, settings.journal_path.parent)


def journal_of(settings: Settings) -> closing[Journal]:
    """The journal of a configuration, for ``with``."""
    return closing(Journal(settings.journal_path))


Message = tuple[str, dict[str, Any]]
"""Last part of an MQTT topic, and the JSON object."""


async def record_one(
    settings: Settings, announced: dict[str, Any], messages: Iterable[Message] = ()
) -> None:
    """Record one announced run, write it, and end.

    Args:
        settings: The configuration.
        announced: Keys of ``collection/start`` beside those of the recorded runs.
        messages: What the control system says before its end; then nothing is sent by a
            detector. Without any, the images of the small series are sent.
    """
    book = replace(book_settings(settings), hold_s=0.0, drain_s=0.0)
    series = await asyncio.to_thread(small_series)
    uid, messages = RUNS[0], tuple(messages)
    async with hosting(settings, book) as (host, _):
        body = _body(series, 1, uid, BEGUN_NS) | {"event_chains": []} | announced
        host.pipeline.feed_control(_control("collection/start", body))
        if messages:
            end = {"uid": uid, "time_ns": BEGUN_NS + 10**10, "status": "success"}
            for topic, said in (*messages, ("collection/end", end)):
                host.pipeline.feed_control(_control(topic, said))
        else:
            _send(host, series, _started(series, 1, uid))
        await _sealed(host)
        await host.sinks_done(30.0)


async def _record(settings: Settings) -> None:
    book = replace(book_settings(settings), hold_s=0.0, drain_s=0.0)
    series = await asyncio.to_thread(small_series)
    async with hosting(settings, book) as (host, _):
        for number, uid in enumerate(RUNS, start=1):
            await _play(host, series, number, uid)
        await host.sinks_done(30.0)


async def _play(host: Host, series: Series, number: int, uid: str) -> None:
    start = _started(series, number, uid)
    body = _body(series, number, uid, start.received_ns)
    host.pipeline.feed_control(_control("collection/start", body))
    _send(host, series, start, list(_captured(uid, start.received_ns)))
    await _sealed(host)


def _started(series: Series, number: int, uid: str) -> SeriesStart:
    return SeriesStart(
        SeriesKey("recorded", number, uid),
        series.info,
        IMAGES,
        mask=series.mask,
        received_ns=BEGUN_NS + number * 10**12,
    )


def _send(
    host: Host, series: Series, start: SeriesStart, rows: Iterable[ControlRecord] = ()
) -> None:
    pipeline = host.pipeline
    pipeline.feed(start, wait=True)
    for image_id in range(IMAGES):
        pipeline.feed(_image(series, start, image_id), wait=True)
    pipeline.feed_control(list(rows))
    pipeline.feed(SeriesEnd(start.key, start.received_ns + 10**9), wait=True)


async def _sealed(host: Host) -> None:
    pipeline = host.pipeline
    while pipeline.book.active:
        pipeline.changed.clear()
        await pipeline.changed.wait()


def _image(series: Series, start: SeriesStart, image_id: int) -> Image:
    return Image(
        start.key,
        image_id,
        series.frame(image_id).payload,
        start_time_ns=image_id * PERIOD_NS,
        received_ns=start.received_ns + image_id,
    )


def _control(topic: str, body: dict[str, Any]) -> list[ControlRecord]:
    return parse_message(topic, json.dumps(body).encode(), body.get("time_ns", 0))


def _body(series: Series, number: int, uid: str, time_ns: int) -> dict[str, Any]:
    return {
        "schema": "recorder.collection/1",
        "uid": uid,
        "time_ns": time_ns,
        "proposal": "mx2345",
        "visit": 1,
        "run": number,
        "images": IMAGES,
        "experiment": {"name": "conformance", "type": "SSX-Jet"},
        "sample": {"name": "lysozyme", "protein": {"acronym": "lyso"}},
        "unit_cell": series.unit_cell,
        "space_group": series.space_group,
        "event_chains": CHAINS,
    }


def _captured(uid: str, begun_ns: int) -> Iterator[TimedEvent]:
    for n in range(IMAGES):
        time_ns = begun_ns + n * PERIOD_NS
        yield TimedEvent(
            f"{uid}-{n}",
            EventType.XRAY_DETECTION,
            time_ns,
            collection=uid,
            trigger=n,
            clock="recorded-timing",
            evidence=Evidence.CAPTURED,
            received_ns=time_ns,
        )
