"""The authenticator ``ldap`` with a real slapd."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from recorder.authenticators.ldap.directory import MAX_PASSWORD, Directory
from recorder.authenticators.ldap.plugin import PLUGIN
from recorder.authenticators.ldap.settings import LdapSection
from recorder.authenticators.protocols import AuthenticatorUnavailableError
from recorder.config import Settings
from recorder.records.access import Identity
from tests.busy import crowd, in_time
from tests.directory import (
    ALICE,
    BINDER_DN,
    BINDER_PASSWORD,
    BOB,
    CAROL,
    GROUPS,
    PEOPLE,
    Person,
    Slapd,
    ldif,
)
from tests.guards import Event
from tests.servers import HOST, Certificates, make_certificates

ANSWER_S = 3.0
"""What the sign-in promises to people."""
WAYS = {
    "bound": {},
    "looked-for": {
        "user_dn": None,
        "search_base": PEOPLE,
        "bind_dn": BINDER_DN,
        "bind_password": BINDER_PASSWORD,
    },
    "bound, then looked-for": {"search_base": PEOPLE},
}


@pytest.fixture
def directory(
    slapd: Slapd, settings: Callable[..., Settings]
) -> Callable[..., Directory]:
    """An authenticator for the session's directory, with changes."""

    def make(server: Slapd = slapd, **changes: Any) -> Directory:
        section = LdapSection(**server.section(**changes))
        return PLUGIN.make(section, settings())

    return make


async def away(directory: Directory) -> str:
    """What people read, and the log, when the directory cannot be asked."""
    with in_time(ANSWER_S), pytest.raises(AuthenticatorUnavailableError) as raised:
        await directory.login(ALICE.uid, ALICE.password)
    text = str(raised.value)
    assert ALICE.password not in text and BINDER_PASSWORD not in text
    return text


def last(events: list[Event], name: str) -> str:
    """Why the last event of a name happened."""
    return str([event for event in events if event["event"] == name][-1]["why"])


# -- right and wrong -------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("tls", ["plain", "start_tls", "ldaps"])
async def test_who_they_are(directory, slapd: Slapd, way: str, tls: str):
    speaks = {
        "plain": {},
        "start_tls": {"start_tls": True, "ca_file": slapd.certificates.ca},
        "ldaps": {"url": slapd.tls_url, "ca_file": slapd.certificates.ca},
    }
    asked = directory(**WAYS[way], **speaks[tls])
    alice = await asked.login("alice", ALICE.password)
    assert alice == Identity(
        "alice", ("mx-staff", "users"), "Alice Ångström", "alice@example.org"
    )
    bob = await asked.login("bob", BOB.password)
    assert bob is not None and bob.groups == ("users",)
    assert await asked.login("alice", BOB.password) is None
    assert await asked.login("nobody", ALICE.password) is None


