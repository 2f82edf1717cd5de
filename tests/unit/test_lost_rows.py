"""Rows lost anywhere: no clock breaks for it, and the way is not sought again."""

from __future__ import annotations

from unittest.mock import patch

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from benchmarks.timeline.cells import CAPTURED, OWN_JITTER, Cell, pump_probe
from benchmarks.timeline.score import Score, score
from recorder.simulate.timing.faults import Faults
from recorder.ssx.matching import matcher
from tests.laws import examples

RATE_HZ = 925.0


def lost_rows(
    share: float, evidence: str, seed: int, triggers: int = 1500, **faults: float
) -> tuple[Score, int]:
    """The score of a run, and how often the first trigger of images was sought."""
    cell = Cell(
        "light:dark 1:1",
        pump_probe(RATE_HZ, triggers, 2, 3e-4),
        RATE_HZ,
        triggers,
        Faults(lost=1e-3, skew=50.0, **faults),  # type: ignore[arg-type]
        "rows lost",
        evidence,
        rows={"some_lost": share},
        seed=seed,
    )
    sought = matcher.find_start_candidates
    with patch.object(matcher, "find_start_candidates", wraps=sought) as counted:
        return score(cell), counted.call_count


@settings(max_examples=examples(15))
@given(
    st.floats(0.01, 0.6),
    st.sampled_from([CAPTURED, OWN_JITTER]),
    st.sampled_from([1e-7, 3e-6, 3e-5]),
    st.integers(0, 10**6),
)
@example(0.1, OWN_JITTER, 3e-6, 1)
@example(0.5, OWN_JITTER, 3e-6, 1)
@example(0.5, CAPTURED, 3e-6, 1)
def test_a_missing_row_breaks_no_clock(
    share: float, evidence: str, jitter: float, seed: int
):
    """Times between rows that scatter cannot be worked out: that says nothing of the
    clocks. Each search costs as much as 10 000 images: two or three, not hundreds; a
    few more where the first images fit none of the times worked out."""
    found, searches = lost_rows(share, evidence, seed, jitter=jitter)
    assert (found.wrong, found.breaks) == (0, 0)
    assert searches <= (3 if jitter < 1e-5 else 25)


@pytest.mark.parametrize("step_s", [4e-4, -0.0301])
@pytest.mark.parametrize("share", [0.1, 0.5])
def test_a_clock_that_jumps_among_missing_rows_is_still_seen(
    share: float, step_s: float
):
    step = {"step": (1.0, step_s)}
    found, _ = lost_rows(share, OWN_JITTER, 1, 2000, jitter=3e-6, **step)  # type: ignore[arg-type]
    assert (found.wrong, found.unknown, found.breaks) == (0, 0, 1)
