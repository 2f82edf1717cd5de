"""After a restart images are classified with the mask and flat field of the header."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from recorder.classifying.setup import make_setup
from recorder.config import GeometrySection
from recorder.journal import Journal
from recorder.journal.series_headers import HEADER, pack_header, with_arrays
from recorder.records import ClassifierSetup, ClassifySettings, DetectorInfo
from tests.builders import SHAPE, new_run, payload, start


@pytest.fixture
def journal(tmp_path):
    journal = Journal(tmp_path / "journal.sqlite")
    yield journal
    journal.close()


MASK = np.random.default_rng(1).random(SHAPE) < 0.1
FLAT = np.random.default_rng(2).uniform(0.8, 1.2, SHAPE).astype(np.float32)
FLAT[3, 4], FLAT[5, 6] = np.nan, 0.0


def setup_of(series) -> ClassifierSetup:
    run = new_run("a", 1, 1, start=series, key=series.key)
    return make_setup(run, payload(), GeometrySection(), ClassifySettings())[0]


@pytest.mark.parametrize("mask", [None, MASK])
@pytest.mark.parametrize("flat", [None, FLAT])
@pytest.mark.parametrize("applied", [None, True, False])
def test_the_setup_is_the_same_after_a_restart(journal, mask, flat, applied):
    info = DetectorInfo(shape=SHAPE, flatfield_applied=applied)
    series = replace(start(mask=mask, flatfield=flat), info=info)
    journal.keep_snapshot("a", HEADER, 0, 0, pack_header(series))
    bare = replace(series, mask=None, flatfield=None)
    before, after = setup_of(series), setup_of(with_arrays(journal, "a", bare))
    for name in ("mask", "flatfield"):
        old, new = getattr(before, name), getattr(after, name)
        assert (old is None) == (new is None)
        if old is not None:
            np.testing.assert_array_equal(old, new)


def test_a_later_series_of_a_run_without_mask_has_none(journal):
    for series in (start(mask=MASK), start()):
        journal.keep_snapshot("a", HEADER, 0, 0, pack_header(series))
    assert with_arrays(journal, "a", start()).mask is None
    assert with_arrays(journal, "b", start()).mask is None


@pytest.mark.parametrize("cut", [slice(0, 100), slice(0, -200), slice(200, None)])
def test_a_damaged_header_keeps_nothing_from_starting(journal, cut, log_events):
    body = pack_header(start(mask=MASK, flatfield=FLAT))
    journal.keep_snapshot("a", HEADER, 0, 0, body[cut])
    assert with_arrays(journal, "a", start()).mask is None
    assert [found["event"] for found in log_events] == ["header_damaged"]


def test_only_runs_that_may_go_on_keep_their_headers(journal):
    for uid in "abc":
        journal.keep_snapshot(uid, HEADER, 0, 0, pack_header(start(mask=MASK)))
        journal.keep_snapshot(uid, "images", 0, 0, b"packed")
    journal.drop_snapshots_of_kind(HEADER, ["b"])
    kept = [with_arrays(journal, uid, start()).mask is not None for uid in "abc"]
    assert kept == [False, True, False]
    assert all(journal.snapshot(uid, "images", 0) for uid in "abc")


def test_a_mask_of_sixteen_megapixels_is_small():
    mask = np.random.default_rng(3).random((4096, 4096)) < 0.003
    assert len(pack_header(start(mask=mask))) < 400_000
