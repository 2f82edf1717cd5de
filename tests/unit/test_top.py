"""`recorder top`: its picture from made-up moments, of any size and with ugly text."""

from __future__ import annotations

import io
import json
import re
import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from recorder.records.live import LivePool
from recorder.records.live_json import live_from_json, live_to_json
from recorder.records.live_node import LiveNode
from recorder.runtime.live_file import told_live_folder
from recorder.terminal.head import sources
from recorder.terminal.marks import ASCII, UNICODE, bar, grouped, line, rate, spark
from recorder.terminal.moment import Moment
from recorder.terminal.picture import picture
from recorder.web.shapes import Now, Slow
from tests.live_states import live_state, moment

UGLY = [
    "\x1b[31mred\x1b[0m",
    "[bold]markup[/bold] :boom:",
    "a\nb\rc\td",
    "\u202eright to left\u2066",
    "\x9b31m\x07",
    "名" * 150,
    "x" * 300,
    "\ud800 lone",
    "",
]
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
SIZES = [(80, 24), (80, 50), (200, 50), (40, 10), (20, 3), (151, 24)]


def drawn(shown: Moment, width: int, height: int | None, *, colour: bool) -> str:
    out = io.StringIO()
    console = Console(
        file=out,
        width=width,
        force_terminal=colour,
        color_system="truecolor" if colour else None,
        no_color=not colour,
    )
    for text in picture(shown, width, height):
        console.print(text, soft_wrap=True)
    return out.getvalue()


def harmless(text: str) -> bool:
    """Nothing in it but printable text, line ends and colours of ours."""
    rest = COLOUR.sub("", text)
    return all(unicodedata.category(c)[0] != "C" for c in rest if c != "\n")


@pytest.mark.parametrize("size", SIZES)
def test_each_picture_fills_the_terminal_exactly_and_no_more(size):
    width, height = size
    found = picture(moment(), width, height)
    assert len(found) <= height
    assert {text.cell_len for text in found} == {width}


@pytest.mark.parametrize("size", [*SIZES, (80, None), (200, None)])
@pytest.mark.parametrize("text", UGLY)
def test_foreign_text_gives_the_terminal_no_command(text, size):
    for colour in (True, False):
        found = drawn(moment(text), *size, colour=colour)
        assert harmless(found)
        assert colour or "\x1b" not in found
    if size[1]:
        lines = picture(moment(text), *size)
        assert {found.cell_len for found in lines} == {size[0]}


@given(st.text(st.characters(exclude_categories=[]), max_size=40))
def test_law_no_text_whatever_reaches_the_terminal_as_a_command(text):
    assert harmless(drawn(moment(text), 100, 40, colour=True))


def test_markup_is_shown_and_not_obeyed():
    found = drawn(moment("[bold]x[/bold]"), 200, None, colour=False)
    assert "[bold]x[/bold]" in found


def test_counts_and_intervals_of_the_four_windows_stand_there():
    found = drawn(moment(), 80, None, colour=False)
    for text in (
        "1,000",
        "3,000",
        "3,560",
        "123,560",
        "18.6\u201321.5",
        "66.2\u201373.5",
    ):
        assert text in found
    assert "+1.9 points -0.8 to +4.5" in found
    assert "misfires 4 of 1800" in found


def test_the_worst_alarm_is_first_and_what_was_cleared_is_not_there():
    found = drawn(moment(), 80, None, colour=False)
    assert found.index("Hit rate fell") < found.index("an amber one")
    assert "cleared" not in found
    assert "Perhaps the jet moved" in found


def test_nodes_are_one_part_and_the_trouble_of_three_is_told():
    """However many there are: a terminal has few lines."""
    found = drawn(moment(), 200, None, colour=False)
    assert "nodes 1 of 2 7 workers 21 held" in found
    ill = [LiveNode(f"n{n}", "h", "away", 1, problem="gone") for n in range(9)]
    live = replace(live_state(), pool=LivePool(nodes=tuple(ill)))
    told = "\n".join(str(line) for line in sources(live, 200))
    assert told.count("gone") == 3
    assert "nodes 0 of 9" in told


