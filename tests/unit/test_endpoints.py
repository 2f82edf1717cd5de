"""Where peers are is checked as it is read: the key is named, and what to write."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from pathlib import Path

import pytest
import zmq
from hypothesis import given
from hypothesis import strategies as st

from recorder.config import load_settings
from recorder.config.endpoints import (
    Endpoint,
    check_database_url,
    check_endpoint,
    check_host,
    parse_endpoint,
)
from recorder.config.sources import DetectorSection
from recorder.errors import ConfigError
from recorder.runtime.addresses import only_ipv6
from recorder.runtime.looking import listens
from recorder.sources.dectris.source import DectrisSource
from tests.servers import free_port

GOOD = {
    "tcp://127.0.0.1:9999": Endpoint("tcp", "127.0.0.1", 9999),
    "tcp://eiger:31001": Endpoint("tcp", "eiger", 31001),
    "tcp://eiger-2.id29_a.esrf.fr.:1": Endpoint("tcp", "eiger-2.id29_a.esrf.fr.", 1),
    "tcp://[::1]:9999": Endpoint("tcp", "::1", 9999),
    "tcp://[fe80::1%eth0]:65535": Endpoint("tcp", "fe80::1%eth0", 65535),
    "tcp://192.168.1.1:0;192.168.1.2:9999": Endpoint("tcp", "192.168.1.2", 9999),
    "ipc:///run/relay.sock": Endpoint("ipc", "/run/relay.sock", 0),
    "inproc://feed": Endpoint("inproc", "feed", 0),
}
BAD = {
    "": "begins with tcp",
    "eiger:9999": "begins with tcp",
    "tcp:eiger:9999": "begins with tcp",
    "udp://eiger:9999": "begins with tcp",
    "TCP://eiger:9999": "begins with tcp",
    "http://eiger:9999": "begins with tcp",
    "tcp://": "a host and a port",
    "tcp://eiger": "a host and a port",
    "tcp://:9999": "a host and a port",
    "tcp://eiger:": "port is a number",
    "tcp://eiger:port": "port is a number",
    "tcp://eiger:0": "port is a number",
    "tcp://eiger:-1": "port is a number",
    "tcp://eiger:65536": "port is a number",
    "tcp://eiger:999999": "port is a number",
    "tcp://eiger:\uff19\uff19": "port is a number",
    "tcp://eiger:9999/": "port is a number",
    "tcp://eiger:9999/data": "port is a number",
    "tcp:// eiger:9999": "no blanks",
    " tcp://eiger:9999": "no blanks",
    "tcp://eiger:9999 ": "no blanks",
    "tcp://eiger:99 99": "no blanks",
    "tcp://*:9999": "no host to connect to",
    "tcp://::1:9999": "in brackets",
    "tcp://fd00::10:9999": "in brackets",
    "tcp://[eiger]:9999": "no IPv6 address",
    "tcp://[127.0.0.1]:9999": "no IPv6 address",
    "tcp://[]:9999": "no IPv6 address",
    "tcp://999.1.1.1:9999": "no IPv4 address",
    "tcp://192.168.1:9999": "no IPv4 address",
    "tcp://-eiger:9999": "name of letters",
    "tcp://ei..ger:9999": "name of letters",
    "tcp://user@eiger:9999": "name of letters",
    "tcp://" + "a" * 254 + ":9999": "name of letters",
    "ipc://": "1 to 107 bytes",
    "ipc:///" + "a" * 107: "1 to 107 bytes",
}
BAD_URLS = {
    "not a url": "no blanks",
    "nonsense": "no URL of a MariaDB",
    "postgresql://host/db": "no URL of a MariaDB",
    "mariadb://": "name of the database",
    "mariadb+pymysql://user@host": "name of the database",
    "mariadb+pymysql://user@host/": "name of the database",
    "mariadb+pymysql://user@host/a/b": "name of the database",
    "mariadb+pymysql://user@host:port/db": "port is a number",
    "mariadb+pymysql://user@host:99999/db": "port is a number",
    "mariadb+pymysql://user@host:0/db": "port is a number",
    "mariadb+pymysql://user@[nonsense]/db": "host or port",
    "mariadb+pymysql://user@ho!st/db": "name of letters",
    "sqlite://state/ispyb.sqlite": "with four slashes",
}
GOOD_URLS = [
    "mariadb+pymysql://recorder@host/ispyb",
    "mysql+pymysql://recorder@[::1]:3306/ispyb?charset=utf8mb4",
    "mariadb+pymysql:///ispyb?unix_socket=/run/mysqld.sock",
    "sqlite:////var/lib/recorder/ispyb.sqlite",
    "sqlite://",
]


@pytest.mark.parametrize("text", GOOD)
def test_endpoints_are_taken_apart(text):
    assert parse_endpoint(text) == GOOD[text]


@pytest.mark.parametrize("text", BAD)
def test_an_endpoint_that_is_none_says_what_to_write(text, tmp_path, monkeypatch):
    path = tmp_path / "recorder.toml"
    path.write_text(f'[[detector]]\nendpoint = "{text}"\n', encoding="utf-8")
    with pytest.raises(ConfigError, match=rf"detector\.0\.endpoint: .*{BAD[text]}"):
        load_settings(path)


@pytest.mark.parametrize("text", GOOD_URLS)
def test_database_urls_are_taken(text):
    assert check_database_url(text) == text


@pytest.mark.parametrize("text", BAD_URLS)
def test_a_database_url_that_is_none_says_what_to_write(text, monkeypatch):
    monkeypatch.setenv("RECORDER_ISPYB__URL", text)
    with pytest.raises(ConfigError, match=rf"ispyb\.url: .*{BAD_URLS[text]}") as caught:
        load_settings()
    assert "(set by RECORDER_ISPYB__URL in the environment)" in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("text", "host"),
    [("broker", "broker"), ("::1", "::1"), ("[::1]", "::1"), ("10.0.0.1", "10.0.0.1")],
)
def test_hosts_are_taken(text, host):
    assert check_host(text) == host


@pytest.mark.parametrize(
    "text",
    ["", " ", "a b", "tcp://a", "mqtt://a", "a:1883", "1.2.3", "a/b", "user@a", "[a]"],
)
@pytest.mark.parametrize("key", ["mqtt", "panda"])
def test_a_host_that_is_none_is_refused(text, key, tmp_path):
    path = tmp_path / "recorder.toml"
    table = "[mqtt]" if key == "mqtt" else "[[panda]]"
    path.write_text(f'{table}\nhost = "{text}"\n', encoding="utf-8")
    with pytest.raises(ConfigError, match=key):
        load_settings(path)


@given(st.text(max_size=60) | st.text("tcp:/[]%.;*-ae109 ", max_size=40))
def test_any_text_is_an_endpoint_for_zeromq_or_refused_in_words(text):
    try:
        found = parse_endpoint(text)
    except ValueError as error:
        assert 0 < len(str(error)) < 200
    else:
        assert check_endpoint(text) == text
        assert found.scheme != "tcp" or 1 <= found.port <= 65535


@given(st.text(max_size=60) | st.text("mariadb+py://@[]:?#%/9 ", max_size=50))
def test_any_text_is_a_host_and_a_url_or_refused_in_words(text):
    for check in (check_host, check_database_url):
        with contextlib.suppress(ValueError):
            check(text)


# -- IPv6 ------------------------------------------------------------------------------


def test_which_hosts_need_ipv6(monkeypatch):
    assert [only_ipv6(h) for h in ("::1", "fe80::1%lo", "127.0.0.1")] == [1, 1, 0]
    found = {"both": (socket.AF_INET, socket.AF_INET6), "six": (socket.AF_INET6,)}

    def ask(host, *_, **__):
        if host not in found:
            raise socket.gaierror
        return [(family, 0, 0, "", ()) for family in found[host]]

    monkeypatch.setattr(socket, "getaddrinfo", ask)
    assert [only_ipv6(h) for h in ("both", "six", "unknown")] == [False, True, False]


def test_a_detector_is_received_over_ipv6():
    """As ``check`` finds it listening, so ``run`` receives."""
    endpoint = f"tcp://[::1]:{free_port()}"
    with zmq.Context() as context, context.socket(zmq.PUSH) as sender:
        sender.linger = 0
        sender.ipv6 = True
        sender.bind(endpoint)
        line = asyncio.run(listens("detector", endpoint, ""))
        assert (line.ok, line.text) == (True, f"{endpoint} listens")
        source = DectrisSource(DetectorSection(endpoint=endpoint))
        stop, found = threading.Event(), []

        def deliver(record: object) -> None:
            found.append(record)
            stop.set()

        receiver = threading.Thread(target=source.receive, args=(deliver, stop))
        receiver.start()
        sender.sndtimeo = 120_000
        try:
            sender.send(b"nonsense")
            stop.wait(20)
        finally:
            stop.set()
            receiver.join()
        assert len(found) == 1


async def test_check_looks_at_sockets_in_the_file_system(tmp_path: Path):
    place = tmp_path / "relay"
    absent = await listens("detector", f"ipc://{place}", "is it on?")
    assert (absent.ok, "is it on?" in absent.text) == (False, True)
    with zmq.Context() as context, context.socket(zmq.PUSH) as sender:
        sender.bind(f"ipc://{place}")
        assert (await listens("detector", f"ipc://{place}", "")).ok
