"""Portals that proposals are fetched from: a folder, and an address."""

from __future__ import annotations

import json
import os
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from recorder.config import Settings
from recorder.errors import ConfigError, PortalUnavailableError
from recorder.portal import http as http_portal
from recorder.portal.fetching import fetched
from recorder.portal.folder import FolderPortal, FolderPortalSection
from recorder.portal.http import HttpPortal, HttpPortalSection
from recorder.portal.sync import Wish
from recorder.records import Json
from recorder.testing.portals import PortalConformance
from tests.portal import body, write_json
from tests.servers import Certificates

MakeSettings = Callable[..., Settings]


class Office:
    """A portal's server: answers what it is told, and notes what it is asked."""

    def __init__(self, certificates: Certificates | None = None) -> None:
        self.status, self.body, self.headers = 200, b"[]", dict[str, str]()
        self.short = 0
        self.asked: list[dict[str, str]] = []
        office = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                office.asked.append({k.lower(): v for k, v in self.headers.items()})
                tag = office.headers.get("ETag")
                same = tag is not None and self.headers.get("If-None-Match") == tag
                self.send_response(304 if same else office.status)
                for name, value in office.headers.items():
                    self.send_header(name, value)
                if not same:
                    size = len(office.body) + office.short
                    self.send_header("Content-Length", str(size))
                self.end_headers()
                if not same:
                    self.wfile.write(office.body)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        scheme = "http"
        if certificates is not None:
            scheme, context = "https", ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificates.cert, certificates.key)
            sock = context.wrap_socket(self._server.socket, server_side=True)
            self._server.socket = sock
        self.url = f"{scheme}://127.0.0.1:{self._server.server_port}/proposals"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def say(self, data: Any) -> None:
        self.body = json.dumps(data).encode()
        self.headers["ETag"] = f'"{hash(self.body)}"'

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def office() -> Iterator[Office]:
    made = Office()
    yield made
    made.close()


class TestFolder(PortalConformance):
    kind = "folder"

    def section(self, folder: Path) -> dict[str, Any]:
        place = folder / "portal"
        place.mkdir()
        return {"path": str(place)}

    def say(self, folder: Path, content: list[Json]) -> None:
        write_json(folder / "portal" / "all.json", content)

    def go_away(self, folder: Path) -> None:
        (folder / "portal").rename(folder / "gone")


class TestHttp(PortalConformance):
    kind = "http"

    @pytest.fixture(autouse=True)
    def _server(self, office: Office) -> None:
        self.office = office

    def section(self, folder: Path) -> dict[str, Any]:
        return {"url": self.office.url}

    def say(self, folder: Path, content: list[Json]) -> None:
        self.office.say(content)

    def go_away(self, folder: Path) -> None:
        self.office.status = 503


# -- a folder --------------------------------------------------------------------------


def test_files_of_a_folder_that_are_read(tmp_path: Path) -> None:
    for name in ("b.json", "a.jsonl", ".hidden.json", "c.json.part", "d.txt"):
        write_json(tmp_path / name, body())
    portal = FolderPortal(FolderPortalSection(path=tmp_path))
    assert [d.name for d in portal.fetch({})] == ["a.jsonl", "b.json"]


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    portal = FolderPortal(FolderPortalSection(path=tmp_path))
    with pytest.raises(PortalUnavailableError, match="is no file"):
        list(portal.fetch({}))


def test_what_is_wrong_comes_again_until_it_is_mended(
    settings: MakeSettings, tmp_path: Path
) -> None:
    place = tmp_path / "portal"
    place.mkdir()
    write_json(place / "1.json", body(1))
    write_json(place / "2.json", {"proposal": {}})
    section = FolderPortalSection(path=place)
    made = settings(sync={"portal": [section]})

    def states() -> list[dict[str, int]]:
        found = fetched(made, section, Wish("timer", "folder"))
        return [report.states for report in found]

    assert states() == [{"written": 1}, {"refused": 1}]
    assert states() == [{"refused": 1}]
    write_json(place / "2.json", body(2))
    assert states() == [{"written": 1}]
    assert states() == []
    made.state_directory.joinpath("portal.json").write_text("{broken")
    assert states() == [{"unchanged": 1}, {"unchanged": 1}]


# -- an address ------------------------------------------------------------------------


def portal(office: Office, **keys: Any) -> HttpPortal:
    return HttpPortal(HttpPortalSection(url=office.url, **keys))


def test_the_token_is_sent_and_never_shown(
    office: Office, settings: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECORDER_SYNC__OFFICE__TOKEN", "s3cret")
    section = {"kind": "http", "name": "office", "url": office.url}
    made = settings(sync={"portal": [section]})
    (found,) = made.sync.portal
    assert "s3cret" not in repr(made) + made.model_dump_json()
    list(HttpPortal(found).fetch({}))  # type: ignore[arg-type]
    assert office.asked[0]["authorization"] == "Bearer s3cret"


@pytest.mark.parametrize(
    ("status", "headers", "said"),
    [
        (401, {}, "check the token"),
        (302, {"Location": "http://127.0.0.1:1/"}, "is not followed"),
        (500, {}, "answers 500"),
    ],
)
def test_answers_that_are_none(
    office: Office, status: int, headers: dict[str, str], said: str
) -> None:
    office.status, office.headers = status, headers
    with pytest.raises(PortalUnavailableError, match=said):
        list(portal(office, token="s3cret").fetch({}))
    assert len(office.asked) == 1


def test_an_answer_that_ends_early_is_none(office: Office) -> None:
    office.body, office.short = json.dumps(body()).encode() + b"\n", 100
    office.headers = {"Connection": "close"}
    with pytest.raises(PortalUnavailableError, match="ends early"):
        list(portal(office).fetch({}))


def test_an_endless_answer_ends(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_portal, "MAX_FILE_BYTES", 1000)
    office.body = b" " * 10_000_000
    (found,) = portal(office).fetch({})
    assert len(found.data) <= 1000 + http_portal.PIECE


@pytest.mark.parametrize(
    "url",
    ["ftp://127.0.0.1/", "http://", "http://ada:x@127.0.0.1/", "http://a b/", "x"],
)
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(ValueError, match="url"):
        HttpPortalSection(url=url)


def test_another_host_is_asked_with_tls_only() -> None:
    with pytest.raises(ConfigError, match="without TLS"):
        HttpPortal(HttpPortalSection(url="http://192.0.2.1/"))


def test_the_certificate_is_checked(certificates: Certificates) -> None:
    office = Office(certificates)
    try:
        list(portal(office, ca_file=certificates.ca).fetch({}))
        with pytest.raises(PortalUnavailableError, match="certificate"):
            list(portal(office).fetch({}))
    finally:
        office.close()
