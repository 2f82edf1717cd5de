"""Histograms and expectations of the report."""

from __future__ import annotations

import math

import numpy as np
import pytest

from recorder.reports.statistics import (
    RESOLUTION_EDGES,
    cell_histograms,
    expected_multi,
    histogram,
)


def test_crystals_that_come_independently():
    rng = np.random.default_rng(1)
    crystals = rng.poisson(0.4, 200_000)
    hits = int((crystals > 0).sum())
    several = (crystals > 1).sum() / hits
    assert expected_multi(hits, crystals.size, hits) == pytest.approx(several, rel=0.02)


@pytest.mark.parametrize(("hits", "images", "single"), [(0, 10, 0), (10, 10, 5)])
def test_nothing_is_expected_of_nothing(hits, images, single):
    assert expected_multi(hits, images, single) is None


def test_what_lies_outside_counts_at_the_ends():
    edges = np.array(RESOLUTION_EDGES)
    counts = histogram(np.array([0.1, 1.7, 500.0, math.inf]), edges)
    assert (counts[0], counts[-1], sum(counts)) == (1, 2, 4)


def test_cells_lie_about_their_median():
    cells = np.random.default_rng(2).normal((79, 79, 38, 90, 90, 90), 0.2, (500, 6))
    found = cell_histograms(cells)
    assert len(found) == 6
    for item, middle in zip(found, (79, 79, 38, 90, 90, 90), strict=True):
        assert sum(item.counts) == 500
        assert item.first < middle < item.last
    assert cell_histograms(np.zeros((0, 6))) == []
