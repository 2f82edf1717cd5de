"""Serves a build of py-ISPyB's own page, at a port of its own."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import anyio.to_thread
from starlette.responses import FileResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from recorder.config import Settings
from recorder.errors import ConfigError
from recorder.web.guard import LOOPBACK, Guard
from recorder.web.problems import ProblemError
from recorder.web.pyispyb.auth_calls import keycloak_servers

INDEX = "index.html"
MAX_INDEX = 4 << 20
"""Bytes of an index page that is read for its scripts; one has about 2 kB."""
_SCRIPT = re.compile(rb"<script(?![^>]*\ssrc)[^>]*>(.*?)</script>", re.S | re.I)


@dataclass(frozen=True, slots=True)
class UiPlace:
    """Where a build is, and where it is to be served."""

    folder: Path
    port: int
    """0: any free one."""


def ui_origins(settings: Settings, port: int) -> tuple[str, ...]:
    """The origins of the page: what it comes from may use the API.

    Args:
        settings: The whole configuration.
        port: Where the page is served.
    """
    return tuple(_addresses(settings, port))


def _addresses(settings: Settings, port: int) -> Iterable[str]:
    """Addresses of this host as browsers send them."""
    web = settings.web
    scheme = "https" if web.cert_file else "http"
    names = dict.fromkeys((*LOOPBACK, web.host.lower(), *web.allowed_hosts))
    for name in names:
        yield f"{scheme}://{f'[{name}]' if ':' in name else name}:{port}"


def ui_app(settings: Settings, folder: Path, api_port: int) -> ASGIApp:
    """The application that serves a build, behind the guard.

    Args:
        settings: The whole configuration.
        folder: The build: ``index.html`` and what it loads.
        api_port: Where the API is.

    Raises:
        ConfigError: There is no such page.
    """
    web = settings.web
    index = folder / INDEX
    try:
        with index.open("rb") as file:
            page = file.read(MAX_INDEX)
    except OSError as error:
        raise ConfigError(
            f"--pyispyb-ui {folder}: {error.strerror}: {INDEX}; give the folder that "
            "`npm run build` of py-ispyb-ui made (docs/how-to/py-ispyb-ui.md)"
        ) from error
    peers = [*_addresses(settings, api_port), *_behind_proxies(settings)]
    policy = _policy(page, peers, keycloak_servers(settings))
    return Guard(_Build(folder, policy), (web.host.lower(), *web.allowed_hosts))


def _behind_proxies(settings: Settings) -> Iterable[str]:
    return (f"https://{name}" for name in settings.web.allowed_hosts)


def _policy(page: bytes, peers: Iterable[str], providers: Iterable[str]) -> str:
    """What the page may load: its own, the scripts within it, the API, a Keycloak."""
    hashes = (hashlib.sha256(text).digest() for text in _SCRIPT.findall(page))
    within = (f"'sha256-{b64encode(found).decode()}'" for found in hashes)
    api, known = " ".join(dict.fromkeys(peers)), " ".join(dict.fromkeys(providers))
    return "; ".join(
        " ".join(part.split())
        for part in (
            "default-src 'none'",
            # its pages stay blank without: a library in it makes functions of texts
            f"script-src 'self' 'unsafe-eval' {' '.join(within)}",
            "style-src 'self' 'unsafe-inline'",  # its charts write styles as they go
            f"img-src 'self' data: blob: {api}",
            "font-src 'self' data:",
            f"connect-src 'self' data: blob: {api} {known}",
            "worker-src 'self' blob:",
            "manifest-src 'self'",
            f"frame-src 'self' {known}",
            "frame-ancestors 'self'",
            "base-uri 'self'",
            "form-action 'self'",
        )
    )


class _Build:
    """Answers with a file of a folder, or with the index page.

    Args:
        folder: The build.
        policy: Its content security policy.
    """

    def __init__(self, folder: Path, policy: str) -> None:
        self._folder = folder.resolve()
        self._headers = {
            "content-security-policy": policy,
            "cache-control": "no-cache",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request.

        Raises:
            ProblemError: It is no GET.
        """
        if scope["method"] not in ("GET", "HEAD"):
            text = "this page is only read"
            allowed = {"allow": "GET, HEAD"}
            status = HTTPStatus.METHOD_NOT_ALLOWED
            raise ProblemError(status, "http", text, headers=allowed)
        path = await anyio.to_thread.run_sync(self._file, scope["path"])
        await FileResponse(path, headers=self._headers)(scope, receive, send)

    def _file(self, path: str) -> Path:
        """A file within the folder; the index page for what is none."""
        parts = [part for part in path.split("/") if part]
        index = self._folder / INDEX
        if not parts or any(part.startswith(".") for part in parts):
            return index
        try:
            found = self._folder.joinpath(*parts).resolve()
            inside = found.is_relative_to(self._folder) and found.is_file()
        except (OSError, ValueError):
            return index
        return found if inside else index
