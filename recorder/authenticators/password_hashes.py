"""Hashes of passwords: argon2id, 64 MiB and a third of a second of a core each."""

from __future__ import annotations

import base64
import os
import unicodedata

from recorder.errors import MissingExtraError

try:
    from pwdlib import PasswordHash
    from pwdlib.hashers.argon2 import Argon2Hasher
except ModuleNotFoundError as error:
    raise MissingExtraError("web", "the authenticator local") from error

KIB, ROUNDS, LANES = 64 << 10, 3, 4
"""Memory (KiB), rounds and lanes of argon2id: RFC 9106's second choice."""
_SALT, _DIGEST = 16, 32
"""Bytes of salt and digest."""


def password_hash(password: str) -> str:
    """The hash of a password, for the file."""
    return hasher().hash(composed(password))


def hasher() -> PasswordHash:
    """Makes hashes and compares with them."""
    return PasswordHash((Argon2Hasher(ROUNDS, KIB, LANES, _DIGEST, _SALT),))


def composed(password: str) -> str:
    """Keyboards send é as one sign or as two."""
    return unicodedata.normalize("NFC", password)


def hash_of_nobody() -> str:
    """A hash that no password has; looking at it takes as long as at any other."""
    salt, digest = (
        base64.b64encode(os.urandom(n)).decode().rstrip("=") for n in (_SALT, _DIGEST)
    )
    return f"$argon2id$v=19$m={KIB},t={ROUNDS},p={LANES}${salt}${digest}"
