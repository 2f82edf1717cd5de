"""Names of experiments cannot lead out of the results folder."""

from __future__ import annotations

import ast
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.runs.folder_names import MAX_PART, run_folder, safe_part

ROOT = Path(__file__).parents[2]
# What leads elsewhere, ends a name early, or is one of these once it is normalised:
# U+2024 and U+FF0E become dots, U+FF0F a slash, U+212A a K.
WICKED = st.text(
    st.sampled_from(
        "./\\\0\n\r~-+ aZ0:*?\"'%$\u2024\u2025\uff0e\uff0f\u212a\u0301é\ud800"
    ),
    max_size=400,
)
KNOWN = st.sampled_from(
    [
        "",
        ".",
        "..",
        "...",
        "/",
        "//etc",
        "../..",
        "..\\..",
        "a/../../b",
        "\0",
        "~root",
        "C:\\x",
        "x" * 300,
        "é" * 300,
        "\u2025/\u2025",
        "-rf",
        ".hidden",
        " ",
        "a\n",
    ]
)
NAMES = st.one_of(KNOWN, WICKED, st.text(max_size=400))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("../../etc", "etc"),
        ("a/b\0c", "a_b_c"),
        (".hidden", "hidden"),
        ("café 5", "cafe_5"),
        ("", "unnamed"),
        (".", "unnamed"),
        ("..", "unnamed"),
        ("\uff0e\uff0e\uff0f", "unnamed"),
        ("..\\..\\x", "x"),
        (None, "unnamed"),
        ("x" * 300, "x" * 100),
        ("x" * 99 + "..y", "x" * 99),
    ],
)
def test_parts(name, expected):
    assert safe_part(name) == expected


@given(NAMES)
def test_a_part_is_one_plain_name(name):
    part = safe_part(name)
    assert 0 < len(part.encode()) <= MAX_PART
    assert part.isascii()
    assert part.isprintable()
    assert not set(part) & set("/\\\0 ")
    assert part[0] not in ".~"
    assert not part.endswith(".")
    assert PurePosixPath(part).parts == (part,)
    assert safe_part(part) == part


@given(
    NAMES,
    st.one_of(st.none(), st.integers(0, 2**31), NAMES),
    NAMES,
    st.integers(0, 2**31),
)
def test_folder_stays_inside(proposal, visit, experiment, number):
    folder = run_folder(proposal, visit, experiment, number)
    path = PurePosixPath(folder)
    assert len(path.parts) == 3
    assert ".." not in path.parts
    assert not path.is_absolute()
    assert str(path).isascii()
    results = Path("/srv/results")
    assert (results / folder).resolve().parents[2] == results.resolve()


@given(NAMES, NAMES)
def test_a_folder_can_be_made(tmp_path_factory, proposal, experiment):
    results = tmp_path_factory.mktemp("results")
    (results / run_folder(proposal, 1, experiment, 1)).mkdir(parents=True)
    made = [path for path in results.rglob("*") if path.is_dir()]
    assert len(made) == 3


def test_uids_of_messages_are_in_no_path():
    """Nothing but ``run_folder`` makes a path of what a message says.

    Each ``/`` and each joined path of the sinks and the service is looked through for
    a ``uid``: there is none.
    """
    found = []
    for path in sorted((ROOT / "recorder").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            divides = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)
            calls = isinstance(node, ast.Call) and (
                getattr(node.func, "attr", getattr(node.func, "id", ""))
                in ("Path", "joinpath", "with_name", "open", "with_suffix")
            )
            if (divides or calls) and "uid" in ast.unparse(node):
                found.append(f"{path.name}: {ast.unparse(node)}")
    assert found == []
