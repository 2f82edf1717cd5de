"""What the daemon knows for a slice of time: the input of the alarms.

A slice is about half a second; its length changes nothing of what is told about
images, pulses and losses, which are told at the image where they show.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from recorder.ssx.arrays import BoolArray, FloatArray, Int64Array

LIGHT, DARK, UNKNOWN = 1, 0, -1
"""Pump state of an image: the laser lit it, it did not, nobody can tell (yet)."""
NOWHERE = -1
"""Block, row or column of an image that is not on a chip."""


@dataclass(frozen=True, slots=True)
class Images:
    """The images whose outcome became known in this slice, in image order.

    All arrays have one entry for each image; NaN is a value that nobody knows.
    """

    image_id: Int64Array
    time_s: FloatArray
    """Unix time of arrival."""
    processed: BoolArray
    """It has a class. What has none (overload, corrupt) is no trial of anything."""
    hit: BoolArray
    tried: BoolArray
    """Hits whose indexing was attempted at the usual work level."""
    several: BoolArray
    """Of these, those in which further lattices were looked for."""
    lattices: Int64Array
    """Lattices that were accepted."""
    rings: BoolArray
    """Ice or salt rings."""
    pump: Int64Array
    """LIGHT, DARK or UNKNOWN, as known now."""
    solvent: FloatArray
    """Mean counts in the solvent ring."""
    background: FloatArray
    """Mean counts of the background."""
    resolution: FloatArray
    """Å, of hits."""
    cell_lengths: FloatArray
    """(n, 3) a, b, c in Å, of indexed images."""
    block: Int64Array
    """Block of the chip, or NOWHERE."""
    row: Int64Array
    """Row within the block, from 0, or NOWHERE."""
    column: Int64Array


def images(
    image_id: NDArray[np.integer],
    time_s: NDArray[np.floating],
    hit: NDArray[np.bool_],
    **known: NDArray[np.generic],
) -> Images:
    """Images of which only some things are known.

    Args:
        image_id: (n,) ids, ascending.
        time_s: (n,) Unix times of arrival.
        hit: (n,) hits.
        known: Any further fields of :class:`Images`. What is left out: all processed,
            no indexing tried, one lattice at most, no rings, all else unknown.

    Returns:
        The images, with the types that the alarms compute with.
    """
    n = len(image_id)
    nan, nowhere = np.full(n, np.nan), np.full(n, -1, np.int64)
    no = np.zeros(n, np.bool_)
    fields: dict[str, NDArray[np.generic]] = {
        "processed": np.ones(n, np.bool_),
        "tried": no,
        "several": no,
        "lattices": np.zeros(n, np.int64),
        "rings": no,
        "pump": nowhere,
        "solvent": nan,
        "background": nan,
        "resolution": nan,
        "cell_lengths": np.full((n, 3), np.nan),
        "block": nowhere,
        "row": nowhere,
        "column": nowhere,
        **known,
    }
    return Images(
        image_id=np.asarray(image_id, np.int64),
        time_s=np.asarray(time_s, np.float64),
        hit=np.asarray(hit, np.bool_),
        **{name: np.asarray(value, _TYPES[name]) for name, value in fields.items()},
    )


_TYPES: dict[str, type[np.generic]] = {
    **dict.fromkeys(("processed", "tried", "several", "rings"), np.bool_),
    **dict.fromkeys(("lattices", "pump", "block", "row", "column"), np.int64),
    **dict.fromkeys(
        ("solvent", "background", "resolution", "cell_lengths"), np.float64
    ),
}


@dataclass(frozen=True, slots=True)
class Pulses:
    """Pulses of the laser that were due and are settled since the last slice."""

    image_id: Int64Array
    """Of the image that the pulse was meant for."""
    time_s: FloatArray
    fired: BoolArray
    """A sensor, a captured row or the label says so. Pulses of which nothing says
    anything are left out: they are no trials."""


@dataclass(frozen=True, slots=True)
class Fates:
    """Images whose fate is known since the last slice, in the order of their ids."""

    image_id: Int64Array
    time_s: FloatArray
    """When they came, or were known to be lost."""
    lost: BoolArray


def no_images() -> Images:
    """None came."""
    return images(np.empty(0, np.int64), np.empty(0), np.empty(0, np.bool_))


def no_pulses() -> Pulses:
    """None was due, or nothing is known of them."""
    return Pulses(np.empty(0, np.int64), np.empty(0), np.empty(0, np.bool_))


def no_fates() -> Fates:
    """No image came and none was lost."""
    return Fates(np.empty(0, np.int64), np.empty(0), np.empty(0, np.bool_))


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What is said about the run that goes on."""

    uid: str
    sample: str | None = None
    """Runs of one sample lend each other their rates as a first guess."""
    announced: bool = True
    """``collection/start`` told of it."""
    open: bool = True
    """Images may still come: no end of the series or run was seen."""
    alike: bool = True
    """Any image is of another crystal under the same conditions, so that shares and
    medians of its images tell something; not those of one crystal that turns."""
    since_s: float | None = None
    """Unix time of the announcement, or of the first image."""


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """What is known of one source now; None is not known."""

    name: str
    age_s: float | None = None
    """Since its last data, while data are expected of it; None while none are."""
    period_s: float | None = None
    """Between its data."""
    clock_ppm: float | None = None
    """Rate of its clock against the reference."""
    clock_broke: bool = False
    """Its clock jumped since the last slice."""


@dataclass(frozen=True, slots=True)
class SinkFacts:
    """What is known of one sink now."""

    name: str
    lag_s: float | None = None
    """Age of the oldest record that it has not written."""
    parked: int = 0
    """Records that it refused for good."""


@dataclass(frozen=True, slots=True)
class HostFacts:
    """What is known of the recorder and its host now; None is not known."""

    backlog: float | None = None
    """Share of the backlog of images that is full, 0 to 1."""
    journal_age_s: float | None = None
    """Age of the oldest record that is not committed yet; 0 where there is none."""
    disk_free_bytes: float | None = None
    disk_fills_bytes_s: float | None = None
    """Bytes that are written each second; 0 or less: it does not fill."""


@dataclass(frozen=True, slots=True)
class Observation:
    """One slice of time."""

    time_s: float
    """Unix time of its end."""
    run: RunFacts | None = None
    """None between runs."""
    images: Images = field(default_factory=no_images)
    pulses: Pulses = field(default_factory=no_pulses)
    fates: Fates = field(default_factory=no_fates)
    sources: tuple[SourceFacts, ...] = ()
    sinks: tuple[SinkFacts, ...] = ()
    host: HostFacts = field(default_factory=HostFacts)
