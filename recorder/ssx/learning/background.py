"""Learning a background map from a few images of a run.

Pixels that stand out from the images' radial background are left out of the mean.
Those that do so in most of the images are hot, or there is a line that does not move.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorder.records import LearnedBackground
from recorder.ssx.arrays import BoolArray, FloatArray, IntArray
from recorder.ssx.background.learned_map import BLOCK
from recorder.ssx.background.noise import Background, Noise, limit
from recorder.ssx.learning.bad_pixels import Repeated, beyond, extremes
from recorder.ssx.spots.connected import where_true
from recorder.ssx.spots.finder import P_PIXEL, SpotFinder

MIN_IMAGES = 4
"""Images without which no map is made: at 0.6 photons/px four give a block of 8 x 8
pixels 154 photons, its mean to 8 %. Chosen, not tuned."""
_P_HOT = 1e-9
"""A summed pixel this unlikely is hot, too: too weak to stand out in one image."""
_UNEVEN = 0.5
"""Of a block's mean: so much more a pixel may have within it. Chosen, not tuned."""
_DEAD_COUNTS = 25.0
"""A pixel with no count where so many were expected is dead."""
_DARK = 1e-6
"""Mean counts that images have at least, so that they can be divided by."""
_MIN_PIXELS = 8
"""Blocks with fewer good pixels take their neighbours' mean."""


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """One image of a lesson."""

    pixels: NDArray[Any]
    background: Background
    outstanding: IntArray
    """Flat indices of what stands out from the image's own background."""
    flags: IntArray
    """Flat indices of good pixels without a count."""


def learn_background(
    finder: SpotFinder,
    images: Sequence[NDArray[Any]],
    gain: float | None,
    *,
    non_hits: int,
) -> LearnedBackground | None:
    """Mean map of images, without spots, and the pixels not to be trusted.

    Args:
        finder: Set up for these images.
        images: (slow, fast) arrays, all of one series.
        gain: Counts per photon; None estimates it.
        non_hits: How many of the images, from the first, are non-hits: what repeats in
            those is no crystal, whatever its shape.

    Returns:
        The map; None if there are fewer than MIN_IMAGES images.
    """
    if len(images) < MIN_IMAGES:
        return None
    seen = [_look(finder, pixels, gain) for pixels in images]
    often, flagged = _times(seen)
    total, counted = _sums(finder, seen, often)
    backgrounds = [image.background for image in seen]
    found = finder.estimator.noise(images, backgrounds, gain)
    typical = _filled(*_typical(total, counted))
    learned = LearnedBackground(
        grid=typical.astype(np.float32),
        bad=flagged == len(images),
        gain=found.gain,
        read_noise=found.read_noise,
        pedestal=found.pedestal,
        measured_gain=None if gain is None else _measured(finder, images),
        underload=min(background.underload for background in backgrounds),
        images=len(images),
        non_hits=non_hits,
    )
    bright, dark = extremes(typical)
    # beside a shadow a pixel may be in it
    lit = np.where(dark > typical / 2, typical, dark)
    odd = _odd(total, counted, learned, (bright, lit))
    # spots of a crystal that does not move stand out often: odd, but not bad
    bad = learned.bad | (odd & ~often)
    repeated, certain = _repeated(seen, non_hits, learned, bright)
    repeated.mark_lines(bad)
    if certain is not None:
        bad |= certain.often()
    repeated.mark_hot(bad, total, counted, typical)
    left_out = where_true(bad | odd)
    total.ravel()[left_out] = counted.ravel()[left_out] = 0
    sums, pixels = _block_sums(total), _block_sums(counted)
    grid = _filled(sums / np.maximum(pixels, 1), pixels >= _MIN_PIXELS)
    return replace(learned, grid=grid.astype(np.float32), bad=bad & finder.good)


def _measured(finder: SpotFinder, images: Sequence[NDArray[Any]]) -> float | None:
    """The gain that the images show by themselves."""
    found = finder.estimator.transfer(images, None)
    return found.gain if found.told else None


def _look(finder: SpotFinder, pixels: NDArray[Any], gain: float | None) -> _Seen:
    background, index, _ = finder.candidates(pixels, gain)
    return _Seen(pixels, background, index, finder.flags(pixels, background.underload))


def _times(seen: Sequence[_Seen]) -> tuple[BoolArray, NDArray[np.uint8]]:
    """(slow, fast) what stands out in half of the images; in how many it is a flag."""
    shape = seen[0].pixels.shape
    repeated, flagged = Repeated(shape), np.zeros(shape, np.uint8)
    for image in seen:
        repeated.add(image.outstanding)
        flagged.ravel()[image.flags] += 1
    return repeated.often(), flagged


