"""Where peers are: ZeroMQ endpoints, hosts and database URLs, checked as they are read.

Each check returns the value or raises a ``ValueError`` that says what to write. What is
quoted never holds a password.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator

MAX_HOST = 253
"""Characters of a host name: what DNS allows."""
MAX_IPC = 107
"""Bytes of the path of an ``ipc`` endpoint: what Linux allows for a socket."""
MAX_PORT = 65535
"""Largest port: TCP has 16 bits for it."""
_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?")
_WRITE = "write it as tcp://HOST:PORT, such as tcp://192.168.1.10:9999"
_WRITE_URL = "write it as mariadb+pymysql://USER@HOST/DATABASE, or sqlite:////PATH"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The parts of a ZeroMQ endpoint."""

    scheme: str
    host: str
    """Without brackets; the path of ``ipc``, the name of ``inproc``."""
    port: int
    """0 where the scheme has none."""


def parse_endpoint(text: str) -> Endpoint:
    """The parts of a ZeroMQ endpoint to connect to.

    Raises:
        ValueError: It is none; the message says what to write.
    """
    if text != text.strip() or any(c.isspace() for c in text):
        raise ValueError(f"an endpoint has no blanks: {_WRITE}")
    scheme, mark, rest = text.partition("://")
    if not mark or scheme not in ("tcp", "ipc", "inproc"):
        raise ValueError(
            f"an endpoint begins with tcp://, ipc:// or inproc://: {_WRITE}"
        )
    if scheme != "tcp":
        if not rest or len(rest.encode(errors="replace")) > MAX_IPC:
            raise ValueError(f"a path of 1 to {MAX_IPC} bytes follows {scheme}://")
        return Endpoint(scheme, rest, 0)
    local, mark, peer = rest.rpartition(";")
    if mark and not local:
        raise ValueError(f"no address before the semicolon: {_WRITE}")
    host, mark, port = peer.rpartition(":")
    if not mark or not host:
        raise ValueError(f"an endpoint of tcp has a host and a port: {_WRITE}")
    return Endpoint(scheme, _host_of_endpoint(host), _port(port))


def _host_of_endpoint(host: str) -> str:
    if host.startswith("[") and host.endswith("]"):
        return _ipv6(host[1:-1])
    if ":" in host:
        raise ValueError(
            "an IPv6 address stands in brackets, and the port behind them: "
            "tcp://[fd00::10]:9999"
        )
    if host == "*":
        raise ValueError(f"* is no host to connect to: {_WRITE}")
    return _name(host)


def _port(text: str) -> int:
    good = text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= MAX_PORT
    if not good:
        raise ValueError(f"the port is a number from 1 to {MAX_PORT}: {_WRITE}")
    return int(text)


def _ipv6(text: str) -> str:
    try:
        ipaddress.IPv6Address(text)
    except ValueError as error:
        raise ValueError("what stands in brackets is no IPv6 address") from error
    return text


def _name(host: str) -> str:
    """A host name or an IPv4 address."""
    if host and not host.strip("0123456789."):
        try:
            ipaddress.IPv4Address(host)
        except ValueError as error:
            raise ValueError(
                "the host is no IPv4 address: four numbers to 255"
            ) from error
        return host
    labels = host.removesuffix(".").split(".")
    if len(host) > MAX_HOST or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError(
            "the host is a name of letters, digits, hyphens and dots, or an address"
        )
    return host


def check_endpoint(text: str) -> str:
    """A ZeroMQ endpoint to connect to, as it is.

    Raises:
        ValueError: See :func:`parse_endpoint`.
    """
    parse_endpoint(text)
    return text


def check_host(text: str) -> str:
    """A host by name or address; brackets around an IPv6 address are left out.

    Raises:
        ValueError: It is none, or has a scheme or a port.
    """
    if "://" in text:
        raise ValueError("write the host alone, without scheme and port")
    if text.startswith("[") and text.endswith("]"):
        return _ipv6(text[1:-1])
    if text.count(":") > 1:
        return _ipv6(text)
    if ":" in text:
        raise ValueError("write the host alone; the port is a setting of its own")
    return _name(text)


def check_database_url(text: str) -> str:
    """A database URL whose password was taken out.

    Raises:
        ValueError: It is none; nothing of it is quoted.
    """
    if any(c.isspace() for c in text):
        raise ValueError(f"a database URL has no blanks: {_WRITE_URL}")
    scheme, mark, _ = text.partition("://")
    backend = scheme.partition("+")[0]
    if not mark or backend not in ("sqlite", "mysql", "mariadb"):
        raise ValueError(
            f"is no URL of a MariaDB, MySQL or SQLite database: {_WRITE_URL}"
        )
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError as error:
        raise ValueError(
            f"host or port cannot be read; the port is a number from 1 to {MAX_PORT}: "
            f"{_WRITE_URL}"
        ) from error
    if backend == "sqlite":
        if url.netloc:
            raise ValueError("write sqlite:////PATH for a file, with four slashes")
        return text
    _check_server(url, port)
    return text


def _check_server(url: SplitResult, port: int | None) -> None:
    if port == 0:
        raise ValueError(f"the port is a number from 1 to {MAX_PORT}")
    if url.hostname:
        check_host(url.hostname)
    if not url.path.strip("/") or "/" in url.path.strip("/"):
        raise ValueError(f"the name of the database follows the host: {_WRITE_URL}")


EndpointText = Annotated[str, AfterValidator(check_endpoint)]
HostText = Annotated[str, AfterValidator(check_host)]
DatabaseUrl = Annotated[str, AfterValidator(check_database_url)]


def is_loopback_address(host: str) -> bool:
    """Whether an address of a socket, ours or a peer's, is one of this host alone.

    For names and spellings of where something is sent, see
    :func:`recorder.runtime.addresses.stays_on_this_host`.
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
