"""Whatever a worker is given, it answers, and the images around are the same."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import zmq
from hypothesis import given
from hypothesis import strategies as st

from recorder.pool import worker
from recorder.pool.jobs import UNREADABLE, Job
from recorder.pool.pool import Pool
from recorder.pool.wire import (
    DONE,
    FAILED,
    IMAGE,
    LESSON,
    READY,
    SETUP,
    ImageHead,
    image_message,
    make_head,
    read_answer,
    read_head,
    unpack_result,
)
from recorder.pool.worker import NOT_PREPARED, UNFORESEEN, Classifiers
from recorder.records import (
    Classification,
    ClassifierSetup,
    ClassifySettings,
    Geometry,
    Payload,
    Unprocessed,
    WorkLevel,
)
from tests.builders import SHAPE, bitshuffle_chunk, payload, working
from tests.servers import TIMEOUT_S

DETECTOR = Geometry(SHAPE, (75e-6, 75e-6), 0.1, (5.0, 6.0), 1.0)
SETUP_RECORD = ClassifierSetup(
    SHAPE, "uint16", DETECTOR, None, None, None, None, None, ClassifySettings()
)
GOOD = np.random.default_rng(5).poisson(3, SHAPE).astype("<u2")
CHUNK = bitshuffle_chunk(GOOD)
PAYLOADS = st.builds(
    Payload,
    st.one_of(st.binary(max_size=300), st.just(CHUNK), st.just(GOOD.tobytes())),
    st.sampled_from(
        ["raw", "bslz4", "lz4", "bszstd", "lz4block", "gzip", "gzip+shuffle", "", "x"]
    ),
    st.one_of(
        st.just(SHAPE),
        st.just(SHAPE[::-1]),
        st.tuples(st.integers(-3, 40), st.integers(-3, 40)),
    ),
    st.sampled_from(
        ["<u2", ">u2", "uint16", "|u1", "<u4", "<i2", "<i4", "<f4", "<u8", "O", "no"]
    ),
    st.booleans(),
)


def prepared() -> Classifiers:
    classifiers = Classifiers()
    classifiers.prepare(1, SETUP_RECORD)
    return classifiers


def asked(classifiers: Classifiers, made: Payload, setup: int = 1) -> list[bytes]:
    head = ImageHead(7, setup, 0, WorkLevel.FULL, 0)
    return answer(classifiers, image_message(head, made))


def answer(classifiers: Classifiers, message: list[bytes]) -> list[bytes]:
    """Kind, token and frames of the answer to a message."""
    kind, token, frames = read_answer(worker._answer(classifiers, message))
    return [kind, b"%d" % token, *map(bytes, frames)]


CLASSIFIERS = prepared()
EXPECTED = asked(CLASSIFIERS, Payload(CHUNK, "bslz4", SHAPE, "<u2"))


@given(PAYLOADS)
def test_any_image_has_an_outcome_and_the_next_is_the_same(made):
    kind, token, *rest = asked(CLASSIFIERS, made)
    assert token == b"7"
    if kind == DONE:
        assert isinstance(unpack_result(rest), Classification)
    else:
        assert kind == FAILED
        assert Unprocessed(rest[0].decode()) is not Unprocessed.WORKER_LOST
        assert rest[1]
    assert asked(CLASSIFIERS, Payload(CHUNK, "bslz4", SHAPE, "<u2")) == EXPECTED


@pytest.mark.parametrize("dtype", ["|u1", "<u4", "<i2", "<f4"])
@pytest.mark.parametrize("shape", [SHAPE, SHAPE[::-1], (1, 1)])
def test_a_first_image_of_another_kind_does_not_spoil_the_rest(dtype, shape):
    """The buffer is that of the set-up, not that of whatever comes first."""
    classifiers = prepared()
    odd = Payload(np.zeros(shape, dtype).tobytes(), "raw", shape, dtype)
    assert asked(classifiers, odd)[0] == FAILED
    good = Payload(CHUNK, "bslz4", SHAPE, "<u2")
    assert asked(classifiers, good) == EXPECTED


@pytest.mark.allow_error_log("step_failed")
def test_what_nobody_foresaw_is_the_outcome_of_that_image(monkeypatch, log_events):
    classifiers = prepared()

    def fail(*_: object) -> None:
        raise ZeroDivisionError("spots")

    monkeypatch.setattr(worker, "decode", fail)
    said = asked(classifiers, payload())
    lost = Unprocessed.WORKER_LOST.encode()
    assert said == [FAILED, b"7", lost, UNFORESEEN.encode()]
    assert "step_failed" in [event["event"] for event in log_events]
    monkeypatch.undo()
    assert asked(classifiers, payload())[0] == DONE


@pytest.mark.allow_error_log("step_failed")
@pytest.mark.parametrize(
    "frames", [[b"{}", b"", b""], [b"nonsense", b"", b""], [], [b"\xff"]]
)
def test_a_set_up_that_cannot_be_made_is_told_with_each_image(frames):
    classifiers = Classifiers()
    with worker.boundary("prepare to classify"):
        worker._brief(classifiers, [make_head(SETUP, 0, 1), *frames])
    kind, _, reason, text = asked(classifiers, payload())
    assert (kind, reason) == (FAILED, b"unsupported")
    assert text.decode() == NOT_PREPARED


@pytest.mark.allow_error_log("step_failed")
@given(st.lists(st.binary(max_size=40), max_size=5))
def test_any_message_is_answered(frames):
    for kind in (IMAGE, LESSON):
        assert answer(CLASSIFIERS, [make_head(kind, 7, 1), *frames])[1] == b"7"


@pytest.mark.allow_error_log("step_failed")
def test_an_answer_that_cannot_be_read_is_an_outcome():
    told: list[object] = []
    Job(1, payload(), told.append).answered([b"nonsense", b""])
    assert told == [(Unprocessed.WORKER_LOST, UNREADABLE)]


async def test_no_worker_dies_of_any_image():
    """The real processes: images of all kinds among good ones."""
    pool = Pool(2)
    setup = pool.add_setup(SETUP_RECORD)
    good = Payload(CHUNK, "bslz4", SHAPE, "<u2")
    odd = [
        replace(payload(), dtype="<u4", data=bytes(480)),
        replace(payload(), shape=SHAPE[::-1]),
        replace(payload(), dtype="nonsense"),
        replace(payload(), encoding="nonsense"),
        replace(payload(), data=b""),
        replace(good, data=CHUNK[:-9]),
        replace(good, data=bytes(12) + CHUNK[12:]),
        replace(payload(), shape=(-1, 5)),
        replace(payload(), shape=(10**6, 10**6)),
        replace(payload(), data=bytes(240), dtype="<f4"),
    ]
    found: dict[int, object] = {}
    offered = [
        item for pair in zip(odd, [good] * len(odd), strict=True) for item in pair
    ]
    async with working(pool):
        for n, item in enumerate(offered):
            pool.offer(setup, item, lambda what, n=n: found.update({n: what}))
        await pool.empty()
    assert pool.replaced == 0
    assert len(found) == len(offered)
    for n in range(0, len(offered), 2):
        reason, text = found[n]
        assert reason in (Unprocessed.CORRUPT, Unprocessed.UNSUPPORTED), text
        assert isinstance(found[n + 1], Classification)


def test_a_worker_ends_with_the_daemon_and_not_before(tmp_path: Path):
    """Its parent is compared with the one at the start, which may be process 1."""
    with zmq.Context() as context, context.socket(zmq.ROUTER) as socket:
        socket.linger = 0
        socket.rcvtimeo = int(1000 * TIMEOUT_S)
        socket.bind(address := f"ipc://{tmp_path}/pool")
        code = (
            "import sys; from recorder.pool import worker; worker.LOOK_MS = 20; "
            "worker.serve(sys.argv[1], int(sys.argv[2]))"
        )

        def begun(parent: int) -> subprocess.Popen[bytes]:
            arguments = [sys.executable, "-c", code, address, str(parent)]
            return subprocess.Popen(arguments)

        # not ours, as if the daemon had gone: it may end before it has said anything
        with begun(parent=os.getppid()) as orphan:
            assert orphan.wait(TIMEOUT_S) == 0
        with begun(parent=os.getpid()) as child:
            while (said := read_head(socket.recv_multipart()[1])).token != child.pid:
                assert said.kind == READY
            with pytest.raises(subprocess.TimeoutExpired):
                child.wait(0.5)  # 25 looks
            child.terminate()
