"""Messages of daemon, nodes and workers: all of them travels, garbage is told."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
import zmq
from hypothesis import example, given
from hypothesis import strategies as st

from recorder.errors import WireError
from recorder.pool.answers import answers_in, told_by
from recorder.pool.backlog import Backlog
from recorder.pool.briefs import PackedBriefs
from recorder.pool.exchange import Exchange
from recorder.pool.jobs import UNREADABLE, Job
from recorder.pool.processes import Processes
from recorder.pool.share import Share
from recorder.pool.wire import (
    ANSWERS,
    ANSWERS_HEAD,
    DONE,
    FAILED,
    IMAGE,
    READY,
    Answer,
    Head,
    ImageHead,
    failed_answer,
    image_message,
    kind_of,
    make_head,
    pack_answer,
    pack_learned,
    pack_lesson,
    pack_result,
    pack_setup,
    read_answer,
    read_failure,
    read_head,
    read_image,
    token_of,
    unpack_learned,
    unpack_lesson,
    unpack_result,
    unpack_setup,
    with_token,
)
from recorder.records import (
    Classification,
    ClassifierSetup,
    ClassifySettings,
    Finding,
    FindingKind,
    Geometry,
    ImageClass,
    Lattice,
    Learned,
    LearnedBackground,
    Lesson,
    Payload,
    Place,
    Unprocessed,
    WorkLevel,
)
from tests.builders import SHAPE, payload

NUMBERS = st.integers(0, 2**64 - 1)
FRAMES = st.lists(st.binary(max_size=50), max_size=6)
KINDS = st.sampled_from([DONE, FAILED])
PAYLOADS = st.builds(
    Payload,
    st.binary(max_size=100),
    st.text(max_size=12),
    st.tuples(st.integers(-(2**40), 2**40), st.integers(-(2**40), 2**40)),
    st.text(max_size=8),
    st.booleans(),
)
IMAGE_HEADS = st.builds(
    ImageHead,
    NUMBERS,
    NUMBERS,
    NUMBERS,
    st.sampled_from(WorkLevel),
    st.integers(0, 2**32 - 1),
)


# -- heads and answers -----------------------------------------------------------------


@given(st.binary(min_size=1, max_size=1), NUMBERS, NUMBERS, NUMBERS, st.binary())
def test_a_head_is_read_as_it_was_made(kind, token, setup, number, body):
    head = make_head(kind, token, setup, number, body)
    assert read_head(head) == Head(kind, token, setup, number, body)
    assert (kind_of(head), token_of(memoryview(head))) == (kind, token)


@given(IMAGE_HEADS, PAYLOADS, NUMBERS)
def test_whoever_passes_a_job_on_changes_its_token_alone(head, image, token):
    message, data = image_message(head, image)
    again, found = read_image([with_token(message, token), data])
    assert again == head._replace(token=token)
    for field in fields(Payload):
        assert getattr(found, field.name) == getattr(image, field.name)


@given(KINDS, NUMBERS, FRAMES, NUMBERS)
@example(DONE, 1, [b"x" * 10_000, b"", b"y"], 2)
def test_an_answer_is_one_frame_with_its_parts(kind, token, frames, other):
    answer = pack_answer(kind, token, frames)
    assert read_answer(answer) == Answer(kind, token, frames)
    passed_on = with_token(memoryview(answer), other)
    assert read_answer(passed_on) == Answer(kind, other, frames)


@given(NUMBERS, st.sampled_from(Unprocessed), st.text(max_size=60))
def test_why_a_job_failed_travels(token, reason, text):
    answer = read_answer(failed_answer(token, reason, text))
    assert (answer.kind, answer.token) == (FAILED, token)
    said = text.encode(errors="replace").decode()
    assert read_failure(answer.frames) == (reason, said)


@given(st.binary(max_size=120), st.lists(st.binary(max_size=60), max_size=4))
def test_garbage_is_told_and_nothing_else(frame, frames):
    """As a frame, as the head of something known, and as what follows one."""
    readers: list[Any] = [
        lambda: read_head(frame),
        lambda: token_of(frame),
        lambda: with_token(frame, 1),
        lambda: read_answer(frame),
        lambda: read_answer(DONE + frame),
        lambda: read_image(frames),
        lambda: read_image([make_head(IMAGE, body=frame), b"pixels"]),
        lambda: read_failure(frames),
    ]
    for read in readers:
        try:
            read()
        except WireError as error:
            assert str(error)


@given(KINDS, NUMBERS, FRAMES, st.data())
def test_an_answer_that_is_cut_or_longer_is_none(kind, token, frames, data):
    answer = pack_answer(kind, token, frames)
    cut = data.draw(st.integers(0, len(answer) - 1))
    for wrong in (answer[:cut], answer + b"x"):
        with pytest.raises(WireError):
            read_answer(wrong)


# -- pixels are not copied -------------------------------------------------------------


@given(st.integers(0, 50), st.integers(1, 2000), st.integers(0, 300))
def test_a_message_of_the_detector_is_sent_whole_if_most_of_it_is_pixels(
    before, pixels, after
):
    frame = zmq.Frame(bytes(range(256)) * 10)
    whole = frame.buffer[: before + pixels + after]
    frame = zmq.Frame(bytes(whole))
    view = frame.buffer.toreadonly()[before : before + pixels]
    head = ImageHead(1, 2, 3, WorkLevel.FULL, 0)
    message = image_message(head, Payload(view, "raw", (1, pixels), "|u1"))
    sent_whole = before + after > 0 and before + after <= 0.1 * pixels
    assert len(message[1]) == (len(frame) if sent_whole else pixels)
    again, found = read_image([bytes(part) for part in message])
    assert (again, bytes(found.data)) == (head, bytes(view))


@pytest.mark.parametrize(
    "data", [memoryview(bytes(16))[::2], memoryview(bytes(16)).cast("H")]
)
def test_pixels_that_are_no_bytes_in_one_piece_are_told(data):
    head = ImageHead(1, 2, 3, WorkLevel.FULL, 0)
    with pytest.raises(WireError, match="one piece"):
        image_message(head, Payload(data, "raw", (1, 8), "|u1"))


# -- every field of every record -------------------------------------------------------

GEOMETRY = Geometry(SHAPE, (75e-6, 75e-6), 0.1, (5.0, 6.0), 1.0)
SETUP = ClassifierSetup(
    SHAPE, "uint16", None, None, None, None, None, None, ClassifySettings()
)
BACKGROUND = LearnedBackground(
    np.ones((2, 2), np.float32), np.zeros(SHAPE, np.bool_), 1.0
)
MISS = Classification(ImageClass.NON_HIT, 0)
LATTICE = Lattice((1.0,) * 3 + (90.0,) * 3, (1.0,) * 9, 20, -30.0, 0.001)
MASK = np.arange(120).reshape(SHAPE) % 7 == 0
CELL = (79.1, 79.1, 38.2, 90.0, 90.0, 90.0)

OTHER: dict[type, tuple[Any, dict[str, Any]]] = {
    ClassifierSetup: (
        SETUP,
        {
            "shape": (7, 9),
            "dtype": "uint32",
            "geometry": GEOMETRY,
            "cell": CELL,
            "space_group": "P43212",
            "mask": MASK,
            "flatfield": np.full(SHAPE, 0.9, np.float32),
            "saturation": 60000.0,
            "settings": ClassifySettings(gain=2.0),
            "flag": 65535,
        },
    ),
    LearnedBackground: (
        BACKGROUND,
        {
            "grid": np.full((3, 4), 0.5, np.float32),
            "bad": MASK,
            "gain": 2.0,
            "read_noise": 0.1,
            "underload": -3.0,
            "pedestal": 1.5,
            "measured_gain": 1.9,
            "images": 10,
            "non_hits": 7,
        },
    ),
    Learned: (
        Learned(1),
        {
            "number": 5,
            "background": BACKGROUND,
            "geometry": GEOMETRY,
            "cell": CELL,
            "cell_found": True,
            "images": 9,
            "lattice": "tP",
            "misfit": 0.001,
            "findings": (Finding(FindingKind.DRIFT, "it moves"),),
            "places": (Place(7, (1.5, 2.5), 0.1, 1.001),),
            "in_vain": 3,
            "resting": 2,
        },
    ),
    Lesson: (
        Lesson(1),
        {
            "number": 4,
            "images": (payload(1), payload(2)),
            "non_hits": 1,
            "hits": (np.ones((3, 2), np.float32), np.zeros((0, 2), np.float32)),
            "hit_ids": (8, 9),
            "used_at": 96.5,
            "last": True,
        },
    ),
    Classification: (
        MISS,
        {
            "image_class": ImageClass.INDEXED,
            "spots": 25,
            "lattices": (LATTICE, replace(LATTICE, log10_nfa=math.nan)),
            "resolution": 1.9,
            "background": 0.6,
            "saturated_pixels": 3,
            "solvent": 0.25,
            "rings": 4,
            "lines": 5,
            "reason": "constant",
            "learned": 6,
            "effort": WorkLevel.NO_RETRY,
            "upstream": True,
            "before": ImageClass.NON_HIT,
            "positions": np.arange(8, dtype=np.float32).reshape(4, 2),
        },
    ),
}


def travelled(record: Any) -> Any:
    """The record at the other end."""
    packs: dict[type, tuple[Any, Any]] = {
        ClassifierSetup: (pack_setup, unpack_setup),
        Learned: (pack_learned, unpack_learned),
        Lesson: (pack_lesson, unpack_lesson),
        Classification: (pack_result, unpack_result),
    }
    if isinstance(record, LearnedBackground):
        return travelled(Learned(1, record)).background
    pack, unpack = packs[type(record)]
    frames = pack(record)
    # as bytes, and as they come out of an answer: large parts as views
    assert plain(unpack(list(map(bytes, frames)))) == plain(record)
    return unpack(list(map(memoryview, map(bytes, frames))))


def plain(value: Any) -> Any:
    """Something that compares by value."""
    if isinstance(value, np.ndarray):
        return value.shape, value.dtype.str, value.tobytes()
    if isinstance(value, float) and math.isnan(value):
        return "nan"
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if isinstance(value, memoryview):
        return bytes(value)
    if hasattr(value, "__dataclass_fields__"):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    return value


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        pytest.param(kind, field.name, id=f"{kind.__name__}.{field.name}")
        for kind in OTHER
        for field in fields(kind)
    ],
)
def test_every_field_travels(kind, name):
    """A field that is new has to be packed, and named here."""
    base, others = OTHER[kind]
    changed = replace(base, **{name: others[name]})
    if kind is ClassifierSetup and name in ("mask", "flatfield"):
        changed = replace(changed, shape=SHAPE)
    if kind is Lesson and name == "hit_ids":
        changed = replace(changed, hits=others["hits"])
    assert plain(changed) != plain(base)
    assert plain(travelled(changed)) == plain(changed)


@pytest.mark.parametrize("kind", OTHER)
def test_all_fields_travel_together(kind):
    base, others = OTHER[kind]
    whole = replace(base, **others)
    if kind is ClassifierSetup:
        whole = replace(whole, shape=SHAPE)
    assert plain(travelled(whole)) == plain(whole)


# -- what a pool does with garbage -----------------------------------------------------

GARBAGE = st.one_of(
    st.lists(st.binary(max_size=40), max_size=4),
    st.builds(
        lambda kind, rest: [make_head(kind, 1), *rest],
        st.sampled_from([ANSWERS, IMAGE, READY, b"?"]),
        st.lists(st.binary(max_size=40), max_size=4),
    ),
    st.builds(lambda n: [ANSWERS_HEAD, pack_answer(DONE, n, [b"late"])], NUMBERS),
)


@pytest.mark.allow_error_log("worker_unreadable", "lines_left_out")
@given(st.lists(GARBAGE, min_size=1, max_size=6))
def test_a_pool_counts_what_it_cannot_read_and_goes_on(messages):
    backlog = Backlog(1000)
    work = Share(backlog)
    pool = Processes(work, 1, 60.0, 2, PackedBriefs(work))
    pool._wire = Exchange("router", "ipc://not-bound", pool._received)
    pool._received([[b"nobody", *frames] for frames in messages])
    assert (pool.held, pool.ready, len(backlog)) == (0, 0, 0)
    assert 0 <= pool.unreadable <= len(messages)


def test_good_answers_among_bad_ones_are_read():
    good = [pack_answer(DONE, n, [b"x"]) for n in range(3)]
    answers, problems = answers_in([good[0], b"", good[1], good[2][:-1], good[2]])
    assert [answer.token for answer in answers] == [0, 1, 2]
    assert len(problems) == 2


@pytest.mark.allow_error_log("step_failed")
@pytest.mark.parametrize(
    "answer",
    [
        Answer(FAILED, 1, []),
        Answer(FAILED, 1, [b"no reason of ours", b"text"]),
        Answer(FAILED, 1, [b"\xff", b"text"]),
        Answer(DONE, 1, []),
        Answer(DONE, 1, [b"{}", b""]),
        Answer(DONE, 1, [b"nonsense", b"\x00"]),
    ],
)
def test_an_answer_whose_parts_are_garbage_is_an_outcome(answer):
    told: list[object] = []
    told_by(answer, Job(1, payload(), told.append))()
    assert told == [(Unprocessed.WORKER_LOST, UNREADABLE)]
