"""The number of examples that a law gets is scaled, and said by the profile alone."""

from __future__ import annotations

import hypothesis
import pytest

from tests.laws import FEW, LONG, PROFILE, USUAL, examples


@pytest.mark.parametrize(
    ("usual", "profile", "number"),
    [
        (150, "usual", 150),
        (150, "few", FEW),
        (3, "few", 3),
        (150, "long", LONG * 150),
    ],
)
def test_a_profile_scales_what_a_law_asks_for(usual, profile, number):
    assert examples(usual, profile) == number


def test_laws_that_say_nothing_follow_the_profile():
    now = hypothesis.settings()
    assert now.max_examples == examples(USUAL, PROFILE)
    assert now.derandomize == (PROFILE != "long")
