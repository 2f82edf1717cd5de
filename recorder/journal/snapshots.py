"""Packed copies of a run's images and events: a restart reads arrays, not rows.

A snapshot of images or events holds what the rows of a range say, and nothing else, so
that a run is the same with and without its snapshots. Writing a row into the range of a
snapshot of images removes the snapshot in the same transaction; events are only ever
appended.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable
from typing import Any

import numpy as np

from recorder.journal.event_json import event_from_json
from recorder.journal.snapshots_table import pack_arrays, unpack_array, unpack_arrays
from recorder.records import ImageOutcome
from recorder.runs.tables.event_arrays import EventArrays
from recorder.runs.tables.event_log import EventLog
from recorder.runs.tables.image_table import ImageArrays
from recorder.ssx.clocks.unknown import NO_TIME

_COLUMNS = np.dtype(
    [
        ("image_id", np.int64),
        ("outcome", np.uint8),
        ("start_time_ns", np.int64),
        ("stop_time_ns", np.int64),
        ("spots", np.int64),
        ("resolution", np.float32),
        ("solvent", np.float32),
        ("lattices", np.uint16),
        ("effort", np.uint8),
        ("upstream", np.bool_),
        ("rings", np.uint16),
    ]
)


def image_arrays(images: Iterable[ImageOutcome]) -> ImageArrays:
    """What became of images, by ascending id, as arrays."""
    cells, residuals = array("d"), array("d")

    def row(image: ImageOutcome) -> tuple[float | None, ...]:
        found = image.found
        for lattice in found.lattices:
            cells.extend(lattice.cell)
            if not math.isnan(lattice.residual):
                residuals.append(lattice.residual)
        return (
            image.image_id,
            image.code,
            _time(image.start_time_ns),
            _time(image.stop_time_ns),
            found.spots,
            found.resolution,
            found.solvent,
            len(found.lattices),
            found.effort,
            found.upstream,
            min(found.rings, 65535),
        )

    # one record at a time: many would keep the garbage collector busy
    table = np.fromiter(map(row, images), _COLUMNS)
    return ImageArrays(
        **{name: table[name].copy() for name in _COLUMNS.names or ()},
        cells=np.array(cells, np.float64).reshape(-1, 6),
        residuals=np.array(residuals, np.float64),
    )


def _time(value: int | None) -> int:
    return NO_TIME if value is None else value


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
    """The reverse of :func:`pack`; packs of older recorders do not tell rings."""
    arrays = unpack_arrays(body)
    arrays.setdefault("rings", np.zeros(arrays["image_id"].size, np.uint16))
    return ImageArrays(**arrays)


def has_trigger(body: bytes, trigger: int) -> bool:
    """Whether a pack of events has one of a trigger; the others are not unpacked."""
    return bool((unpack_array(body, "trigger") == trigger).any())


def unpack_events(body: bytes) -> EventArrays:
    """The reverse of :func:`pack`."""
    return EventArrays(**unpack_arrays(body))
