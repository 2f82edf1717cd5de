"""A build of py-ISPyB's page, served at a port of its own."""

from __future__ import annotations

import hashlib
import os
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import pytest

from recorder.config import Settings
from recorder.errors import ConfigError
from recorder.web.pyispyb.ui import ui_app, ui_origins
from tests.asgi import Asgi

INLINE = "window.x = 1;"
INDEX = f'<html><script>{INLINE}</script><script src="/static/a.js"></script></html>'


@pytest.fixture
def build(tmp_path: Path) -> Path:
    folder = tmp_path / "outer" / "build"
    (folder / "static").mkdir(parents=True)
    (folder / "index.html").write_text(INDEX)
    (folder / "static" / "a.js").write_text("1")
    (folder / ".env").write_text("SECRET")
    (tmp_path / "outer" / "secret").write_text("SECRET")
    (folder / "link").symlink_to(tmp_path / "outer" / "secret")
    (folder / "beside").symlink_to(folder / "static" / "a.js")
    os.mkfifo(folder / "fifo")
    return folder


@pytest.fixture
def page(build: Path, settings: Callable[..., Settings]) -> Asgi:
    return Asgi(ui_app(settings(), build, 8000))


def test_files_come_and_unknown_paths_are_the_index_page(page: Asgi) -> None:
    found = page.get("/static/a.js")
    assert (found.status, found.body) == (200, b"1")
    assert "javascript" in found.headers["content-type"]
    assert page.get("/beside").body == b"1"
    for path in ("/", "/index.html", "/proposals/mx1/sessions/2", "/static", "/fifo"):
        found = page.get(path)
        assert (found.status, found.body.decode()) == (200, INDEX), path
        assert found.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize(
    "path",
    [
        "/../secret",
        "/%2e%2e/secret",
        "/static/..%2f..%2fsecret",
        "/static/../../secret",
        "//etc/passwd",
        "/..%5csecret",
        "/link",
        "/.env",
        "/static/%2e%2e/.env",
        "/a%00b",
        "/" + "x" * 5000,
    ],
)
def test_nothing_outside_is_served(page: Asgi, path: str) -> None:
    found = page.get(path)
    assert (found.status, found.body.decode()) == (200, INDEX)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_it_is_only_read(page: Asgi, method: str) -> None:
    own = {"origin": "http://localhost"}
    assert page.ask(method, "/", b"", own).status == 405
    found = page.ask("HEAD", "/", b"", {})
    assert (found.status, found.body) == (200, b"")


def test_only_under_names_of_ours(page: Asgi) -> None:
    assert page.get("/", host="evil.example").status == 421
    assert page.get("/", host="127.0.0.1:3000").status == 200


def test_the_policy_fits_the_page_and_nothing_more(page: Asgi) -> None:
    policy = page.get("/").headers["content-security-policy"]
    rules = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    inline = b64encode(hashlib.sha256(INLINE.encode()).digest()).decode()
    # the page makes functions of texts; what stands in it is named by its hash
    assert rules["script-src"] == f"'self' 'unsafe-eval' 'sha256-{inline}'"
    assert "http://localhost:8000" in rules["connect-src"]
    assert rules["default-src"] == "'none'"
    assert "unsafe-inline" not in rules["script-src"]


def test_what_is_no_build_is_refused(
    tmp_path: Path, settings: Callable[..., Settings]
) -> None:
    with pytest.raises(ConfigError, match="npm run build"):
        ui_app(settings(), tmp_path, 8000)


def test_the_page_may_use_the_api_under_each_name(
    settings: Callable[..., Settings],
) -> None:
    found = ui_origins(settings(web={"allowed_hosts": ["beamline.example"]}), 3000)
    wanted = {"localhost", "127.0.0.1", "[::1]", "beamline.example"}
    assert set(found) == {f"http://{name}:3000" for name in wanted}
