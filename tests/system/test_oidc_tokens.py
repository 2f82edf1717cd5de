"""Tokens that are sent to ``oidc``: good ones, and all kinds of others."""

from __future__ import annotations

import asyncio
import base64
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as run
from hypothesis import strategies as st

from recorder.authenticators.oidc import kept, tokens
from recorder.authenticators.oidc.flow import OpenIdProvider
from recorder.authenticators.oidc.plugin import PLUGIN
from recorder.authenticators.oidc.settings import OidcSection
from recorder.authenticators.protocols import AuthenticatorUnavailableError
from recorder.config import Settings
from recorder.records.access import Identity
from tests.busy import in_time
from tests.guards import Event
from tests.openid.realm import (
    CLIENT,
    RSA,
    Realm,
    elliptic,
    signed,
    signed_with_the_public_key,
    unsigned,
)


@pytest.fixture
def realm() -> Iterator[Realm]:
    with Realm() as started:
        yield started


@pytest.fixture
def known(
    realm: Realm, settings: Callable[..., Settings]
) -> Callable[..., OpenIdProvider]:
    """An authenticator for the realm, with changes."""

    def make(**changes: Any) -> OpenIdProvider:
        made = PLUGIN.make(OidcSection(**realm.section(**changes)), settings())
        assert isinstance(made, OpenIdProvider)
        return made

    return make


ABOUT = "/.well-known/openid-configuration"
ALICE = Identity("alice", ("users",), "Alice Example", "alice@example.org")


def why(events: list[Event]) -> str:
    """Why the last token was refused."""
    said = [e["why"] for e in events if e["event"] == "authenticator_refused"]
    return str(said[-1]) if said else ""


async def test_a_token_for_us(known, realm: Realm):
    assert await known().bearer(realm.token()) == ALICE
    assert await known().bearer(realm.token(aud=CLIENT)) == ALICE


async def test_another_audience_of_ours(known, realm: Realm):
    asked = known(audience="beamline-api")
    assert await asked.bearer(realm.token()) is None
    assert await asked.bearer(realm.token(aud="beamline-api")) == ALICE


@pytest.mark.parametrize("alg", ["RS256", "RS512", "PS256"])
async def test_algorithms(known, realm: Realm, alg: str):
    assert await known().bearer(realm.token(alg=alg)) == ALICE


NOW = int(time.time())
HOURS_S = 100_000
"""Longer than any run of the tests: these times are read when the module is."""
CLAIMS: dict[str, dict[str, Any]] = {
    "another audience": {"aud": "account"},
    "other audiences": {"aud": ["account", "recorder2"]},
    "a longer audience": {"aud": "recorder.example"},
    "no audience": {"aud": None},
    "an empty audience": {"aud": []},
    "an audience that is a number": {"aud": 7},
    "an audience that is an object": {"aud": {"recorder": 1}},
    "expired": {"exp": NOW - HOURS_S},
    "never expires": {"exp": None},
    "expires as text": {"exp": "2099"},
    "expires at no number": {"exp": float("nan")},
    "valid from later on": {"nbf": NOW + HOURS_S},
    "nobody's": {"sub": None},
    "an ID token": {"typ": "ID"},
    "a refresh token": {"typ": "Refresh"},
    "no kind": {"typ": None},
    "no login": {"preferred_username": None},
    "a login that is a filter": {"preferred_username": "*)(uid=*"},
    "a login that is HTML": {"preferred_username": "<b>alice"},
    "an empty login": {"preferred_username": ""},
    "a login of two": {"preferred_username": ["alice"]},
    "a login with a line end": {"preferred_username": "alice\n"},
    "a service that says no client": {"preferred_username": "service-account-x"},
    "no issuer": {"iss": None},
}


@pytest.mark.parametrize("what", CLAIMS)
async def test_claims_that_are_not_for_us(known, realm: Realm, what: str):
    assert await known().bearer(realm.token(**CLAIMS[what])) is None
    assert await known().bearer(realm.token()) == ALICE


async def test_another_realm_of_the_same_server(known, realm: Realm):
    """Signed with a key of ours, named like ours, of another realm."""
    other = realm.issuer.replace("facility", "other")
    for issuer in (other, realm.issuer + "/x", [realm.issuer], None, 1, ""):
        assert await known().bearer(realm.token(iss=issuer)) is None
    assert realm.asked.total() == 0, "nobody need be asked for that"


async def test_nobody_signed_it(known, realm: Realm):
    claims = realm.claims()
    good = realm.token()
    head, body, signature = good.split(".")
    for token in (
        unsigned(claims),
        unsigned(claims, "None"),
        unsigned(claims, "nOnE", signature),
        unsigned(claims, "RS256"),
        unsigned(claims, "RS256", signature),
        signed_with_the_public_key(claims),
        f"{head}.{body}.",
        f"{head}.{body}.{signature[:-4]}AAAA",
        signed(realm.claims(), elliptic("one"), "ES256"),
        signed(realm.claims(), elliptic("strange"), "ES256"),
    ):
        assert await known().bearer(token) is None
    assert await known().bearer(good) == ALICE


