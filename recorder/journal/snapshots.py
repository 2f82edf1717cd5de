"""Packed copies of a run's images and events: a restart reads arrays, not rows.

A chunk of images or events holds what the rows of a range say, and nothing else: a run
is the same with and without them. Rows that are written into the range of a chunk of
images remove it in the same transaction; events are only ever appended.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorder.journal.event_json import event_from_json
from recorder.journal.snapshots_table import pack_arrays, unpack_arrays
from recorder.runs.tables.event_log import EventArrays, EventLog
from recorder.runs.tables.image_table import CODES, ImageArrays
from recorder.ssx.clocks.unknown import NO_TIME


def image_arrays(rows: list[tuple[Any, ...]]) -> ImageArrays:
    """Rows as :meth:`~recorder.journal.store.Journal.image_columns` gives them."""
    details = [(n, json.loads(row[-1])) for n, row in enumerate(rows) if row[-1]]
    effort = np.zeros(len(rows), np.uint8)
    upstream = np.zeros(len(rows), np.bool_)
    lattices = np.zeros(len(rows), np.uint16)
    cells: list[list[float]] = []
    residuals: list[float] = []
    for n, known in details:
        effort[n] = known.get("effort", 0)
        upstream[n] = known.get("upstream", False)
        found = known.get("lattices", ())
        lattices[n] = len(found)
        cells += [item["cell"] for item in found]
        residuals += [
            item["residual"] for item in found if item["residual"] is not None
        ]
    ids, outcomes, start, stop, spots, resolution, solvent, _ = (
        zip(*rows, strict=True) if rows else ((),) * 8
    )
    return ImageArrays(
        image_id=np.array(ids, np.int64),
        outcome=np.array([CODES[name] for name in outcomes], np.uint8),
        start_time_ns=_times(start),
        stop_time_ns=_times(stop),
        spots=np.array(spots, np.int64),
        resolution=np.array(resolution, np.float32),
        solvent=np.array(solvent, np.float32),
        lattices=lattices,
        effort=effort,
        upstream=upstream,
        cells=np.array(cells, np.float64).reshape(-1, 6),
        residuals=np.array(residuals, np.float64),
    )


def _times(values: Iterable[int | None]) -> NDArray[np.int64]:
    return np.array([NO_TIME if v is None else v for v in values], np.int64)


def event_arrays(bodies: Iterable[dict[str, Any]]) -> EventArrays:
    """Bodies of ``event`` records, repeated uids once."""
    log = EventLog()
    for body in bodies:
        log.add(event_from_json(body))
    return log.arrays()


def pack(arrays: ImageArrays | EventArrays) -> bytes:
    """Arrays as one value of the database."""
    return pack_arrays(arrays.as_dict())


def unpack_images(body: bytes) -> ImageArrays:
    """The reverse of :func:`pack`."""
    return ImageArrays(**unpack_arrays(body))


def unpack_events(body: bytes) -> EventArrays:
    """The reverse of :func:`pack`."""
    return EventArrays(**unpack_arrays(body))
