"""Names of experiments cannot lead out of the results folder."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.paths import run_folder, safe_part


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("../../etc", "etc"),
        ("a/b\0c", "a_b_c"),
        (".hidden", "hidden"),
        ("café 5", "cafe_5"),
        ("", "unnamed"),
        (None, "unnamed"),
        ("x" * 300, "x" * 100),
    ],
)
def test_parts(name, expected):
    assert safe_part(name) == expected


@given(st.text(), st.text(), st.integers(0, 10**6))
def test_folder_stays_inside(proposal, experiment, number):
    path = PurePosixPath(run_folder(proposal, 1, experiment, number))
    assert len(path.parts) == 3
    assert ".." not in path.parts
    assert not path.is_absolute()
    assert str(path).isascii()
