"""The authenticator ``oidc``: to real providers and back."""

from __future__ import annotations

import asyncio
import gzip
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from recorder.authenticators.oidc.flow import OpenIdProvider
from recorder.authenticators.oidc.http import MAX_BODY
from recorder.authenticators.oidc.plugin import PLUGIN
from recorder.authenticators.oidc.settings import OidcSection
from recorder.authenticators.protocols import (
    AuthenticatorUnavailableError,
    Departure,
)
from recorder.config import Settings
from recorder.records.access import Identity
from tests.busy import in_time
from tests.guards import Event
from tests.openid.realm import Realm, signed, signed_with_the_public_key, unsigned
from tests.openid.server import (
    BACK,
    CLIENT,
    PASSWORDS,
    SECRET,
    OpenIdServer,
    Visitor,
)
from tests.servers import HOST, Certificates, make_certificates

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it imports a module of Authlib that is to go
    from oidc_provider_mock import User, run_server_in_thread

ANSWER_S = 3.0
"""What the sign-in promises to people."""
ALICE = Identity("alice", ("mx-staff", "users"), "Alice Ångström", "alice@example.org")


@pytest.fixture
def authenticator(settings: Callable[..., Settings]) -> Callable[..., OpenIdProvider]:
    """An authenticator with the section of a provider."""

    def make(section: Mapping[str, Any]) -> OpenIdProvider:
        made = PLUGIN.make(OidcSection(**section), settings())
        assert isinstance(made, OpenIdProvider)
        return made

    return make


async def visit(
    departure: Departure, login: str = "alice", back: str = BACK
) -> dict[str, str]:
    """What somebody's browser brings back."""
    visitor = Visitor()
    return await asyncio.to_thread(
        visitor.sign_in, departure.url, login, PASSWORDS[login], back
    )


def why(events: list[Event], name: str = "authenticator_refused") -> str:
    said = [str(event["why"]) for event in events if event["event"] == name]
    return said[-1] if said else ""


# -- there and back --------------------------------------------------------------------


@pytest.mark.parametrize(
    "options", [{}, {"secret": None}, {"claims_at_userinfo": True}]
)
async def test_there_and_back(authenticator, make_openid, options: dict[str, Any]):
    """With a secret, as a public client, and with claims kept back."""
    server = make_openid(**options)
    asked = authenticator(server.section())
    departure = await asked.depart(BACK)
    query = parse_qs(urlsplit(departure.url).query)
    assert query["code_challenge_method"] == ["S256"]
    secret = set(departure.state.values()) - {departure.state["state"]}
    assert departure.state["verifier"] not in departure.url and len(secret) == 2
    came = await visit(departure)
    assert await asked.arrive(came, departure.state, BACK) == ALICE


async def test_with_tls(authenticator, make_openid, certificates: Certificates):
    server = make_openid(certificates=certificates)
    (line,) = await PLUGIN.check(OidcSection(**server.section()), None)
    assert line.ok and "with a secret" in line.text


async def test_a_code_is_good_once(authenticator, openid, log_events: list[Event]):
    asked = authenticator(openid.section())
    departure = await asked.depart(BACK)
    came = await visit(departure)
    assert await asked.arrive(came, departure.state, BACK) == ALICE
    assert await asked.arrive(came, departure.state, BACK) is None
    assert "invalid_grant" in why(log_events)


async def test_what_is_changed_on_the_way(
    authenticator, openid: OpenIdServer, log_events: list[Event]
):
    """Nothing of one sign-in fits another one."""
    asked = authenticator(openid.section())
    one, two = await asked.depart(BACK), await asked.depart(BACK)
    assert not set(one.state.values()) & set(two.state.values())
    came = await visit(one)
    changed: dict[str, tuple[dict[str, str], Mapping[str, str], str]] = {
        "the state": ({**came, "state": two.state["state"]}, one.state, BACK),
        "no state": ({"code": came["code"]}, one.state, BACK),
        "an empty state": ({**came, "state": ""}, {**one.state, "state": ""}, BACK),
        "another browser": (came, two.state, BACK),
        "no browser": (came, {}, BACK),
        "another realm": ({**came, "iss": came["iss"] + "2"}, one.state, BACK),
        "no realm": ({k: v for k, v in came.items() if k != "iss"}, one.state, BACK),
        "no code": ({**came, "code": ""}, one.state, BACK),
        "a code of nobody": ({**came, "code": "x" * 43}, one.state, BACK),
        "an error": ({**came, "error": "access_denied"}, one.state, BACK),
        "an odd state": ({**came, "state": "\ud800é"}, one.state, BACK),
    }
    for what, (query, state, back) in changed.items():
        assert await asked.arrive(query, state, back) is None, what
        assert why(log_events), what
    assert await asked.arrive(came, one.state, BACK) == ALICE


