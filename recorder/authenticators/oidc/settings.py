"""Settings of the authenticator ``oidc``."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from recorder.config.endpoints import check_host
from recorder.config.section import AuthenticatorSection, Secret
from recorder.config.values import FilePath, Name
from recorder.records.access import LOGIN

LONGEST_S = 2.7
"""Seconds that a provider may be waited for: whoever signs in hears within 3 s."""
KEYCLOAK_GROUPS = "realm_access.roles"
_WRITE = "write it as https://HOST/PATH, as the provider itself does"


def check_address(text: str) -> str:
    """An address of a provider, as it is.

    Raises:
        ValueError: It is none.
    """
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError as error:
        raise ValueError(f"host or port cannot be read: {_WRITE}") from error
    extra = url.query or url.fragment or url.username or url.password
    if url.scheme not in ("https", "http") or not url.hostname or extra or port == 0:
        raise ValueError(f"is no address of a provider: {_WRITE}")
    check_host(url.hostname)
    return text


Login = Annotated[str, Field(pattern=f"^{LOGIN}$")]


class OidcSection(AuthenticatorSection):
    """An OpenID provider that says who people are."""

    name: Name = "oidc"
    """Name of the provider on the sign-in page and in the audit log."""
    kind: Literal["oidc"] = "oidc"
    """A provider that speaks OpenID Connect."""
    preset: Literal["plain", "keycloak"] = "plain"
    """`keycloak`: roles of the realm are groups, access tokens must say that they are
    some, and service accounts are known by Keycloak's names for them."""
    issuer: Annotated[str, AfterValidator(check_address)] = "http://localhost:8080"
    """Address of the provider: of the realm, for Keycloak, such as
    `https://sso.example.org/realms/facility`. Without TLS only on this host itself."""
    ca_file: FilePath | None = None
    """Certificate authority to trust (PEM); unset: those of this host."""
    client_id: Name = "recorder"
    """How the provider knows the recorder."""
    client_secret: Secret | None = None
    """What the recorder shows the provider; unset: it is a public client. Better in a
    credential or a file of its own."""
    client_secret_file: FilePath | None = None
    """File with it."""
    client_secret_next: Secret | None = None
    """What is shown when the provider does not take the first one any more."""
    client_secret_next_file: FilePath | None = None
    """File with it."""
    client_auth: Literal["auto", "basic", "post"] = "auto"
    """How it is shown; `auto`: in a header (`basic`) unless the provider only takes it
    in the body (`post`)."""
    scopes: tuple[Name, ...] = ("openid", "profile", "email")
    """What the provider is asked for."""
    login_claim: Name = "preferred_username"
    """Claim with the login by which ISPyB knows people. People must not be able to
    change it themselves."""
    groups_claim: Name | None = None
    """Claim with groups or roles, dots for what lies within; unset: `groups`, or
    `realm_access.roles` for Keycloak."""
    name_claim: Name = "name"
    """Claim with the name to show."""
    mail_claim: Name = "email"
    """Claim with the mail address."""
    audience: Name | None = None
    """Audience that access tokens must be for; unset: `client_id`."""
    clients: tuple[Name, ...] = ()
    """Clients whose access tokens of people are taken; none: any that gets tokens for
    our audience."""
    services: dict[Name, Login] = Field({})
    """Service accounts that may come with tokens of their own (client_credentials), and
    the login of each: `{"sync-job" = "blissadm"}`."""
    timeout_s: float = Field(2.5, ge=0.1, le=LONGEST_S)
    """How long the provider may take."""

    @model_validator(mode="after")
    def _one_secret_each(self) -> OidcSection:
        for what in ("client_secret", "client_secret_next"):
            if None not in (getattr(self, what), getattr(self, f"{what}_file")):
                raise ValueError(f"{what} and {what}_file: leave one out")
        if "openid" not in self.scopes:
            raise ValueError("scopes: openid is missing")
        return self

    @property
    def groups_path(self) -> str:
        """Where groups are in the claims."""
        default = KEYCLOAK_GROUPS if self.preset == "keycloak" else "groups"
        return self.groups_claim or default

    @property
    def our_audience(self) -> str:
        """What access tokens must be for."""
        return self.audience or self.client_id
