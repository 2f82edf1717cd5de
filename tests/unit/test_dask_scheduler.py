"""Where a scheduler is, who may talk to it, and what is said of it; without dask."""

from __future__ import annotations

import datetime
import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.cluster import scheduler
from recorder.cluster.certificates import make_certificates
from recorder.cluster.checking import (
    certificate_lines,
    encryption_line,
    found_lines,
)
from recorder.cluster.scheduler import (
    SchedulerAddress,
    client_context,
    probe,
    scheduler_address,
)
from recorder.errors import ConfigError, UsageError
from tests.servers import free_port

HOST = "127.0.0.1"


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    make_certificates(folder, ("scheduler", "host-a"), renew=False)
    return folder


# -- addresses -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "with_tls", "words"),
    [
        (None, False, "needs cluster.scheduler"),
        ("host:8786", False, "neither tls:// nor tcp://"),
        ("ucx://host:8786", False, "neither tls:// nor tcp://"),
        ("tcp://host", False, "has a host and a port"),
        ("tcp://host:0", False, "port"),
        ("tls://host:8786", False, "cluster.tls has to name the folder"),
        ("tcp://host:8786", True, "is not encrypted"),
    ],
)
def test_an_address_that_cannot_be_used_says_what_to_write(
    tls: Path, text: str | None, with_tls: bool, words: str
):
    with pytest.raises(ConfigError, match=words):
        scheduler_address(text, tls / "scheduler" if with_tls else None)


def test_a_folder_that_lacks_a_file_is_named(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"has no ca.pem.*recorder cluster tls"):
        scheduler_address("tls://host:8786", tmp_path)


@given(st.text(max_size=40))
def test_any_text_is_an_address_or_an_error(text: str):
    try:
        found = scheduler_address(text, None)
    except ConfigError as error:
        assert str(error)
    else:
        assert scheduler_address(found.text, None) == found


# -- who answers there -----------------------------------------------------------------


@contextmanager
def answering(talk: Callable[[socket.socket], None]) -> Iterator[int]:
    """A port where one peer is answered."""
    with socket.create_server((HOST, 0)) as server:

        def serve() -> None:
            peer, _ = server.accept()
            with peer:
                talk(peer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        thread.join(10)


def speaks_tls(folder: Path) -> Callable[[socket.socket], None]:
    """As dask's scheduler: both sides show a certificate."""
    context = ssl.create_default_context(
        ssl.Purpose.CLIENT_AUTH, cafile=folder / "ca.pem"
    )
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")

    def talk(peer: socket.socket) -> None:
        try:
            with context.wrap_socket(peer, server_side=True) as secure:
                secure.sendall(b"hello")
        except OSError:
            pass  # the other side has left

    return talk


def test_each_host_of_the_authority_is_let_in(tls: Path):
    with answering(speaks_tls(tls / "scheduler")) as port:
        assert probe(SchedulerAddress(HOST, port, tls / "host-a")) is None


def test_a_stranger_is_told_so(tls: Path, tmp_path: Path):
    make_certificates(tmp_path, ("stranger",), renew=False)
    with answering(speaks_tls(tls / "scheduler")) as port:
        problem = probe(SchedulerAddress(HOST, port, tmp_path / "stranger"))
    assert problem is not None
    assert "not of our authority" in problem


def test_one_that_speaks_no_tls_is_told_so(tls: Path):
    with answering(lambda peer: peer.sendall(b"hello, I am no TLS at all")) as port:
        problem = probe(SchedulerAddress(HOST, port, tls / "host-a"))
    assert problem is not None
    assert "does not speak TLS" in problem


@pytest.mark.parametrize("folder", [None, "host-a"])
def test_one_that_hangs_up_is_told_so(tls: Path, folder: str | None):
    with answering(lambda peer: None) as port:
        address = SchedulerAddress(HOST, port, folder and tls / folder)
        problem = probe(address)
    assert problem is not None
    assert address.text in problem


def test_one_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch):
    """As a scheduler that speaks TLS, and waits for us to do so."""
    monkeypatch.setattr(scheduler, "PROBE_S", 0.1)
    with answering(lambda peer: peer.recv(1)) as port:
        problem = probe(SchedulerAddress(HOST, port, None))
    assert problem is not None
    assert "started with the same tcp:// or tls://" in problem


def test_nobody_is_there():
    problem = probe(SchedulerAddress(HOST, free_port(), None))
    assert problem is not None
    assert "is the scheduler running?" in problem


def test_a_key_that_is_not_the_certificates_is_named(tls: Path, tmp_path: Path):
    for name in ("ca.pem", "cert.pem"):
        (tmp_path / name).write_bytes((tls / "scheduler" / name).read_bytes())
    (tmp_path / "key.pem").write_bytes((tls / "host-a" / "key.pem").read_bytes())
    with pytest.raises(ConfigError, match="certificate or key cannot be read"):
        client_context(tmp_path)


# -- certificates ----------------------------------------------------------------------


