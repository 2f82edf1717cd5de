"""Every address of the OpenAPI document, asked in allowed and forbidden ways."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.web import write_run

EXAMPLES = 6
"""Requests of each kind and address: about 20 s of an idle core in all."""


@pytest.mark.slow
def test_answers_are_as_the_document_says(start_web, journal, state, daemon, tmp_path):
    for n in (1, 2, 3):
        write_run(journal, n)
    daemon.hears = True
    daemon.start()
    web = start_web()
    web.until("/api/v1/now", lambda answer: answer.json["daemon"] == "ok")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run"),
            f"{web.address}api/v1/openapi.json",
            *("--seed", "1", "--max-examples", str(EXAMPLES), "--workers", "1"),
            *(
                "--exclude-path",
                "/api/v1/live",
                "--phases",
                "examples,coverage,fuzzing",
            ),
            *("--header", f"Origin: {web.address.rstrip('/')}"),
            *("--exclude-checks", "unsupported_method,positive_data_acceptance"),
            *("--generation-database", "none", "--no-color"),
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        timeout=400,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert web.get("/healthz").status == 200
