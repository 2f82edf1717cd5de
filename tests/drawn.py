"""Records as hypothesis draws them."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import strategies as st

from recorder.records import (
    Classification,
    Image,
    ImageClass,
    ImageOutcome,
    Lattice,
    SeriesKey,
    Unprocessed,
    WorkLevel,
)
from recorder.records.image_outcome import outcome_of

IDS = st.integers(0, 60)
COUNTS = st.integers(0, 10**6)
TIMES = st.none() | st.integers(0, 10**15)
NUMBERS = st.floats(-1e6, 1e6)


def lattices() -> st.SearchStrategy[Lattice]:
    """As the indexer finds them, and as an upstream analysis tells of them."""
    return st.builds(
        Lattice,
        cell=st.tuples(*[st.floats(0.001, 1e4)] * 6),
        vectors=st.just(()) | st.tuples(*[NUMBERS] * 9),
        spots=COUNTS,
        log10_nfa=st.just(math.nan) | st.floats(-1e4, 0),
        residual=st.just(math.nan) | st.floats(0, 1),
        found_by=st.sampled_from(["fast", "hard", "fitted", "upstream"]),
        cell_error=st.none() | st.tuples(*[st.floats(0, 10)] * 6),
    )


def classifications() -> st.SearchStrategy[Classification]:
    """With every digit, and with what only some images have."""
    return st.builds(
        Classification,
        image_class=st.sampled_from(ImageClass),
        spots=COUNTS,
        lattices=st.lists(lattices(), max_size=3).map(tuple),
        resolution=st.none() | NUMBERS,
        background=st.none() | NUMBERS,
        saturated_pixels=COUNTS,
        solvent=st.none() | NUMBERS,
        rings=COUNTS,
        lines=COUNTS,
        reason=st.text(max_size=20),
        learned=COUNTS,
        effort=st.sampled_from(WorkLevel),
        upstream=st.booleans(),
        before=st.none() | st.sampled_from(ImageClass),
        positions=st.none() | st.just(np.ones((2, 2), np.float32)),
    )


def images() -> st.SearchStrategy[Image]:
    """Number and times; no pixels."""
    return st.builds(
        Image,
        key=st.just(SeriesKey("eiger", 1, "a")),
        image_id=IDS,
        payload=st.none(),
        problem=st.none(),
        start_time_ns=TIMES,
        stop_time_ns=TIMES,
        received_ns=COUNTS,
        upstream=st.none(),
    )


def outcomes() -> st.SearchStrategy[ImageOutcome]:
    """What became of images, as the recorder makes it."""
    left = st.tuples(st.sampled_from(Unprocessed), st.text(max_size=20))
    return st.builds(outcome_of, images(), classifications() | left)
