"""Random texts that let somebody in: shown once, kept as hashes."""

from __future__ import annotations

import hashlib
import re
import secrets

SECRET_BYTES = 32
"""256 bits: nobody finds one by trying."""
API = "rct_"
"""How an API or kiosk token begins."""
ACCESS = "rca_"
"""How the access token of a py-ISPyB login begins."""
REFRESH = "rcr_"
"""How its refresh token begins."""
KEY_BYTES = 8
"""Of the name under which a session or token is listed and revoked; it is no secret."""
_TEXT = re.compile(r"(?:rc[tar]_)?[A-Za-z0-9_-]{43}")


def new_secret(beginning: str = "") -> str:
    """A secret that nobody had before.

    Args:
        beginning: Says what it is for; empty for a session.
    """
    return beginning + secrets.token_urlsafe(SECRET_BYTES)


def new_key() -> str:
    """A name for a session or token."""
    return secrets.token_hex(KEY_BYTES)


def looks_like_one(text: str) -> bool:
    """Whether a text could be one of ours; nothing else is looked for."""
    return _TEXT.fullmatch(text) is not None


def hashed(secret: str) -> bytes:
    """What is kept of it. It is random, so one round of a plain hash does."""
    return hashlib.sha256(secret.encode()).digest()
