"""Learning a background map from a few images of a run.

Pixels that stand out from the images' radial background are left out of the mean.
Pixels that do so in most of the non-hits are hot: no crystal repeats the same spots.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorder.records import LearnedBackground
from recorder.ssx.arrays import BoolArray, FloatArray
from recorder.ssx.background.learned_map import BLOCK
from recorder.ssx.background.noise import Background, Noise, limit
from recorder.ssx.spots.finder import SpotFinder

MIN_IMAGES = 4
"""Images without which no map is made: at 0.6 photons/px four give a block of 8 x 8
pixels 154 photons, its mean to 8 %. Chosen, not tuned."""
_HOT_SHARE = 0.5
"""Share of the non-hits in which a hot pixel stands out. In all of them is too much:
false spots grow from 0.4 to 0.7 in a blank at 4.6 photons/px; half of it changes
nothing (`make bench-quality`, Spots)."""
_HOT_LEAST = 3
"""Non-hits, at least, in which it does: of few images half is chance. With ten non-hits
the share decides (`make bench-quality`, Spots). Chosen, not tuned."""
_P_HOT = 1e-9
"""A summed pixel this unlikely is hot, too: too weak to stand out in one image."""
_UNEVEN = 0.5
"""Of a block's mean: so much more a pixel may have within it. Chosen, not tuned."""
_DEAD_COUNTS = 25.0
"""A pixel with no count where so many were expected is dead."""
_MIN_PIXELS = 8
"""Blocks with fewer good pixels take their neighbours' mean."""


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
        non_hits: How many of the images, from the first, are non-hits; hot pixels
            are looked for in those.

    Returns:
        The map; None if there are fewer than MIN_IMAGES images.
    """
    if len(images) < MIN_IMAGES:
        return None
    shape = images[0].shape
    total = np.zeros(shape, np.float32)
    left_out = np.zeros(shape, np.uint8)
    hot = np.zeros(shape, np.uint8)
    flagged = np.zeros(shape, np.uint8)
    backgrounds: list[Background] = []
    for number, pixels in enumerate(images):
        background, index, _ = finder.candidates(pixels, gain)
        backgrounds.append(background)
        flags = finder.flags(pixels, background.underload)
        index = np.concatenate([index, flags])  # a flag is no candidate
        total += pixels
        total.ravel()[index] -= pixels.ravel()[index].astype(np.float32)
        left_out.ravel()[index] += 1
        flagged.ravel()[flags] += 1
        if number < non_hits:
            hot.ravel()[index] += 1
    counted = (len(images) - left_out).astype(np.float32)
    counted[~finder.good] = 0
    total[~finder.good] = 0
    if finder.flatfield is not None:
        total *= finder.flatfield
    grid = _blocks(total, counted)
    found, read_noise = finder.estimator.noise(images, backgrounds, gain)
    learned = LearnedBackground(
        grid=grid.astype(np.float32),
        bad=flagged == len(images),
        gain=found,
        read_noise=read_noise,
        underload=min(background.underload for background in backgrounds),
    )
    bad = learned.bad | _odd(total, counted, grid, learned)
    if non_hits >= MIN_IMAGES:
        bad |= hot >= max(_HOT_LEAST, math.ceil(_HOT_SHARE * non_hits))
    return replace(learned, bad=bad & finder.good)


def _blocks(total: NDArray[np.float32], counted: NDArray[np.float32]) -> FloatArray:
    """Mean counts of a pixel in blocks; those without pixels take their neighbours'."""
    sums, pixels = _block_sums(total), _block_sums(counted)
    enough = pixels >= _MIN_PIXELS
    if not enough.any():
        return np.zeros(sums.shape)
    mean = np.where(enough, sums / np.maximum(pixels, 1), 0.0)
    known = enough.astype(np.float64)
    while not enough.all():
        near, weight = _neighbours(mean * known), _neighbours(known)
        new = ~enough & (weight > 0)
        mean[new] = near[new] / weight[new]
        enough |= new
        known = enough.astype(np.float64)
    return mean


def _block_sums(values: NDArray[np.float32]) -> FloatArray:
    rows = np.arange(0, values.shape[0], BLOCK)
    columns = np.arange(0, values.shape[1], BLOCK)
    bands = np.add.reduceat(values, rows, axis=0, dtype=np.float64)
    return np.add.reduceat(bands, columns, axis=1)


def _neighbours(values: FloatArray) -> FloatArray:
    """Sum over the 3 x 3 blocks around each."""
    padded = np.pad(values, 1)
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    return np.asarray(rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:])


def _odd(
    total: NDArray[np.float32],
    counted: NDArray[np.float32],
    grid: FloatArray,
    noise: Noise,
) -> BoolArray:
    """Pixels whose sum no background of their block explains."""
    images = float(counted.max(initial=0))
    height, width = total.shape
    most = limit(grid * images, noise, images, _P_HOT)
    odd = np.empty(total.shape, np.bool_)
    expected = np.repeat(grid * images, BLOCK, axis=1)[:, :width]
    # the block's mean is uncertain, and steeper than a block in a shadow's edge
    most = np.repeat(most + _UNEVEN * grid * images, BLOCK, axis=1)[:, :width]
    for band in range(len(grid)):
        rows = slice(band * BLOCK, min((band + 1) * BLOCK, height))
        dead = (total[rows] <= 0) & (expected[band] > _DEAD_COUNTS * noise.gain)
        if noise.read_noise > 0:
            dead[...] = False
        odd[rows] = (total[rows] > most[band]) | dead
    return odd
