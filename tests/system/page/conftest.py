"""A real browser, and what it asks for."""

from __future__ import annotations

import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.servers import program
from tests.system.page import states
from tests.system.page.standin import StandIn

AXE = "4.14.1"
"""Version of axe-core, which looks for what keeps people out."""
CACHE = Path(__file__).parents[3] / ".cache"
INSTALL = "apt-get install -y chromium npm"
PATIENCE_MS = 60_000
"""That a page may take for anything beside ten busy processes; alone it is a second."""
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Debian's Chromium; one for this folder, as its start takes a second.

    None for all tests of a worker: playwright's loop and those of other tests exclude
    each other.
    """
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=program("chromium", INSTALL), args=["--no-sandbox"]
        )
        yield started
        started.close()


@pytest.fixture
def server() -> Iterator[StandIn]:
    """A stand-in that says all there is."""
    started = StandIn().start()
    states.everything(started.said)
    yield started
    started.stop()


@pytest.fixture
def new_context(browser: Browser) -> Iterator[Callable[..., BrowserContext]]:
    """Makes what a browser of one's own is; closes it with the test."""
    made: list[BrowserContext] = []

    def make(**options: Any) -> BrowserContext:
        made.append(browser.new_context(**options))
        made[-1].set_default_timeout(PATIENCE_MS)
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def context(new_context: Callable[..., BrowserContext]) -> BrowserContext:
    """Tabs that share cookies, storage and workers."""
    return new_context(viewport={"width": 1600, "height": 1000})


@pytest.fixture
def complaints() -> Iterator[list[str]]:
    """What the browser complained of: errors, refusals, requests off the host.

    A test that wants one takes it out; the others must have none.
    """
    heard: list[str] = []
    yield heard
    assert heard == []


@pytest.fixture
def watched(complaints: list[str]) -> Callable[[Page], Page]:
    """Let what a tab complains of be heard."""

    def watch(page: Page) -> Page:
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        page.on("console", lambda message: _console(message, complaints))
        page.on("request", lambda request: _request(request.url, complaints))
        page.on("response", lambda answer: _response(answer, complaints))
        return page

    return watch


def _console(message: Any, complaints: list[str]) -> None:
    if message.type in ("error", "warning"):
        complaints.append(f"{message.type}: {message.text}")


def _request(url: str, complaints: list[str]) -> None:
    if urlsplit(url).hostname != "127.0.0.1":
        complaints.append(f"off the host: {url}")


def _response(answer: Any, complaints: list[str]) -> None:
    if answer.status >= 400:
        complaints.append(f"{answer.status}: {answer.url}")


@pytest.fixture
def open_page(
    server: StandIn, context: BrowserContext, watched: Callable[[Page], Page]
) -> Callable[..., Page]:
    """Opens the page, by default as one that has heard everything."""

    def open_one(query: str = "", wait: str = "#state:has-text('run')") -> Page:
        page = watched(context.new_page())
        page.goto(server.url + query)
        page.locator(wait).wait_for()
        return page

    return open_one


@pytest.fixture(scope="session")
def axe() -> str:
    """The text of axe-core, from npm once; it stays in ``.cache``."""
    path = CACHE / f"axe-core-{AXE}.js"
    if not path.exists():
        _fetch_axe(path)
    return path.read_text(encoding="utf-8")


def _fetch_axe(path: Path) -> None:
    """In a folder of its own, moved when it is whole: several processes may do so."""
    npm = program("npm", INSTALL)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as name:
        folder = Path(name)
        subprocess.run(
            [npm, "pack", "--silent", f"axe-core@{AXE}"],
            cwd=folder,
            check=True,
            capture_output=True,
        )
        with tarfile.open(folder / f"axe-core-{AXE}.tgz") as archive:
            found = archive.extractfile("package/axe.min.js")
            assert found is not None
            (folder / path.name).write_bytes(found.read())
        (folder / path.name).replace(path)
