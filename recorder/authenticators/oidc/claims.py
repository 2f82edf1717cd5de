"""Who claims are about: people, and services with accounts of their own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from recorder.authenticators.oidc.settings import OidcSection
from recorder.authenticators.oidc.tokens import TokenError
from recorder.foreign_text import is_name
from recorder.records.access import LOGIN, Identity
from recorder.records.limits import MAX_NAME

MAX_GROUPS = 1000
"""Groups of one person that are looked at. Chosen, not tuned: hundreds are seen."""
SERVICE = "service-account-"
"""What Keycloak puts before a client's name in the login of its service account."""
_LOGIN = re.compile(LOGIN)


def person(claims: Mapping[str, Any], section: OidcSection) -> Identity:
    """Who signed in.

    Raises:
        TokenError: The claims give no login.
    """
    login = _at(claims, section.login_claim)
    if not isinstance(login, str) or not _LOGIN.fullmatch(login):
        text = f"its claim {section.login_claim} is no login: {login!r:.100}"
        raise TokenError(text)
    if section.preset == "keycloak" and login.lower().startswith(SERVICE):
        raise TokenError(f"{login} is the account of a service, not a person's")
    return _identity(login, claims, section)


def bearer(claims: Mapping[str, Any], section: OidcSection) -> Identity:
    """Who comes with an access token: a service that is named, or a person.

    Raises:
        TokenError: Neither.
    """
    client = claims.get("azp", claims.get("client_id"))
    if is_service(claims, section):
        if client not in section.services:
            raise TokenError(f"services does not name the client {client!r:.100}")
        return _identity(section.services[str(client)], claims, section)
    if section.clients and client not in section.clients:
        raise TokenError(f"clients does not name the client {client!r:.100}")
    return person(claims, section)


def is_service(claims: Mapping[str, Any], section: OidcSection) -> bool:
    """Whether a token was given to a client for itself, with nobody signed in."""
    client = claims.get("azp", claims.get("client_id"))
    if not isinstance(client, str) or not client:
        return False
    login = _at(claims, section.login_claim)
    if section.preset == "keycloak":
        named = client in (claims.get("client_id"), claims.get("clientId"))
        return named and login == f"{SERVICE}{client.lower()}"
    return login is None and claims.get("sub") == client


def lacking(claims: Mapping[str, Any], section: OidcSection) -> bool:
    """Whether the provider keeps something for its userinfo address."""
    wanted = (section.login_claim, section.groups_path)
    return any(_at(claims, path) is None for path in wanted)


def _identity(login: str, claims: Mapping[str, Any], section: OidcSection) -> Identity:
    groups = _at(claims, section.groups_path)
    listed = [groups] if isinstance(groups, str) else groups
    named = listed[:MAX_GROUPS] if isinstance(listed, list) else ()
    mail = _fit(_at(claims, section.mail_claim))
    if claims.get("email_verified") is False:
        mail = ""
    # Keycloak writes groups as paths, /staff/mx
    texts = (_fit(group).removeprefix("/") for group in named)
    return Identity(
        login,
        tuple(dict.fromkeys(filter(None, texts))),
        _fit(_at(claims, section.name_claim)),
        mail,
    )


def _at(claims: Mapping[str, Any], path: str) -> Any:
    """What is at a path; names with dots in them are found, too."""
    if path in claims:
        return claims[path]
    first, _, rest = path.partition(".")
    inner = claims.get(first)
    return _at(inner, rest) if rest and isinstance(inner, Mapping) else None


def _fit(value: Any) -> str:
    """A text that may be shown; empty if it is none."""
    good = isinstance(value, str) and len(value) <= MAX_NAME and is_name(value)
    return value if good else ""
