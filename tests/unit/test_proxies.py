"""Who is believed when they say who asks."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.config import Settings
from recorder.errors import ConfigError
from recorder.web.problems import ProblemError
from recorder.web.proxies import Proxies

PROXY = "192.0.2.1"


def asked(
    peer: str, listed: tuple[str, ...] = (PROXY,), tls: bool = False, **told: str
) -> tuple[str, str]:
    """Address and scheme as they come through."""
    seen: list[Any] = []

    async def app(scope, receive, send):
        seen.append((scope["client"][0], scope["scheme"]))

    headers = [(f"x-forwarded-{k}".encode(), v.encode()) for k, v in told.items()]
    scope = {
        "type": "http",
        "client": (peer, 1),
        "scheme": "http",
        "headers": headers,
        "path": "/",
    }
    asyncio.run(Proxies(app, listed, tls=tls)(scope, None, None))
    (found,) = seen
    return found


ADDRESS = {"for": "203.0.113.9", "proto": "https"}


def test_a_listed_proxy_is_believed():
    assert asked(PROXY, **ADDRESS) == ("203.0.113.9", "https")
    assert asked(f"::ffff:{PROXY}", **ADDRESS) == ("203.0.113.9", "https")
    assert asked("10.0.0.7", ("10.0.0.0/8",), **ADDRESS)[0] == "203.0.113.9"


def test_nobody_else_is():
    assert asked("203.0.113.7", (), **ADDRESS) == ("203.0.113.7", "http")
    assert asked("203.0.113.7", tls=True, **ADDRESS) == ("203.0.113.7", "http")
    assert asked("127.0.0.1", **ADDRESS) == ("127.0.0.1", "http")


def test_nobody_comes_past_the_proxy_without_tls():
    with pytest.raises(ProblemError) as caught:
        asked("203.0.113.7", **ADDRESS)
    assert caught.value.status == 403


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ("1.1.1.1, 203.0.113.9", "203.0.113.9"),  # 1.1.1.1 anybody may have written
        (f"203.0.113.9, {PROXY}", "203.0.113.9"),
        (f"{PROXY}, {PROXY}", PROXY),
        ("2001:db8::1", "2001:db8::1"),
        ("unknown", PROXY),
        ("", PROXY),
        ("203.0.113.9, what", PROXY),
        ("<script>", PROXY),
    ],
)
def test_the_last_address_that_is_no_proxy_counts(told, found):
    assert asked(PROXY, **{"for": told})[0] == found


@given(st.text(max_size=60), st.text(max_size=10))
def test_whatever_is_told_an_address_comes_out(told, proto):
    address, scheme = asked(
        PROXY,
        **{
            "for": told.encode("latin-1", "replace").decode("latin-1"),
            "proto": proto.encode("latin-1", "replace").decode("latin-1"),
        },
    )
    assert scheme in ("http", "https")
    assert ":" in address or address.count(".") == 3


@pytest.mark.parametrize("text", ["", "proxy", "10.0.0.1/8", "*", "300.1.1.1"])
def test_what_is_no_address_is_no_proxy(text, tmp_path):
    with pytest.raises((ConfigError, ValueError), match="no address or network"):
        Settings(state_directory=tmp_path, web={"proxies": [text]})
