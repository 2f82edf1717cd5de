"""Readers that sleep, floods and signals: bounded, and the daemon feels nothing."""

from __future__ import annotations

import http.client
import itertools
import signal
import socket
from contextlib import ExitStack
from dataclasses import replace

import pytest

from recorder.records.live import LiveSource
from tests.servers import HOST
from tests.system.beamline import make_beamline, small_series
from tests.web import Web, write_run

STREAM = b"GET /api/v1/live HTTP/1.1\r\nHost: localhost\r\n\r\n"


def read_until(link: socket.socket, wanted: bytes, times: int = 1) -> bytes:
    found = b""
    while found.count(wanted) < times or found.endswith(b"id: "):
        part = link.recv(1 << 16)
        assert part, found[-300:]
        found += part
    return found


def test_a_reader_that_sleeps_skips_and_costs_no_memory(start_web, journal, daemon):
    """Each message is 400 kB: 40 of them queued would be 16 MB for each reader."""
    problem = "x" * 400_000
    daemon.state = replace(daemon.state, sources=(LiveSource("a", problem=problem),))
    daemon.start()
    web = start_web()
    with ExitStack() as stack:
        asleep = [stack.enter_context(web.connect()) for _ in range(10)]
        for link in asleep:
            link.sendall(STREAM)
        read_until(asleep[0], b"event: now")
        before = web.rss_kb
        with web.live() as events:  # 40 states later
            for _ in zip(range(40), events, strict=False):
                pass
        assert web.rss_kb - before < 40_000
        text = read_until(asleep[0], b"\nid: ", 4)
        numbers = [int(part.split(b"\n")[0]) for part in text.split(b"\nid: ")[1:]]
        assert numbers == sorted(set(numbers))
        assert max(b - a for a, b in itertools.pairwise(numbers)) > 10


def test_fifty_readers_get_the_same(start_web, journal, daemon):
    write_run(journal, 1)
    daemon.start()
    web = start_web()
    with ExitStack() as stack:
        streams = [stack.enter_context(web.live()) for _ in range(50)]
        told = [next(body for name, body in s if name == "slow") for s in streams]
        assert all(body == told[0] for body in told)
        for events in streams:
            ids = [body["live"]["id"] for name, body in _some(events, 5)]
            assert ids == sorted(ids) and len(set(ids)) == 5
    assert web.get("/healthz").status == 200


def _some(events, count):
    found = []
    while len(found) < count:
        name, body = next(events)
        if name == "now":
            found.append((name, body))
    return found


def test_more_streams_than_allowed_are_told_so(start_web):
    web = start_web(web={"max_clients": 3})
    with ExitStack() as stack:
        for _ in range(3):
            next(stack.enter_context(web.live()))
        answer = web.get("/api/v1/live")
        assert (answer.status, answer.headers["retry-after"]) == (503, "2")
        assert "max_clients" in answer.json["detail"]
        assert web.get("/api/v1/now").status == 200
    web.until("/api/v1/now", lambda a: True)  # there is room again


def test_a_thousand_connections_leave_room_for_people(start_web):
    web = start_web(web={"max_clients": 50})
    with ExitStack() as stack:
        for _ in range(1000):
            link = stack.enter_context(web.connect())
            link.sendall(b"GET / HTTP/1.1\r\n")  # and never the rest
        assert web.get("/healthz").status == 200
        with web.live() as events:
            assert next(events)[0] == "now"
        assert web.rss_kb < 300_000


@pytest.mark.parametrize("path", ["/", "/api/v1/live", "/api/v1/runs/1/targets"])
@pytest.mark.parametrize("chunked", [False, True])
def test_ten_megabytes_are_refused_and_not_kept(start_web, path, chunked):
    web = start_web()
    before = web.rss_kb
    link = http.client.HTTPConnection(HOST, web.port, timeout=60)
    body = (b"x" * 65_536 for _ in range(160)) if chunked else b"x" * 10_485_760
    origin = {"Origin": f"http://{HOST}:{web.port}"}
    link.request("POST", path, body, origin, encode_chunked=chunked)
    answer = link.getresponse()
    assert answer.status == 413
    assert b"65536 bytes" in answer.read()
    link.close()
    assert web.rss_kb - before < 8_000
    assert web.get("/healthz").status == 200


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET " + b"/" * 100_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
        b"GET /%00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /static/%00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /static/%ff%fe HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /static/" + b"a" * 5000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /api/v1/runs/%ed%a0%80 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /api/v1/runs?experiment=%ed%a0%80%00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
)
def test_what_is_no_request_is_answered_or_cut(web, sent):
    with web.connect() as link:
        link.sendall(sent)
        link.shutdown(socket.SHUT_WR)
        first = link.recv(1 << 16)
    assert not first or int(first.split(b" ")[1]) in (200, 400, 404, 421, 503)
    assert web.get("/healthz").status == 200


@pytest.fixture(scope="module")
def web(tmp_path_factory):
    """One for many tests that change nothing."""
    web = Web(None, "--journal", str(tmp_path_factory.mktemp("nothing")))
    yield web
    assert not [e for e in web.log if e.get("event") == "step_failed"]
    web.terminate()


def test_a_web_process_that_is_stopped_or_killed_harms_no_run(
    config_file, recorder_daemon, mosquitto, start_web
):
    """Stopped in the midst of a run, killed in the next one: ledger and truth agree."""
    beamline = make_beamline(config_file, mosquitto)
    recorder_daemon(beamline.config)
    series = small_series(120)
    web = Web(beamline.config)
    with ExitStack() as stack:
        for _ in range(10):
            next(stack.enter_context(web.live()))
        web.signal(signal.SIGSTOP)
        first = beamline.simulate(series, number=1)
        web.signal(signal.SIGCONT)
        web.until("/readyz", lambda a: a.status == 200)
        web.kill()
    second = beamline.simulate(series, number=2, protocol="stream2")
    web = Web(beamline.config)
    for truth in (first, second):
        told = web.until(
            f"/api/v1/runs/{truth['uid']}",
            lambda a: a.status == 200 and a.json["state"] == "sealed",
        ).json
        assert told["ledger"]["closed"]
        assert told["images"]["received"] == truth["received"]
        assert (
            told["classes"]["indexed"] + told["classes"]["non_indexed_hits"]
            == (truth["hits"])
        )
    web.terminate()
