"""The authenticator passes the recorder's suite."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from recorder_scrypt import hashed

from recorder.testing import AuthenticatorConformance

SALT = "00112233445566778899aabbccddeeff"


class TestScrypt(AuthenticatorConformance):
    """All tests of the suite."""

    kind = "scrypt"

    def section(self, folder: Path) -> dict[str, Any]:
        """A file with one person."""
        login, password = self.person()
        people = {login: (SALT, hashed(password.encode(), SALT))}
        (folder / "people.json").write_text(json.dumps(people), encoding="utf-8")
        return {"file": folder / "people.json"}

    def person(self) -> tuple[str, str]:
        """Who is in it."""
        return "anna", "pässwörd ✓"

    def unreachable(self, folder: Path) -> dict[str, Any]:
        """A file that is not there."""
        return {"file": folder / "nothing.json"}