def test_what_is_there_is_kept_until_it_is_renewed(tls: Path):
    before = (tls / "host-a" / "cert.pem").read_bytes()
    made = make_certificates(tls, ("host-a", "host-b"), renew=False)
    assert [one.new for one in made] == [False, False, True]
    assert (tls / "host-a" / "cert.pem").read_bytes() == before
    make_certificates(tls, ("host-a",), renew=True)
    assert (tls / "host-a" / "cert.pem").read_bytes() != before


def test_keys_are_ours_alone(tls: Path):
    for path in tls.rglob("*key.pem"):
        assert path.stat().st_mode & 0o777 == 0o600
    assert (tls / "host-a").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("name", ["", "../a", "a/b", ".a", "-a", "a b", "a" * 64, "ü"])
def test_a_name_that_is_no_host_is_refused(tmp_path: Path, name: str):
    with pytest.raises(UsageError, match="no name of a host"):
        make_certificates(tmp_path / "tls", (name,), renew=False)
    assert not (tmp_path / "tls").exists()


def test_half_an_authority_is_not_replaced(tls: Path, tmp_path: Path):
    (tmp_path / "ca.pem").write_bytes((tls / "ca.pem").read_bytes())
    with pytest.raises(UsageError, match=r"ca-key.pem is missing"):
        make_certificates(tmp_path, ("a",), renew=False)
    (tmp_path / "ca-key.pem").write_text("nonsense")
    with pytest.raises(UsageError, match=str(tmp_path)):
        make_certificates(tmp_path, ("a",), renew=False)


def test_the_check_warns_in_time(tls: Path):
    today = datetime.datetime.now(datetime.UTC).date()
    days = datetime.timedelta
    words = [
        certificate_lines(tls / "host-a", today + days(ahead))[0].word
        for ahead in (0, 690, 710, 740)
    ]
    assert words == ["ok", "ok", "warn", "FAIL"]
    (line,) = certificate_lines(tls, today)[1:] or [None]
    assert line is None


def test_a_key_that_others_may_read_is_a_warning(tls: Path, tmp_path: Path):
    make_certificates(tmp_path, ("a",), renew=False)
    (tmp_path / "a" / "key.pem").chmod(0o644)
    lines = certificate_lines(tmp_path / "a", datetime.date(2026, 1, 1))
    assert [(line.what, line.word) for line in lines][1:] == [("dask key", "warn")]


# -- what is said ----------------------------------------------------------------------

HERE = {"distributed": "2026.8.0", "python": "3.11.7", "ssx-recorder": "0.1.0"}


def worker(host: str, **other: str | None) -> dict[str, object]:
    return {"host": host, "threads": 4, **HERE, **other}


def said(workers: dict[str, dict[str, object]], **scheduler: str) -> dict[str, str]:
    address = SchedulerAddress("cluster", 8786, None)
    found = {"here": HERE, "at_scheduler": {**HERE, **scheduler}, "workers": workers}
    lines = found_lines(address, found)
    return {f"{line.word} {line.what}": line.text for line in lines}


def test_what_fits_is_one_line():
    lines = said({"a": worker("1"), "b": worker("2")})
    text = "tcp://cluster:8786, version 2026.8.0, dask workers: 2, threads: 8"
    assert lines == {"ok dask": text}


def test_what_does_not_fit_is_named():
    lines = said({"a": worker("1"), "b": worker("2", **{"ssx-recorder": None})})
    assert "b (none)" in lines["warn dask workers"]
    lines = said({"a": worker("1")}, distributed="2025.1.0")
    assert "the scheduler has 2025.1.0" in lines["warn dask version"]
    assert "none has registered" in said({})["warn dask workers"]
    assert (
        "a host gets one node"
        in said({"a": worker("1"), "b": worker("1")})["ok dask workers"]
    )


def test_without_tls_it_is_said_who_may_give_orders(tls: Path):
    assert encryption_line(SchedulerAddress("a", 1, tls)).word == "ok"
    for host in ("127.0.0.1", "cluster.example.org"):
        line = encryption_line(SchedulerAddress(host, 1, None))
        assert line.word == "warn"
        assert "recorder cluster tls" in line.text


# -- dask stays out --------------------------------------------------------------------

POISON = "import os; open(os.environ['SEEN'], 'a').write(__name__); raise ImportError\n"


def test_the_daemon_and_the_check_never_import_dask(tmp_path: Path):
    """Plug-ins are all imported; that of dask, too, and dask is not.

    Tornado, which dask brings, is imported by tenacity where it is installed (8 ms).
    """
    for name in ("dask", "distributed"):
        (tmp_path / f"{name}.py").write_text(POISON)
    seen = tmp_path / "seen"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "SEEN": str(seen)}
    text = (
        "import sys\n"
        "from recorder.plugins.groups import GROUPS\n"
        "import recorder.service.daemon, recorder.service.check\n"
        "plugins = [p.shown for group in GROUPS for p in group.all() if not p.why]\n"
        "assert 'dask' in plugins, plugins\n"
        "print([m for m in sys.modules if m.partition('.')[0] in "
        "('dask', 'distributed')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", text],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr
    assert not seen.exists()
