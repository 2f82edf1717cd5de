"""Our own authenticators pass the suite that outside ones are asked to pass."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from recorder.authenticators.dummy import DummyPlugin
from recorder.authenticators.local import Local, LocalPlugin
from recorder.config import Settings
from recorder.plugins.groups import AUTHENTICATORS
from recorder.plugins.registry import Plugin
from recorder.records.access import Identity
from recorder.testing import AuthenticatorConformance
from tests.directory import ALICE, Slapd
from tests.openid.server import OpenIdServer
from tests.servers import free_port
from tests.sign_in import write_passwords


class TestLocal(AuthenticatorConformance):
    kind = "local"

    def section(self, folder: Path) -> dict[str, Any]:
        login, password = self.person()
        path = write_passwords(folder / "passwords", login, password=password)
        return {"passwords_file": path}

    def person(self) -> tuple[str, str]:
        return "anna", "pässwörd ✓ ä"

    def unreachable(self, folder: Path) -> dict[str, Any]:
        return {"passwords_file": folder / "none"}


class TestDummy(AuthenticatorConformance):
    kind = "dummy"
    any_password = True

    def section(self, folder: Path) -> dict[str, Any]:
        return {}

    def person(self) -> tuple[str, str]:
        return "anna", "anything"

    def settings(self, folder: Path) -> Settings:
        return Settings(state_directory=folder, web={"insecure_dummy": True})


class TestLdap(AuthenticatorConformance):
    kind = "ldap"

    @pytest.fixture(autouse=True)
    def _directory(self, slapd: Slapd) -> None:
        self.slapd = slapd

    def section(self, folder: Path) -> dict[str, Any]:
        return dict(self.slapd.section())

    def person(self) -> tuple[str, str]:
        return ALICE.uid, ALICE.password

    def unreachable(self, folder: Path) -> dict[str, Any]:
        return {**self.slapd.section(), "url": f"ldap://127.0.0.1:{free_port()}"}


class TestOidc(AuthenticatorConformance):
    kind = "oidc"

    @pytest.fixture(autouse=True)
    def _provider(self, openid: OpenIdServer) -> None:
        self.openid = openid

    def section(self, folder: Path) -> dict[str, Any]:
        return self.openid.section()

    def unreachable(self, folder: Path) -> dict[str, Any]:
        return self.openid.section(issuer=f"http://127.0.0.1:{free_port()}/realm")


class LocalSuite(TestLocal):
    __test__ = False


class Trusting(Local):
    """Takes an empty password, as some directories do."""

    async def login(self, login: str, password: str) -> Identity | None:
        return Identity(login) if not password else await super().login(login, password)


def test_the_suite_finds_one_that_takes_an_empty_password(monkeypatch, tmp_path):
    class TrustingPlugin(LocalPlugin):
        def make(self, section, settings):
            return Trusting(section.name, section.path)

    plugin = Plugin("local", "test", "1", TrustingPlugin())
    monkeypatch.setitem(AUTHENTICATORS._loaded, "local", plugin)
    with pytest.raises(AssertionError):
        LocalSuite().test_what_is_no_login_or_password(tmp_path)


def test_the_suite_finds_one_that_believes_everybody(monkeypatch, tmp_path):
    class Everybody(DummyPlugin):
        kind = "local"
        settings = LocalPlugin.settings

    plugin = Plugin("local", "test", "1", Everybody())
    monkeypatch.setitem(AUTHENTICATORS._loaded, "local", plugin)

    class Suite(LocalSuite):
        def settings(self, folder):
            return Settings(state_directory=folder, web={"insecure_dummy": True})

    with pytest.raises(AssertionError):
        Suite().test_right_and_wrong(tmp_path)
