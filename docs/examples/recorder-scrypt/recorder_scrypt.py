"""Hashes in a JSON file, ``{login: [salt, hash]}``: authenticator kind ``scrypt``."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from recorder.authenticators.plain import PasswordsOnly
from recorder.authenticators.protocols import AuthenticatorUnavailableError
from recorder.config import AuthenticatorSection, Settings
from recorder.records import CheckLine
from recorder.records.access import LOGIN, Identity

NOBODY = (os.urandom(16).hex(), "0" * 64)
"""Looked at for those who are not in the file: it takes as long."""
MAX_PASSWORD = 1024
"""Bytes: longer ones are nobody's."""


class ScryptSection(AuthenticatorSection):
    """One file with a hash for each person."""

    name: str = "scrypt"
    """Name of the authenticator on the sign-in page and in the audit log."""
    kind: Literal["scrypt"] = "scrypt"
    """Hashes of scrypt in a JSON file."""
    file: Path
    """The file."""


class Scrypt(PasswordsOnly):
    """Compares hashes; what cannot be a login or password is refused before."""

    def __init__(self, section: ScryptSection) -> None:
        super().__init__(section.name)
        self._file = section.file

    async def login(self, login: str, password: str) -> Identity | None:
        """Who they are: in a thread, as it takes a tenth of a second."""
        secret = password.encode(errors="replace")
        good = re.fullmatch(LOGIN, login) and 0 < len(secret) <= MAX_PASSWORD
        if not good or b"\0" in secret:
            return None
        try:
            people = await asyncio.to_thread(_read, self._file)
        except (OSError, ValueError) as error:
            text = f"{self.name}: the file cannot be read; tell who runs this host"
            raise AuthenticatorUnavailableError(text) from error
        salt, wanted = people.get(login, NOBODY)
        found = await asyncio.to_thread(hashed, secret, salt)
        return Identity(login) if hmac.compare_digest(found, wanted) else None


def hashed(secret: bytes, salt: str) -> str:
    """The hash of a password."""
    salted = bytes.fromhex(salt)
    return hashlib.scrypt(secret, salt=salted, n=16384, r=8, p=1, dklen=32).hex()


def _read(path: Path) -> Mapping[str, tuple[str, str]]:
    people: Mapping[str, tuple[str, str]] = json.loads(path.read_bytes())
    return people


class ScryptPlugin:
    """What the entry point names."""

    kind = "scrypt"
    settings = ScryptSection

    def make(self, section: ScryptSection, settings: Settings) -> Scrypt:
        """One with these settings; the file is read with each sign-in."""
        return Scrypt(section)

    async def check(
        self, section: ScryptSection, settings: Settings
    ) -> Sequence[CheckLine]:
        """Whether the file can be read."""
        what = f"sign-in {section.name}"
        try:
            people = await asyncio.to_thread(_read, section.file)
        except (OSError, ValueError) as error:
            return [CheckLine(what, False, f"{section.file}: {error}; mend it")]
        return [CheckLine(what, True, f"{section.file}: {len(people)} people")]


PLUGIN = ScryptPlugin()
