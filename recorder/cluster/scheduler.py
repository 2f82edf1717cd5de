"""Where the scheduler is, and whether it can be reached: without dask."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from pathlib import Path

from recorder.config.endpoints import parse_endpoint
from recorder.errors import ConfigError
from recorder.runtime.addresses import stays_on_this_host

PROBE_S = 5.0
"""Seconds within which a scheduler answers one that connects. Chosen, not tuned: it
says its first word at once."""
_SAME = "is it a scheduler of dask, started with the same tcp:// or tls://?"
CA_FILE, CERT_FILE, KEY_FILE = "ca.pem", "cert.pem", "key.pem"
"""What the folder of a host holds: the authority, its certificate and its key."""


@dataclass(frozen=True, slots=True)
class SchedulerAddress:
    """A scheduler of dask."""

    host: str
    port: int
    tls: Path | None
    """Folder of this host's certificate; None: not encrypted."""

    @property
    def text(self) -> str:
        """As dask takes it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'tcp' if self.tls is None else 'tls'}://{host}:{self.port}"

    @property
    def local(self) -> bool:
        """Whether it is on this host."""
        return stays_on_this_host(self.host)


def scheduler_address(text: str | None, tls: Path | None) -> SchedulerAddress:
    """The scheduler of a configuration.

    Args:
        text: ``cluster.scheduler``.
        tls: ``cluster.tls``.

    Raises:
        ConfigError: They do not name a scheduler, or not how to reach it.
    """
    example = "such as tls://cluster.example.org:8786"
    if text is None:
        raise ConfigError(f'engine "dask" needs cluster.scheduler, {example}')
    scheme, found, rest = text.partition("://")
    if not found or scheme not in ("tcp", "tls"):
        raise ConfigError(
            f"cluster.scheduler = {text!r}: neither tls:// nor tcp://; {example}"
        )
    try:
        peer = parse_endpoint(f"tcp://{rest}")
    except ValueError as error:
        raise ConfigError(f"cluster.scheduler = {text!r}: {error}; {example}") from None
    if scheme == "tcp":
        if tls is not None:
            raise ConfigError(
                "cluster.tls is set, but cluster.scheduler begins with tcp://, which "
                "is not encrypted; write tls://, or leave cluster.tls out"
            )
        return SchedulerAddress(peer.host, peer.port, None)
    if tls is None:
        raise ConfigError(
            "cluster.scheduler begins with tls://, so cluster.tls has to name the "
            "folder with this host's certificate; `recorder cluster tls` makes it"
        )
    for name in (CA_FILE, CERT_FILE, KEY_FILE):
        if not (tls / name).is_file():
            raise ConfigError(
                f"cluster.tls: {tls} has no {name}; `recorder cluster tls` makes it"
            )
    return SchedulerAddress(peer.host, peer.port, tls)


def client_context(tls: Path) -> ssl.SSLContext:
    """How dask's clients see a scheduler: of this authority, whatever its name.

    Raises:
        ConfigError: A file cannot be read.
    """
    try:
        context = ssl.create_default_context(cafile=tls / CA_FILE)
        context.check_hostname = False  # as dask does: the authority has no other use
        context.load_cert_chain(tls / CERT_FILE, tls / KEY_FILE)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"cluster.tls: {tls}: certificate or key cannot be read: {error}"
        ) from error
    return context


def probe(address: SchedulerAddress) -> str | None:
    """Why a scheduler cannot be reached; None if something answers as one would.

    Raises:
        ConfigError: Our certificate cannot be read.
    """
    context = None if address.tls is None else client_context(address.tls)
    try:
        plain = socket.create_connection((address.host, address.port), PROBE_S)
        with plain:
            if context is None:
                return None if plain.recv(1) else _closed(address)
            with context.wrap_socket(plain) as secure:
                return None if secure.recv(1) else _closed(address)
    except ssl.SSLCertVerificationError as error:
        return (
            f"its certificate is not of our authority ({error.verify_message}): "
            f"another scheduler answers at {address.text}, or cluster.tls is of "
            "another cluster"
        )
    except ssl.SSLError as error:
        return _tls_problem(address, error)
    except TimeoutError:
        return f"{address.text} does not answer within {PROBE_S:g} s; {_SAME}"
    except OSError as error:
        return f"{address.text}: {error.strerror or error}; is the scheduler running?"


def _tls_problem(address: SchedulerAddress, error: ssl.SSLError) -> str:
    reason = error.reason or str(error)
    if "ALERT" in reason:
        return (
            f"the scheduler refuses our certificate ({reason}): cluster.tls is of "
            "another cluster, or has expired"
        )
    return f"{address.text} does not speak TLS ({reason}); is it started with tcp://?"


def _closed(address: SchedulerAddress) -> str:
    return f"{address.text} closes the connection; {_SAME}"
