"""Parts of the scale benchmark that could tell something untrue."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import numpy as np

from benchmarks.scale.faults import elsewhere_s, held_by
from benchmarks.scale.relay import Relay
from benchmarks.scale.stamps import ROW, Found, Stamps, images_done, read_stamps


def rows(*stamps: tuple[float, int, int]) -> np.ndarray:
    return np.array(list(stamps), ROW)


BEFORE = Found(
    came=rows((1.0, 0, 7), (1.1, 1, 8), (1.2, 2, 7), (1.3, 3, 8)),
    done=rows((1.5, 0, 7), (1.6, 1, 8)),
)


def later(*came: tuple[float, int, int]) -> Found:
    return Found(np.concatenate([BEFORE.came, rows(*came)]), BEFORE.done)


def test_a_worker_holds_what_came_and_is_not_done():
    assert held_by(BEFORE, {7}).tolist() == [2]
    assert held_by(BEFORE, {7, 8}).tolist() == [2, 3]


def test_images_are_elsewhere_when_the_last_of_them_came_to_another_worker():
    assert elsewhere_s(BEFORE, BEFORE, {7}, 2.0) is None
    assert elsewhere_s(later((2.4, 2, 7)), BEFORE, {7}, 2.0) is None
    assert elsewhere_s(later((2.4, 2, 8)), BEFORE, {7}, 2.0) == 2.4 - 2.0
    both = later((2.4, 3, 9), (2.9, 2, 9), (3.5, 2, 9), (8.0, 4, 9))
    assert elsewhere_s(both, BEFORE, {7, 8}, 2.0) == 2.9 - 2.0


def test_an_image_that_was_handed_out_but_not_begun_counts_too():
    """A node had it, and none of its workers."""
    came = Found(BEFORE.came[[0, 1, 3]], BEFORE.done)
    assert elsewhere_s(came, came, {7}, 2.0) is None
    now = Found(np.concatenate([came.came, rows((2.2, 2, 8))]), BEFORE.done)
    assert elsewhere_s(now, came, {7}, 2.0) == 2.2 - 2.0


def test_stamps_are_read_while_they_are_written(tmp_path: Path):
    stamps = Stamps(tmp_path)
    for n in range(5):
        stamps.came(10.0 - n, n)
        stamps.done(20.0 + n, n)
    with next(tmp_path.glob("*.done")).open("ab") as file:
        file.write(b"half a row")
    found = read_stamps(tmp_path)
    assert images_done(tmp_path) == 5
    assert found.came["image"].tolist() == [4, 3, 2, 1, 0]
    assert found.done["image"].tolist() == list(range(5))


def test_a_cable_passes_everything_on_until_it_is_cut():
    with socket.create_server(("127.0.0.1", 0)) as home:
        relay = Relay(home.getsockname()[1])
        try:
            with socket.create_connection(("127.0.0.1", relay.port)) as node:
                server, _ = home.accept()
                with server:
                    node.sendall(b"hello")
                    assert server.recv(5) == b"hello"
                    server.sendall(b"welcome")
                    assert node.recv(7) == b"welcome"
                    relay.cut()
                    node.sendall(b"still there?")
                    server.settimeout(0.5)
                    begun = time.monotonic()
                    try:
                        assert server.recv(1) == b"never"
                    except TimeoutError:
                        assert time.monotonic() - begun >= 0.4
        finally:
            relay.close()


def test_when_one_end_goes_the_other_end_hears_it():
    with socket.create_server(("127.0.0.1", 0)) as home:
        relay = Relay(home.getsockname()[1])
        try:
            node = socket.create_connection(("127.0.0.1", relay.port))
            server, _ = home.accept()
            node.close()
            with server:
                assert server.recv(1) == b""
        finally:
            relay.close()
