"""Facilities' databases for the tests of the ISPyB sink."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recorder.config import Settings
from tests.ispyb import NO_ISPYB, Site, embedded_site, esrf_site, record


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
