"""Nodes that are wrong: another version or key, garbage, lies, late, no room."""

from __future__ import annotations

import asyncio
import signal
import socket
import struct
import sys
import time

import pytest

from recorder.nodes import home as home_module
from recorder.nodes.keys import make_home_keys, make_node_keys
from recorder.nodes.members import STRIKES
from recorder.nodes.messages import BEAT, BYE, Beat, pack
from recorder.pool import wire_socket
from recorder.pool.wire import (
    DONE,
    IMAGE,
    answers_message,
    failed_answer,
    pack_answer,
    pack_result,
    token_of,
)
from recorder.records import Classification, ImageClass, Unprocessed
from tests.nodes import Field, NodeProcess, Peer, field, logs, rows

pytestmark = [pytest.mark.slow]
LIE = pack_result(Classification(ImageClass.NON_HIT, 0))


@pytest.fixture(scope="module", autouse=True)
def _rows() -> None:
    rows()  # before a test's own loop is there


@pytest.fixture
def peers():
    """Makes peers; closes them."""
    made: list[Peer] = []

    def make(address: str) -> Peer:
        made.append(Peer(address))
        return made[-1]

    yield make
    for one in made:
        one.close()


def beat(alive: int = 1, clock_ns: int | None = None) -> list[bytes]:
    now = time.time_ns() if clock_ns is None else clock_ns
    return pack(BEAT, Beat(0, 0, alive, now))


async def taken(made: Field, peer: Peer) -> int:
    """A peer takes part, and has an image that nobody else has: its token."""
    await peer.greet()
    await peer.receive(b"home.welcome")
    await peer.send(*beat())
    made.offer(1)
    return token_of((await peer.receive(IMAGE))[0])


# -- who is not let in -----------------------------------------------------------------


async def test_a_node_of_another_version_is_refused_and_told_what_to_do(
    tmp_path, monkeypatch, log_events
):
    monkeypatch.setattr(home_module, "program", lambda: "9.9+000000000000")
    async with field(tmp_path, workers=1) as made:
        node = made.node("--workers", "1")
        assert await node.ended() == 1
        told = node.text.splitlines()[-1]
        assert "home has 9.9+000000000000" in told
        assert "install the same package" in told
        assert made.live()["node-1"].state == "failing"
        (line,) = logs(log_events, "node_refused")
        assert line["node"] == "node-1"
        made.offer(8)
        await made.done()
        made.check()


async def test_another_wire_is_refused(tmp_path, peers):
    async with field(tmp_path) as made:
        peer = peers(made.address)
        await peer.greet(wire=99)
        frames = await peer.receive(b"home.refused")
        assert b"wire 99" in frames[1]


async def test_only_known_keys_are_let_in(tmp_path, log_events):
    """Of this home; a key made while it runs is let in, one of another home is not."""
    keys, others = tmp_path / "keys", tmp_path / "others"
    for folder in (keys, others):
        folder.mkdir()
        make_home_keys(folder)
    good = make_node_keys(keys, "good")
    wrong = make_node_keys(others, "wrong")
    (wrong / "server.public").write_bytes((keys / "server.public").read_bytes())
    async with field(tmp_path, address="tcp://127.0.0.1:*", keys=keys) as made:
        one = made.node("--workers", "1", "--keys", str(wrong))
        plain = made.node("--workers", "1")
        right = made.node("--workers", "1", "--keys", str(good))
        await made.ready("node-3")
        later = make_node_keys(keys, "later")
        made.node("--workers", "1", "--keys", str(later))
        await made.ready("node-3", "node-4")
        await made.until(lambda: logs(log_events, "node_refused"))
        made.offer(20)
        await made.done()
        made.check()
        assert set(made.live()) == {"node-3", "node-4"}
        assert "not known" in logs(log_events, "node_refused")[0]["error"]
        await made.until(lambda: "home_unheard" in one.text)
        assert "recorder cluster keys" in one.text
        await made.until(lambda: "home_unheard" in plain.text)
        assert "give --keys" in plain.text
        for refused in (one, plain):
            assert "step_failed" not in refused.text, "a wrong key is no defect"
        for node in (one, plain, right):
            node.send(signal.SIGTERM)
        assert [await node.ended() for node in (one, plain, right)] == [0, 0, 0]


async def test_a_home_with_another_key_hears_nothing(tmp_path):
    """A node proves who home is, too."""
    keys, others = tmp_path / "keys", tmp_path / "others"
    for folder in (keys, others):
        folder.mkdir()
        make_home_keys(folder)
    parcel = make_node_keys(keys, "good")
    (parcel / "server.public").write_bytes((others / "server.public").read_bytes())
    async with field(tmp_path, address="tcp://127.0.0.1:*", keys=keys) as made:
        node = made.node("--workers", "1", "--keys", str(parcel))
        await made.until(lambda: "home_unheard" in node.text)
        assert not made.live()


# -- who lies --------------------------------------------------------------------------