@pytest.mark.parametrize("skew", [-tokens.SKEW_S + 10, tokens.SKEW_S - 10])
async def test_clocks_90_s_apart(known, realm: Realm, skew: int):
    """Ours is behind or ahead of the provider's."""
    now = int(time.time())
    times = {"iat": now + skew, "nbf": now + skew, "exp": now + skew + 1}
    assert await known().bearer(realm.token(**times)) == ALICE


async def test_clocks_further_apart(known, realm: Realm):
    now = int(time.time())
    late = {"exp": now - tokens.SKEW_S - 5}
    early = {"nbf": now + tokens.SKEW_S + 20}
    for times in (late, early):
        assert await known().bearer(realm.token(**times)) is None


async def test_texts_that_are_no_tokens(known, realm: Realm):
    good = realm.token()
    for text in (
        *("", ".", "..", "...", "a.b.c", "e30.e30.", "\0", "ü.ü.ü", "\ud800.a.b"),
        *(good + "." + good, good + "x" * tokens.MAX_TOKEN, good[:-1] + "\n"),
        *(f"{good}.{good.rpartition('.')[2]}", "W10.W10.W10", "bnVsbA.bnVsbA.a"),
        *("x" * (10 << 20), *map(nested, (100, 5000))),
    ):
        assert await known().bearer(text) is None
    assert realm.asked.total() <= 2


def nested(levels: int) -> str:
    """A token with a deep list in it."""
    head, _, signature = unsigned({}, "RS256", "c2ln").split(".")
    deep = base64.urlsafe_b64encode(b"[" * levels + b"]" * levels).decode()
    return f"{head}.{deep}.{signature}"


@run(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text() | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_anything_as_a_token(text: str):
    assert tokens.peeked(text) is None
    with pytest.raises(tokens.TokenError):
        tokens.access_claims(
            text,
            [tokens.PublicKey("one", RSA)],
            issuer="x",
            audience="x",
            keycloak=False,
        )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["roles", "x"]), inner, max_size=2)
    ),
    max_leaves=6,
)
NAMES = ["aud", "exp", "nbf", "iat", "sub", "typ", "azp", "preferred_username"]
NAMES += ["realm_access", "name", "email", "clientId", "client_id", "nonce"]


@given(st.dictionaries(st.sampled_from(NAMES), JSON))
def test_any_claims(claims: dict[str, Any]):
    """Whatever a provider signs, it is somebody with a login, or a refusal in words."""
    from recorder.authenticators.oidc import claims as about_whom

    section = OidcSection(preset="keycloak")
    now = int(time.time())
    whole = {"iss": "x", "aud": "x", "sub": "y", "exp": now + 99, **claims}
    try:
        found = tokens.access_claims(
            signed(whole),
            [tokens.PublicKey("one", RSA)],
            issuer="x",
            audience="x",
            keycloak=True,
        )
        identity = about_whom.bearer(found, section)
    except tokens.TokenError as error:
        assert str(error)
    else:
        assert identity.login == claims["preferred_username"]
        assert all(isinstance(group, str) for group in identity.groups)


# -- services --------------------------------------------------------------------------


def service(client: str = "sync-job", **changes: Any) -> dict[str, Any]:
    found = {"azp": client, "clientId": client, "name": None, "email": None}
    return {**found, "preferred_username": f"service-account-{client}", **changes}


async def test_a_service_that_is_named(known, realm: Realm, log_events: list[Event]):
    asked = known(services={"sync-job": "blissadm"})
    assert await asked.bearer(realm.token(**service())) == Identity(
        "blissadm", ("users",)
    )
    newer = service(clientId=None, client_id="sync-job")
    assert (await asked.bearer(realm.token(**newer))).login == "blissadm"
    assert await asked.bearer(realm.token(**service("another"))) is None
    assert "another" in why(log_events)


async def test_people_are_no_services(known, realm: Realm):
    """Neither somebody who came through that client, nor one who is called so."""
    asked = known(services={"sync-job": "blissadm"})
    through = await asked.bearer(realm.token(azp="sync-job"))
    assert through == ALICE
    called = service(clientId=None)
    assert await asked.bearer(realm.token(**called)) is None
    foreign = service(azp="some-page")
    assert await asked.bearer(realm.token(**foreign)) is None


async def test_services_of_other_providers(known, realm: Realm):
    asked = known(preset="plain", services={"sync-job": "blissadm"})
    claims = {"preferred_username": None, "sub": "sync-job", "client_id": "sync-job"}
    found = await asked.bearer(realm.token(**claims, azp=None, typ=None))
    assert found is not None and found.login == "blissadm"
    person = {**claims, "sub": "somebody"}
    assert await asked.bearer(realm.token(**person, azp=None, typ=None)) is None


