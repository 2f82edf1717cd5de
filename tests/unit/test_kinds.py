"""One image of another kind costs itself; the header decides, or most images."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.classifying.dispatch import Dispatch
from recorder.classifying.kinds import (
    CONFIRMED,
    LATEST,
    MOST_HELD,
    ImageKinds,
    Kind,
    header_kind,
    kind_of,
)
from recorder.config import Settings
from recorder.errors import UnsupportedImageError
from recorder.journal import Journal
from recorder.journal.writer import JournalWriter
from recorder.live.runs import LiveRuns
from recorder.pool.pool import Pool
from recorder.records import DetectorInfo, Image, Payload, RunState, Unprocessed
from recorder.sources.pixels import pixel_dtype
from tests.builders import SHAPE, image, new_run, payload, start, working

WIDE, DEEP, OTHER = Kind(SHAPE, "uint16"), Kind(SHAPE, "uint32"), Kind((3, 4), "uint8")


def pixels(kind: Kind) -> Payload:
    data = np.zeros(kind.shape, kind.dtype).tobytes()
    return Payload(data, "raw", kind.shape, kind.dtype)


# -- the decision ----------------------------------------------------------------------


def decided(header: Kind | None, *kinds: Kind) -> Kind | None:
    found = ImageKinds(header)
    for kind in kinds:
        found.add(kind)
    found.settle()
    return found.kind


@pytest.mark.parametrize("odd", range(1, MOST_HELD))
def test_the_header_decides_however_many_odd_ones_come_first(odd):
    assert decided(WIDE, *[DEEP] * odd, *[WIDE] * 20) == WIDE


def test_a_header_that_all_images_contradict_is_not_believed():
    assert decided(WIDE, *[DEEP] * MOST_HELD) == DEEP
    assert decided(WIDE, DEEP) == DEEP


@given(st.permutations([DEEP, OTHER, *[WIDE] * CONFIRMED]))
def test_without_a_header_most_decide(kinds):
    assert decided(None, *kinds) == WIDE


def test_later_most_of_the_latest_decide():
    kinds = ImageKinds(WIDE)
    for kind in [WIDE] * 100 + [DEEP] * (LATEST // 2):
        kinds.add(kind)
    assert kinds.kind == WIDE
    kinds.add(DEEP)
    assert kinds.kind == DEEP


def test_a_stream_of_two_kinds_does_not_ask_for_ever():
    kinds, changes, last = ImageKinds(None), 0, None
    for n in range(5000):
        kinds.add((WIDE, DEEP)[n // 40 % 2])
        changes += kinds.kind != last
        last = kinds.kind
    assert changes <= 6


def test_what_a_header_must_say_to_decide():
    assert header_kind(DetectorInfo(shape=SHAPE, dtype="uint16")) == WIDE
    for info in (None, DetectorInfo(shape=SHAPE), DetectorInfo(SHAPE, "float32")):
        assert header_kind(info) is None


@pytest.mark.parametrize("dtype", ["float32", "<f4", "nonsense", "(", "", "O", 7])
def test_a_type_that_is_not_read_is_named(dtype):
    payload = Payload(b"", "raw", SHAPE, dtype)
    with pytest.raises(UnsupportedImageError, match="pixel type") as by_kind:
        kind_of(payload)
    with pytest.raises(UnsupportedImageError) as by_decoder:
        pixel_dtype(payload)
    assert str(by_kind.value) == str(by_decoder.value)


# -- what becomes of the images --------------------------------------------------------


class Bench:
    """A dispatch whose pool classifies within this process."""

    def __init__(self, tmp_path, header: Kind | None) -> None:
        self.settings = Settings(pool={"workers": 0}, mqtt={"enabled": False})
        self.journal = Journal(tmp_path / "journal.sqlite")
        self.pool = Pool(0)
        writer = JournalWriter(self.journal, lambda: None, 1000)
        self.dispatch = Dispatch(self.settings, self.pool, writer, LiveRuns(lambda: 0))
        info = DetectorInfo(
            shape=header.shape if header else None,
            dtype=header.dtype if header else None,
        )
        series = replace(start(), info=info)
        self.run = new_run(start=series, key=series.key, state=RunState.OPEN)

    def feed(self, *payloads: Payload) -> None:
        for pixels_ in payloads:
            made: Image = replace(image(self.run.images.size), payload=pixels_)
            self.run.images.receive(made.image_id, None)
            self.dispatch.classify(self.run, made, wait=True)

    async def end(self) -> list[int]:
        """Ids of the images that were left out, once all are done with."""
        self.run.state = RunState.DRAINING
        self.dispatch.settle([self.run])
        async with working(self.pool):
            await self.pool.empty()
        self.journal.close()
        assert self.run.images.pending == 0
        codes = self.run.images.column("outcome")
        return [n for n, code in enumerate(codes) if code >= FIRST_PROBLEM]


FIRST_PROBLEM = 5
"""Code of the first outcome that is no class."""


@pytest.mark.parametrize("header", [WIDE, None])
@pytest.mark.parametrize("odd", [DEEP, OTHER])
async def test_a_first_image_of_another_kind_costs_itself(tmp_path, header, odd):
    bench = Bench(tmp_path, header)
    bench.feed(pixels(odd), *[pixels(WIDE)] * 19)
    assert await bench.end() == [0]
    assert bench.run.images.outcomes[Unprocessed.CORRUPT] == 1
    assert not [note for note in bench.run.notes if "expected were" in note]


async def test_a_header_that_is_wrong_costs_no_image(tmp_path, log_events):
    bench = Bench(tmp_path, DEEP)
    bench.feed(*[pixels(WIDE)] * 20)
    assert await bench.end() == []
    assert [note for note in bench.run.notes if "expected were" in note]
    (said,) = [e for e in log_events if e["event"] == "setup_made_anew"]
    assert "uint16" in said["images"]


@pytest.mark.parametrize("count", [1, 2])
async def test_a_run_of_few_images_is_decided_at_its_end(tmp_path, count):
    bench = Bench(tmp_path, None)
    bench.feed(*[pixels(WIDE)] * count)
    assert await bench.end() == []


async def test_what_is_held_goes_on_when_the_run_is_announced(tmp_path):
    bench = Bench(tmp_path, WIDE)
    bench.feed(pixels(DEEP))
    bench.dispatch.forget(bench.run)
    bench.feed(*[pixels(WIDE)] * 3)
    assert await bench.end() == [0]


@given(
    st.lists(
        st.sampled_from([pixels(DEEP), pixels(OTHER), Payload(b"", "x", SHAPE, "<f8")]),
        max_size=MOST_HELD - 1,
    ),
    st.randoms(use_true_random=False),
)
def test_images_of_another_kind_change_nothing_for_the_others(bad, random):
    """Wherever they come: each of the good ones is classified, each bad one named."""
    kinds = ImageKinds(WIDE)
    mixed = [(item, False) for item in bad] + [(payload(), True)] * 30
    random.shuffle(mixed)
    held, taken, refused = [], 0, 0
    for item, good in mixed:
        try:
            kind = kind_of(item)
        except UnsupportedImageError:
            refused += 1
            continue
        kinds.add(kind)
        if kind == kinds.kind:
            assert good
            taken += 1
        else:
            held.append(kind)
    assert kinds.kind == WIDE
    assert (taken, refused + len(held)) == (30, len(bad))


async def test_a_set_up_that_was_dropped_meanwhile_is_made_anew(tmp_path):
    bench = Bench(tmp_path, WIDE)
    bench.feed(pixels(WIDE))
    async with working(bench.pool):
        await bench.pool.empty()
    setup = bench.pool._backlog.setup(1)
    for _ in range(20):
        bench.pool.add_setup(setup)
    assert not bench.pool.knows(1)
    bench.feed(pixels(WIDE))
    assert await bench.end() == []