def _sums(
    finder: SpotFinder, seen: Sequence[_Seen], often: BoolArray
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(slow, fast) sums of the images, and how many each pixel was taken from.

    What stands out is left out, but where it does so in most images: without that, its
    place would look dark.
    """
    shape = seen[0].pixels.shape
    total = np.zeros(shape, np.float32)
    left_out = np.zeros(shape, np.uint8)
    for image in seen:
        alone = image.outstanding[~often.ravel()[image.outstanding]]
        index = np.concatenate([alone, image.flags])
        total += image.pixels
        total.ravel()[index] -= image.pixels.ravel()[index].astype(np.float32)
        left_out.ravel()[index] += 1
    counted = (len(seen) - left_out).astype(np.float32)
    counted[~finder.good] = 0
    total[~finder.good] = 0
    if finder.flatfield is not None:
        total *= finder.flatfield
    return total, counted


def _repeated(
    seen: Sequence[_Seen], non_hits: int, noise: Noise, bright: FloatArray
) -> tuple[Repeated, Repeated | None]:
    """How often pixels stand out from what is bright around them.

    Beside a shadow an image's own background, the mean of a ring, is too dark.

    Returns:
        In all images, and in the non-hits if they are enough.
    """
    shape = seen[0].pixels.shape
    all_of_them, certain = Repeated(shape), Repeated(shape)
    levels = np.array([image.background.level for image in seen])
    scales = levels / max(float(levels.mean()), _DARK)
    for number, (image, scale) in enumerate(zip(seen, scales, strict=True)):
        most = limit(bright * max(float(scale), 0.0), noise, 1.0, P_PIXEL)
        index = beyond(image.outstanding, image.pixels, most)
        all_of_them.add(index)
        if number < non_hits:
            certain.add(index)
    return all_of_them, certain if non_hits >= MIN_IMAGES else None


def _typical(
    total: NDArray[np.float32], counted: NDArray[np.float32]
) -> tuple[FloatArray, BoolArray]:
    """Mean of a pixel in blocks, whatever single columns, rows and pixels do.

    Returns:
        (rows, columns) of blocks: the lower one of the medians over their columns and
        over their rows, and where there are pixels enough.
    """
    sums, pixels = _block_sums(total), _block_sums(counted)
    mean = sums / np.maximum(pixels, 1)
    medians = []
    for axis in (0, 1):
        part, count = _lines(total, axis), _lines(counted, axis)
        near = np.repeat(mean, BLOCK, axis=1 - axis)
        near = near[: part.shape[0], : part.shape[1]]
        line = np.where(count > 0, part / np.maximum(count, 1), near)
        medians.append(_median(line if axis == 0 else line.T))
    return np.minimum(medians[0], medians[1].T), pixels >= _MIN_PIXELS


def _lines(values: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """Sums over BLOCK pixels along an axis, fewer at its end."""
    starts = np.arange(0, values.shape[axis], BLOCK)
    if axis == 1:
        return np.asarray(np.add.reduceat(values, starts, axis=1))
    # rows are added whole: reduceat does it value by value
    whole = len(values) // BLOCK * BLOCK
    sums = values[:whole].reshape(-1, BLOCK, values.shape[1]).sum(axis=1)
    rest = values[whole:].sum(axis=0, keepdims=True)
    return np.concatenate([sums, rest]) if whole < len(values) else sums


def _median(lines: FloatArray) -> FloatArray:
    """(n, ceil(m / BLOCK)) medians of each BLOCK columns of (n, m); the last fewer."""
    rows, columns = lines.shape
    whole = columns // BLOCK * BLOCK
    parts = np.sort(lines[:, :whole].reshape(rows, -1, BLOCK), axis=2)
    middle = parts[:, :, BLOCK // 2 - 1 : BLOCK // 2 + 1].mean(axis=2)
    if whole == columns:
        return np.asarray(middle)
    last = np.median(lines[:, whole:], axis=1)
    return np.concatenate([middle, last[:, None]], axis=1)


def _filled(mean: FloatArray, enough: BoolArray) -> FloatArray:
    """Blocks without pixels take their neighbours' mean."""
    if not enough.any():
        return np.zeros(mean.shape)
    mean = np.where(enough, mean, 0.0)
    known = enough.astype(np.float64)
    while not enough.all():
        near, weight = _neighbours(mean * known), _neighbours(known)
        new = ~enough & (weight > 0)
        mean[new] = near[new] / weight[new]
        enough = enough | new
        known = enough.astype(np.float64)
    return mean


def _block_sums(values: NDArray[np.float32]) -> FloatArray:
    columns = np.arange(0, values.shape[1], BLOCK)
    bands = _lines(values, 0).astype(np.float64)
    return np.asarray(np.add.reduceat(bands, columns, axis=1))


def _neighbours(values: FloatArray) -> FloatArray:
    """Sum over the 3 x 3 blocks around each."""
    padded = np.pad(values, 1)
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    return np.asarray(rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:])


def _odd(
    total: NDArray[np.float32],
    counted: NDArray[np.float32],
    noise: Noise,
    around: tuple[FloatArray, FloatArray],
) -> BoolArray:
    """Pixels whose sum no background of the blocks around them explains.

    Args:
        total: (slow, fast) sums of counts.
        counted: (slow, fast) images in them.
        noise: Of the images.
        around: Highest and lowest mean of a good pixel in each block: in a shadow's
            edge it is as bright as in the blocks beside it, or as dark.
    """
    images = float(counted.max(initial=0))
    height, width = total.shape
    bright, dark = (images * mean for mean in around)
    base = noise.pedestal * images
    most = limit(bright, noise, images, _P_HOT)
    odd = np.empty(total.shape, np.bool_)
    expected = np.repeat(dark, BLOCK, axis=1)[:, :width]
    # the block's mean is uncertain
    most = np.repeat(most + _UNEVEN * (bright - base), BLOCK, axis=1)[:, :width]
    for band in range(len(bright)):
        rows = slice(band * BLOCK, min((band + 1) * BLOCK, height))
        dead = (total[rows] <= base / 2) & (
            expected[band] > base + _DEAD_COUNTS * noise.gain
        )
        if noise.read_noise > 0:
            dead[...] = False
        odd[rows] = (total[rows] > most[band]) | dead
    return odd
