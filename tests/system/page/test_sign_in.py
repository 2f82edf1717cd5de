"""Signing in, tokens and signing out in a real browser, with a real server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.sign_in import PASSWORD, write_passwords
from tests.web import Web

pytestmark = pytest.mark.xdist_group("page")


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("signed")
    passwords = write_passwords(folder / "passwords", "anna")
    config = folder / "recorder.toml"
    config.write_text(
        f'beamline = "id29"\nstate_directory = "{folder}"\n'
        "[web]\ninsecure_dummy = true\n"
        '[[web.authenticator]]\nkind = "local"\nname = "house"\n'
        f'passwords_file = "{passwords}"\n'
        '[[web.authenticator]]\nkind = "dummy"\nname = "anybody"\n'
        "[web.people.anna]\nall_proposals = true\n"
    )
    return config


@pytest.fixture(scope="module")
def web(config: Path) -> Iterator[Web]:
    started = Web(config)
    yield started
    assert not [e for e in started.log if e.get("event") == "step_failed"]
    started.terminate()


@pytest.fixture
def tab(context: BrowserContext, watched: Callable[[Page], Page]) -> Page:
    return watched(context.new_page())


def sign_in(tab: Page, web: Web, password: str = PASSWORD) -> None:
    tab.goto(web.address)
    expect(tab).to_have_url(f"{web.address}sign-in")
    tab.get_by_label("Login").fill("anna")
    tab.get_by_label("Password").fill(password)
    tab.get_by_label("Known by").select_option("house")
    tab.get_by_role("button", name="Sign in").click()


def test_in_wrong_and_right_and_out_again(tab, web, complaints, axe):
    tab.goto(f"{web.address}#later=1")
    expect(tab).to_have_url(f"{web.address}sign-in#later=1")
    expect(tab.locator("#insecure")).to_be_visible()
    expect(tab.get_by_label("Login")).to_be_focused()
    tab.evaluate(axe)
    found = tab.evaluate("axe.run()")["violations"]
    assert [one["id"] for one in found] == []
    tab.get_by_label("Login").fill("anna")
    tab.get_by_label("Password").fill("wrong")
    tab.get_by_label("Known by").select_option("house")
    tab.get_by_role("button", name="Sign in").click()
    expect(tab.get_by_role("alert")).to_have_text("login or password is wrong")
    expect(tab.get_by_label("Password")).to_have_value("")
    assert [text for text in complaints if "401" in text] == complaints != []
    complaints.clear()  # the browser tells of each 401
    tab.get_by_label("Password").fill(PASSWORD)
    tab.get_by_role("button", name="Sign in").click()
    expect(tab).to_have_url(f"{web.address}#later=1")
    expect(tab.locator("#who")).to_contain_text("anna")
    assert tab.evaluate("document.cookie") == ""
    tab.get_by_role("button", name="Sign out").click()
    expect(tab).to_have_url(f"{web.address}sign-in")
    complaints[:] = [text for text in complaints if "401" not in text]


def test_the_account_page(tab, web, axe):
    sign_in(tab, web)
    tab.locator("#who").click()
    expect(tab).to_have_url(f"{web.address}account")
    expect(tab.locator("#login")).to_have_text("anna")
    tab.get_by_label("What for").fill("<b>nightly</b>")
    tab.get_by_label("see what goes on now").check()
    tab.get_by_label("Only").select_option("proposal")
    tab.get_by_label("Which one").fill("mx2345")
    tab.get_by_role("button", name="Make a token").click()
    secret = tab.locator("#secret")
    expect(secret).to_contain_text("rct_")
    token = secret.text_content()
    row = tab.get_by_role("row", name="nightly")
    expect(row).to_contain_text("<b>nightly</b>")
    expect(row).to_contain_text("mx2345")
    answer = web.get("/api/v1/now", Authorization=f"Bearer {token}")
    assert answer.status == 200
    tab.evaluate(axe)
    found = tab.evaluate("axe.run()")["violations"]
    assert [one["id"] for one in found] == []
    tab.reload()
    expect(tab.locator("#made")).to_be_hidden()
    expect(row).to_be_visible()
    assert token not in tab.content()
    row.get_by_role("button").click()
    expect(row).to_have_count(0)
    assert web.get("/api/v1/now", Authorization=f"Bearer {token}").status == 401
    expect(tab.locator("#sessions")).to_contain_text("(this one)")


def test_a_foreign_page_can_do_nothing(context, tab, web, complaints, tmp_path: Path):
    """With the person's cookies in the same browser: no form and no fetch gets in."""
    sign_in(tab, web)
    expect(tab.locator("#who")).to_be_visible()
    evil = context.new_page()
    evil.goto(f"http://localhost:{web.port}/sign-in")  # another origin
    status = evil.evaluate(
        """async (url) => {
          try {
            const answer = await fetch(url, {method: "POST", credentials: "include",
              mode: "no-cors", body: "{}", headers: {"content-type": "text/plain"}});
            return String(answer.status);
          } catch (error) { return "refused"; }
        }""",
        f"{web.address}sign-out",
    )
    assert status in ("refused", "0")
    tab.reload()
    expect(tab.locator("#who")).to_be_visible()
    complaints[:] = []


def test_an_address_puts_no_words_on_the_page(tab, web):
    tab.goto(f"{web.address}sign-in#problem=Call%20555%20now%3Cb%3E")
    expect(tab.get_by_role("alert")).to_contain_text("The sign-in failed")
    expect(tab.locator("body")).not_to_contain_text("555")
    tab.goto("about:blank")
    tab.goto(f"{web.address}sign-in#problem=late")
    expect(tab.get_by_role("alert")).to_contain_text("took too long")
    tab.goto("about:blank")
    tab.goto(f"{web.address}sign-in#problem=constructor")
    expect(tab.get_by_role("alert")).to_contain_text("The sign-in failed")


def test_a_screen_by_its_address(tab, web, config, context, run_recorder):
    command = ("token", "make", "hutch", "--screen", "127.0.0.1")
    token = run_recorder(*command, config=config).stdout.strip()
    tab.goto(f"{web.address}sign-in#token={token}")
    expect(tab).to_have_url(f"{web.address}?wall")
    assert token not in tab.url
    expect(tab.locator("#who")).to_have_text("screen")
    (cookie,) = [c for c in context.cookies() if c["name"] == "__Host-sid"]
    assert cookie["httpOnly"] and cookie["secure"] and cookie["expires"] > 0
