"""Values put into names and filters of a directory, and taken out of names.

Whatever a value is, it stays a value: every byte that is not a plain letter, digit or
one of ``._@-`` is written as its two hexadecimal digits, which both grammars allow.
"""

from __future__ import annotations

import re

_PLAIN = frozenset(
    b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._@-"
)
_ESCAPE = re.compile(rb"\\([0-9A-Fa-f]{2})|\\(.)", re.DOTALL)
_FIRST = re.compile(r"[^=]*=((?:[^\\,+;]|\\.)*)", re.DOTALL)


def name_value(value: str) -> str:
    """A value for a distinguished name (RFC 4514)."""
    return _escaped(value)


def filter_value(value: str) -> str:
    """A value for a filter (RFC 4515)."""
    return _escaped(value)


def first_value(name: str) -> str:
    """The value of the first part of a distinguished name: what a group is called.

    Args:
        name: Such as ``cn=mx-staff,ou=groups,dc=example,dc=org``.

    Returns:
        Without escapes; empty if it is no such name.
    """
    found = _FIRST.match(name)
    if found is None:
        return ""
    raw = found[1].encode(errors="replace")
    return _ESCAPE.sub(_unescaped, raw).decode(errors="replace").strip()


def _escaped(value: str) -> str:
    raw = value.encode(errors="surrogatepass")
    return "".join(chr(b) if b in _PLAIN else f"\\{b:02x}" for b in raw)


def _unescaped(found: re.Match[bytes]) -> bytes:
    return bytes.fromhex(found[1].decode()) if found[1] else found[2]
