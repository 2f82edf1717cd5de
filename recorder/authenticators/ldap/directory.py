"""The authenticator ``ldap``: people as a directory knows them."""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recorder.authenticators.ldap.asker import Answer, Asker
from recorder.authenticators.ldap.names import filter_value, first_value, name_value
from recorder.authenticators.ldap.settings import LOGIN_MARK, LdapSection
from recorder.authenticators.plain import PasswordsOnly
from recorder.authenticators.protocols import AuthenticatorUnavailableError
from recorder.authenticators.secrets import secret_of
from recorder.errors import ConfigError
from recorder.foreign_text import is_name
from recorder.records.access import LOGIN, Identity
from recorder.records.limits import MAX_NAME
from recorder.runtime.log import get_logger

log = get_logger("ldap")

MAX_PASSWORD = 1024
"""Bytes of a password; directories keep less, and longer ones are refused unasked.
Chosen, not tuned."""
_LOGIN = re.compile(LOGIN)
_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
)
"""Where hosts keep the authorities that they trust."""


@dataclass(frozen=True, slots=True)
class Reached:
    """Whether a directory answers, for administrators."""

    ok: bool
    why: str = ""


class Directory(PasswordsOnly):
    """See :class:`~recorder.authenticators.protocols.Authenticator`.

    Args:
        section: Its settings.
    """

    def __init__(self, section: LdapSection) -> None:
        super().__init__(section.name)
        self._section = section
        self._ca_file = _authorities(section)
        self._asker = Asker(section.timeout_s)

    async def login(self, login: str, password: str) -> Identity | None:
        """See the protocol."""
        if not _LOGIN.fullmatch(login) or not _is_password(password):
            return None
        answer = await self._ask(login, password)
        if answer.outcome == "away":
            log.warning("authenticator_away", authenticator=self.name, why=answer.why)
            raise AuthenticatorUnavailableError(
                f"the directory {self.name} cannot be asked now; try again in a "
                "minute, or tell whoever runs this page"
            )
        if answer.outcome != "found":
            if answer.why:
                self._refused(login, answer.why)
            return None
        return self._identity(login, answer)

    async def reached(self) -> Reached:
        """Whether it answers, and lets the account that looks for people in."""
        answer = await self._ask(None, None)
        return Reached(answer.outcome == "reached", answer.why)

    # -- asked and answered ------------------------------------------------------------

    async def _ask(self, login: str | None, password: str | None) -> Answer:
        section = self._section
        try:
            bind_password = secret_of(section, "bind_password")
        except ConfigError as error:
            return Answer("away", str(error))
        if section.bind_dn is not None and not bind_password:
            why = (
                "bind_dn has no password: set bind_password_file, or give the "
                f"credential web__{section.name}__bind_password"
            )
            return Answer("away", why)
        attributes = [
            section.login_attribute,
            section.name_attribute,
            section.mail_attribute,
            section.group_attribute,
        ]
        question: dict[str, Any] = {
            "url": section.url,
            "start_tls": section.start_tls,
            "ca_file": self._ca_file,
            "user_dn": _filled(section.user_dn, name_value(login or "")),
            "password": password,
            "bind_dn": section.bind_dn,
            "bind_password": bind_password,
            "search_base": section.search_base,
            "search_filter": _filled(section.search_filter, filter_value(login or "")),
            "group_base": section.group_base,
            "group_filter": section.group_filter,
            "attributes": attributes,
        }
        return await self._asker.ask(question)

    def _refused(self, login: str, why: str) -> None:
        log.info("authenticator_refused", authenticator=self.name, login=login, why=why)

    def _identity(self, login: str, answer: Answer) -> Identity | None:
        section = self._section
        logins = _values(answer, section.login_attribute)
        if not logins and section.user_dn is not None:
            known = login  # people may not read their own entry everywhere
        else:
            known = _the_login(login, logins)
        if not known:
            why = f"{section.login_attribute} gives no login for this entry"
            self._refused(login, why)
            return None
        groups = [*_values(answer, section.group_attribute), *answer.groups]
        return Identity(
            known,
            tuple(dict.fromkeys(filter(_is_fit, map(first_value, groups)))),
            next(filter(_is_fit, _values(answer, section.name_attribute)), ""),
            next(filter(_is_fit, _values(answer, section.mail_attribute)), ""),
        )


def _the_login(typed: str, values: list[str]) -> str:
    """The login that a directory has for what was typed; empty if none is certain."""
    fit = [value for value in values if _LOGIN.fullmatch(value)]
    alike = [value for value in fit if value.casefold() == typed.casefold()]
    if alike:
        return alike[0]
    return fit[0] if len(fit) == len(values) == 1 else ""


def _filled(text: str | None, value: str) -> str | None:
    return None if text is None else text.replace(LOGIN_MARK, value)


def _values(answer: Answer, attribute: str) -> list[str]:
    return answer.entry.get(attribute.lower(), [])


def _is_fit(text: str) -> bool:
    return bool(text) and len(text) <= MAX_NAME and is_name(text)


def _is_password(text: str) -> bool:
    """Whether it may be sent: an empty one would bind nobody, and succeed."""
    try:
        return 0 < len(text.encode()) <= MAX_PASSWORD and "\0" not in text
    except UnicodeEncodeError:
        return False


def _authorities(section: LdapSection) -> str | None:
    """File with the authorities that vouch for the directory.

    Raises:
        ConfigError: There is none that can be read.
    """
    if section.url.startswith("ldap:") and not section.start_tls:
        return None
    where = f"web.authenticator {section.name}: ca_file"
    if section.ca_file is None:
        found = (ssl.get_default_verify_paths().cafile, *_BUNDLES)
        for name in found:
            if name and Path(name).is_file():
                return name
        raise ConfigError(f"{where}: this host has no list of authorities: set it")
    try:
        ssl.create_default_context(cafile=section.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"{where}: {section.ca_file} cannot be read: {error}"
        ) from error
    return str(section.ca_file)
