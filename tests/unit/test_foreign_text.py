"""Names from outside: on a terminal, as keys, and at the door."""

from __future__ import annotations

import ast
import json
import unicodedata
from pathlib import Path

import h5py
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.foreign_text import (
    MAX_KEY_BYTES,
    cleaned,
    is_name,
    key_name,
    plain,
    plain_text,
)

COMMANDS = Path(__file__).parents[2] / "recorder" / "commands"
# OSC and BEL, a line of its own, colours, a C1 command, the direction of writing
WICKED = [
    "\x1b]0;title\x07",
    "x\nRun 99: sealed, success",
    "x\rRun 99",
    "\x1b[2J\x1b[31m",
    "\x9b31m",
    "\u202eevil\u2066",
    "a\u2028b\u2029c\x85d",
    "\0",
    "\ud800",
    "\x7f",
]
TEXTS = st.one_of(
    st.sampled_from(WICKED),
    st.text(),
    st.text(st.sampled_from("\x1b\x07\n\r\t\0\x9b\u202e\u2028\ud800\\x1 a/é.%A")),
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("lyso 5 µm ✓", "lyso 5 µm ✓"),
        ("\x1b]0;t\x07", "\\x1b]0;t\\x07"),
        ("a\nRun 99: sealed", "a\\x0aRun 99: sealed"),
        ("\u202eevil", "\\u202eevil"),
        ("\ud800", "\\ud800"),
        ("a\u00a0b", "a b"),
        (None, "None"),
    ],
)
def test_what_is_shown(text, shown):
    assert plain(text) == shown


@given(TEXTS)
def test_a_line_stays_a_line_that_a_terminal_only_shows(text):
    line = plain(text)
    assert len(line.splitlines()) <= 1
    assert line.isprintable()
    line.encode()  # no lone surrogates
    assert plain(line) == line
    if text.isprintable():
        assert line == text


@given(st.lists(TEXTS, max_size=4))
def test_our_own_lines_stay(texts):
    lines = [plain(text) for text in texts]
    assert plain_text("\n".join(lines)) == "\n".join(lines)


@given(TEXTS)
def test_a_comment_keeps_its_lines_and_nothing_else_that_is_no_text(text):
    kept = cleaned(text)
    controls = {c for c in kept if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")}
    assert controls <= {"\n", "\t"}
    assert is_name(kept.replace("\n", "").replace("\t", ""))
    assert cleaned(kept) == kept


@pytest.mark.parametrize("text", ["a\nb", "\x1b", "\0", "\ud800", "\x85", "\u2028"])
def test_names_hold_no_control_characters(text):
    assert not is_name(text)


def test_other_names_are_good():
    assert is_name("mixed a, 5 µm — ✓ 🙂 \u0627\u200f")


# -- keys ------------------------------------------------------------------------------

NAMES = st.one_of(
    st.sampled_from(
        ["", ".", "..", "...", "/", "a/b", "a_b", "a%2Fb", "%", "%2E", "x" * 300]
    ),
    st.text(st.sampled_from("./%2EFa_\0\x1b\ud800é🙂- ")),
    st.text(),
    st.text(min_size=150, max_size=400),
)


@given(st.lists(NAMES, min_size=2, max_size=8, unique=True))
def test_different_names_have_different_keys(names):
    assert len({key_name(name) for name in names}) == len(names)


@given(NAMES)
def test_a_key_is_one_part_of_a_path(name):
    key = key_name(name)
    assert 0 < len(key.encode()) <= MAX_KEY_BYTES
    assert key not in (".", "..")
    assert key.isprintable()
    assert "/" not in key
    if name.isprintable() and not set(name) & set("/%") and name.strip("."):
        assert len(name.encode()) > MAX_KEY_BYTES or key == name


@pytest.mark.parametrize("length", [150, 200, 201, 400])
def test_long_names_that_begin_alike_differ(length):
    assert key_name("é" * length + "1") != key_name("é" * length + "2")


@given(st.lists(NAMES, min_size=1, max_size=6, unique=True))
def test_hdf5_takes_every_key(names):
    with h5py.File("x.h5", "w", driver="core", backing_store=False) as file:
        for n, name in enumerate(names):
            file[key_name(name)] = n
        assert [int(file[key_name(name)][()]) for name in names] == list(
            range(len(names))
        )
        assert len(file) == len(names)


# -- the commands ----------------------------------------------------------------------


def test_commands_print_through_one_place():
    """What ``commands/out.py`` has, and JSON itself."""
    found = []
    for path in sorted(COMMANDS.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or path.name == "out.py":
                continue
            called = ast.unparse(node.func)
            said = ast.unparse(node.args[0]) if node.args else ""
            if called in ("click.echo", "click.secho", "print") and not (
                said.startswith("json.dumps(")
            ):
                found.append(f"{path.name}: {called}({said})")
    assert found == [], "use say() of recorder.commands.out: it holds foreign text"


def test_json_has_no_control_characters(capsys):
    from recorder.commands.out import say_json

    say_json({name: name for name in WICKED})
    said = capsys.readouterr().out
    assert all(c.isprintable() or c == "\n" for c in said)
    assert json.loads(said) == {name: name for name in WICKED}
