"""Histograms and expectations of the report."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.records.image_outcome import INDEXED, NON_HIT, NON_INDEXED_HIT
from recorder.reports.line import POINTS, line_report
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


@given(st.lists(st.integers(0, 9), max_size=3000))
def test_a_line_has_every_image_in_at_most_200_points(codes):
    outcome = np.array(codes, np.uint8)
    line = line_report(outcome)
    assert len(line.hits) == len(line.indexed) == len(line.classified) <= POINTS
    indexed = int((outcome == INDEXED).sum())
    hits = indexed + int((outcome == NON_INDEXED_HIT).sum())
    assert (sum(line.indexed), sum(line.hits)) == (indexed, hits)
    assert sum(line.classified) == hits + int((outcome == NON_HIT).sum())
    if line.step > 1:
        assert (len(line.hits) - 1) * line.step < len(codes) <= POINTS * line.step
