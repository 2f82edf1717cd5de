"""py-ISPyB's API over runs that our own sink wrote: numbers are those of the report."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from recorder.config import Settings
from recorder.journal import Journal
from recorder.reports.store import ReportStore
from recorder.web.app import WebApp, make_app
from recorder.web.place import place_of
from tests.asgi import Asgi, somebody
from tests.ispyb import announcement, record

ROOT = "/ispyb/api/v1"


@pytest.fixture
async def settings_of(settings: Callable[..., Settings], tmp_path: Path) -> Settings:
    """Two runs of one experiment, and one of another, in the embedded database."""
    found = settings(beamline="id29")
    other = {"name": "second", "type": "SSX-Jet"}
    await record(
        found,
        tmp_path,
        announcement(),
        announcement(run=4),
        announcement(run=5, experiment=other),
    )
    return found


def test_x(settings_of: Settings) -> None:
    app = make_app(place_of(settings_of))
    app.feed.slow_state = app.feed.view.look(None) or app.feed.slow_state
    asgi = Asgi(app.asgi)
    for path in ("/events?sessionId=1", "/events?dataCollectionGroupId=1", "/events/types?sessionId=1", "/eventchain?dataCollectionId=1",
        "/ssx/datacollection/processing/stats?dataCollectionIds=1,2,3,77", "/ssx/datacollection/processing/cells?dataCollectionId=1",
        "/ssx/datacollection/processing/cells/histogram?dataCollectionIds=1,2", "/sessions/1"):
        a = asgi.get(ROOT + path)
        print(path, a.status, a.body.decode()[:4000])
    assert 0
