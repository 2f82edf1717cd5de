"""The last ten minutes in bins of one second: what a cause is looked for in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recorder.ssx.alarms.observation import DARK, LIGHT, Images
from recorder.ssx.arrays import BoolArray, FloatArray, Int64Array

KEPT_S = 600
"""Bins that are kept, s: ten minutes tell how much a rate wanders (300 batches of
2 s)."""
FLAGS = (
    "images",
    "unprocessed",
    "processed",
    "hits",
    "tried",
    "indexed",
    "several_tried",
    "several",
    "rings",
    "light",
    "light_hits",
    "dark",
    "dark_hits",
)
"""What is counted in each bin."""
VALUES = ("solvent", "background", "resolution", "cell")
"""Medians of each bin; the cell is the logarithm of a·b·c by three."""
LEAST_VALUES = 3
"""Values in a bin, at least, for its median: that of fewer is one image's."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Images, one row each, as the history needs them."""

    second: Int64Array
    """Whole seconds; Unix time, until the host's clock is set back: they never are."""
    image_id: Int64Array
    flags: Int64Array
    """Bit n is set for ``FLAGS[n]``."""
    values: FloatArray
    """(n, 4) of ``VALUES``; NaN is unknown."""


@dataclass(frozen=True, slots=True)
class Bins:
    """Seconds that are over; those without images are left out."""

    second: Int64Array
    last_image: Int64Array
    counts: Int64Array
    """(bins, 13) of ``FLAGS``."""
    medians: FloatArray
    """(bins, 4) of ``VALUES``; NaN where too few images have them."""


@dataclass(frozen=True, slots=True)
class History:
    """Bins that are over, and the images of the second that is not."""

    bins: Bins
    open: Rows
    shift: int = 0
    """Added to the seconds, so that they go on where the host's clock was set back."""


_BITS = np.arange(len(FLAGS))
"""Places of the flags."""


def no_history() -> History:
    """Nothing was seen."""
    ids = np.empty(0, np.int64)
    width = len(VALUES)
    return History(
        Bins(ids, ids, np.empty((0, len(FLAGS)), np.int64), np.empty((0, width))),
        Rows(ids, ids, ids, np.empty((0, width))),
    )


def seconds_of(images: Images, history: History) -> tuple[Int64Array, int]:
    """Seconds of the images, which never go back, and the shift that made them so.

    Images that overtook each other by a second stay in the bin that is open; where the
    clock goes back by more, the seconds go on from there.
    """
    raw = np.floor(images.time_s).astype(np.int64)
    old = history.open.second
    last = int(old[-1]) - history.shift if old.size else int(raw[0])
    steps = np.diff(raw, prepend=last)
    back = np.where(steps < -1, 1 - steps, 0)
    shift = history.shift + np.cumsum(back)
    second = np.maximum.accumulate(np.concatenate([old, raw + shift]))
    return second, int(shift[-1])


def rows_of(images: Images, second: Int64Array, history: History) -> Rows:
    """The images of a slice after those of the open bin."""
    done, hit, several = images.processed, images.hit, images.lattices > 1
    hit = hit & done
    tried = images.tried & hit
    light, dark = done & (images.pump == LIGHT), done & (images.pump == DARK)
    flags = (
        np.ones(done.size, np.bool_),
        ~done,
        done,
        hit,
        tried,
        tried & (images.lattices > 0),
        tried & images.several & (images.lattices > 0),
        tried & images.several & several,
        done & images.rings,
        light,
        light & hit,
        dark,
        dark & hit,
    )
    packed = np.zeros(done.size, np.int64)
    for place, flag in enumerate(flags):
        packed |= flag.astype(np.int64) << place
    with np.errstate(divide="ignore", invalid="ignore"):
        cell = np.log(images.cell_lengths).sum(axis=1) / 3
    values = np.stack(
        [images.solvent, images.background, images.resolution, cell], axis=1
    )
    values[~(done[:, None] & np.isfinite(values))] = np.nan
    old = history.open
    return Rows(
        second,
        np.concatenate([old.image_id, images.image_id]),
        np.concatenate([old.flags, packed]),
        np.concatenate([old.values, values]),
    )


def added(history: History, rows: Rows, shift: int) -> tuple[History, Bins]:
    """Closes all bins but the last.

    Args:
        history: Before.
        rows: What :func:`rows_of` made: the open bin and what came.
        shift: What :func:`seconds_of` added.

    Returns:
        The history after them, and the bins that were closed.
    """
    second = rows.second
    edges = np.flatnonzero(np.diff(second)) + 1
    if not edges.size:
        return History(history.bins, rows, shift), no_history().bins
    closed = binned(_sliced(rows, 0, int(edges[-1])))
    kept = _joined(history.bins, closed)
    young = kept.second > second[-1] - KEPT_S
    if not young.all():
        kept = selected(kept, young)
    return History(kept, _sliced(rows, int(edges[-1]), second.size), shift), closed


def binned(rows: Rows) -> Bins:
    """Bins of all seconds of the rows."""
    if not rows.second.size:
        return no_history().bins
    starts = np.concatenate([[0], np.flatnonzero(np.diff(rows.second)) + 1])
    ends = np.concatenate([starts[1:], [rows.second.size]])
    flags = (rows.flags[:, None] >> _BITS) & 1
    medians = [_medians(rows.values[a:b]) for a, b in zip(starts, ends, strict=True)]
    return Bins(
        rows.second[starts],
        rows.image_id[ends - 1],
        np.add.reduceat(flags, starts, axis=0),
        np.array(medians),
    )


def _medians(values: FloatArray) -> FloatArray:
    """(4,) medians of (n, 4) values without NaN; NaN where too few are left."""
    ordered = np.sort(values, axis=0)  # NaN last
    count = ordered.shape[0] - np.isnan(ordered).sum(axis=0)
    low, high = np.maximum(count - 1, 0) // 2, count // 2
    column = np.arange(ordered.shape[1])
    high = np.minimum(high, ordered.shape[0] - 1)
    middle = (ordered[low, column] + ordered[high, column]) / 2
    return np.asarray(np.where(count >= LEAST_VALUES, middle, np.nan))


def _sliced(rows: Rows, begin: int, end: int) -> Rows:
    part = slice(begin, end)
    return Rows(
        rows.second[part], rows.image_id[part], rows.flags[part], rows.values[part]
    )


def _joined(one: Bins, other: Bins) -> Bins:
    return Bins(
        np.concatenate([one.second, other.second]),
        np.concatenate([one.last_image, other.last_image]),
        np.concatenate([one.counts, other.counts]),
        np.concatenate([one.medians, other.medians]),
    )


def selected(bins: Bins, which: BoolArray) -> Bins:
    """Some of the bins."""
    return Bins(
        bins.second[which],
        bins.last_image[which],
        bins.counts[which],
        bins.medians[which],
    )


def until(history: History, rows: Rows, image_id: int) -> Bins:
    """The bins as they were at one image, the last one open.

    Args:
        history: Before the slice.
        rows: Of the open bin and the slice, from :func:`rows_of`.
        image_id: The last image that counts.
    """
    end = int(np.searchsorted(rows.image_id, image_id, side="right"))
    joined = _joined(history.bins, binned(_sliced(rows, 0, end)))
    if not joined.second.size:
        return joined
    return selected(joined, joined.second > joined.second[-1] - KEPT_S)
