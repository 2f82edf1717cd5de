"""People with passwords, and browsers without a browser."""

from __future__ import annotations

from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

from pwdlib.hashers.argon2 import Argon2Hasher

from recorder.authenticators.password_file import MIN_KIB
from tests.web import Answer, Web

PASSWORD = "correct horse battery"
QUICK = Argon2Hasher(1, MIN_KIB, 1)
"""As cheap as a file may have it."""


def write_passwords(path: Path, *logins: str, password: str = PASSWORD) -> Path:
    lines = [f"{login}:{QUICK.hash(password)}:{login.title()}" for login in logins]
    path.write_text("\n".join(lines), encoding="utf-8")
    path.chmod(0o640)
    return path


def local(path: Path, **people: Any) -> dict[str, Any]:
    """The section `web` with local passwords."""
    return {
        "authenticator": [
            {"kind": "local", "name": "house", "passwords_file": str(path)}
        ],
        "people": people,
    }


class Browser:
    """Keeps cookies as a browser does.

    Args:
        web: Is asked.
    """

    def __init__(self, web: Web) -> None:
        self.web = web
        self.jar: dict[str, str] = {}

    def get(self, path: str, **headers: str) -> Answer:
        return self._kept(self.web.get(path, **self._cookies(), **headers))

    def post(self, path: str, body: Any, **headers: str) -> Answer:
        return self._kept(self.web.post(path, body, **self._cookies(), **headers))

    def sign_in(self, login: str, password: str = PASSWORD, **more: Any) -> Answer:
        return self.post("/sign-in", {"login": login, "password": password, **more})

    def _cookies(self) -> dict[str, str]:
        text = "; ".join(f"{name}={value}" for name, value in self.jar.items())
        return {"Cookie": text} if text else {}

    def _kept(self, answer: Answer) -> Answer:
        for name, found in SimpleCookie(answer.headers.get("set-cookie", "")).items():
            assert found["secure"] and found["httponly"] and found["path"] == "/"
            assert found["samesite"] == "lax"
            if found["max-age"] == "0":
                self.jar.pop(name, None)
            else:
                self.jar[name] = found.value
        return answer