def test_time_points_have_target_share_and_time_left():
    found = drawn(moment(), 80, 24, colour=False)
    assert re.search(r"3 ms .*1,880 / 3,000 +63 % +ETA 240 s", found)
    assert re.search(r"100 ms .*40 of 181 hits", found)


def test_runs_have_the_bar_of_three_and_their_proof():
    found = drawn(moment(), 200, None, colour=False)
    assert "4,203 indexed 14.0 % | 1,806 non-indexed hits 6.0 %" in found
    assert "10,000/10,000 accounted, DCG 2, DC 123, chain written" in found


def test_a_state_that_grows_old_says_so_and_all_numbers_are_grey():
    old = moment(daemon="stale", age_s=12.0)
    found = picture(old, 80, 24)
    assert "NO NEW STATE for 12 s" in found[0].plain
    assert all(text.style == "grey50" for text in found[1:])
    assert not any(text.style == "grey50" for text in picture(moment(), 80, 24))


@pytest.mark.parametrize("daemon", ["gone", "none"])
def test_without_a_daemon_the_journal_alone_is_shown(daemon):
    shown = moment(daemon=daemon, age_s=None)
    found = drawn(shown, 80, None, colour=False)
    assert "NO DAEMON" in found
    assert "latest run 3: sealed, success" in found
    assert re.search(r"run +9,998 +20\.1 %", found)
    assert "9.1 %" not in found  # the window of one that ended is nobody's now
    assert "hit rate over 9,998 images, highest 29.5 %" in found
    head = found.splitlines().index("hit rate over 9,998 images, highest 29.5 %")
    levels = set(found.splitlines()[head + 1])
    assert len(levels & set(UNICODE.levels)) > 3, "a line, not a bar"


def test_nothing_at_all_is_a_picture_too():
    empty = Moment(Now("none"), Slow(complete=True, problem="no journal there"))
    found = drawn(empty, 80, 24, colour=False)
    assert "nothing recorded" in found
    assert "no journal there" in found


def test_impossible_counts_are_no_rate():
    assert rate(5, 3, UNICODE) == rate(-1, 3, UNICODE) == "-"


@given(
    st.lists(st.integers(0, 10**9), min_size=3, max_size=3),
    st.integers(0, 2 * 10**9),
    st.integers(0, 60),
)
def test_law_a_bar_has_its_width_and_hides_nothing(numbers, whole, width):
    pieces = [(n, c, "") for n, c in zip(numbers, "abc", strict=True)]
    text = line(*bar(pieces, whole, width)).plain
    assert len(text) == width
    if width >= 10 and whole >= sum(numbers):
        assert all((c in text) == (n > 0) for n, c, _ in pieces[:1])


@given(st.lists(st.integers(0, 100), max_size=400), st.integers(1, 90))
def test_law_neighbours_are_summed_and_none_is_lost(values, width):
    found = grouped(values, width)
    assert sum(found) == sum(values)
    assert len(found) <= max(width, 1)


def test_where_nothing_came_the_line_has_a_hole():
    assert spark([0, 5, 0, 10], [0, 10, 10, 10], UNICODE) == " ▅▁█"


def test_a_terminal_without_unicode_gets_ascii():
    lines = picture(moment(), 200, 50, ASCII)
    assert all(text.plain.isascii() for text in lines)


def test_the_state_of_a_file_gives_the_same_picture():
    read = live_from_json(live_to_json(live_state()))
    assert picture(moment(live=read), 80, 24) == picture(moment(), 80, 24)


def test_the_live_folder_is_where_the_daemon_says(tmp_path, monkeypatch):
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    assert told_live_folder(tmp_path) == tmp_path / "live"
    for told, folder in (("/run/recorder", Path("/run/recorder")), (7, None)):
        (tmp_path / "status.json").write_text(json.dumps({"live": told}))
        assert told_live_folder(tmp_path) == (folder or tmp_path / "live")
