"""Packed copies of a run's images and events: a restart reads arrays, not rows.

A chunk of images or events holds what the rows of a range say, and nothing else: a run
is the same with and without them. Rows that are written into the range of a chunk of
images remove it in the same transaction; events are only ever appended.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorder.journal.event_json import event_from_json
from recorder.journal.snapshots_table import pack_arrays, unpack_arrays
from recorder.records import ImageOutcome
from recorder.runs.tables.event_log import EventArrays, EventLog
from recorder.runs.tables.image_table import ImageArrays
from recorder.ssx.clocks.unknown import NO_TIME


def image_arrays(images: Sequence[ImageOutcome]) -> ImageArrays:
    """What became of images, by ascending id, as arrays."""
    found = [image.found for image in images]
    lattices = [lattice for one in found for lattice in one.lattices]
    residuals = np.array([lattice.residual for lattice in lattices], np.float64)
    cells = np.array([lattice.cell for lattice in lattices], np.float64)
    return ImageArrays(
        image_id=np.array([image.image_id for image in images], np.int64),
        outcome=np.array([image.code for image in images], np.uint8),
        start_time_ns=_times(image.start_time_ns for image in images),
        stop_time_ns=_times(image.stop_time_ns for image in images),
        spots=np.array([one.spots for one in found], np.int64),
        resolution=np.array([one.resolution for one in found], np.float32),
        solvent=np.array([one.solvent for one in found], np.float32),
        lattices=np.array([len(one.lattices) for one in found], np.uint16),
        effort=np.array([one.effort for one in found], np.uint8),
        upstream=np.array([one.upstream for one in found], np.bool_),
        cells=cells.reshape(-1, 6),
        residuals=residuals[~np.isnan(residuals)],
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