@pytest.mark.parametrize("what", ["verifier", "nonce", "back"])
async def test_what_the_provider_holds_against(authenticator, openid, what: str):
    """Its side of PKCE, our nonce, and the address that it sent the browser to."""
    asked = authenticator(openid.section())
    departure = await asked.depart(BACK)
    came = await visit(departure)
    state = {**departure.state}
    if what in state:
        state[what] = "another" * 8
    back = BACK + "2" if what == "back" else BACK
    assert await asked.arrive(came, state, back) is None


async def test_a_login_that_means_something_to_a_query(authenticator, openid):
    asked = authenticator(openid.section())
    departure = await asked.depart(BACK)
    came = await visit(departure, "odd")
    assert await asked.arrive(came, departure.state, BACK) is None


async def test_passwords_are_typed_at_the_provider_only(authenticator, openid):
    asked = authenticator(openid.section())
    assert await asked.login("alice", PASSWORDS["alice"]) is None


# -- the secret ------------------------------------------------------------------------


async def test_a_secret_that_changes(
    authenticator, openid: OpenIdServer, tmp_path: Path, log_events: list[Event]
):
    """The second one is taken when the provider refuses the first; no restart."""
    path = tmp_path / "next"
    path.write_text("not yet\n")
    section = openid.section(
        client_secret="of last year", client_secret_next_file=str(path)
    )
    asked = authenticator(section)
    departure = await asked.depart(BACK)
    came = await visit(departure)
    with pytest.raises(AuthenticatorUnavailableError):
        await asked.arrive(came, departure.state, BACK)
    assert "invalid_client" in why(log_events, "authenticator_away")
    path.write_text(SECRET + "\n")
    departure = await asked.depart(BACK)
    came = await visit(departure)
    assert await asked.arrive(came, departure.state, BACK) == ALICE


@pytest.mark.parametrize("how", ["basic", "post", "only post", "public"])
async def test_how_the_secret_is_shown(authenticator, realm: Realm, how: str):
    about = realm.about()
    if how == "only post":
        about["token_endpoint_auth_methods_supported"] = ["client_secret_post"]
    realm.answers["/.well-known/openid-configuration"] = about
    section = realm.section(client_secret="s e+c", client_auth="auto")
    if how == "public":
        section["client_secret"] = None
    if how in ("basic", "post"):
        section["client_auth"] = how
    asked = authenticator(section)
    departure = await asked.depart(BACK)
    came = {"code": "x", "state": departure.state["state"]}
    await asked.arrive(came, departure.state, BACK)
    ((header, body),) = realm.bodies
    assert header.startswith("Basic ") == (how == "basic")
    assert ("client_secret=s+e%2Bc" in body) == ("post" in how)
    assert "code_verifier" in body


# -- tokens of services, from the provider ---------------------------------------------


async def test_a_service_account(authenticator, openid: OpenIdServer):
    """client_credentials at a real provider: no browser, no password."""
    token = await asyncio.to_thread(openid.service_token)
    asked = authenticator(openid.section(services={"sync-job": "blissadm"}))
    assert await asked.bearer(token) == Identity("blissadm", ("portal",))
    assert await authenticator(openid.section()).bearer(token) is None
    another = openid.section(audience="urn:another", services={"sync-job": "x"})
    assert await authenticator(another).bearer(token) is None


# -- another provider ------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:.*is deprecated:DeprecationWarning")
async def test_a_second_kind_of_provider(authenticator):
    """PyPI's oidc-provider-mock, with the same code."""
    user = User(
        sub="alice",
        claims={"preferred_username": "alice", "groups": ["mx"], "name": "Alice"},
    )
    with run_server_in_thread(user_claims=[user]) as server:
        port = server.server_port
        section = {
            "name": "mock",
            "issuer": f"http://localhost:{port}",
            "client_id": CLIENT,
            "client_secret": "any",
        }
        asked = authenticator(section)
        departure = await asked.depart(BACK)
        came = await visit(departure)
        found = await asked.arrive(came, departure.state, BACK)
        assert found == Identity("alice", ("mx",), "Alice")
        assert await asked.arrive(came, departure.state, BACK) is None
        assert await asked.farewell(BACK) is not None


