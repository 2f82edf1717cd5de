"""Real servers for the tests, on free loopback ports and in temporary folders.

The fixtures of ``conftest.py`` make them; a test asks for one by name:

* ``mariadb``: the session's server (:class:`MariaDB`), running when the test starts.
  ``stop()``, ``kill()`` and ``start()`` keep port and data.
* ``mariadb_database``: a fresh empty :class:`Database` on it; ``url`` (no password in
  it), ``password``, ``section()`` for ``settings(ispyb=...)``, ``execute()`` and
  ``rows()`` as root.
* ``mosquitto``: a broker of the test's own (:class:`Mosquitto`), anonymous, with its
  sessions on disk. ``make_mosquitto(users={"name": "password"}, certificates=...)``
  makes others; ``certificates`` is a :class:`Certificates` for 127.0.0.1.
* ``recorder_daemon(config)``: starts ``recorder run`` (:class:`Recorder`) and returns
  once it logged ``recorder_ready``; ``wait_for_event("run_sealed", run=3)``, ``log``,
  ``terminate()``, ``kill()``.
* ``run_recorder("report", "--json", config=...)``: a command, to its end.

Servers are ready when they say so; nothing here sleeps, and a process is ended by its
own id. A program that is not installed is an error that names the command to run.
"""

from __future__ import annotations

import codecs
import io
import json
import os
import secrets
import select
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pymysql
from pymysql.cursors import DictCursor

import recorder
from recorder.errors import ServerMissingError

HOST = "127.0.0.1"
TIMEOUT_S = 120.0
INSTALL = "apt-get install -y mosquitto mariadb-server"
RECORDER_HOME = Path(recorder.__file__).parents[1]


class ServerError(AssertionError):
    """A server did not do what it was started for."""


def program(name: str, install: str = INSTALL) -> str:
    """Path of a program; servers are often in ``/usr/sbin``, off the users' path.

    Raises:
        ServerMissingError: It is not installed.
    """
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))
    found = shutil.which(name, path=path)
    if found is None:
        raise ServerMissingError(f"{name} is not installed; run: {install}")
    return found


_PORTS = 1500
"""Of each process that runs tests beside others: eight have ports of their own."""
_given: set[int] = set()
"""Ports that this process gave away; whoever got one may not have bound it yet."""


def free_port() -> int:
    """A port nobody listens on, below those that the kernel gives to clients."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % 8
    while True:
        port = 20_000 + worker * _PORTS + secrets.randbelow(_PORTS)
        if port in _given and len(_given) < _PORTS:
            continue
        with socket.socket() as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
        _given.add(port)
        return port


class Process:
    """A program that runs until it is told to stop; its output can be waited for."""

    def __init__(
        self, *arguments: str | Path, env: Mapping[str, str] | None = None
    ) -> None:
        self._lines: list[str] = []
        self._half = ""  # of a line that is not whole yet
        self._news = threading.Condition()
        self._ended = False
        self._popen = subprocess.Popen(
            [str(argument) for argument in arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=None if env is None else dict(env),
            start_new_session=True,
        )
        assert self._popen.stdout is not None
        self._pipe = self._popen.stdout.fileno()
        os.set_blocking(self._pipe, False)
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._decoder = io.IncrementalNewlineDecoder(decoder, translate=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        readable = select.poll()
        readable.register(self._pipe, select.POLLIN)
        while not self._ended:
            readable.poll()
            with self._news:
                self._take()
                self._news.notify_all()

    def _take(self) -> None:
        """What it has written and nobody has read; call it with the lock."""
        while not self._ended:
            try:
                read = os.read(self._pipe, 1 << 16)
            except BlockingIOError:
                return
            self._ended = not read
            text = self._decoder.decode(read, final=self._ended)
            *whole, self._half = f"{self._half}{text}".split("\n")
            self._lines += whole
            if self._ended and self._half:
                self._lines.append(self._half)

    @property
    def lines(self) -> list[str]:
        """What it wrote to stdout and stderr until now: nothing of it is on its way.

        So what it logs before it answers is here once the answer is.
        """
        with self._news:
            self._take()
            self._news.notify_all()
            return list(self._lines)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._popen.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._popen.poll() is None

    def wait_for(
        self,
        wanted: Callable[[str], bool],
        *,
        after: int = 0,
        timeout_s: float = TIMEOUT_S,
    ) -> str:
        """The first line from index ``after`` on that is wanted.

        Raises:
            ServerError: The process ended, or the time is over.
        """
        deadline = time.monotonic() + timeout_s
        with self._news:
            while True:
                for line in self._lines[after:]:
                    if wanted(line):
                        return line
                after = max(after, len(self._lines))
                left = deadline - time.monotonic()
                if self._ended or left <= 0:
                    why = "ended" if self._ended else f"said nothing for {timeout_s} s"
                    tail = "\n".join(self._lines[-20:])
                    raise ServerError(
                        f"{self._popen.args!r} {why}; last lines:\n{tail}"
                    )
                self._news.wait(left)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal and go on."""
        self._popen.send_signal(number)

    def terminate(self, timeout_s: float = TIMEOUT_S) -> int:
        """Ask it to end (SIGTERM) and wait; its exit code."""
        return self._end(signal.SIGTERM, timeout_s)

    def kill(self) -> int:
        """End it without warning (SIGKILL)."""
        return self._end(signal.SIGKILL, TIMEOUT_S)

    def _end(self, number: signal.Signals, timeout_s: float) -> int:
        if self.running:
            self._popen.send_signal(number)
        try:
            return self.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self.wait(timeout_s)
            tail = "\n".join(self.lines[-20:])
            raise ServerError(
                f"{self._popen.args!r} ignored {number.name}; last lines:\n{tail}"
            ) from None

    def wait(self, timeout_s: float = TIMEOUT_S) -> int:
        """Wait for its own end; its exit code."""
        code = self._popen.wait(timeout_s)
        self._reader.join()
        if self._popen.stdout:
            self._popen.stdout.close()
        return code


