"""What log lines must never hold."""

from __future__ import annotations

import json

import pytest

from recorder.runtime.log import configure, get_logger


@pytest.mark.parametrize("fmt", ["json", "console"])
@pytest.mark.allow_error_log("failed")
def test_tracebacks_hold_no_local_variables(monkeypatch, capfd, fmt):
    monkeypatch.undo()  # the guards capture logs; this test wants the real output
    configure("info", fmt)
    password = "hush" + "-hush"
    try:
        json.loads("{" + password[:0])
    except ValueError:
        get_logger("test").exception("failed")
    said = capfd.readouterr().err
    assert "JSONDecodeError" in said
    assert password not in said
