"""A server that says what a test wants the page to hear, with the real one's headers.

The real one is tested with the page in ``test_with_server.py``; here each state of the
world can be had, also those that take an hour or a fault.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import unquote, urlsplit

import recorder

STATIC = Path(recorder.__file__).parent / "web" / "static"
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: "
    "data:; connect-src 'self'; worker-src 'self'; frame-ancestors 'none'; "
    "base-uri 'none'; form-action 'none'"
)
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
TICK_S = 0.2
ANYBODY = {
    "kind": "open",
    "login": "page",
    "name": "",
    "scopes": ["write:alarms", "write:targets"],
    "sees": "beamline",
    "reasons": [],
    "notices": [],
}
"""Who asks where nobody signs in."""


@dataclass
class Said:
    """What the page hears: events of the stream, and answers by path."""

    now: Any = None
    slow: Any = None
    answers: dict[str, Any] = field(default_factory=lambda: {"me": ANYBODY})
    """By path below ``/api/v1/``: JSON, PNG bytes, a status that refuses, or what makes
    one of these."""
    posted: list[tuple[str, Any]] = field(default_factory=list)
    streams: int = 0
    """That are open now."""
    opened: int = 0
    """Streams since the start."""
    silent: bool = False
    """Streams stay open and say nothing."""
    refuses: int | None = None
    """Streams are answered with this status, and those that are open end."""
    asked: list[str] = field(default_factory=list)
    """Pages that were asked for."""


class StandIn:
    """The server; ``said`` may be changed while it runs."""

    def __init__(self) -> None:
        self.said = Said()
        self._ended = threading.Event()
        self._server: ThreadingHTTPServer | None = None
        self.port = 0

    @property
    def url(self) -> str:
        """Of the page."""
        return f"http://127.0.0.1:{self.port}/"

    def start(self) -> Self:
        """Serve; after a stop at the same port."""
        self._ended = threading.Event()
        handler = type(
            "Handler", (_Handler,), {"said": self.said, "ended": self._ended}
        )
        self._server = _Server(("127.0.0.1", self.port), handler)
        self.port = self._server.server_port
        thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        thread.start()
        return self

    def stop(self) -> None:
        """End all streams and serve no more."""
        self._ended.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser may leave at any time."""


class _Handler(BaseHTTPRequestHandler):
    said: Said
    ended: threading.Event

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""

    def _answer(self, body: bytes, kind: str, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.send_header("content-security-policy", CSP)
        self.send_header("cache-control", "no-cache")
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        if path == "/api/v1/live":
            self._stream()
        elif path.startswith("/api/v1/"):
            self._api(path.removeprefix("/api/v1/"))
        elif path.startswith("/ispyb/api/v1/"):
            self._api(path.removeprefix("/"))
        else:
            self.said.asked += [path] if path in ("/", "/sign-in") else []
            if path == "/sign-in":
                icon = b"<link rel=icon href=data:,>"  # else a browser asks for one
                page = b"<!doctype html><title>sign in</title>" + icon
                self._answer(page, TYPES[".html"])
                return
            self._file("index.html" if path == "/" else path.removeprefix("/static/"))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        path = unquote(urlsplit(self.path).path)
        self.said.posted.append((path.removeprefix("/api/v1/"), json.loads(body)))
        self._answer(b'{"said": 1}', "application/json")

    def _file(self, name: str) -> None:
        path = STATIC / name
        if path.is_file():
            self._answer(path.read_bytes(), TYPES[path.suffix])
        else:
            self._answer(b"", "text/plain", 404)

    def _api(self, name: str) -> None:
        found = self.said.answers.get(name)
        if callable(found):
            found = found()
        if isinstance(found, int):
            problem = {"title": "Refused", "status": found, "detail": f"no {name}"}
            body = json.dumps(problem).encode()
            self._answer(body, "application/problem+json", found)
        elif isinstance(found, bytes):
            self._answer(found, "image/png")
        elif found is None:
            problem = {"title": "Not Found", "status": 404, "detail": f"no {name}"}
            self._answer(json.dumps(problem).encode(), "application/problem+json", 404)
        else:
            self._answer(json.dumps(found).encode(), "application/json")

    def _stream(self) -> None:
        if self.said.refuses is not None:
            self._answer(b"{}", "application/problem+json", self.said.refuses)
            return
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("cache-control", "no-store")
        self.send_header("content-security-policy", CSP)
        self.end_headers()
        self.said.streams += 1
        self.said.opened += 1
        slow = None
        try:
            while self.said.refuses is None:
                if not self.said.silent:
                    if self.said.slow is not slow:
                        slow = self.said.slow
                        self._event("slow", slow)
                    self._event("now", self.said.now)
                if self.ended.wait(TICK_S):
                    return
        except OSError:
            return
        finally:
            self.said.streams -= 1

    def _event(self, kind: str, body: Any) -> None:
        if body is not None:
            self.wfile.write(f"event: {kind}\ndata: {json.dumps(body)}\n\n".encode())
            self.wfile.flush()