class Server:
    """A server that can be stopped, killed and started again on the same data."""

    def __init__(self) -> None:
        self.port = free_port()
        self.process: Process | None = None

    def _launch(self) -> Process:
        raise NotImplementedError

    @property
    def running(self) -> bool:
        """Whether it runs."""
        return self.process is not None and self.process.running

    def start(self) -> Self:
        """Start it, if it does not run; return when it is ready."""
        if not self.running:
            self.process = self._launch()
        return self

    def stop(self) -> None:
        """Stop it in good order (SIGTERM)."""
        if self.process is not None:
            self.process.terminate()
            self.process = None

    def kill(self) -> None:
        """Stop it without warning (SIGKILL)."""
        if self.process is not None:
            self.process.kill()
            self.process = None


# -- MariaDB ---------------------------------------------------------------------------


class MariaDB(Server):
    """A database server of our own; lax by default, as some facilities' servers are.

    Args:
        directory: Where data and socket go.
        certificates: For TLS; None speaks none.
    """

    def __init__(
        self, directory: Path, certificates: Certificates | None = None
    ) -> None:
        super().__init__()
        self._tls = []
        if certificates is not None:
            self._tls = [
                f"--ssl-ca={certificates.ca}",
                f"--ssl-cert={certificates.cert}",
                f"--ssl-key={certificates.key}",
            ]
        self._data = directory / "data"
        self._socket = directory / "sock"
        self._user = ["--user=root"] if os.geteuid() == 0 else []
        program("mariadbd")
        done = subprocess.run(
            [
                program("mariadb-install-db"),
                "--no-defaults",
                f"--datadir={self._data}",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
                *self._user,
            ],
            capture_output=True,
            text=True,
            check=False,
            # names of temporary tables repeat in other process namespaces
            env={**os.environ, "TMPDIR": str(directory)},
        )
        if done.returncode:
            raise ServerError(f"mariadb-install-db: {done.stdout}{done.stderr}")

    def _launch(self) -> Process:
        process = Process(
            program("mariadbd"),
            "--no-defaults",
            f"--datadir={self._data}",
            f"--socket={self._socket}",
            f"--pid-file={self._data / 'pid'}",
            f"--tmpdir={self._data.parent}",
            f"--bind-address={HOST}",
            f"--port={self.port}",
            "--skip-name-resolve",
            "--sql-mode=",
            "--innodb-buffer-pool-size=64M",
            "--innodb-file-per-table=0",
            "--innodb-flush-method=nosync",
            "--innodb-flush-log-at-trx-commit=2",
            *self._user,
            *self._tls,
        )
        process.wait_for(lambda line: "ready for connections" in line)
        return process

    def connect(self, database: str | None = None) -> pymysql.Connection[DictCursor]:
        """A connection as root, through the socket."""
        return pymysql.connect(
            unix_socket=str(self._socket),
            ssl_disabled=True,  # else each connection loads the host's certificates
            user="root",
            database=database,
            charset="utf8mb4",
            autocommit=True,
            cursorclass=DictCursor,
        )

    def root_url(self, database: str) -> str:
        """URL of a database for root, through the socket."""
        return f"mariadb+pymysql://root@localhost/{database}?unix_socket={self._socket}"

    def dump(self, database: str) -> bytes:
        """All of a database as SQL."""
        command = ["mariadb-dump", f"--socket={self._socket}", "--user=root", database]
        return subprocess.run(command, check=True, capture_output=True).stdout

    def load(self, database: str, sql: bytes) -> None:
        """Run what :meth:`dump` gave, in another database."""
        command = ["mariadb", f"--socket={self._socket}", "--user=root", database]
        subprocess.run(command, check=True, capture_output=True, input=sql)

    def create_database(self) -> Database:
        """A new empty database and a user who may do everything in it."""
        name = f"ispyb_{secrets.token_hex(4)}"
        database = Database(self, name, name, secrets.token_hex(8))
        database.execute(
            f"CREATE DATABASE {name} CHARACTER SET utf8mb4",
            f"CREATE USER {name}@'{HOST}' IDENTIFIED BY '{database.password}'",
            f"GRANT ALL ON {name}.* TO {name}@'{HOST}'",
            inside=False,
        )
        return database


