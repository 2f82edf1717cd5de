"""What became of an image is the same in memory, between processes and on disk."""

from __future__ import annotations

import json
import math
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from recorder.pool.wire import pack_result, unpack_result
from recorder.records import (
    Classification,
    ImageClass,
    ImageOutcome,
    Lattice,
    NotProcessed,
    Unprocessed,
    WorkLevel,
)
from recorder.records.image_outcome import CODES, OUTCOMES, outcome_of, rounded
from recorder.records.outcome_codec import (
    JOURNAL_COLUMNS,
    decode_row,
    encode_row,
    lattice_to_json,
)
from tests.builders import image, outcome
from tests.drawn import classifications, outcomes

CELL = (79.1, 79.1, 38.2, 90.0, 90.0, 90.0)
VECTORS = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0)


def same(one: object, other: object) -> bool:
    """As ``==``, but NaN is as NaN; shows each number in full."""
    return repr(one) == repr(other)


@given(classifications())
def test_a_classification_travels_unchanged(found):
    again = unpack_result([bytes(frame) for frame in pack_result(found)])
    assert same(again, found)
    if found.positions is None:
        assert again.positions is None
    else:
        assert np.array_equal(again.positions, found.positions)


@given(outcomes())
def test_a_row_says_what_was_written(made):
    row = encode_row(made)
    assert len(row) == len(JOURNAL_COLUMNS)
    assert same(decode_row(row), made)
    if isinstance(made.result, Classification):
        assert same(rounded(made.result), made.result)
        assert made.result.positions is None


@given(classifications())
def test_what_is_kept_has_every_field_but_the_spots(found):
    """Numbers may lose digits; nothing else is left out on its way to the journal."""
    kept = rounded(found)
    exact = {"lattices", "positions", "resolution", "background", "solvent"}
    for field in fields(Classification):
        if field.name not in exact:
            assert getattr(kept, field.name) == getattr(found, field.name), field.name
    assert len(kept.lattices) == len(found.lattices)
    assert kept.positions is None


@given(outcomes())
def test_an_outcome_has_one_code_and_a_reason_or_a_class(made):
    assert OUTCOMES[made.code - CODES[OUTCOMES[0]]] is made.outcome
    assert (made.reason is None) == isinstance(made.outcome, ImageClass)
    if made.reason is not None:
        assert (made.found.spots, made.found.lattices) == (0, ())


def test_numbers_are_rounded_to_what_is_known():
    lattice = Lattice((79.123456,) * 6, (1.23456789,) * 9, 20, -30.126, 0.00123456789)
    found = Classification(ImageClass.INDEXED, 25, (lattice,), math.nan, math.inf)
    kept = outcome_of(image(3), found).found
    assert kept.lattices == (
        Lattice((79.1235,) * 6, (1.23457,) * 9, 20, -30.13, 0.0012346),
    )
    assert (kept.resolution, kept.background) == (None, None)


def test_what_upstream_does_not_tell_is_null():
    lattice = Lattice(CELL, (), 9, math.nan, math.nan, "upstream")
    assert lattice_to_json(lattice) == {
        "cell": CELL,
        "vectors": None,
        "spots": 9,
        "log10_nfa": None,
        "residual": None,
        "found_by": "upstream",
    }


@pytest.mark.parametrize(
    ("made", "detail"),
    [
        (outcome(1), None),
        (outcome(1, rings=3), None),  # it has a column
        (
            outcome(1, effort=WorkLevel.ONE_LATTICE, upstream=True),
            {"effort": 2, "upstream": True},
        ),
        (outcome(1, Unprocessed.CORRUPT, reason="cut"), {"reason": "cut"}),
    ],
)
def test_a_row_tells_only_what_is_not_as_expected(made, detail):
    text = encode_row(made)[JOURNAL_COLUMNS.index("detail")]
    assert (None if text is None else json.loads(text)) == detail


def old_row(name: str, detail: dict[str, Any] | None, **later: Any) -> Any:
    """A row as it stands in the table; format 1 had no solvent and no learned.

    The column of rings came with format 4: of a row from before it is 0.
    """
    solvent, learned = later.get("solvent"), later.get("learned", 0)
    text = None if detail is None else json.dumps(detail)
    return (7, name, 5, 6, 10, 25, 1.9, 0.5, 3, text, solvent, learned, 0)


FIRST = {
    "cell": list(CELL),
    "vectors": list(VECTORS),
    "spots": 20,
    "log10_nfa": -30.25,
    "residual": 0.0012,
}
LATTICE = Lattice(CELL, VECTORS, 20, -30.25, 0.0012)
UPSTREAM = {
    "cell": list(CELL),
    "vectors": None,
    "spots": 9,
    "log10_nfa": None,
    "residual": None,
    "found_by": "upstream",
}


@pytest.mark.parametrize(
    ("row", "result"),
    [
        pytest.param(
            old_row("indexed", {"lattices": [FIRST, FIRST], "rings": 0}),
            Classification(ImageClass.INDEXED, 25, (LATTICE, LATTICE), 1.9, 0.5, 3),
            id="format 1, indexed",
        ),
        pytest.param(
            old_row("non_indexed_hit", {"lattices": [], "rings": 12}),
            Classification(ImageClass.NON_INDEXED_HIT, 25, (), 1.9, 0.5, 3, rings=12),
            id="format 1, on a ring",
        ),
        pytest.param(
            old_row("non_hit", None),
            Classification(ImageClass.NON_HIT, 25, (), 1.9, 0.5, 3),
            id="format 1, no detail",
        ),
        pytest.param(
            old_row("corrupt", {"reason": "truncated"}),
            NotProcessed(Unprocessed.CORRUPT, "truncated"),
            id="format 1, unprocessed",
        ),
        pytest.param(
            old_row(
                "indexed",
                {"lattices": [{**FIRST, "found_by": "hard"}], "effort": 1},
                solvent=1.5,
                learned=2,
            ),
            Classification(
                ImageClass.INDEXED,
                25,
                (Lattice(CELL, VECTORS, 20, -30.25, 0.0012, "hard"),),
                1.9,
                0.5,
                3,
                1.5,
                learned=2,
                effort=WorkLevel.NO_RETRY,
            ),
            id="format 2, under overload",
        ),
        pytest.param(
            old_row("indexed", {"lattices": [UPSTREAM], "upstream": True}),
            Classification(
                ImageClass.INDEXED,
                25,
                (Lattice(CELL, (), 9, math.nan, math.nan, "upstream"),),
                1.9,
                0.5,
                3,
                upstream=True,
            ),
            id="format 3, upstream",
        ),
        pytest.param(
            old_row("indexed", {"upstream": True}, solvent=1.2),
            Classification(ImageClass.INDEXED, 25, (), 1.9, 0.5, 3, 1.2, upstream=True),
            id="format 3, upstream without a cell",
        ),
    ],
)
def test_rows_of_earlier_recorders_are_read(row, result):
    assert same(decode_row(row), ImageOutcome(7, result, 5, 6, 10))
