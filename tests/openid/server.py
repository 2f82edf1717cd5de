"""npm's ``oidc-provider``, and a browser without eyes that signs in there."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2

from tests.servers import HOST, Certificates, Process, Server, program

VERSION = "9.13.3"
"""Of npm's oidc-provider; it wants Node 22, and runs on 20 with a warning."""
CACHE = Path(__file__).parents[2] / ".cache"
INSTALL = "apt-get install -y npm"
PREFIX = "/realms/facility"
CLIENT = "recorder"
SECRET = "client secret+with/odd:signs"
AUDIENCE = "urn:recorder"
"""Of access tokens; oidc-provider takes only URIs."""
BACK = "http://localhost:8642/sign-in/sso/back"
PASSWORDS = {"alice": "correct horse", "bob": "pässwörd ✓", "odd": "odd one"}
PEOPLE: dict[str, dict[str, Any]] = {
    "alice": {
        "preferred_username": "alice",
        "name": "Alice Ångström",
        "email": "alice@example.org",
        "email_verified": True,
        "realm_access": {"roles": ["mx-staff", "users"]},
        "groups": ["/mx-staff", "users"],
    },
    "bob": {"preferred_username": "bob", "realm_access": {"roles": []}, "groups": []},
    "odd": {"preferred_username": "odd)(uid=*", "groups": []},
}
SERVICES: dict[str, dict[str, Any]] = {
    "sync-job": {
        "preferred_username": "service-account-sync-job",
        "clientId": "sync-job",
        "realm_access": {"roles": ["portal"]},
    }
}


def installed() -> Path:
    """The folder of ``node_modules`` with oidc-provider in it, from npm once."""
    folder = CACHE / f"oidc-provider-{VERSION}"
    if not folder.exists():
        npm = program("npm", INSTALL)
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as name:
            place = Path(name) / "whole"
            place.mkdir()
            (place / "package.json").write_text("{}")
            quiet = ("--silent", "--no-audit", "--no-fund", "--ignore-scripts")
            subprocess.run(
                [npm, "install", *quiet, f"oidc-provider@{VERSION}"],
                cwd=place,
                check=True,
                capture_output=True,
            )
            try:
                place.rename(folder)
            except OSError:  # another process was faster
                assert folder.exists()
    return folder


class OpenIdServer(Server):
    """A realm of our own.

    Args:
        directory: Where its configuration goes.
        certificates: Speak TLS with these.
        claims_at_userinfo: Keep all but the subject out of ID tokens.
        tokens_for_us: Give people access tokens for our audience.
        secret: What the recorder must show; None: nothing.
    """

    def __init__(
        self,
        directory: Path,
        *,
        certificates: Certificates | None = None,
        claims_at_userinfo: bool = False,
        tokens_for_us: bool = False,
        secret: str | None = SECRET,
        back: str = BACK,
    ) -> None:
        super().__init__()
        self.certificates = certificates
        self.secret = secret
        self._config = directory / "provider.json"
        scheme = "http" if certificates is None else "https"
        self.issuer = f"{scheme}://{HOST}:{self.port}{PREFIX}"
        client: dict[str, Any] = {
            "client_id": CLIENT,
            "redirect_uris": [back],
            "post_logout_redirect_uris": [back.rpartition("/sso/")[0]],
            "token_endpoint_auth_method": "none",
        }
        if secret is not None:
            client |= {
                "client_secret": secret,
                "token_endpoint_auth_method": "client_secret_basic",
            }
        service = {
            "client_secret": "of the service",
            "grant_types": ["client_credentials"],
            "redirect_uris": [],
            "response_types": [],
        }
        clients = [client, *({"client_id": name, **service} for name in SERVICES)]
        self._config.write_text(
            json.dumps(
                {
                    "modules": str(installed()),
                    "issuer": self.issuer,
                    "prefix": PREFIX,
                    "port": self.port,
                    "cert": certificates and str(certificates.cert),
                    "key": certificates and str(certificates.key),
                    "clients": clients,
                    "people": PEOPLE,
                    "passwords": PASSWORDS,
                    "services": SERVICES,
                    "audience": AUDIENCE,
                    "claims_at_userinfo": claims_at_userinfo,
                    "tokens_for_us": tokens_for_us,
                }
            )
        )

    def _launch(self) -> Process:
        script = Path(__file__).with_name("provider.mjs")
        process = Process(
            program("node", INSTALL),
            script,
            self._config,
            env={**os.environ, "NODE_ENV": "production"},
        )
        process.wait_for(lambda line: line == "ready")
        return process

    def section(self, **changes: Any) -> dict[str, Any]:
        """The configuration's ``[[web.authenticator]]`` for it."""
        found: dict[str, Any] = {
            "kind": "oidc",
            "name": "sso",
            "preset": "keycloak",
            "issuer": self.issuer,
            "client_id": CLIENT,
            "audience": AUDIENCE,
        }
        if self.secret is not None:
            found["client_secret"] = self.secret
        if self.certificates is not None:
            found["ca_file"] = str(self.certificates.ca)
        return {**found, **changes}

    def service_token(self, client: str = "sync-job") -> str:
        """An access token of a service account."""
        answer = httpx2.post(
            f"{self.issuer}/token",
            data={"grant_type": "client_credentials", "resource": AUDIENCE},
            auth=(client, "of the service"),
            trust_env=False,
        )
        return str(answer.json()["access_token"])


@dataclass
class Visitor:
    """Somebody's browser: follows redirects and fills in the provider's form."""

    cookies: dict[str, str] = field(default_factory=dict)

    def sign_in(
        self, url: str, login: str, password: str, back: str = BACK
    ) -> dict[str, str]:
        """What a provider sends back to us."""
        with httpx2.Client(trust_env=False, cookies=self.cookies) as client:
            answer = client.get(url)
            for _ in range(10):
                if "location" in answer.headers:
                    url = str(answer.url.join(answer.headers["location"]))
                    if url.startswith(back):
                        return dict(parse_qsl(urlsplit(url).query))
                    answer = client.get(url)
                elif answer.status_code == httpx2.codes.OK:
                    fields = {"login": login, "password": password, "sub": login}
                    answer = client.post(answer.url, data=fields)
                else:
                    break
            raise AssertionError(f"{url}: {answer.status_code} {answer.text[:500]}")