# -- what an honest provider never says ------------------------------------------------


@pytest.fixture
def realm() -> Iterator[Realm]:
    with Realm() as started:
        yield started


async def arrived(
    asked: OpenIdProvider, realm: Realm, **changes: Any
) -> Identity | None:
    """Who comes back with an ID token with changes."""
    departure = await asked.depart(BACK)
    token = changes.pop("token", None)
    claims = realm.id_claims(departure.state["nonce"], **changes)
    made = signed(claims) if token is None else token(claims)
    realm.answers["/token"] = {"access_token": "a", "id_token": made}
    came = {"code": "x", "state": departure.state["state"]}
    return await asked.arrive(came, departure.state, BACK)


async def test_an_id_token(authenticator, realm: Realm):
    found = await arrived(authenticator(realm.section()), realm)
    assert found == Identity("alice", ("users",), "Alice Example", "alice@example.org")


FORGED: dict[str, dict[str, Any]] = {
    "alg none": {"token": unsigned},
    "HS256 with the public key": {"token": signed_with_the_public_key},
    "no token": {"token": lambda _: None},
    "no text": {"token": lambda _: 5},
    "rubbish": {"token": lambda _: "x.y.z"},
    "another audience": {"aud": "another"},
    "another realm": {"iss": "http://localhost/realms/other"},
    "another client's": {"azp": "another"},
    "of two clients": {"aud": [CLIENT, "another"], "azp": None},
    "another nonce": {"nonce": "another"},
    "no nonce": {"nonce": None},
    "a nonce that is a number": {"nonce": 1},
    "expired": {"exp": int(time.time()) - 1000},
    "no end": {"exp": None},
    "no login": {"preferred_username": None},
    "a service": {"preferred_username": "service-account-sync-job"},
}


@pytest.mark.parametrize("what", FORGED)
async def test_forged_id_tokens(authenticator, realm: Realm, what: str):
    realm.answers["/userinfo"] = {"sub": realm.claims()["sub"]}
    assert await arrived(authenticator(realm.section()), realm, **FORGED[what]) is None


async def test_userinfo_of_somebody_else(authenticator, realm: Realm):
    asked = authenticator(realm.section())
    missing = {"preferred_username": None}
    realm.answers["/userinfo"] = {"sub": "somebody", "preferred_username": "bob"}
    assert await arrived(asked, realm, **missing) is None
    realm.answers["/userinfo"] = {"preferred_username": "bob"}
    assert await arrived(asked, realm, **missing) is None


async def test_userinfo_changes_nothing_that_is_signed(authenticator, realm: Realm):
    asked = authenticator(realm.section())
    sub = realm.claims()["sub"]
    realm.answers["/userinfo"] = {
        "sub": sub,
        "preferred_username": "bob",
        "realm_access": {"roles": ["a"]},
    }
    found = await arrived(asked, realm, realm_access=None)
    assert found is not None and (found.login, found.groups) == ("alice", ("a",))


@pytest.mark.parametrize("status", [400, 401, 429, 500, 503])
async def test_a_provider_that_fails(authenticator, realm: Realm, status: int):
    """Without a reason that could be theirs, it is away."""
    asked = authenticator(realm.section())
    departure = await asked.depart(BACK)
    realm.answers["/token"] = status
    came = {"code": "x", "state": departure.state["state"]}
    try:
        assert await asked.arrive(came, departure.state, BACK) is None
    except AuthenticatorUnavailableError as error:
        assert "sso" in str(error)


ABOUT: dict[str, tuple[Any, str]] = {
    "another realm": ({"issuer": "http://localhost/realms/other"}, "calls itself"),
    "no name": ({"issuer": None}, "calls itself"),
    "no address": ({"token_endpoint": None}, "token_endpoint"),
    "an address without TLS": ({"jwks_uri": "http://192.0.2.1/x"}, "without TLS"),
    "an address of a file": ({"jwks_uri": "file:///etc/passwd"}, "jwks_uri"),
    "a list": (b"[]", "no JSON object"),
    "HTML": (b"<html>", "no JSON"),
    "deep": (b"[" * 100_000, "no JSON"),
    "long": (b" " * (MAX_BODY + 1), "bytes"),
    "gone": (404, "404"),
    "a redirect": (302, "302"),
}