@dataclass(frozen=True, slots=True)
class Database:
    """One database on a server, and a user of it."""

    server: MariaDB
    name: str
    user: str
    password: str

    @property
    def url(self) -> str:
        """Its URL as it stands in a configuration: without the password."""
        return f"mariadb+pymysql://{self.user}@{HOST}:{self.server.port}/{self.name}"

    def section(self, **changes: Any) -> dict[str, Any]:
        """The configuration's section ``ispyb`` for it."""
        return {"url": self.url, "password": self.password, **changes}

    def execute(self, *statements: str, inside: bool = True) -> None:
        """Run statements as root."""
        connection = self.server.connect(self.name if inside else None)
        with connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def rows(self, query: str, *arguments: Any) -> list[dict[str, Any]]:
        """The rows of a query, as root."""
        connection = self.server.connect(self.name)
        with connection, connection.cursor() as cursor:
            cursor.execute(query, arguments)
            return list(cursor.fetchall())

    def drop(self) -> None:
        """Remove the database and its user."""
        self.execute(
            f"DROP DATABASE IF EXISTS {self.name}",
            f"DROP USER IF EXISTS {self.user}@'{HOST}'",
            inside=False,
        )


# -- mosquitto -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Certificates:
    """An authority of our own, and a server's certificate."""

    ca: Path
    cert: Path
    key: Path


OWN_NAMES = f"IP:{HOST},DNS:localhost"


def make_certificates(directory: Path, names: str = OWN_NAMES) -> Certificates:
    """Make an authority and a certificate with the ``openssl`` command.

    Args:
        directory: Where they go.
        names: Whom the certificate is for, as openssl writes it.
    """
    made = Certificates(
        directory / "ca.pem", directory / "server.pem", directory / "server.key"
    )
    ca_key, request = directory / "ca.key", directory / "server.csr"
    extensions = directory / "names.cnf"
    extensions.write_text(f"subjectAltName={names}\n", encoding="utf-8")
    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    _openssl(
        "req",
        "-x509",
        *new,
        "-subj",
        "/CN=recorder test authority",
        "-days",
        "2",
        "-keyout",
        ca_key,
        "-out",
        made.ca,
    )
    # no host: names stand in the extension, and nobody shall take this one for a name
    subject = ("-subj", "/CN=recorder test server")
    _openssl("req", *new, *subject, "-keyout", made.key, "-out", request)
    _openssl(
        "x509",
        "-req",
        "-in",
        request,
        "-CA",
        made.ca,
        "-CAkey",
        ca_key,
        "-CAcreateserial",
        "-days",
        "2",
        "-extfile",
        extensions,
        "-out",
        made.cert,
    )
    return made


