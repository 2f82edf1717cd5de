"""Facilities' databases for the ISPyB sink, and live pages."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from recorder.config import Settings
from recorder.journal import Journal
from tests.ispyb import NO_ISPYB, Site, embedded_site, esrf_site, record
from tests.web import LiveWriter, Web


@pytest.fixture(params=["sqlite", "mariadb"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Site:
    """A facility's database, of each server in turn."""
    if request.param == "sqlite":
        return embedded_site(tmp_path / "state" / "ispyb.sqlite")
    return esrf_site(request.getfixturevalue("mariadb_database"))


@pytest.fixture
def record_runs(
    settings: Callable[..., Settings], tmp_path: Path
) -> Callable[..., Any]:
    """Records runs as announced, in the journal alone."""
    return lambda *bodies: record(settings(ispyb=NO_ISPYB), tmp_path, *bodies)


# -- the live page: tests/system/test_web*.py ----------------------------------------


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def journal(state: Path) -> Iterator[Journal]:
    """As a daemon has it."""
    journal = Journal(state / "journal.sqlite", owner=True)
    yield journal
    journal.close()


@pytest.fixture
def daemon(state: Path) -> Iterator[LiveWriter]:
    """Writes the live state."""
    writer = LiveWriter(state)
    yield writer
    writer.stop()


@pytest.fixture
def start_web(config_file: Callable[..., Path]) -> Iterator[Callable[..., Web]]:
    """Starts it; what it says of defects fails the test."""
    started: list[Web] = []

    def start(*arguments: str, **changes: Any) -> Web:
        web = Web(config_file(**changes), *arguments)
        started.append(web)
        return web

    yield start
    for web in started:
        if web.running:
            web.signal(signal.SIGCONT)
            web.terminate()
    bad = [e for w in started for e in w.log if e.get("event") == "step_failed"]
    assert not bad
