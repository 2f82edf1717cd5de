"""Tokens of a provider: whether they are signed by it, for us, and in time.

Only signatures by private keys count: a token that is signed with nothing, or with the
public key as if it were a secret, is none.
"""

from __future__ import annotations

import base64
import hmac
import json
import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import JWKRegistry, Key
from joserfc.jwt import JWTClaimsRegistry

ALGORITHMS = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA", "Ed25519"),
)
"""All of them have a public key."""
SKEW_S = 90
"""Seconds that the provider's clock may differ from ours: hosts without NTP for a week,
as beamlines have them."""
MAX_TOKEN = 16 << 10
"""Bytes of a token; those of people in hundreds of groups have 8 kB. Chosen, not
tuned."""
MAX_KEYS = 20
"""Keys of a provider that are looked at; they have two or three. Chosen, not tuned."""
_ID_TOKEN_ONLY = frozenset({"nonce", "at_hash", "c_hash", "s_hash", "events"})
"""Claims of ID and logout tokens, which go through browsers and open nothing."""
_ACCESS = ("at+jwt", "application/at+jwt")
_BROKEN = (
    JoseError,
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    OverflowError,
    RecursionError,
)
"""What a text that is no token, or nearly one, raises in joserfc and json."""


class TokenError(Exception):
    """A token is not to be trusted; the text says why, for administrators."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One key of a provider."""

    kid: str | None
    key: Key


def public_keys(found: Mapping[str, Any]) -> tuple[PublicKey, ...]:
    """The keys of a JSON Web Key Set that signatures are checked with.

    Secrets, keys for encryption and what cannot be read are left out.
    """
    listed = found.get("keys")
    keys = []
    for data in listed[:MAX_KEYS] if isinstance(listed, list) else ():
        if not isinstance(data, dict) or data.get("use", "sig") != "sig":
            continue
        if data.get("kty") not in ("RSA", "EC", "OKP"):
            continue
        kid = data.get("kid")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", SecurityWarning)  # too short to trust
                key = JWKRegistry.import_key(data)
        except (*_BROKEN, SecurityWarning):
            continue
        keys.append(PublicKey(kid if isinstance(kid, str) else None, key))
    return tuple(keys)


@dataclass(frozen=True, slots=True)
class Unchecked:
    """What a token says of itself, before it is believed."""

    kid: str | None
    issuer: str


def peeked(token: str) -> Unchecked | None:
    """What a token says of itself; None if it is none that could be trusted."""
    if len(token) > MAX_TOKEN or token.count(".") != 2:
        return None
    try:
        header, claims = (_part(part) for part in token.split(".")[:2])
    except _BROKEN:
        return None
    if not isinstance(header, dict) or not isinstance(claims, dict):
        return None
    kid, issuer = header.get("kid"), claims.get("iss")
    if header.get("alg") not in ALGORITHMS or not isinstance(issuer, str):
        return None
    return Unchecked(kid if isinstance(kid, str) else None, issuer)


def same_text(one: str, other: str) -> bool:
    """Whether two texts are one; how long that takes tells nothing of them."""
    sides = (text.encode(errors="surrogatepass") for text in (one, other))
    return hmac.compare_digest(*sides)


def _part(text: str) -> Any:
    raw = text.encode("ascii")
    return json.loads(base64.urlsafe_b64decode(raw + b"=" * (-len(raw) % 4)))


def id_claims(
    token: str,
    keys: Iterable[PublicKey],
    *,
    issuer: str,
    client_id: str,
    nonce: str,
    now: Callable[[], float] = time.time,
) -> dict[str, Any]:
    """The claims of an ID token that is good for this sign-in.

    Raises:
        TokenError: It is not.
    """
    _, claims = _signed(token, keys, issuer, client_id, now)
    said = claims.get("nonce")
    if not isinstance(said, str) or not same_text(said, nonce):
        raise TokenError("its nonce is that of another sign-in")
    azp, audience = claims.get("azp"), claims.get("aud")
    several = isinstance(audience, list) and len(audience) > 1
    if azp != client_id and (azp is not None or several):
        raise TokenError(f"it is another client's: azp {azp!r:.100}")
    return claims


def access_claims(
    token: str,
    keys: Iterable[PublicKey],
    *,
    issuer: str,
    audience: str,
    keycloak: bool,
    now: Callable[[], float] = time.time,
) -> dict[str, Any]:
    """The claims of an access token that is for us.

    Args:
        token: As it came.
        keys: Of the provider.
        issuer: The provider's own name.
        audience: Ours.
        keycloak: Whether the token must say that it is one for access.
        now: Time (s since 1970).

    Raises:
        TokenError: It is not.
    """
    header, claims = _signed(token, keys, issuer, audience, now)
    said, kind = header.get("typ"), claims.get("typ")
    if isinstance(said, str) and said.lower() in _ACCESS:
        return claims
    if kind == "Bearer":
        return claims
    if keycloak or kind is not None or _ID_TOKEN_ONLY & claims.keys():
        raise TokenError("it is no access token")
    return claims


def _signed(
    token: str,
    keys: Iterable[PublicKey],
    issuer: str,
    audience: str,
    now: Callable[[], float],
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of a token that is signed, from there, for us and in time."""
    header, payload = _verified(token, keys)
    rules = JWTClaimsRegistry(
        now=lambda: int(now()),
        leeway=SKEW_S,
        iss={"essential": True, "value": issuer},
        aud={"essential": True, "value": audience},
        exp={"essential": True},
        sub={"essential": True},
    )
    try:
        claims = json.loads(payload)
        if not isinstance(claims, dict):
            raise TokenError("its claims are no object")
        if isinstance(claims.get("iss"), list):
            raise TokenError("it has several issuers")
        rules.validate(claims)
    except _BROKEN as error:
        raise TokenError(str(error).strip(": ") or "it cannot be read") from error
    return header, claims


def _verified(token: str, keys: Iterable[PublicKey]) -> tuple[dict[str, Any], bytes]:
    why = "no key of the provider's fits it"
    for known in keys:
        try:
            found = jws.deserialize_compact(token, known.key, algorithms=ALGORITHMS)
        except _BROKEN as error:
            why = str(error).strip(": ") or "it cannot be read"
            continue
        return dict(found.headers()), found.payload or b""
    raise TokenError(why)
