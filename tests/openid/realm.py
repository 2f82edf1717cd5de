"""A realm that signs whatever it is told to: for what an honest provider never does."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from joserfc import jws
from joserfc.jwk import ECKey, Key, RSAKey

from tests.servers import HOST, Certificates

PREFIX = "/realms/facility"
CLIENT = "recorder"
SUB = "f:1234:alice"
RSA = RSAKey.generate_key(2048, {"kid": "one"})
"""Made once: it takes time."""

Answer = bytes | Mapping[str, Any] | int | Callable[[], Any]


class Realm:
    """A provider's addresses and keys.

    Args:
        certificates: Speak TLS with these.

    Attributes:
        answers: What each address says: bytes, JSON, a status, or what a call of it
            gives; a test may change it.
        asked: How often each address was asked.
    """

    def __init__(self, certificates: Certificates | None = None) -> None:
        self._server = ThreadingHTTPServer((HOST, 0), _handler(self))
        self._server.daemon_threads = True
        if certificates is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificates.cert, certificates.key)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True
            )
        scheme = "http" if certificates is None else "https"
        self.issuer = f"{scheme}://{HOST}:{self._server.server_address[1]}{PREFIX}"
        self.keys: list[Key] = [RSA]
        self.asked: Counter[str] = Counter()
        self.headers: dict[str, str] = {}
        """Further ones of each answer."""
        self.bodies: list[tuple[str, str]] = []
        """What came to the token endpoint: its authorization, its body."""
        self.answers: dict[str, Answer] = {
            "/.well-known/openid-configuration": self.about,
            "/certs": lambda: {"keys": [k.as_dict(private=False) for k in self.keys]},
            "/token": 400,
            "/userinfo": 401,
        }
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def about(self, **changes: Any) -> dict[str, Any]:
        """What it says of itself."""
        found = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/auth",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/certs",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "end_session_endpoint": f"{self.issuer}/logout",
        }
        return {**found, **changes}

    def section(self, **changes: Any) -> dict[str, Any]:
        """The configuration's ``[[web.authenticator]]`` for it."""
        found = {"kind": "oidc", "name": "sso", "preset": "keycloak"}
        return {**found, "issuer": self.issuer, "client_id": CLIENT, **changes}

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Those of an access token of Keycloak; a change to None leaves a claim out."""
        now = int(time.time())
        found = {
            "iss": self.issuer,
            "aud": ["account", CLIENT],
            "sub": SUB,
            "typ": "Bearer",
            "azp": "some-page",
            "exp": now + 300,
            "iat": now,
            "preferred_username": "alice",
            "name": "Alice Example",
            "email": "alice@example.org",
            "realm_access": {"roles": ["users"]},
            **changes,
        }
        return {name: value for name, value in found.items() if value is not None}

    def id_claims(self, good: str, **changes: Any) -> dict[str, Any]:
        """Those of an ID token of Keycloak; ``good`` is the nonce."""
        ours = {"aud": CLIENT, "azp": CLIENT, "typ": "ID", "nonce": good}
        return self.claims(**{**ours, **changes})

    def token(self, key: Key = RSA, alg: str = "RS256", **changes: Any) -> str:
        """An access token."""
        return signed(self.claims(**changes), key, alg)


def signed(claims: Any, key: Key = RSA, alg: str = "RS256", **header: Any) -> str:
    """Claims as a token; a change to None leaves a part of the header out."""
    whole = {"alg": alg, "kid": key.kid, "typ": "JWT", **header}
    return jws.serialize_compact(
        {name: value for name, value in whole.items() if value is not None},
        json.dumps(claims).encode(),
        key,
        algorithms=[alg],
    )


def unsigned(claims: Any, alg: str = "none", signature: str = "") -> str:
    """Claims as a token that nobody signed."""
    return f"{_part({'alg': alg, 'kid': 'one'})}.{_part(claims)}.{signature}"


def signed_with_the_public_key(claims: Any) -> str:
    """As if the public key of the provider were a secret between it and us."""
    body = f"{_part({'alg': 'HS256', 'kid': 'one'})}.{_part(claims)}"
    mac = hmac.new(RSA.as_pem(private=False), body.encode(), hashlib.sha256).digest()
    return f"{body}.{_text(mac)}"


def elliptic(kid: str) -> Key:
    """A new key."""
    return ECKey.generate_key("P-256", {"kid": kid})


def _part(value: Any) -> str:
    return _text(json.dumps(value).encode())


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _handler(realm: Realm) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0].removeprefix(PREFIX)
            realm.asked[path] += 1
            answer = realm.answers.get(path, 404)
            if callable(answer):
                answer = answer()
            status = answer if isinstance(answer, int) else 200
            raw = b"{}" if isinstance(answer, int) else answer
            body = raw if isinstance(raw, bytes) else json.dumps(raw).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            for name, value in realm.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            size = int(self.headers.get("content-length", 0))
            body = self.rfile.read(size).decode()
            realm.bodies.append((self.headers.get("authorization", ""), body))
            self.do_GET()

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    return Handler
