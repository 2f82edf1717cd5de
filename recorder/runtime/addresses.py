"""Which of the two internets a peer is reached by, and whether it is this host."""

from __future__ import annotations

import ipaddress
import socket


def only_ipv6(host: str) -> bool:
    """Whether a host has to be reached by IPv6; ZeroMQ must be told beforehand.

    With IPv6 switched on, ZeroMQ takes the first address of a name, and a detector that
    listens on its IPv4 address alone would not be found.

    Args:
        host: Name or address, without brackets. A name is asked for, which may take
            seconds where no name server answers.
    """
    try:
        return ipaddress.ip_address(host).version == 6
    except ValueError:
        pass
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return False  # ZeroMQ asks again at each attempt
    families = {family for family, *_ in found}
    return socket.AF_INET6 in families and socket.AF_INET not in families


def stays_on_this_host(host: str) -> bool:
    """Whether what is sent to a host, however it is spelt, does not leave this one."""
    name = host.strip("[]").rstrip(".").lower()
    if name in ("", "localhost") or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)
