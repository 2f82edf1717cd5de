"""What log lines must never hold."""

from __future__ import annotations

import json
import logging

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


WICKED = "\x1b]0;t\x07\n2026-01-01 [error] ledger_open run=99\u202e"


@pytest.mark.parametrize("fmt", ["json", "console"])
@pytest.mark.allow_error_log("failed")
def test_no_value_makes_a_line_or_reaches_the_terminal(monkeypatch, capfd, fmt):
    monkeypatch.undo()
    configure("info", fmt)
    log = get_logger("test")
    log.info("told", name=WICKED, names=[WICKED], more={WICKED: WICKED})
    logging.getLogger("some.library").warning("odd: %s", WICKED)
    try:
        raise ValueError(WICKED)
    except ValueError:
        log.exception("failed")
    said = capfd.readouterr().err
    assert all(c.isprintable() or c == "\n" for c in said)
    assert not [line for line in said.splitlines() if line.startswith("2026-01-01 ")]
    assert "ledger_open" in said