WRONG = {
    "empty": "",
    "another": "correct horsf",
    "shorter": ALICE.password[:-1],
    "NUL at its end": f"{ALICE.password}\0",
    "NUL and more": f"{ALICE.password}\0more",
    "10 kB": "x" * 10240,
    "longer by 10 kB": ALICE.password + "x" * 10240,
    "the longest": "x" * MAX_PASSWORD,
    "a lone surrogate": "\ud800",
    "a star": "*",
    "the filter": "*)(uid=*",
    "the hash": "{SSHA}x",
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("what", WRONG)
async def test_wrong_passwords(directory, way: str, what: str):
    """An empty one binds nobody, and succeeds on many servers: it is never sent."""
    asked = directory(**WAYS[way])
    with in_time(ANSWER_S):
        assert await asked.login("alice", WRONG[what]) is None


LOGINS = (
    "*",
    "a*",
    "*)(uid=*",
    "alice)(uid=*",
    "alice,ou=people",
    "alice\0",
    "alice ",
    " alice",
    "alice\n",
    "alicé",
    "uid=alice",
    "#alice",
    "alice+cn=x",
    "\\61lice",
    "",
    "a" * 65,
)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("login", LOGINS)
async def test_logins_that_mean_something_to_a_directory(
    directory, way: str, login: str
):
    assert await directory(**WAYS[way]).login(login, ALICE.password) is None


async def test_the_directory_says_how_the_login_is_written(directory):
    """uid is compared without case there: one person has one login here."""
    for way in WAYS.values():
        found = await directory(**way).login("ALICE", ALICE.password)
        assert found is not None and found.login == "alice"


async def test_found_by_mail_known_by_login(directory):
    asked = directory(**WAYS["looked-for"], search_filter="(mail={login})")
    found = await asked.login("alice@example.org", ALICE.password)
    assert found is not None and found.login == "alice"


async def test_two_people_of_one_login(directory, log_events: list[Event]):
    """Neither is let in: which of them it is, nobody knows."""
    asked = directory(**WAYS["looked-for"])
    for password in ("first twin", "second twin"):
        assert await asked.login("twin", password) is None
        assert "several entries" in last(log_events, "authenticator_refused")


async def test_an_entry_without_login(directory, log_events: list[Event]):
    for way in WAYS.values():
        asked = directory(**way, login_attribute="cn")
        assert await asked.login("alice", ALICE.password) is None
        assert "gives no login" in last(log_events, "authenticator_refused")


async def test_people_who_may_not_read_their_own_entry(directory, make_slapd):
    asked = directory(make_slapd(access=["access to * by * none"]))
    found = await asked.login("alice", ALICE.password)
    assert found == Identity("alice")


async def test_a_directory_that_anybody_may_search(directory, make_slapd):
    server = make_slapd(access=["access to * by * read"])
    asked = directory(server, user_dn=None, search_base=PEOPLE)
    found = await asked.login("alice", ALICE.password)
    assert found is not None and found.groups == ("mx-staff", "users")
    assert await asked.login("alice", "wrong") is None
    assert await asked.login("nobody", ALICE.password) is None


# -- groups ----------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["looked-for"])
async def test_groups_that_are_looked_for(directory, way: str):
    asked = directory(**WAYS[way], group_attribute="none", group_base=GROUPS)
    found = await asked.login("carol", CAROL.password)
    assert found is not None and found.groups == ("mx-staff",)


async def test_a_group_removed_is_gone_at_the_next_sign_in(directory, make_slapd):
    server = make_slapd()
    change = (
        f"dn: cn=mx-staff,{GROUPS}\nchangetype: modify\n{{how}}: member\n"
        f"member: {ALICE.dn}\n"
    )
    asked = directory(server)
    server.modify(change.format(how="delete"))
    found = await asked.login("alice", ALICE.password)
    assert found is not None and found.groups == ("users",)


async def test_names_with_everything_in_them(directory, make_slapd):
    """Escapes in the name of a person and of groups, both ways round."""
    server = make_slapd()
    odd = Person("odd", "odd one", 'O\'Dd, "x" + y; <z> = #1 \\ ü*()')
    dn = f"cn={_escaped(odd.name)},{PEOPLE}"
    entry = [("objectClass", "inetOrgPerson"), ("uid", "odd"), ("cn", odd.name)]
    server.modify(
        _added(dn, [*entry, ("sn", "x"), ("userPassword", odd.password)])
        + _added(
            f"cn={_escaped('a, b+(c)*')},{GROUPS}",
            [("objectClass", "groupOfNames"), ("cn", "a, b+(c)*"), ("member", dn)],
        )
    )
    for more in ({}, {"group_attribute": "none", "group_base": GROUPS}):
        asked = directory(server, **WAYS["looked-for"], **more)
        found = await asked.login("odd", odd.password)
        assert found == Identity("odd", ("a, b+(c)*",), odd.name)


def _escaped(text: str) -> str:
    return "".join(
        c if c.isalnum() else "".join(f"\\{b:02x}" for b in c.encode()) for c in text
    )


def _added(dn: str, entry: list[tuple[str, str]]) -> str:
    head, _, rest = ldif(dn, entry).partition("\n")
    return f"{head}\nchangetype: add\n{rest}"


# -- away ------------------------------------------------------------------------------


@pytest.fixture
def deaf() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.socket() as listening:
        listening.bind((HOST, 0))
        listening.listen(50)
        yield listening.getsockname()[1]


@pytest.mark.parametrize("scheme", ["ldap", "start_tls", "ldaps"])
async def test_a_directory_that_never_answers(
    directory, certificates: Certificates, deaf: int, scheme: str
):
    """Within 3 s, and whatever else the page does goes on."""
    url = f"{'ldaps' if scheme == 'ldaps' else 'ldap'}://{HOST}:{deaf}"
    more = {"start_tls": True} if scheme == "start_tls" else {}
    asked = directory(url=url, ca_file=certificates.ca, **more)
    beats = asyncio.create_task(_beats())
    text = await away(asked)
    beats.cancel()
    assert "directory directory cannot be asked now" in text
    assert beats.cancelled() or not beats.done()
    assert _longest < crowd()  # a second where nothing else runs


_longest = 0.0


async def _beats() -> None:
    global _longest
    _longest = 0.0
    while True:
        begun = time.monotonic()
        await asyncio.sleep(0.01)
        _longest = max(_longest, time.monotonic() - begun)


async def test_many_at_once_while_it_never_answers(directory, deaf: int):
    """Whoever finds no room is told so in time, too."""
    asked = directory(url=f"ldap://{HOST}:{deaf}")
    await asyncio.gather(*(away(asked) for _ in range(12)))


async def test_nothing_listens(directory, make_slapd, log_events: list[Event]):
    server = make_slapd()
    asked = directory(server)
    server.stop()
    await away(asked)
    assert "refused" in last(log_events, "authenticator_away")
    server.start()
    assert await asked.login("alice", ALICE.password) is not None


async def test_it_freezes_and_goes_on(directory, make_slapd, log_events: list[Event]):
    server = make_slapd()
    asked = directory(server, timeout_s=1.0)
    server.freeze()
    await away(asked)
    assert "no answer" in last(log_events, "authenticator_away")
    server.thaw()
    assert await asked.login("alice", ALICE.password) is not None


async def test_who_gives_up_leaves_no_process(directory, deaf: int):
    asked = directory(url=f"ldap://{HOST}:{deaf}")
    task = asyncio.create_task(asked.login("alice", ALICE.password))
    children = await asyncio.to_thread(_started)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not children & _children()


def _started() -> set[str]:
    while not (children := _children()):
        pass
    return children


def _children() -> set[str]:
    path = Path(f"/proc/self/task/{os.getpid()}/children")
    found = set()
    for pid in path.read_text().split():
        try:
            command = Path(f"/proc/{pid}/cmdline").read_text()
        except OSError:
            continue
        if "ldap.asking" in command:
            found.add(pid)
    return found


# -- TLS -------------------------------------------------------------------------------


@pytest.mark.parametrize("tls", ["start_tls", "ldaps"])
@pytest.mark.parametrize("fault", ["name", "authority", "system"])
async def test_a_certificate_that_is_not_to_be_trusted(
    directory, make_slapd, tmp_path: Path, log_events, tls: str, fault: str
):
    """Of another name, of another authority: the password is not sent."""
    names = "DNS:other.example.org" if fault == "name" else f"IP:{HOST}"
    server = make_slapd(certificates=make_certificates(tmp_path, names))
    others = tmp_path / "others"
    others.mkdir()
    ca_file = {
        "name": server.certificates.ca,
        "authority": make_certificates(others).ca,
        "system": None,
    }[fault]
    speaks = {"start_tls": True} if tls == "start_tls" else {"url": server.tls_url}
    await away(directory(server, ca_file=ca_file, **speaks))
    assert not [line for line in server.process.lines if " BIND dn=" in line]
    said = last(log_events, "authenticator_away")
    assert "certificate" in said.lower(), server.process.lines[-15:]


async def test_start_tls_that_is_not_offered(directory, certificates: Certificates):
    """A man between us and the directory who says no gets no password."""
    heard = bytearray()

    async def refuse(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        heard.extend(await reader.read(1000))
        # ExtendedResponse, message 1: unavailable
        writer.write(bytes.fromhex("300c02010178070a013404000400"))
        heard.extend(await reader.read(1000))
        writer.close()

    server = await asyncio.start_server(refuse, HOST, 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        asked = directory(
            url=f"ldap://{HOST}:{port}", start_tls=True, ca_file=certificates.ca
        )
        await away(asked)
    assert heard and ALICE.password.encode() not in heard


async def test_what_this_host_sets_for_ldap_changes_nothing(
    directory, make_slapd, tmp_path: Path, monkeypatch
):
    server = make_slapd(certificates=make_certificates(tmp_path, "DNS:other.org"))
    monkeypatch.setenv("LDAPTLS_REQCERT", "never")
    rc = tmp_path / ".ldaprc"
    rc.write_text("TLS_REQCERT never\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    asked = directory(server, start_tls=True, ca_file=server.certificates.ca)
    await away(asked)


# -- the account that looks for people -------------------------------------------------


async def test_its_password_in_a_file_that_changes(directory, tmp_path: Path):
    path = tmp_path / "password"
    way = {**WAYS["looked-for"], "bind_password": None, "bind_password_file": path}
    asked = directory(**way)
    await away(asked)
    path.write_text("wrong\n")
    await away(asked)
    path.write_text(BINDER_PASSWORD + "\n")
    assert await asked.login("alice", ALICE.password) is not None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"bind_password": "wrong"}, "refuses the account"),
        ({"bind_password": None}, "no password"),
        ({"search_base": "ou=nowhere,dc=example,dc=org"}, "nothing can be read at"),
        ({"search_base": "nonsense"}, "DN"),
        ({}, "answers"),
    ],
)
async def test_check(
    slapd: Slapd, settings: Callable[..., Settings], changes: dict[str, Any], said: str
):
    section = LdapSection(**slapd.section(**{**WAYS["looked-for"], **changes}))
    (line,) = await PLUGIN.check(section, settings())
    assert said in line.text and slapd.url in line.text
    assert line.word == ("ok" if not changes else line.word)
    assert line.word != "ok" or not changes
    assert BINDER_PASSWORD not in line.text


async def test_check_of_a_directory_that_is_away(settings, deaf: int):
    section = LdapSection(url=f"ldap://{HOST}:{deaf}", user_dn="uid={login}")
    with in_time(ANSWER_S):
        (line,) = await PLUGIN.check(section, settings())
    assert not line.ok and "no answer" in line.text