async def test_only_some_clients(known, realm: Realm):
    asked = known(clients=["some-page"])
    assert await asked.bearer(realm.token()) == ALICE
    assert await asked.bearer(realm.token(azp="another-page")) is None
    assert await asked.bearer(realm.token(azp=None)) is None


# -- other providers -------------------------------------------------------------------


async def test_access_tokens_of_other_providers(known, realm: Realm):
    asked = known(preset="plain", groups_claim="https://x.org/teams")
    plain = realm.claims(typ=None, realm_access=None) | {"https://x.org/teams": ["a"]}
    for token in (signed(plain, typ="at+jwt"), signed(plain)):
        found = await asked.bearer(token)
        assert found is not None and found.groups == ("a",)
    for name in ("nonce", "at_hash", "events"):
        assert await asked.bearer(signed({**plain, name: "x"})) is None


@pytest.mark.parametrize(
    ("groups", "known_as"),
    [
        (["/staff/mx", "users", "users"], ("staff/mx", "users")),
        ("one", ("one",)),
        (["", None, 5, "a\nb", "x" * 5000, ["y"], "ok"], ("ok",)),
        ({"a": 1}, ()),
        (None, ()),
    ],
)
async def test_groups(known, realm: Realm, groups: Any, known_as: tuple[str, ...]):
    found = await known().bearer(realm.token(realm_access={"roles": groups}))
    assert found is not None and found.groups == known_as


async def test_mail_that_nobody_has_verified(known, realm: Realm):
    found = await known().bearer(realm.token(email_verified=False))
    assert found is not None and found.mail == ""


# -- keys ------------------------------------------------------------------------------


async def test_keys_change(known, realm: Realm):
    """A new key is asked for once; one that was taken back ends within the hour."""
    asked = known()
    assert await asked.bearer(realm.token()) == ALICE
    new = elliptic("two")
    realm.keys.append(new)
    clock = _clock(asked)
    assert await asked.bearer(signed(realm.claims(), new, "ES256")) is None
    clock(kept.AGAIN_S)
    assert await asked.bearer(signed(realm.claims(), new, "ES256")) == ALICE
    realm.keys.remove(RSA)
    clock(kept.FRESH_S + 1)
    assert await asked.bearer(realm.token()) is None
    assert await asked.bearer(signed(realm.claims(), new, "ES256")) == ALICE


def _clock(asked: OpenIdProvider) -> Callable[[float], None]:
    """Lets the time go on for it."""
    past = [0.0]
    for one in (asked.provider._keys, asked.provider._about):
        one.clock = lambda: time.monotonic() + past[0]

    def forward(seconds: float) -> None:
        past[0] += seconds

    return forward


async def test_keys_that_nobody_knows_are_not_asked_for_each_time(known, realm: Realm):
    asked = known()
    for n in range(50):
        token = signed(realm.claims(), elliptic(f"forged-{n}"), "ES256")
        assert await asked.bearer(token) is None
    assert realm.asked["/certs"] == 1


async def test_a_token_that_names_no_key(known, realm: Realm):
    realm.keys = [elliptic("other"), RSA]
    assert await known().bearer(signed(realm.claims(), kid=None)) == ALICE


async def test_keys_outlive_a_provider_that_is_away(known, realm: Realm):
    asked = known()
    assert await asked.bearer(realm.token()) == ALICE
    clock = _clock(asked)
    hung = threading.Event()
    for answer in (503, lambda: hung.wait(120) and 503):
        clock(kept.STALE_S / 3)
        realm.answers["/certs"] = realm.answers[ABOUT] = answer
        with in_time(3.0):
            assert await asked.bearer(realm.token()) == ALICE
            assert await asked.bearer(realm.token()) == ALICE
    hung.set()
    clock(kept.STALE_S / 2)
    with pytest.raises(AuthenticatorUnavailableError):
        await asked.bearer(realm.token())


async def test_keys_that_are_none(known, realm: Realm):
    """Secrets, keys for encryption, short ones and rubbish are left out."""
    good = RSA.as_dict(private=False)
    realm.answers["/certs"] = {
        "keys": [
            *("x", None, {}, {"kty": "RSA"}, {"kty": "new"}, {**good, "use": "enc"}),
            {"kty": "oct", "k": "c2VjcmV0", "kid": "one"},
            {**good, "n": "AQAB", "kid": "short"},
            {**good, "kid": 7},
            {name: value for name, value in good.items() if name != "kid"},
        ]
    }
    assert await known().bearer(signed(realm.claims(), kid=None)) == ALICE
    assert await known().bearer(signed_with_the_public_key(realm.claims())) is None
    for answer in ({"keys": []}, {"keys": 5}, {}):
        realm.answers["/certs"] = answer
        assert await known().bearer(realm.token()) is None


async def test_many_tokens_at_once(known, realm: Realm):
    asked = known()
    found = await asyncio.gather(*(asked.bearer(realm.token()) for _ in range(20)))
    assert found == [ALICE] * 20
    assert realm.asked["/certs"] == 1
