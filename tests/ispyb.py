"""Small real runs for the tests of the ISPyB sink, and databases to write them to."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from recorder.config import Settings
from recorder.journal import Journal
from recorder.journal.records import SINK_KINDS
from recorder.records import Json
from recorder.service.host import hosting
from recorder.service.replay import ReplayOptions, replay
from recorder.service.run_settings import book_settings
from recorder.sinks.ispyb.sink import IspybSink
from recorder.sinks.runner import SinkRunner
from recorder.sources.control.messages import parse_message
from recorder.sources.hdf5.file import Hdf5File
from tests.builders import EXAMPLE_CHAINS
from tests.servers import Database

SQL = Path(__file__).parent / "system" / "esrf.sql"
TABLES = (
    "Protein",
    "Crystal",
    "BLSample",
    "Component",
    "SampleComposition",
    "CrystalComposition",
    "DataCollectionGroup",
    "Detector",
    "DataCollection",
    "SSXDataCollection",
    "EventChain",
    "Event",
    "AutoProcProgram",
    "AutoProcProgramAttachment",
    "AutoProcIntegration",
)
"""What the recorder writes."""
IMAGES = 4
TIMEOUT_S = 120.0
PIXELS = 96


NO_ISPYB = {"enabled": False}
"""Configuration of a recorder that only keeps its journal."""


@dataclass(frozen=True, slots=True)
class Site:
    """A facility's database."""

    rows: Callable[[str], list[dict[str, Any]]]
    section: Json = field(default_factory=dict)
    """Of the configuration: how the recorder gets there."""

    def one(self, query: str) -> dict[str, Any]:
        """The only row."""
        (row,) = self.rows(query)
        return row

    def counts(self) -> dict[str, int]:
        """How many rows each table has that the recorder writes."""
        return {
            name: self.one(f"SELECT COUNT(*) AS n FROM {name}")["n"] for name in TABLES
        }


def embedded_site(path: Path) -> Site:
    """The recorder's own SQLite database."""

    def rows(query: str) -> list[dict[str, Any]]:
        with closing(sqlite3.connect(path)) as db:
            db.row_factory = sqlite3.Row
            return [dict(row) for row in db.execute(query)]

    return Site(rows)


def esrf_site(database: Database) -> Site:
    """An ESRF-like database with proposal mx2345, visits 1 and 2."""
    text = "\n".join(
        line for line in SQL.read_text("utf-8").splitlines() if line[:2] != "--"
    )
    database.execute(*(part for part in text.split(";") if part.strip()))
    return Site(database.rows, database.section())


def announcement(**changes: Any) -> Json:
    """The announcement of docs/reference/mqtt.md, for a file of four images."""
    return {
        "schema": "recorder.collection/1",
        "uid": str(uuid.uuid4()),
        "time": "2026-11-23T18:30:00.123456+01:00",
        "proposal": "mx2345",
        "visit": 1,
        "experiment": {"name": "fvkhb", "type": "SSX-Chip", "comments": "first try"},
        "sample": {
            "name": "laagg",
            "support": "SSX-Chip",
            "protein": {"acronym": "kljvz", "name": "a protein"},
            "crystal": {
                "size": [0.02, 0.03, 0.04],
                "components": [{"name": "salt", "type": "Buffer"}],
            },
            "components": [
                {
                    "name": "mixed a",
                    "type": "Ligand",
                    "composition": "C6H12O6",
                    "abundance": 0.25,
                },
                {"name": "mixed c", "type": "Buffer", "abundance": 0.75},
            ],
        },
        "run": 3,
        "images": IMAGES,
        "unit_cell": [79.1, 79.1, 38.2, 90, 90, 90],
        "space_group": "P43212",
        "beam": {
            "wavelength": 1.234567,
            "flux": 1.23456789e12,
            "transmission": 87.5,
            "size": [0.005, 0.006],
            "energy_bandwidth": 0.0001,
        },
        "detector": {
            "distance": 0.15,
            "beam_center": [40.0, 50.0],
            "exposure_time": 0.0001,
        },
        "ssx": {
            "repetition_rate": 231.25,
            "laser_energy": 1e-6,
            "jet_speed": None,
            "jet_size": 0.05,
            "chip_model": "Oxford",
            "chip_pattern": "dots",
            "mono_stripe": "Pd/B4C",
        },
        "files": {"directory": "/data/visitor/mx2345", "template": "run3_master.h5"},
        "event_chains": EXAMPLE_CHAINS,
        **changes,
    }