def _openssl(*arguments: str | Path) -> None:
    command = [program("openssl"), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ServerError(f"{' '.join(command)}: {done.stderr}")


class Mosquitto(Server):
    """A broker whose sessions survive ``stop()`` and ``kill()``.

    Args:
        directory: Where configuration and sessions go.
        users: Names and passwords; without any, everybody may connect.
        certificates: Speak TLS with these.
        lines: Further lines of ``mosquitto.conf``.
        persistent: Keep sessions on disk, at each change; False is the broker's own
            default, and keeps up with a burst.
    """

    def __init__(
        self,
        directory: Path,
        *,
        users: Mapping[str, str] | None = None,
        certificates: Certificates | None = None,
        lines: Sequence[str] = (),
        persistent: bool = True,
    ) -> None:
        super().__init__()
        self.users = dict(users or {})
        self.certificates = certificates
        self._config = directory / "mosquitto.conf"
        config = [
            f"listener {self.port} {HOST}",
            f"allow_anonymous {'false' if users else 'true'}",
        ]
        if persistent:
            config += [
                "persistence true",
                f"persistence_location {directory}/",
                "autosave_on_changes true",
                "autosave_interval 1",
            ]
        if users:
            config.append(f"password_file {self._passwords(directory)}")
        if certificates is not None:
            config += [
                f"cafile {certificates.ca}",
                f"certfile {certificates.cert}",
                f"keyfile {certificates.key}",
            ]
        if os.geteuid() == 0:
            config.append("user root")
        self._config.write_text("\n".join([*config, *lines, ""]), encoding="utf-8")

    def _passwords(self, directory: Path) -> Path:
        path = directory / "passwords"
        path.touch(mode=0o600)
        for name, password in self.users.items():
            subprocess.run(
                [program("mosquitto_passwd"), "-b", str(path), name, password],
                check=True,
                capture_output=True,
            )
        return path

    def _launch(self) -> Process:
        process = Process(program("mosquitto"), "-c", self._config)
        process.wait_for(lambda line: line.endswith(" running"))
        return process

    def section(self, **changes: Any) -> dict[str, Any]:
        """The configuration's section ``mqtt`` for it."""
        found: dict[str, Any] = {"enabled": True, "host": HOST, "port": self.port}
        if self.users:
            name, password = next(iter(self.users.items()))
            found |= {"username": name, "password": password}
        if self.certificates is not None:
            found |= {"tls": True, "ca_file": str(self.certificates.ca)}
        return {**found, **changes}


# -- the recorder ----------------------------------------------------------------------


def recorder_environment(config: Path | None) -> dict[str, str]:
    """The environment of a ``recorder`` command with this configuration."""
    more = os.environ.get("PYTHONPATH")  # plug-ins that a test installed
    path = os.pathsep.join([str(RECORDER_HOME), *([more] if more else [])])
    environment = {**os.environ, "PYTHONPATH": path}
    if config is not None:
        environment["RECORDER_CONFIG"] = str(config)
    return environment


class Recorder(Process):
    """A running ``recorder`` command that logs JSON lines.

    Args:
        python: The interpreter.
        arguments: The command, such as ``run``.
        config: Its configuration.
        more: Further variables of its environment.
    """

    def __init__(
        self,
        python: str,
        arguments: Sequence[str],
        config: Path | None,
        more: Mapping[str, str] | None = None,
    ) -> None:
        env = {**recorder_environment(config), **(more or {})}
        super().__init__(python, "-m", "recorder", *arguments, env=env)

    @property
    def log(self) -> list[dict[str, Any]]:
        """Its log so far: one dictionary for each event."""
        return [found for line in self.lines if (found := _event(line))]

    def wait_for_event(
        self, event: str, *, timeout_s: float = TIMEOUT_S, **fields: Any
    ) -> dict[str, Any]:
        """The first event of this name with these fields, from the beginning on."""

        def wanted(line: str) -> bool:
            found = _event(line)
            return found.get("event") == event and fields.items() <= found.items()

        return _event(self.wait_for(wanted, timeout_s=timeout_s))


def _event(line: str) -> dict[str, Any]:
    """A log event from a line, empty if the line is something else."""
    if not line.startswith("{"):
        return {}
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) and "event" in found else {}
