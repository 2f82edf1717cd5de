"""Settings of the authenticator ``ldap``."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from recorder.config.endpoints import check_host
from recorder.config.section import AuthenticatorSection, Secret
from recorder.config.values import FilePath, Name

LOGIN_MARK = "{login}"
NAME_MARK = "{dn}"
LONGEST_S = 2.7
"""Seconds that a directory may be waited for: whoever signs in hears within 3 s."""
_WRITE = "write it as ldaps://HOST or ldap://HOST:PORT"


def _check_url(text: str) -> str:
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError as error:
        raise ValueError(f"host or port cannot be read: {_WRITE}") from error
    extra = url.path.strip("/") or url.query or url.fragment or url.username
    if url.scheme not in ("ldap", "ldaps") or not url.hostname or extra or port == 0:
        raise ValueError(f"is no address of a directory: {_WRITE}")
    check_host(url.hostname)
    return text.rstrip("/")


def _marked(mark: str) -> AfterValidator:
    """Lets a text pass in which a mark stands for what comes with each question."""

    def check(text: str) -> str:
        if mark not in text:
            raise ValueError(f"{mark} is missing in it")
        return text

    return AfterValidator(check)


def _check_filter(text: str) -> str:
    if not (text.startswith("(") and text.endswith(")")):
        raise ValueError("is a filter in brackets, such as (uid={login})")
    return text


class LdapSection(AuthenticatorSection):
    """A directory that says who people are."""

    name: Name = "ldap"
    """Name of the directory on the sign-in page and in the audit log."""
    kind: Literal["ldap"] = "ldap"
    """A directory that speaks LDAP."""
    url: Annotated[str, AfterValidator(_check_url)] = "ldap://localhost"
    """Where it is: `ldaps://HOST`, or `ldap://HOST` with `start_tls`. In plain text
    only on this host itself."""
    start_tls: bool = False
    """Begin TLS on a connection of `ldap://`."""
    ca_file: FilePath | None = None
    """Certificate authority to trust (PEM); unset: those of this host."""
    user_dn: Annotated[str, _marked(LOGIN_MARK)] | None = None
    """Name that a person binds with, `{login}` for what they typed: such as
    `uid={login},ou=people,dc=example,dc=org`, or `{login}@example.org` for Active
    Directory (then with `search_base`)."""
    search_base: Name | None = None
    """Where people are looked for. Without `user_dn` the entry found here says which
    name they bind with."""
    search_filter: Annotated[
        str, _marked(LOGIN_MARK), AfterValidator(_check_filter)
    ] = "(uid={login})"
    """What finds a person below `search_base`."""
    bind_dn: Name | None = None
    """Account that looks for people; unset: nobody binds for it."""
    bind_password: Secret | None = None
    """Its password; better in a credential or a file of its own."""
    bind_password_file: FilePath | None = None
    """File with its password."""
    login_attribute: Name = "uid"
    """Attribute with the login by which ISPyB knows people; Active Directory:
    `sAMAccountName`."""
    name_attribute: Name = "cn"
    """Attribute with the name to show."""
    mail_attribute: Name = "mail"
    """Attribute with the mail address."""
    group_attribute: Name = "memberOf"
    """Attribute of a person with the names of their groups."""
    group_base: Name | None = None
    """Where groups are looked for, in directories whose people do not know theirs."""
    group_filter: Annotated[str, _marked(NAME_MARK), AfterValidator(_check_filter)] = (
        "(member={dn})"
    )
    """What finds the groups of a person below `group_base`."""
    timeout_s: float = Field(2.5, ge=0.1, le=LONGEST_S)
    """How long the directory may take."""

    @model_validator(mode="after")
    def _one_way(self) -> LdapSection:
        if self.user_dn is None and self.search_base is None:
            raise ValueError(
                "set user_dn (people bind with a name made of their login) or "
                "search_base (they are looked for first)"
            )
        if self.bind_dn is not None and self.user_dn is not None:
            raise ValueError("bind_dn is for search_base alone: leave user_dn out")
        if self.bind_password is not None and self.bind_password_file is not None:
            raise ValueError("bind_password and bind_password_file: leave one out")
        if self.start_tls and self.url.startswith("ldaps:"):
            raise ValueError("ldaps:// speaks TLS already: leave start_tls out")
        return self