def image_file(path: Path) -> Path:
    """Four images, every second one with spots."""
    rng = np.random.default_rng(1)
    images = rng.poisson(3.0, (IMAGES, PIXELS, PIXELS)).astype("uint16")
    for y, x in ((0, 0), (0, 1), (1, 0), (1, 1)):
        images[::2, 8 + y :: 16, 8 + x :: 16] = 500
    with h5py.File(path, "w") as file:
        detector = file.create_group("entry/instrument/detector")
        for name, value in (
            ("x_pixel_size", 75e-6),
            ("y_pixel_size", 75e-6),
            ("detector_distance", 0.2),
            ("count_time", 0.0002),
        ):
            detector[name] = value
            detector[name].attrs["units"] = "s" if name == "count_time" else "m"
        detector["description"] = "Test 9K"
        detector["detector_number"] = "E-00-0001"
        file.create_dataset("entry/data/data", data=images, chunks=(1, PIXELS, PIXELS))
    return path


async def record(settings: Settings, folder: Path, *announced: Json) -> None:
    """Replay the image file once for each announcement, into the configured sinks."""
    file = image_file(folder / "images.h5")
    for body in announced:
        path = folder / "collection.json"
        path.write_text(json.dumps(body), encoding="utf-8")
        await replay(settings, ReplayOptions(file, collection=path), _no_progress)


def _no_progress(done: int, total: int | None) -> None:
    pass


async def record_with_end(
    settings: Settings, folder: Path, announced: Json, end: Json
) -> None:
    """The same with a ``collection/end`` message, which replay does not have."""
    file = Hdf5File(image_file(folder / "images.h5"))
    book = replace(book_settings(settings), hold_s=0.0, drain_s=0.0, detectors=())
    body = json.dumps({**announced, "time": None, "time_ns": 0}).encode()
    start = file.start()
    (collection,) = parse_message("collection/start", body, start.received_ns)
    ended = parse_message("collection/end", json.dumps(end).encode(), 0)
    now = replace(collection, time_ns=start.received_ns)
    async with hosting(settings, book) as (host, _):
        host.pipeline.feed_control([now])
        host.pipeline.feed(start)
        for image in file.images(start):
            host.pipeline.feed(image, wait=True)
        host.pipeline.feed_control(ended)
        host.pipeline.feed(file.end(start))
        while host.pipeline.book.active:
            host.pipeline.changed.clear()
            await host.pipeline.changed.wait()
        await host.sinks_done(10.0)


def write(settings: Settings, *, late_ns: int = 0, until: str | None = None) -> None:
    """Apply every record of the journal, from the first one on, or as if made later.

    Args:
        settings: Of journal and database.
        late_ns: So much later.
        until: Stop before the first record of this kind.
    """
    with closing(Journal(settings.journal_path)) as journal:
        sink = IspybSink(settings)
        sink.open(journal)
        try:
            for entry in journal.records(kinds=SINK_KINDS):
                if entry.kind == until:
                    break
                ids = sink.apply(replace(entry, time_ns=entry.time_ns + late_ns))
                journal.advance(sink.name, entry.seq, entry.run, ids)
        finally:
            sink.close()


def forget_ids(settings: Settings, run: str | None = None) -> None:
    """Lose what the journal knows of the database's ids, as a crash would.

    Args:
        settings: Of the journal.
        run: Uid of the run whose ids are lost; None: those of all.
    """
    with closing(sqlite3.connect(settings.journal_path)) as db, db:
        db.execute("DELETE FROM ids WHERE ?1 IS NULL OR run = ?1", (run,))


def run_bodies(settings: Settings) -> list[Json]:
    """The last ``run`` record of each run."""
    with closing(Journal(settings.journal_path)) as journal:
        found = [journal.latest("run", uid) for uid in journal.run_uids()]
        return [entry.body for entry in found if entry is not None]


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[SinkRunner]:
    """The sink's runner, as the daemon has it."""
    journal = Journal(settings.journal_path)
    runner = SinkRunner(IspybSink(settings), journal, settings.ispyb.retry_max_s)
    task = asyncio.create_task(runner.run())
    try:
        yield runner
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await runner.close()


async def all_written(runner: SinkRunner) -> None:
    runner.wake()
    await asyncio.wait_for(runner.idle.wait(), TIMEOUT_S)
