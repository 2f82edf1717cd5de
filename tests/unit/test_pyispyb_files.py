"""The files that py-ISPyB reads, as anybody may have written them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydantic import ValidationError

from recorder.ispyb.reading.histograms import histogram
from recorder.ispyb.reading.named_files import FileOwner, FileRoots, NamedFile
from recorder.ispyb.reading.result_files import (
    WHOLE,
    cells_of,
    parse_stats,
    read_cells,
    read_stats,
)
from recorder.runtime.throttle import Throttle

CELL = [79.1, 79.2, 38.3, 90.0, 90.0, 90.0]
STATS = {"nbHits": 9, "nbIndexed": 4, "laticeType": "tP", "estimatedResolution": 1.8}


LINES = Throttle()


def named(path: Path | str, *below: Path) -> NamedFile:
    folders = below or (Path(path).parent,)
    return NamedFile(str(path), tuple(map(str, folders)), LINES)


def write(path: Path, value: Any) -> NamedFile:
    text = value if isinstance(value, str) else json.dumps(value)
    path.write_text(text, encoding="utf-8")
    return named(path)


def test_counts_are_read(tmp_path: Path) -> None:
    found = read_stats([write(tmp_path / "ssx_stats.json", STATS)])
    assert found is not None
    assert (found.nbHits, found.nbIndexed) == (9, 4)
    assert (found.laticeType, found.estimatedResolution) == ("tP", 1.8)


@pytest.mark.parametrize(
    "value",
    [
        "",
        '{"nbHits": 9, "nbInd',
        "[]",
        "[" * 100_000,
        {},
        {"nbHits": 9},
        {**STATS, "nbHits": None},
        {**STATS, "nbHits": -1},
        {**STATS, "nbHits": 1.5},
        {**STATS, "nbHits": True},
        {**STATS, "nbHits": 10**30},
        {**STATS, "nbIndexed": "4"},
    ],
)
def test_what_is_no_count_is_none_and_the_next_file_stands(
    tmp_path: Path, value: Any
) -> None:
    bad = write(tmp_path / "bad.json", value)
    good = write(tmp_path / "good.json", STATS)
    assert read_stats([bad]) is None
    found = read_stats([bad, good])
    assert found is not None
    assert found.nbHits == 9


@pytest.mark.parametrize("resolution", [None, "1.8 A", float("nan"), 10**400, []])
def test_what_is_no_resolution_is_a_placeholder(resolution: Any) -> None:
    body = json.dumps({**STATS, "estimatedResolution": resolution}).encode()
    found = parse_stats(body)
    assert found is not None
    assert found.estimatedResolution == 0.0


@given(st.binary(max_size=200))
def test_no_file_is_a_defect(body: bytes) -> None:
    parse_stats(body)


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "fifo", tmp_path, tmp_path / "none", Path("/dev/zero")):
        assert read_stats([named(path)]) is None
        assert len(read_cells([named(path)], 10)) == 0
    assert read_stats([named("/a\0b")]) is None


def test_rows_that_are_no_cells_are_left_out(tmp_path: Path) -> None:
    rows = [CELL, CELL[:5], [*CELL, 1.0], ["a"] * 6, [float("nan"), *CELL[1:]], None]
    path = write(tmp_path / "ssx_cells.json", {"unit_cells": rows})
    assert cells_of(path).tolist() == [CELL]


@pytest.mark.parametrize("value", ["", '{"unit_cells": [[1,2', {"cells": [CELL]}, [1]])
def test_half_a_file_of_cells_is_none(tmp_path: Path, value: Any) -> None:
    path = write(tmp_path / "ssx_cells.json", value)
    assert cells_of(path).shape == (0, 6)


def test_a_long_file_is_sampled_from_its_beginning_to_its_end(tmp_path: Path) -> None:
    count = 200_000
    rows = [[float(n), *CELL[1:]] for n in range(count)]
    path = write(tmp_path / "ssx_cells.json", {"unit_cells": rows})
    assert Path(path.path).stat().st_size > 2 * WHOLE
    first = cells_of(path)[:, 0]
    assert len(first) < count / 3
    assert set(first) <= set(map(float, range(count)))
    assert first.min() < 0.01 * count
    assert first.max() > 0.99 * count
    assert np.median(first) == pytest.approx(count / 2, rel=0.05)
    assert len(read_cells([path], 1000)) <= 1000


@given(arrays(np.float64, st.integers(1, 300), elements=st.floats(1.0, 500.0)))
def test_a_histogram_counts_what_is_near_and_its_median_all(
    values: np.ndarray[Any, np.dtype[np.float64]],
) -> None:
    found = histogram(values)
    assert found is not None
    assert (len(found.x), len(found.y)) == (51, 50)
    low, high = np.quantile(values, (0.25, 0.75))
    far = 1.5 * (high - low)
    assert sum(found.y) == ((values >= low - far) & (values <= high + far)).sum()
    assert found.median == np.median(values)
    assert list(found.x) == sorted(found.x)


def test_no_value_no_histogram() -> None:
    assert histogram(np.empty(0)) is None


# -- where files may lie ---------------------------------------------------------------

OURS = FileOwner("MX", "2345", 3)


@pytest.fixture
def roots(settings: Any, tmp_path: Path) -> Any:
    """Of folders of a facility; the recorder's own results are in the state folder."""

    def make(*folders: str) -> FileRoots:
        return FileRoots(settings(web={"file_roots": list(folders)}))

    return make


