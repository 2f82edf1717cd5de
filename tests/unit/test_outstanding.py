"""The search by columns finds what a comparison of every pixel finds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.ssx.background.noise import BAND
from recorder.ssx.spots.outstanding import Searcher


@st.composite
def cases(draw: st.DrawFn) -> tuple[int, int, int, str, float, int]:
    """Height, width, gap, pixel type, share that stands out, seed."""
    return (
        draw(st.integers(1, 70)),
        draw(st.integers(1, 40)),
        draw(st.integers(0, 20)),
        draw(st.sampled_from(["uint8", "uint16", "uint32", "int16", "int32"])),
        draw(st.sampled_from([0.0, 0.001, 0.02, 0.5, 1.0])),
        draw(st.integers(0, 2**32 - 1)),
    )


@given(cases())
def test_the_pixels_are_those_that_exceed_their_threshold_and_are_good(
    case: tuple[int, int, int, str, float, int],
) -> None:
    height, width, gap, dtype, share, seed = case
    rng = np.random.default_rng(seed)
    highest = np.iinfo(dtype).max
    pixels = rng.integers(0, 6, (height, width)).astype(dtype)
    pixels[rng.random((height, width)) < share] = highest - 1
    good = rng.random((height, width)) > rng.choice([0, 0.001, 0.3])
    at = int(rng.integers(0, height))
    good[at : at + gap] = False
    good[:, int(rng.integers(0, width)) :][:, :gap] = False
    pixels[~good] = rng.choice([0, highest])
    bands = -(-height // BAND)
    limits = rng.integers(1, 9, (bands, width)).astype(dtype)
    every = np.repeat(limits, BAND, axis=0)[:height]

    searcher = Searcher(good, np.dtype(dtype))
    for image in (pixels, np.where(good, np.minimum(pixels, 5), highest), pixels):
        image = image.astype(dtype)
        found = searcher.outstanding(image, limits)
        assert found.tolist() == np.flatnonzero((image > every) & good).tolist()


@pytest.mark.parametrize("start", range(BAND))
def test_a_gap_of_rows_hides_nothing_beside_it(start: int) -> None:
    good = np.ones((6 * BAND + 3, 64), np.bool_)
    gap = slice(BAND + start, 3 * BAND + start)
    good[gap] = False
    pixels = np.where(good, 0, 65535).astype(np.uint16)
    pixels[gap.start - 1, 5] = pixels[gap.stop, 60] = pixels[-1, 7] = 9
    limits = np.full((7, 64), 8, np.uint16)
    found = Searcher(good, pixels.dtype).outstanding(pixels, limits)
    assert found.tolist() == np.flatnonzero((pixels == 9) & good).tolist()
