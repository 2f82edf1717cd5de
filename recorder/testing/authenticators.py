"""What every authenticator must do, whatever it asks."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import pytest

from recorder.authenticators.protocols import (
    Authenticator,
    AuthenticatorUnavailableError,
    How,
    authenticator_plugin,
)
from recorder.config import Settings
from recorder.records import CheckLine
from recorder.records.access import LOGIN, Identity
from recorder.testing.sections import check_settings

T = TypeVar("T")
ANSWER_S = 3.0
"""Seconds in which every call must answer."""
BUSY_S = 2.0
"""Seconds on top, on a busy machine."""
AT_ONCE = 6
"""Sign-ins at the same time."""
LONG = "x" * 10_240
"""Longer than any directory takes."""
BACK = "http://localhost:8642/sign-in/it/back"
"""Address that a provider sends a browser back to."""
NO_TOKENS = (
    "",
    "x",
    LONG,
    "\0",
    "a.b.c",
    "..",
    # {"alg": "none"}, {"sub": "admin"}, no signature
    "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.",
)
"""What is no token of anybody."""


class AuthenticatorConformance:
    """Derive from it, set ``kind``, and write ``section`` and ``person``.

    Write ``unreachable`` too, unless nothing that it asks can be away. Of one that
    sends browsers to a provider ``person`` is not asked.
    """

    kind: ClassVar[str]
    any_password: ClassVar[bool] = False
    """Whether it believes everybody: only for trying things out."""

    def section(self, folder: Path) -> dict[str, Any]:
        """Its settings, without ``kind``.

        Args:
            folder: Empty, for files.
        """
        raise NotImplementedError

    def person(self) -> tuple[str, str]:
        """A login and its password, for an authenticator with passwords."""
        raise NotImplementedError

    def unreachable(self, folder: Path) -> dict[str, Any] | None:
        """Settings with which what it asks is away; None: that cannot be."""
        return None

    def settings(self, folder: Path) -> Settings:
        """The whole configuration."""
        return Settings(state_directory=folder / "state")

    # -- the tests -------------------------------------------------------------------

    def test_its_settings(self) -> None:
        """Frozen, strict, with docstrings, and a kind that the schema knows."""
        check_settings(authenticator_plugin(self.kind).settings, self.kind)

    def test_right_and_wrong(self, tmp_path: Path) -> None:
        """Who is right is somebody; who is wrong, or nobody, is nobody."""

        async def scenario(one: Authenticator) -> None:
            assert one.name
            if one.how is How.REDIRECT:
                assert await in_time(one.login("somebody", "a password")) is None
                return
            login, password = self.person()
            found = await in_time(one.login(login, password))
            assert isinstance(found, Identity)
            assert re.fullmatch(LOGIN, found.login)
            assert all(text.isprintable() for text in (found.name, found.mail))
            if not self.any_password:
                assert await in_time(one.login(login, password + "x")) is None
                assert await in_time(one.login(login, password[:-1])) is None
                assert await in_time(one.login("nobody-of-that-name", password)) is None

        self._with(tmp_path, scenario)

    def test_what_is_no_login_or_password(self, tmp_path: Path) -> None:
        """Empty, too long, with NUL, of half a sign, or made for a query."""

        async def scenario(one: Authenticator) -> None:
            if one.how is How.REDIRECT:
                return
            login, password = self.person()
            for wrong, text in _strange(login, password, self.any_password):
                found = await in_time(one.login(wrong, text))
                assert found is None, (wrong[:40], text[:40])

        self._with(tmp_path, scenario)

    def test_many_at_once(self, tmp_path: Path) -> None:
        """Each gets the answer to their own question."""

        async def scenario(one: Authenticator) -> None:
            if one.how is How.REDIRECT:
                return
            login, password = self.person()
            right = [one.login(login, password) for _ in range(AT_ONCE // 2)]
            wrong = [one.login(login, "") for _ in range(AT_ONCE // 2)]
            found = await asyncio.gather(*right, *wrong)
            assert [one is not None for one in found] == [True] * 3 + [False] * 3

        self._with(tmp_path, scenario)

    def test_what_is_no_token(self, tmp_path: Path) -> None:
        """It belongs to nobody."""

        async def scenario(one: Authenticator) -> None:
            for token in NO_TOKENS:
                assert await in_time(one.bearer(token)) is None, token[:40]

        self._with(tmp_path, scenario)

    def test_who_comes_back_from_nowhere(self, tmp_path: Path) -> None:
        """Without code, with an error, with another state: nobody."""

        async def scenario(one: Authenticator) -> None:
            if one.how is not How.REDIRECT:
                assert await one.arrive({}, {}, BACK) is None
                return
            gone = await in_time(one.depart(BACK))
            assert gone.url.startswith(("https://", "http://"))
            assert gone.state
            other = await in_time(one.depart(BACK))
            assert other.state != gone.state
            for query in (
                {},
                {"error": "access_denied"},
                {"code": "x"},
                {"code": "x", "state": "x"},
                {"code": LONG, "state": LONG},
            ):
                assert await in_time(one.arrive(query, gone.state, BACK)) is None

        self._with(tmp_path, scenario)

    def test_what_is_away_is_said_in_time(self, tmp_path: Path) -> None:
        """In words for people, without the password."""
        changes = self.unreachable(tmp_path)
        if changes is None:
            pytest.skip("nothing that it asks can be away")

        async def scenario(one: Authenticator) -> None:
            secret = "a password that nobody may read"
            with pytest.raises(AuthenticatorUnavailableError) as caught:
                if one.how is How.REDIRECT:
                    await in_time(one.depart(BACK))
                else:
                    await in_time(one.login("somebody", secret))
            assert len(str(caught.value)) > 10
            assert secret not in str(caught.value)

        self._with(tmp_path, scenario, changes)

    def test_check_answers(self, tmp_path: Path) -> None:
        """That it works; and where it is away, that it does not, without an error."""
        settings = self.settings(tmp_path)
        section = self._section(self.section(tmp_path))
        lines = asyncio.run(authenticator_plugin(self.kind).check(section, settings))
        assert all(isinstance(line, CheckLine) for line in lines)
        assert [line.ok for line in lines] == [True] * len(lines) != []
        changes = self.unreachable(tmp_path)
        if changes is not None:
            section = self._section(changes)
            check = authenticator_plugin(self.kind).check(section, settings)
            assert not all(line.ok for line in asyncio.run(check))

    # -- how they run ------------------------------------------------------------------

    def _section(self, values: dict[str, Any]) -> Any:
        values = {"name": "it", "kind": self.kind, **values}
        return authenticator_plugin(self.kind).settings.model_validate(values)

    def _with(
        self,
        folder: Path,
        scenario: Callable[[Authenticator], Awaitable[None]],
        values: dict[str, Any] | None = None,
    ) -> None:
        """Let something happen with one; it is closed in the end."""
        section = self._section(self.section(folder) if values is None else values)
        settings = self.settings(folder)

        async def run() -> None:
            one = authenticator_plugin(self.kind).make(section, settings)
            try:
                await scenario(one)
            finally:
                await one.close()

        asyncio.run(run())


async def in_time(call: Awaitable[T]) -> T:
    """What a call answers; it must not take long."""
    began = time.monotonic()
    try:
        return await call
    finally:
        assert time.monotonic() - began < ANSWER_S + BUSY_S


def _strange(login: str, password: str, any_password: bool) -> list[tuple[str, str]]:
    """What nobody can have typed who is meant to come in."""
    logins = [
        "",
        LONG,
        "*",
        "*)(uid=*",
        f"{login})(objectClass=*",
        f"{login},dc=example",
        f"{login}\0",
        f"{login}' OR '1'='1",
        "../../etc/passwd",
        "\ud800",
    ]
    passwords = ["", "\0", f"{password}\0", f"{password}\0x", LONG, "*", "\ud800"]
    if any_password:
        passwords = [""]
    return [
        *((wrong, password) for wrong in logins),
        *((login, text) for text in passwords),
    ]
