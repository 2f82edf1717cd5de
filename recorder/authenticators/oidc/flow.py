"""The authenticator ``oidc``: to the provider and back, and tokens that it gave."""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import quote_plus, urlencode

import httpx2
from authlib.integrations.base_client import OAuthError

from recorder.authenticators.oidc import claims as about_whom
from recorder.authenticators.oidc import tokens
from recorder.authenticators.oidc.kept import ProviderError
from recorder.authenticators.oidc.provider import About, Provider, words
from recorder.authenticators.oidc.settings import OidcSection
from recorder.authenticators.oidc.tokens import TokenError
from recorder.authenticators.protocols import (
    AuthenticatorUnavailableError,
    Departure,
    How,
)
from recorder.authenticators.secrets import secret_of
from recorder.errors import ConfigError
from recorder.records.access import Identity
from recorder.runtime.log import get_logger

log = get_logger("oidc")

T = TypeVar("T")
MAX_HINTS = 1000
"""People whose ID tokens are kept until they sign out, 1 kB each. Chosen, not tuned:
without one, the provider asks whether they are sure."""
_OURS = ("invalid_client", "unauthorized_client", "invalid_scope")
"""What a provider says when its settings and ours do not fit."""


class OpenIdProvider:
    """See :class:`~recorder.authenticators.protocols.Authenticator`.

    Args:
        section: Its settings.
    """

    how = How.REDIRECT

    def __init__(self, section: OidcSection) -> None:
        self.name = section.name
        self._section = section
        self.provider = Provider(section)
        self._hints: OrderedDict[str, str] = OrderedDict()

    async def login(self, login: str, password: str) -> Identity | None:
        """Passwords are typed at the provider only."""
        return None

    async def bearer(self, token: str) -> Identity | None:
        """See the protocol."""
        seen = tokens.peeked(token)
        if seen is None or seen.issuer.rstrip("/") != self._section.issuer.rstrip("/"):
            return None
        return await self._judged(lambda: self._bearer(token, seen.kid))

    async def depart(self, back: str) -> Departure:
        """See the protocol."""
        return await self._bounded(lambda: self._depart(back))

    async def arrive(
        self, query: Mapping[str, str], state: Mapping[str, str], back: str
    ) -> Identity | None:
        """See the protocol."""
        return await self._judged(lambda: self._arrive(query, state, back))

    async def farewell(self, back: str, login: str = "") -> str | None:
        """See the protocol.

        With the ID token that somebody came with, providers ask nothing more.
        """
        try:
            about = await self._bounded(self.provider.about)
        except AuthenticatorUnavailableError:
            return None  # signed out here all the same
        url = about.endpoints.get("end_session_endpoint")
        if url is None:
            return None
        query = {"client_id": self._section.client_id, "post_logout_redirect_uri": back}
        if hint := self._hints.pop(login, None):
            query["id_token_hint"] = hint
        return f"{url}{'&' if '?' in url else '?'}{urlencode(query)}"

    async def close(self) -> None:
        """Nothing is kept open."""

    # -- steps -------------------------------------------------------------------------

    async def _bearer(self, token: str, kid: str | None) -> Identity:
        section = self._section
        keys = await self.provider.keys(kid)
        about = await self.provider.about()
        claims = tokens.access_claims(
            token,
            keys,
            issuer=about.issuer,
            audience=section.our_audience,
            keycloak=section.preset == "keycloak",
        )
        return about_whom.bearer(claims, section)

    async def _depart(self, back: str) -> Departure:
        about = await self.provider.about()
        kept = {
            name: secrets.token_urlsafe(48) for name in ("state", "nonce", "verifier")
        }
        async with self.provider.wire.relying(None, "none") as client:
            url, _ = client.create_authorization_url(
                about.endpoints["authorization_endpoint"],
                state=kept["state"],
                code_verifier=kept["verifier"],
                nonce=kept["nonce"],
                redirect_uri=back,
            )
        return Departure(url, kept)

    async def _arrive(
        self, query: Mapping[str, str], state: Mapping[str, str], back: str
    ) -> Identity:
        section = self._section
        about = await self.provider.about()
        _check_return(query, state, about)
        got = await self._exchanged(query["code"], state["verifier"], back, about)
        token = got.get("id_token")
        seen = tokens.peeked(token) if isinstance(token, str) else None
        if seen is None or not isinstance(token, str):
            raise TokenError("the provider gave no ID token that can be trusted")
        claims = tokens.id_claims(
            token,
            await self.provider.keys(seen.kid),
            issuer=about.issuer,
            client_id=section.client_id,
            nonce=state["nonce"],
        )
        url = about.endpoints.get("userinfo_endpoint")
        access = got.get("access_token")
        if about_whom.lacking(claims, section) and url and isinstance(access, str):
            more = await self.provider.fetched(url, access)
            if more.get("sub") != claims["sub"]:
                raise TokenError("the userinfo address tells of somebody else")
            claims = {**more, **claims}
        person = about_whom.person(claims, section)
        self._hints[person.login] = token
        if len(self._hints) > MAX_HINTS:
            self._hints.popitem(last=False)
        return person

    async def _exchanged(
        self, code: str, verifier: str, back: str, about: About
    ) -> Mapping[str, Any]:
        """What the provider gives for a code.

        With the second secret, if it does not know the first one any more.
        """
        found = [secret_of(self._section, "client_secret")]
        if (second := secret_of(self._section, "client_secret_next")) is not None:
            found.append(second)
        for n, secret in enumerate(found, 1):
            try:
                return await self._exchange(secret, code, verifier, back, about)
            except OAuthError as error:
                if error.error == "invalid_client" and n < len(found):
                    continue
                said = f"{error.error}: {error.description or ''}".strip(": ")
                if error.error in _OURS:
                    raise ProviderError(f"it refuses the recorder: {said}") from error
                raise TokenError(
                    f"the provider gives nothing for it: {said}"
                ) from error
        raise AssertionError

    async def _exchange(
        self, secret: str | None, code: str, verifier: str, back: str, about: About
    ) -> Mapping[str, Any]:
        method = self._method(secret, about)
        if secret is not None and method == "client_secret_basic":
            secret = quote_plus(secret)  # as RFC 6749 has it
        try:
            async with self.provider.wire.relying(secret, method) as client:
                got: Mapping[str, Any] = await client.fetch_token(
                    about.endpoints["token_endpoint"],
                    grant_type="authorization_code",
                    code=code,
                    code_verifier=verifier,
                    redirect_uri=back,
                )
        except (httpx2.HTTPError, ValueError) as error:
            raise ProviderError(f"its token endpoint: {words(error)}") from error
        return got

    def _method(self, secret: str | None, about: About) -> str:
        if secret is None:
            return "none"
        methods = [f"client_secret_{how}" for how in ("basic", "post")]
        if self._section.client_auth != "auto":
            return f"client_secret_{self._section.client_auth}"
        return next((m for m in methods if m in about.auth_methods), methods[0])

    # -- how they end ------------------------------------------------------------------

    async def _judged(self, step: Callable[[], Awaitable[Identity]]) -> Identity | None:
        """Who a step is about; None, with a line in the log, if it is not trusted."""
        try:
            return await self._bounded(step)
        except TokenError as error:
            log.info(
                "authenticator_refused",
                authenticator=self.name,
                login="",
                why=str(error)[:500],
            )
            return None

    async def _bounded(self, step: Callable[[], Awaitable[T]]) -> T:
        why = f"no answer within {self._section.timeout_s:g} s"
        try:
            async with asyncio.timeout(self._section.timeout_s):
                return await step()
        except (ProviderError, ConfigError) as error:
            why = str(error)
        except TimeoutError:
            pass
        log.warning("authenticator_away", authenticator=self.name, why=why[:500])
        raise AuthenticatorUnavailableError(
            f"{self.name} cannot be asked now; try again in a minute, or tell whoever "
            "runs this page"
        )


def _check_return(
    query: Mapping[str, str], state: Mapping[str, str], about: About
) -> None:
    """Whether a browser comes back from where it was sent.

    Raises:
        TokenError: It does not, or brings a refusal.
    """
    kept, said = state.get("state", ""), query.get("state", "")
    if not kept or not tokens.same_text(said, kept):
        raise TokenError("the state is that of another sign-in")
    issuer = query.get("iss")
    if issuer != about.issuer and (issuer is not None or about.says_issuer):
        raise TokenError(f"another provider answers: {issuer!r:.200}")
    if "error" in query:
        text = f"{query['error']}: {query.get('error_description', '')}"
        raise TokenError(f"the provider refuses: {text.strip(': ')[:200]}")
    if not query.get("code"):
        raise TokenError("there is no code in the address")
