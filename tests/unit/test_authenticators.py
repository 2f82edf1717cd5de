"""Settings and texts of the shipped authenticators; servers are in tests/system."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from recorder.authenticators.ldap.asker import AT_ONCE
from recorder.authenticators.ldap.directory import MAX_PASSWORD
from recorder.authenticators.ldap.names import filter_value, first_value, name_value
from recorder.authenticators.ldap.plugin import PLUGIN as LDAP
from recorder.authenticators.ldap.settings import LONGEST_S, LdapSection
from recorder.authenticators.oidc import kept, tokens
from recorder.authenticators.oidc.http import MAX_BODY
from recorder.authenticators.oidc.plugin import PLUGIN as OIDC
from recorder.authenticators.oidc.settings import OidcSection
from recorder.authenticators.protocols import make_authenticators
from recorder.authenticators.secrets import MAX_SECRET, secret_of
from recorder.config import Settings, load_settings
from recorder.errors import ConfigError, MissingExtraError
from recorder.plugins.groups import AUTHENTICATORS
from recorder.records.access import MAX_LOGIN
from recorder.testing.sections import check_settings
from tests.unit.test_docs import REFERENCE, rows, sections, settings_of

SECTIONS = {
    plugin.name: plugin.value.settings
    for plugin in AUTHENTICATORS.usable()
    if AUTHENTICATORS.built_in(plugin.name)
}
PEOPLE = "uid={login},ou=people,dc=example,dc=org"


# -- values in names and filters -------------------------------------------------------


@given(st.text())
def test_a_value_stays_a_value(text: str):
    """No character of it means anything, and all of it is there."""
    for escaped in (name_value(text), filter_value(text)):
        assert not set(escaped) & set('*()\0,+"<>;=# \n/&|!~:') and escaped.isascii()
        raw = re.sub(r"\\([0-9a-f]{2})", lambda m: chr(int(m[1], 16)), escaped)
        assert raw.encode("latin-1").decode() == text


@given(st.text(min_size=1), st.text())
def test_the_first_value_of_a_name(text: str, rest: str):
    found = first_value(f"cn={name_value(text)},ou={name_value(rest)}")
    assert found == text.strip()


@given(st.text())
def test_anything_as_a_name(text: str):
    assert isinstance(first_value(text), str)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CN=Smith\\, John,OU=x", "Smith, John"),
        ("cn=a\\\\,o=b", "a\\"),
        ("cn=team #1,o=b", "team #1"),
        ("cn=a+sn=b,o=c", "a"),
        ("cn=a", "a"),
        ("nothing", ""),
        ("", ""),
    ],
)
def test_names_as_directories_write_them(name: str, value: str):
    assert first_value(name) == value


# -- settings --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", SECTIONS)
def test_their_settings(kind: str):
    check_settings(SECTIONS[kind], kind)


def test_numbers_of_the_reference():
    text = (REFERENCE / "authenticators.md").read_text(encoding="utf-8")
    prose = " ".join(text.split())
    for phrase in (
        f"at most {MAX_LOGIN}.",
        f"above {MAX_PASSWORD} bytes",
        f"At most {AT_ONCE} are asked at once",
        f"clocks may differ by {tokens.SKEW_S} s",
        f"for {kept.STALE_S / 3600:g} hours while",
        f"once in {kept.AGAIN_S:g} s",
        f"above {MAX_BODY >> 20} MiB",
        f"within {LONGEST_S + 0.3:g} s",
    ):
        assert phrase in prose, phrase
    assert kept.FRESH_S == 3600 and "kept for an hour" in prose


@pytest.mark.parametrize("kind", SECTIONS)
def test_every_setting_is_documented(kind: str):
    text = sections(REFERENCE / "authenticators.md")[f"`{kind}`"]
    documented = {row[0].strip("`"): row[2] for row in rows(text)}
    assert documented == dict(settings_of(SECTIONS[kind]))


WRONG = {
    "neither way": ({}, "user_dn"),
    "no mark": ({"user_dn": "uid=alice"}, "{login}"),
    "no brackets": ({"search_base": "o=x", "search_filter": "uid={login}"}, "brackets"),
    "two ways": ({"user_dn": PEOPLE, "bind_dn": "cn=x"}, "bind_dn"),
    "no scheme": ({"user_dn": PEOPLE, "url": "ldap.example.org"}, "ldaps://HOST"),
    "http": ({"user_dn": PEOPLE, "url": "http://x"}, "ldaps://HOST"),
    "a path": ({"user_dn": PEOPLE, "url": "ldaps://x/dc=y"}, "ldaps://HOST"),
    "a user": ({"user_dn": PEOPLE, "url": "ldaps://me:pw@x"}, "ldaps://HOST"),
    "a bad port": ({"user_dn": PEOPLE, "url": "ldaps://x:99999"}, "ldaps://HOST"),
    "a bad host": ({"user_dn": PEOPLE, "url": "ldaps://a b"}, "host"),
    "TLS twice": (
        {"user_dn": PEOPLE, "url": "ldaps://x", "start_tls": True},
        "start_tls",
    ),
    "too patient": ({"user_dn": PEOPLE, "timeout_s": 5.0}, "2.7"),
    "two secrets": (
        {"search_base": "o=x", "bind_password": "x", "bind_password_file": "/x"},
        "leave one out",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_settings_of_ldap(what: str):
    changes, said = WRONG[what]
    with pytest.raises(ValidationError) as raised:
        LdapSection(**changes)
    assert said in str(raised.value) and "pw" not in str(raised.value)


@pytest.mark.parametrize(
    "host", ["ldap.example.org", "192.0.2.3", "[2001:db8::1]", "0.0.0.0", "localhost.x"]
)
def test_no_password_in_plain_text(host: str, settings: Callable[..., Settings]):
    """Off this host TLS is needed."""
    section = LdapSection(url=f"ldap://{host}", user_dn=PEOPLE)
    with pytest.raises(ConfigError, match="plain text"):
        LDAP.make(section, settings())
    for more in ({"url": f"ldaps://{host}"}, {"start_tls": True}):
        safe = {"url": f"ldap://{host}", "user_dn": PEOPLE, **more}
        assert LDAP.make(LdapSection(**safe), settings()).name == "ldap"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.10", "[::1]"])
def test_plain_text_on_this_host(host: str, settings: Callable[..., Settings]):
    section = LdapSection(url=f"ldap://{host}:3890", user_dn=PEOPLE)
    assert LDAP.make(section, settings()).name == "ldap"


def test_an_authority_that_cannot_be_read(
    tmp_path: Path, settings: Callable[..., Settings]
):
    garbage = tmp_path / "ca.pem"
    garbage.write_text("no certificate")
    for path in (garbage, tmp_path / "absent"):
        section = LdapSection(url="ldaps://x", user_dn=PEOPLE, ca_file=path)
        with pytest.raises(ConfigError, match="ca_file"):
            LDAP.make(section, settings())


async def test_without_bonsai(
    settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
):
    """The configuration loads; what uses it says what to install."""
    name = "recorder.authenticators.ldap.plugin.find_spec"
    monkeypatch.setattr(name, lambda _: None)
    section = LdapSection(user_dn=PEOPLE)
    with pytest.raises(MissingExtraError, match=r"ssx-recorder\[ldap\]"):
        LDAP.make(section, settings())
    (line,) = await LDAP.check(section, settings())
    assert not line.ok and "ssx-recorder[ldap]" in line.text


WRONG_OIDC = {
    "no address": ({"issuer": "sso.example.org"}, "https://HOST"),
    "ldap": ({"issuer": "ldap://x"}, "https://HOST"),
    "a query": ({"issuer": "https://x/?a=b"}, "https://HOST"),
    "a user": ({"issuer": "https://me:pw@x"}, "https://HOST"),
    "a bad host": ({"issuer": "https://a b"}, "host"),
    "a bad port": ({"issuer": "https://x:99999"}, "port"),
    "no openid": ({"scopes": ["profile"]}, "openid"),
    "two secrets": ({"client_secret": "pw", "client_secret_file": "/x"}, "leave one"),
    "no login": ({"services": {"sync": "*)(uid=*"}}, "pattern"),
    "another preset": ({"preset": "okta"}, "keycloak"),
}


@pytest.mark.parametrize("what", WRONG_OIDC)
def test_wrong_settings_of_oidc(what: str):
    changes, said = WRONG_OIDC[what]
    with pytest.raises(ValidationError) as raised:
        OidcSection(**changes)
    assert said in str(raised.value) and "pw" not in str(raised.value)


@pytest.mark.parametrize("host", ["sso.example.org", "192.0.2.3", "localhost.x"])
def test_no_provider_in_plain_text(host: str, settings: Callable[..., Settings]):
    """Whoever stands between us and it could say anything."""
    with pytest.raises(ConfigError, match="plain text"):
        OIDC.make(OidcSection(issuer=f"http://{host}/realms/x"), settings())
    assert OIDC.make(OidcSection(issuer=f"https://{host}/x"), settings())
    assert OIDC.make(OidcSection(issuer="http://localhost:8080/x"), settings())


async def test_without_authlib(
    settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
):
    name = "recorder.authenticators.oidc.plugin.find_spec"
    monkeypatch.setattr(name, lambda _: None)
    with pytest.raises(MissingExtraError, match=r"ssx-recorder\[oidc\]"):
        OIDC.make(OidcSection(), settings())
    (line,) = await OIDC.check(OidcSection(), settings())
    assert not line.ok and "ssx-recorder[oidc]" in line.text


# -- secrets ---------------------------------------------------------------------------


def directories(*names: str) -> str:
    tables = [
        f'[[web.authenticator]]\nkind = "ldap"\n{name}user_dn = "{PEOPLE}"\n'
        for name in names
    ]
    return "\n".join(tables)


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """The authenticators of a configuration with credentials."""

    def load(text: str, **credentials: str) -> tuple[Any, ...]:
        folder = tmp_path / "credentials"
        folder.mkdir(exist_ok=True)
        for name, secret in credentials.items():
            (folder / name).write_text(secret + "\n")
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
        path = tmp_path / "recorder.toml"
        path.write_text(text)
        return load_settings(path).web.authenticator

    return load


def test_credentials_by_the_name_of_an_authenticator(configured):
    text = directories('name = "one"\n', 'name = "Two"\n', "")
    one, two, third = configured(
        text,
        web__one__bind_password="first",
        web__two__bind_password="second",
        web__ldap__bind_password="third",
    )
    assert secret_of(one, "bind_password") == "first"
    assert secret_of(two, "bind_password") == "second"
    assert secret_of(third, "bind_password") == "third"
    assert "first" not in repr(one)


def test_the_environment_by_the_name_of_an_authenticator(
    configured, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("RECORDER_WEB__ONE__BIND_PASSWORD", "from there")
    (one,) = configured(directories('name = "one"\n'), web__one__bind_password="here")
    assert secret_of(one, "bind_password") == "from there"


@pytest.mark.parametrize("text", ["", directories('name = "one"\n')])
def test_a_credential_that_is_for_nobody(configured, text: str):
    with pytest.raises(ConfigError, match="other: no setting, and no authenticator"):
        configured(text, web__other__bind_password="secret")


def test_a_credential_for_a_setting_that_is_not_there(configured):
    with pytest.raises(ConfigError, match="bindpassword: "):
        configured(directories('name = "one"\n'), web__one__bindpassword="secret")


def test_a_secret_in_a_file(tmp_path: Path):
    path = tmp_path / "secret"
    section = LdapSection(search_base="o=x", bind_dn="cn=x", bind_password_file=path)
    for wrong in (None, b"", b"\n", b"\xff\xfe", b"a\0b", b"x" * (MAX_SECRET + 1)):
        if wrong is not None:
            path.write_bytes(wrong)
        with pytest.raises(ConfigError, match="bind_password_file"):
            secret_of(section, "bind_password")
    path.write_bytes("pässwörd \r\n".encode())
    assert secret_of(section, "bind_password") == "pässwörd "


def test_made_in_their_order(settings: Callable[..., Settings]):
    tables = [{"kind": "ldap", "name": n, "user_dn": PEOPLE} for n in ("b", "a")]
    found = make_authenticators(settings(web={"authenticator": tables}))
    assert [one.name for one in found] == ["b", "a"]


@pytest.mark.parametrize("names", [("a", "A"), ("", ""), ("ldap", "")])
def test_each_has_a_name_of_its_own(configured, names: tuple[str, ...]):
    """Credentials, sessions and the way back from a provider go by it."""
    tables = [f'name = "{name}"\n' if name else "" for name in names]
    with pytest.raises(ConfigError, match="two authenticators have the same name"):
        configured(directories(*tables))