@pytest.mark.parametrize("what", ABOUT)
async def test_what_a_provider_says_of_itself(
    authenticator, realm: Realm, log_events: list[Event], what: str
):
    says, said = ABOUT[what]
    answer = realm.about(**says) if isinstance(says, dict) else says
    realm.answers["/.well-known/openid-configuration"] = answer
    with pytest.raises(AuthenticatorUnavailableError):
        await authenticator(realm.section()).depart(BACK)
    assert said in why(log_events, "authenticator_away")
    (line,) = await PLUGIN.check(OidcSection(**realm.section()), None)
    assert not line.ok and said in line.text


async def test_answers_that_unpack_to_more(
    authenticator, realm: Realm, log_events: list[Event]
):
    """Nobody asks for packed answers, and nobody unpacks them."""
    asked = authenticator(realm.section())
    realm.headers["content-encoding"] = "gzip"
    path = "/.well-known/openid-configuration"
    realm.answers[path] = gzip.compress(b" " * (64 << 20))
    with pytest.raises(AuthenticatorUnavailableError):
        await asked.depart(BACK)
    assert "packs its answers" in why(log_events, "authenticator_away")


async def test_a_name_with_a_slash_at_its_end(authenticator, realm: Realm):
    section = realm.section(issuer=realm.issuer + "/")
    asked = authenticator(section)
    assert await asked.bearer(realm.token()) is not None


# -- away ------------------------------------------------------------------------------


async def test_a_provider_that_hangs(authenticator, realm: Realm):
    """At whichever of its addresses: an answer within 3 s."""
    hung = threading.Event()
    path = "/.well-known/openid-configuration"
    for where in (path, "/certs", "/token"):
        asked = authenticator(realm.section())
        departure = None if where == path else await asked.depart(BACK)
        answer, realm.answers[where] = realm.answers[where], lambda: hung.wait(60) and 5
        state = departure.state if departure else {"state": "x"}
        came = {"code": "x", "state": state["state"]}
        with in_time(ANSWER_S), pytest.raises(AuthenticatorUnavailableError):
            await asked.arrive(came, state, BACK)
            await asked.bearer(realm.token())
        realm.answers[where] = answer
    hung.set()


async def test_nothing_listens(authenticator, make_openid):
    server = make_openid()
    asked = authenticator(server.section())
    server.stop()
    with in_time(ANSWER_S), pytest.raises(AuthenticatorUnavailableError):
        await asked.depart(BACK)
    assert await asked.farewell(BACK) is None, "signed out here all the same"
    server.start()
    departure = await asked.depart(BACK)
    came = await visit(departure)
    assert await asked.arrive(came, departure.state, BACK) == ALICE


@pytest.mark.parametrize("fault", ["name", "authority", "system"])
async def test_a_certificate_that_is_not_to_be_trusted(
    authenticator, tmp_path: Path, log_events: list[Event], fault: str
):
    names = "DNS:other.example.org" if fault == "name" else f"IP:{HOST}"
    shown = make_certificates(tmp_path, names)
    others = tmp_path / "others"
    others.mkdir()
    trusted = {
        "name": shown.ca,
        "authority": make_certificates(others).ca,
        "system": None,
    }
    with Realm(shown) as realm:
        asked = authenticator(realm.section(ca_file=trusted[fault]))
        with pytest.raises(AuthenticatorUnavailableError):
            await asked.depart(BACK)
    assert "CERTIFICATE_VERIFY_FAILED" in why(log_events, "authenticator_away")
    assert realm.asked.total() == 0


async def test_what_the_environment_says_of_proxies(
    authenticator, realm: Realm, monkeypatch: pytest.MonkeyPatch
):
    """A variable of somebody's shell does not lead tokens elsewhere."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, f"http://{HOST}:9")
    assert await authenticator(realm.section()).bearer(realm.token()) is not None


async def test_sign_out_at_the_provider(authenticator, openid: OpenIdServer):
    """With the ID token of whoever signs out: nothing more is asked, once."""
    asked = authenticator(openid.section())
    departure = await asked.depart(BACK)
    await asked.arrive(await visit(departure), departure.state, BACK)
    place = "http://localhost:8642/sign-in"
    assert "id_token_hint=ey" in str(await asked.farewell(place, "alice"))
    url = await asked.farewell(place, "alice")
    assert url is not None and url.startswith(openid.issuer)
    query = parse_qs(urlsplit(url).query)
    assert query["post_logout_redirect_uri"] == ["http://localhost:8642/sign-in"]
    assert query["client_id"] == [CLIENT] and "id_token_hint" not in query