def cells_at(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, {"unit_cells": [CELL]})
    return path


@pytest.mark.parametrize(
    ("root", "place", "read"),
    [
        ("data/{proposal}", "data/mx2345/a/ssx_cells.json", True),
        ("data/{proposal}", "data/MX2345/ssx_cells.json", True),
        ("data/{proposal}", "data/mx9999/ssx_cells.json", False),
        ("data/{proposal}", "data/mx23456/ssx_cells.json", False),
        ("data/{proposal}", "data/ssx_cells.json", False),
        ("data/{number}/x", "data/2345/x/ssx_cells.json", True),
        ("data/{number}/x", "data/9999/x/ssx_cells.json", False),
        ("data", "data/mx9999/ssx_cells.json", True),  # as it was said
        ("data", "data2/ssx_cells.json", False),
        ("else", "state/results/mx2345-3/e/run001/ssx_cells.json", True),
        ("else", "state/results/mx2345-0/e/run001/ssx_cells.json", True),
        ("else", "state/results/mx2345-4/e/run001/ssx_cells.json", False),
        ("else", "state/results/mx9999-3/e/run001/ssx_cells.json", False),
        ("else", "state/ssx_cells.json", False),
    ],
)
def test_files_are_read_where_they_may_lie(
    roots: Any, tmp_path: Path, root: str, place: str, read: bool
) -> None:
    path = cells_at(tmp_path / place)
    file = roots(str(tmp_path / root)).named(str(path), OURS)
    assert (len(read_cells([file], 10)) == 1) is read


def test_no_link_and_no_dots_lead_elsewhere(
    roots: Any, tmp_path: Path, log_events: list[Any]
) -> None:
    theirs = cells_at(tmp_path / "data" / "mx9999" / "ssx_cells.json")
    mine = tmp_path / "data" / "mx2345"
    mine.mkdir()
    (mine / "ssx_cells.json").symlink_to(theirs)
    (mine / "there").symlink_to(theirs.parent)
    found = roots(str(tmp_path / "data" / "{proposal}"))
    for path in (
        mine / "ssx_cells.json",
        mine / "there" / "ssx_cells.json",
        mine / ".." / "mx9999" / "ssx_cells.json",
    ):
        assert len(read_cells([found.named(str(path), OURS)], 10)) == 0, path
    told = [e for e in log_events if e["event"] == "file_not_read"]
    assert len({e["path"] for e in told}) == 3
    assert "web.file_roots" in told[0]["hint"]


@pytest.mark.parametrize(
    "owner",
    [
        FileOwner(),
        FileOwner("..", ""),
        FileOwner("mx", "/../x"),
        FileOwner("", ""),
        FileOwner("{number}", "1"),
    ],
)
def test_what_is_no_name_of_a_proposal_has_no_files(
    roots: Any, tmp_path: Path, owner: FileOwner
) -> None:
    path = cells_at(tmp_path / "data" / "x" / "ssx_cells.json")
    file = roots(str(tmp_path / "data" / "{proposal}")).named(str(path), owner)
    assert len(read_cells([file], 10)) == 0


def test_a_root_that_is_a_link_is_what_it_leads_to(roots: Any, tmp_path: Path) -> None:
    path = cells_at(tmp_path / "disk7" / "mx2345" / "ssx_cells.json")
    (tmp_path / "data").symlink_to(tmp_path / "disk7")
    file = roots(str(tmp_path / "data" / "{proposal}")).named(str(path), OURS)
    assert len(read_cells([file], 10)) == 1


@pytest.mark.parametrize(
    "root", ["", "/", "data", "/data/../etc", "/a//b", "/{visit}", "/{proposal"]
)
def test_what_is_no_root_is_said(settings: Any, root: str) -> None:
    with pytest.raises(ValidationError, match="file_roots"):
        settings(web={"file_roots": [root]})
