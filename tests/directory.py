"""A real LDAP directory for the tests: slapd with a configuration of its own.

Fixture ``slapd`` gives the session's :class:`Slapd`, with the people below, on a free
loopback port in plain text and with StartTLS, and on another with TLS from the start.
``make_slapd(certificates=…)`` makes others. Like the servers of ``tests/servers.py`` it
is ready when it says so, and keeps port and data over ``stop()`` and ``start()``.
"""

from __future__ import annotations

import base64
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.servers import HOST, Certificates, Process, Server, free_port, program

INSTALL = "apt-get install -y slapd ldap-utils"
SUFFIX = "dc=example,dc=org"
PEOPLE = f"ou=people,{SUFFIX}"
GROUPS = f"ou=groups,{SUFFIX}"
ROOT_DN = f"cn=admin,{SUFFIX}"
ROOT_PASSWORD = "root of the directory"
BINDER_DN = f"cn=recorder,ou=services,{SUFFIX}"
BINDER_PASSWORD = "bind, and look for people"
SCHEMAS = ("core", "cosine", "inetorgperson")
MODULES = ("back_mdb", "memberof")


@dataclass(frozen=True)
class Person:
    """An entry of the directory."""

    uid: str
    password: str
    name: str
    mail: str = ""
    place: str = PEOPLE
    more: Mapping[str, str] = field(default_factory=dict)

    @property
    def dn(self) -> str:
        """Its distinguished name."""
        return f"uid={self.uid},{self.place}"


ALICE = Person("alice", "correct horse", "Alice Ångström", "alice@example.org")
BOB = Person("bob", "pässwörd ✓", "Bob Example", "bob@example.org")
CAROL = Person("carol", "c" * 64, "Carol", place=f"ou=staff,{PEOPLE}")
TWINS = (
    Person("twin", "first twin", "Twin One"),
    Person("twin", "second twin", "Twin Two", place=f"ou=staff,{PEOPLE}"),
)
TEAM = {"mx-staff": (ALICE, CAROL), "users": (ALICE, BOB)}
"""Groups and who is in them."""


def ldif(dn: str, entry: Sequence[tuple[str, str]]) -> str:
    """An entry as LDIF; values are encoded, whatever they are."""
    lines = [("dn", dn), *entry]
    text = "".join(
        f"{key}:: {base64.b64encode(value.encode()).decode()}\n" for key, value in lines
    )
    return text + "\n"


def _person(person: Person) -> str:
    entry = [
        ("objectClass", "inetOrgPerson"),
        ("uid", person.uid),
        ("cn", person.name),
        ("sn", person.name.split()[-1]),
        ("userPassword", person.password),
        *(("mail", person.mail),) * bool(person.mail),
        *person.more.items(),
        *(
            ("memberOf", f"cn={name},{GROUPS}")
            for name, members in TEAM.items()
            if person in members
        ),
    ]
    return ldif(person.dn, entry)


def content() -> str:
    """The whole directory."""
    parts = [
        ldif(
            SUFFIX,
            [
                ("objectClass", "dcObject"),
                ("objectClass", "organization"),
                ("dc", "example"),
                ("o", "Example"),
            ],
        ),
        *(
            ldif(dn, [("objectClass", "organizationalUnit")])
            for dn in (PEOPLE, f"ou=staff,{PEOPLE}", GROUPS, f"ou=services,{SUFFIX}")
        ),
        ldif(
            BINDER_DN,
            [
                ("objectClass", "organizationalRole"),
                ("objectClass", "simpleSecurityObject"),
                ("cn", "recorder"),
                ("userPassword", BINDER_PASSWORD),
            ],
        ),
        *(_person(person) for person in (ALICE, BOB, CAROL, *TWINS)),
    ]
    for name, members in TEAM.items():
        entry = [("objectClass", "groupOfNames"), ("cn", name)]
        parts.append(
            ldif(f"cn={name},{GROUPS}", [*entry, *(("member", m.dn) for m in members)])
        )
    return "".join(parts)


def listens(port: int) -> bool:
    """Whether somebody takes connections there."""
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


class Slapd(Server):
    """A directory of our own.

    Args:
        directory: Where configuration and data go.
        certificates: What it shows itself with.
        access: Who may read what but passwords; unset: people themselves, and the
            account that looks for them.
    """

    def __init__(
        self,
        directory: Path,
        certificates: Certificates,
        access: Sequence[str] = (
            f'access to dn.base="{PEOPLE}" by users read',
            f'access to * by self read by dn="{BINDER_DN}" read by * none',
        ),
    ) -> None:
        super().__init__()
        self.certificates = certificates
        self.tls_port = free_port()
        self._config = directory / "slapd.conf"
        data = directory / "data"
        data.mkdir()
        self._config.write_text(
            "\n".join(
                [
                    *(f"include /etc/ldap/schema/{name}.schema" for name in SCHEMAS),
                    "modulepath /usr/lib/ldap",
                    *(f"moduleload {name}" for name in MODULES),
                    f"pidfile {directory / 'pid'}",
                    f"TLSCACertificateFile {certificates.ca}",
                    f"TLSCertificateFile {certificates.cert}",
                    f"TLSCertificateKeyFile {certificates.key}",
                    "database mdb",
                    f'suffix "{SUFFIX}"',
                    f'rootdn "{ROOT_DN}"',
                    f'rootpw "{ROOT_PASSWORD}"',
                    f"directory {data}",
                    "dbnosync",
                    "overlay memberof",
                    "access to attrs=userPassword by anonymous auth by * none",
                    *access,
                    "",
                ]
            ),
            encoding="utf-8",
        )
        subprocess.run(
            [program("slapadd", INSTALL), "-q", "-f", self._config],
            input=content(),
            text=True,
            check=True,
            capture_output=True,
        )

    def _launch(self) -> Process:
        # it makes room for as many connections as files may be open
        process = Process(
            "/bin/sh",
            "-c",
            'ulimit -n 1024; exec "$@"',
            "sh",
            program("slapd", INSTALL),
            "-d",
            "stats",
            "-f",
            self._config,
            "-h",
            f"{self.url}/ {self.tls_url}/",
        )
        process.wait_for(lambda line: line.endswith("slapd starting"))
        for port in (self.port, self.tls_port):  # which it opens a moment later
            while not listens(port):
                assert process.running, process.lines
        return process

    @property
    def url(self) -> str:
        """Where it speaks plain text, and TLS when asked to."""
        return f"ldap://{HOST}:{self.port}"

    @property
    def tls_url(self) -> str:
        """Where it speaks TLS."""
        return f"ldaps://{HOST}:{self.tls_port}"

    def modify(self, changes: str) -> None:
        """Change entries, as its administrator."""
        subprocess.run(
            [
                program("ldapmodify", INSTALL),
                *("-x", "-H", self.url, "-D", ROOT_DN, "-w", ROOT_PASSWORD),
            ],
            input=changes,
            text=True,
            check=True,
            capture_output=True,
        )

    def freeze(self) -> None:
        """It holds its connections and answers nothing more."""
        assert self.process is not None
        self.process.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on."""
        assert self.process is not None
        self.process.signal(signal.SIGCONT)

    def section(self, **changes: Any) -> dict[str, Any]:
        """The configuration's ``[[web.authenticator]]`` for it."""
        found = {
            "kind": "ldap",
            "name": "directory",
            "url": self.url,
            "user_dn": f"uid={{login}},{PEOPLE}",
        }
        return {**found, **changes}
