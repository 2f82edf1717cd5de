"""A real browser signs in at a real provider, and out again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx2
import pytest
from playwright.sync_api import Browser, sync_playwright

from recorder.journal import Journal
from tests.openid.server import PASSWORDS, OpenIdServer, Visitor
from tests.servers import free_port, program
from tests.web import Web


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=program("chromium", "apt-get install -y chromium"),
            args=["--no-sandbox"],
        )
        yield started
        started.close()


@pytest.fixture
def signed_web(
    start_web: Callable[..., Web],
    make_openid: Callable[..., OpenIdServer],
    journal: Journal,
) -> tuple[Web, OpenIdServer]:
    """A page whose people come from a provider: alice sees all, bob nothing."""
    port = free_port()
    openid = make_openid(back=f"http://localhost:{port}/sign-in/sso/back")
    section: dict[str, Any] = {
        "port": port,
        "authenticator": [openid.section()],
        "people": {"alice": {"all_proposals": True}},
    }
    return start_web("--port", str(port), web=section), openid


def test_there_and_back_and_out(browser: Browser, signed_web: tuple[Web, OpenIdServer]):
    web, openid = signed_web
    ours = f"http://localhost:{web.port}"
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{ours}/sign-in/sso/depart")
    assert page.url.startswith(openid.issuer)
    page.fill("input[name=login]", "alice")
    page.fill("input[name=password]", PASSWORDS["alice"])
    page.click("button")
    page.wait_for_url(f"{ours}/**")
    assert urlsplit(page.url).path == "/" and "code" not in page.url
    names = {cookie["name"]: cookie for cookie in context.cookies(ours)}
    assert names["__Host-sid"]["httpOnly"] and names["__Host-sid"]["secure"]
    # from a page of ours that does nothing by itself
    page.goto(f"{ours}/healthz")
    assert page.evaluate("fetch('/api/v1/runs').then(r => r.status)") == 200
    # out here, and at the provider: it asks for the password again
    go = page.evaluate(
        """fetch('/sign-out', {method: 'POST', body: '{}',
          headers: {'content-type': 'application/json'}})
          .then(r => r.json()).then(r => r.go)"""
    )
    assert "id_token_hint=" in go
    assert page.evaluate("fetch('/api/v1/runs').then(r => r.status)") == 401
    page.goto(go)
    page.click("button")
    page.wait_for_url(f"{ours}/sign-in**")
    page.goto(f"{ours}/sign-in/sso/depart")
    assert page.locator("input[name=password]").count() == 1
    context.close()


def test_the_address_of_somebody_else(
    browser: Browser, signed_web: tuple[Web, OpenIdServer]
):
    """Whoever is led to the address of another's sign-in is not signed in as them."""
    web, _ = signed_web
    ours = f"http://localhost:{web.port}"
    away = httpx2.get(f"{ours}/sign-in/sso/depart", trust_env=False)
    back = f"{ours}/sign-in/sso/back"
    came = Visitor().sign_in(
        away.headers["location"], "alice", PASSWORDS["alice"], back
    )
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{back}?{urlencode(came)}")
    assert "/sign-in" in page.url
    page.goto(f"{ours}/healthz")
    assert page.evaluate("fetch('/api/v1/runs').then(r => r.status)") == 401
    context.close()
