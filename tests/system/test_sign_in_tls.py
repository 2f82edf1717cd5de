"""Over TLS, and behind a proxy: what is believed, and what is read again."""

from __future__ import annotations

import http.client
import json
import shutil
import signal
import ssl
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from recorder.runtime.throttle import BURST
from recorder.web.sign_in.tries import PER_ADDRESS
from tests.servers import HOST, TIMEOUT_S, Certificates, make_certificates
from tests.sign_in import PASSWORD, Browser, local, write_passwords
from tests.web import Web


@pytest.fixture
def section(tmp_path: Path) -> dict[str, Any]:
    passwords = write_passwords(tmp_path / "passwords", "anna")
    return local(passwords, anna={"all_proposals": True})


def ask(
    port: int, certificates: Certificates, path: str, body: Any = None, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    context = ssl.create_default_context(cafile=certificates.ca)
    link = http.client.HTTPSConnection(HOST, port, context=context, timeout=60)
    try:
        sent = {"Origin": f"https://{HOST}:{port}", "Content-Type": "application/json"}
        method = "GET" if body is None else "POST"
        text = None if body is None else json.dumps(body)
        link.request(method, path, text, {**sent, **headers})
        answer = link.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        link.close()


def test_tls_and_a_renewed_certificate(
    start_web: Callable[..., Web], section: dict[str, Any], tmp_path: Path
):
    old = make_certificates(_folder(tmp_path / "old"))
    new = make_certificates(_folder(tmp_path / "new"))
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    shutil.copy(old.cert, cert)
    shutil.copy(old.key, key)
    web = start_web(
        web={**section, "host": "0.0.0.0", "allowed_hosts": [HOST],
             "cert_file": str(cert), "key_file": str(key)}
    )  # fmt: skip
    assert web.address.startswith("https://")
    body = {"login": "anna", "password": PASSWORD}
    status, headers, _ = ask(web.port, old, "/sign-in", body)
    assert status == 200
    cookie = headers["set-cookie"].partition(";")[0]
    shutil.copy(new.cert, cert)  # without its key: half of a renewal
    web.signal(signal.SIGHUP)
    web.wait_for_event("tls_not_reloaded")
    assert ask(web.port, old, "/api/v1/now", Cookie=cookie)[0] == 200
    shutil.copy(new.key, key)
    web.signal(signal.SIGHUP)
    web.wait_for_event("tls_reloaded")
    assert ask(web.port, new, "/api/v1/now", Cookie=cookie)[0] == 200
    assert web.running


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def test_a_certificate_that_cannot_be_used_is_said(
    run_recorder, config_file, section, tmp_path
):
    certificates = make_certificates(tmp_path)
    other = make_certificates(_folder(tmp_path / "other"))
    for cert, key in (
        (tmp_path / "none", None),
        (certificates.key, None),
        (certificates.cert, other.key),
    ):
        files = {
            "cert_file": str(cert),
            **({} if key is None else {"key_file": str(key)}),
        }
        done = run_recorder("web", config=config_file(web={**section, **files}))
        assert done.returncode == 2
        assert "web.cert_file" in done.stderr


def test_sighup_without_tls_ends_nothing(start_web):
    web = start_web()
    web.signal(signal.SIGHUP)
    assert web.get("/healthz").status == 200


def test_behind_a_listed_proxy_each_address_counts_for_itself(
    start_web, section, config_file
):
    """And before an unlisted one nobody is believed."""
    web = start_web(web={**section, "proxies": [HOST]})
    for n in range(8):  # more than one address may try
        answer = Browser(web).post(
            "/sign-in",
            {"login": f"x{n}", "password": "x"},
            X_Forwarded_For=f"203.0.113.{n}",
            X_Forwarded_Proto="https",
        )
        assert answer.status == 401
    browser = Browser(web)
    browser.post(
        "/sign-in",
        {"login": "anna", "password": PASSWORD},
        X_Forwarded_For="203.0.113.99",
    )
    refused = [e["address"] for e in web.log if e.get("event") == "sign_in_refused"]
    assert refused == [f"203.0.113.{n}" for n in range(8)]
    (came,) = [e for e in web.log if e.get("event") == "signed_in"]
    assert came["address"] == "203.0.113.99"
    other = start_web(web=section)
    Browser(other).post(
        "/sign-in",
        {"login": "anna", "password": PASSWORD},
        X_Forwarded_For="203.0.113.99",
    )
    (came,) = [e for e in other.log if e.get("event") == "signed_in"]
    assert came["address"] == "127.0.0.1"


def test_too_many_tries_are_told_how_long_to_wait(start_web, section):
    web = start_web(web=section)
    statuses = []
    for _ in range(8):  # within a minute
        answer = Browser(web).sign_in("z", "x")
        statuses.append(answer.status)
        if answer.status == 429:
            break
    assert statuses == [401] * 5 + [429]
    assert 1 <= int(answer.headers["retry-after"]) <= 61
    assert "try again in" in answer.json["detail"]
    assert Browser(web).sign_in("anna").status == 200


@pytest.mark.slow
def test_a_flood_of_logins_is_refused_cheaply_and_keeps_nobody_out(start_web, section):
    """Of one address; with a person who is known there."""
    web = start_web(web=section)
    assert Browser(web).sign_in("anna").status == 200
    before = web.rss_kb

    def flood(worker: int) -> Counter[int]:
        link = http.client.HTTPConnection(HOST, web.port, timeout=TIMEOUT_S)
        origin = f"http://{HOST}:{web.port}"
        headers = {"Origin": origin, "Content-Type": "application/json"}
        found: Counter[int] = Counter()
        for n in range(250):
            body = {"login": f"x{worker}-{n}", "password": "y" * 1000}
            link.request("POST", "/sign-in", json.dumps(body), headers)
            answer = link.getresponse()
            answer.read()
            found[answer.status] += 1
        link.close()
        return found

    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        found = sum(pool.map(flood, range(8)), Counter())
    minutes = 2 + int((time.monotonic() - began) / 60)  # that it may have had a part in
    assert found.keys() - {503} == {401, 429}  # 503: a busy machine has no turn for it
    assert found[429] + found[503] >= 8 * 250 - minutes * PER_ADDRESS
    assert web.rss_kb - before < 120_000  # 64 MiB of it are argon2's
    lines = [e for e in web.log if e.get("event") == "sign_in_refused"]
    assert len(lines) <= found[401] + found[503] + minutes * BURST
    assert Browser(web).sign_in("anna").status == 200