async def test_answers_for_jobs_of_others_are_dropped(tmp_path, peers, log_events):
    async with field(tmp_path) as made:
        honest, liar = peers(made.address), peers(made.address)
        token = await taken(made, honest)
        await liar.greet(boot="1" * 32, name="liar")
        await liar.receive(b"home.welcome")
        await liar.send(*answers_message([pack_answer(DONE, token, LIE)]))
        await made.until(lambda: logs(log_events, "node_nonsense"))
        assert made.finished == 0
        answer = failed_answer(token, Unprocessed.CORRUPT, "honest")
        await honest.send(*answers_message([answer, answer]))
        await made.done()
        assert made.outcomes[0] == [(Unprocessed.CORRUPT, "honest")]
        await made.until(lambda: len(logs(log_events, "node_nonsense")) == 2)


@pytest.mark.allow_error_log("node_lost")
async def test_who_goes_on_with_nonsense_is_refused(tmp_path, peers, log_events):
    """And what it had is done elsewhere, as if it had never been there."""
    async with field(tmp_path) as made:
        peer = peers(made.address)
        await taken(made, peer)
        for number in range(STRIKES):
            await peer.send(b"\xff" * 20, b"%d" % number)
        frames = await peer.receive(b"home.refused")
        assert b"made no sense" in frames[1]
        await peer.greet()
        await peer.receive(b"home.refused")
        assert len(logs(log_events, "node_nonsense")) == STRIKES
        made.node("--workers", "1")
        await made.done()
        made.check()
        assert made.live()["peer"].state == "failing"


async def test_an_answer_that_cannot_be_read_is_tried_elsewhere(tmp_path, peers):
    async with field(tmp_path) as made:
        peer = peers(made.address)
        token = await taken(made, peer)
        await peer.send(*beat(alive=0))
        garbage = pack_answer(DONE, token, [b"{}", b"\x00"])
        await peer.send(*answers_message([garbage]))
        made.node("--workers", "1")
        await made.done()
        made.check()


async def test_garbage_on_the_port_harms_nobody(tmp_path):
    """Of what is no peer of ZeroMQ at all."""
    async with field(tmp_path, address="tcp://127.0.0.1:*") as made:
        host, _, port = made.address.removeprefix("tcp://").rpartition(":")
        for data in (b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 4000, struct.pack("<Q", 7)):
            with socket.create_connection((host, int(port)), timeout=10) as stranger:
                stranger.sendall(data)
        made.node("--workers", "1")
        made.offer(8)
        await made.done()
        made.check()


@pytest.mark.allow_error_log("node_lost")
async def test_a_frame_beyond_all_bounds_ends_its_connection(
    tmp_path, peers, monkeypatch
):
    monkeypatch.setattr(wire_socket, "MAX_FRAME", 1 << 16)
    async with field(tmp_path) as made:
        peer = peers(made.address)
        await peer.greet()
        await peer.receive(b"home.welcome")
        await made.until(lambda: "peer" in made.live())
        await peer.send(b"x" * (1 << 17))
        await made.until(lambda: made.live()["peer"].state == "away")


# -- who is late -----------------------------------------------------------------------


@pytest.mark.allow_error_log("node_lost")
async def test_an_answer_after_the_job_was_given_up(tmp_path, peers, log_events):
    """The peer stops beating: its image is done elsewhere, its answer is dropped."""
    async with field(tmp_path) as made:
        peer = peers(made.address)
        token = await taken(made, peer)
        made.node("--workers", "1")
        await made.until(lambda: logs(log_events, "node_lost"))
        await made.done()
        made.check()
        await peer.send(*answers_message([pack_answer(DONE, token, LIE)]))
        await peer.receive(b"home.again")
        made.check()
        assert made.pool.late == 0, "it never got as far as the backlog"


@pytest.mark.allow_error_log("node_lost")
async def test_a_node_that_beats_and_does_nothing_is_lost(tmp_path, peers, log_events):
    """Twice the time that a worker may hold an image, with nothing finished."""
    async with field(tmp_path, timeout_s=1.0) as made:
        peer = peers(made.address)
        await taken(made, peer)
        while not logs(log_events, "node_lost"):
            await peer.send(*beat())
            await asyncio.sleep(0.1)
        assert "finished none" in logs(log_events, "node_lost")[0]["error"]


async def test_a_clock_that_is_an_hour_off_decides_nothing(tmp_path, peers):
    async with field(tmp_path) as made:
        peer = peers(made.address)
        token = await taken(made, peer)
        await peer.send(*beat(clock_ns=time.time_ns() + 3600 * 10**9))
        await made.until(lambda: made.live()["peer"].problem)
        assert "+3600 s off" in (made.live()["peer"].problem or "")
        answer = failed_answer(token, Unprocessed.CORRUPT, "x")
        await peer.send(*answers_message([answer]))
        await made.done()
        await peer.send(BYE)
        await made.until(lambda: not made.live())


# -- who cannot ------------------------------------------------------------------------


async def test_a_node_without_room_for_its_socket_says_so(tmp_path):
    async with field(tmp_path) as made:
        code = (
            "import tempfile, sys; tempfile.tempdir = '/nonexistent'; "
            "from recorder.cli import main; main()"
        )
        node = made.node(program=[sys.executable, "-c", code])
        assert await node.ended() == 1
        assert "TMPDIR" in node.text.splitlines()[-1]


def test_keys_are_needed_for_another_host(tmp_path):
    node = NodeProcess("tcp://192.0.2.1:9998", tmp_path / "log")
    assert node.process.wait(60) == 2
    assert "--keys" in node.text
