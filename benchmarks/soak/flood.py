"""What one worker can do, and a detector that sends ten times as much."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from typing import Any

from benchmarks.soak.proc import children, cpu_seconds, peak_mb, usage
from benchmarks.soak.series import (
    CELL,
    SEAL_S,
    SPACE_GROUP,
    Series,
    go,
    result,
    run_series,
    sender,
)
from benchmarks.soak.site import Servers, Site
from recorder.config import Settings
from recorder.records import Json
from tests.servers import Recorder

FACTOR = 10.0
STEADY_IMAGES = 1000
STEADY_PERIOD_S = 0.01
FIRST_IMAGES = 200
"""Of a run before the one that counts: what is loaded once is loaded then."""
DRAIN_S = 0.5
STEADY: dict[str, dict[str, Any]] = {
    "pool": {"workers": 1, "max_backlog_mb": 8192},
    "mqtt": {"enabled": False},
    "ispyb": {"enabled": False},
    "runs": {"drain_s": DRAIN_S},
    "unannounced": {"unit_cell": CELL, "space_group": SPACE_GROUP},
}
SMALL: dict[str, dict[str, Any]] = {
    "pool": {
        "workers": 1,
        "max_backlog_mb": 64,
        "max_inbox_mb": 16,
        "second_look_mb": 16,
    },
    "detector": {"receive_hwm": 20},
}


@dataclass(frozen=True, slots=True)
class Sustainable:
    """What one worker can do."""

    rate_hz: float
    worker_mb: float
    """The most that it needed."""


@dataclass(frozen=True, slots=True)
class Flood:
    """What was sent, and what the processes held at most (MB)."""

    site: Site
    daemon: Recorder
    settings: Settings
    uid: str
    received: dict[str, int]
    """Images delivered, by uid of the run: the first one was no flood."""
    rate_hz: float
    """Asked of the detector."""
    period_s: float
    sent: Json
    base_mb: float
    """Of the daemon after the first run, which had it load what it uses."""
    daemon_mb: float
    worker_mb: float
    daemon_cpu_s: float
    worker_cpu_s: float


def sustainable(running: Servers) -> Sustainable:
    """Two series into a backlog that never fills; images/s until all are done."""
    site = Site(running, "steady", **STEADY)
    with site.daemon() as daemon:
        (worker,) = children(daemon.pid)
        for number, images in enumerate((FIRST_IMAGES, STEADY_IMAGES), start=1):
            with sender(site, images, 0.0, STEADY_PERIOD_S) as process:
                go(process)
                daemon.wait_for_event("run_started", run=number)
                begun = time.monotonic()
                daemon.wait_for_event("run_sealed", run=number, timeout_s=SEAL_S)
                seconds = time.monotonic() - begun - DRAIN_S
                result(process)
        return Sustainable(STEADY_IMAGES / seconds, peak_mb(worker))


def flood(running: Servers, rate_hz: float, seconds: float) -> Flood:
    """Send ten times a rate for so long; returns once the daemon ended."""
    site = Site(running, "overload", **SMALL)
    asked = FACTOR * rate_hz
    series = Series(str(uuid.uuid4()), round(asked * seconds), asked)
    with site.daemon() as daemon:
        (worker,) = children(daemon.pid)
        first = Series(str(uuid.uuid4()), FIRST_IMAGES, rate_hz / 2)
        first_sent = run_series(site, daemon, first)
        base_mb = usage([daemon.pid]).rss_mb
        pids = (daemon.pid, worker)
        before = [cpu_seconds(pid) for pid in pids]
        sent = run_series(site, daemon, series)
        spent = [cpu_seconds(pid) for pid in pids]
        daemon_mb, worker_mb = peak_mb(daemon.pid), peak_mb(worker)
    return Flood(
        site=site,
        daemon=daemon,
        settings=site.settings,
        uid=series.uid,
        received={first.uid: first_sent["delivered"], series.uid: sent["delivered"]},
        rate_hz=asked,
        period_s=series.period_s,
        sent=sent,
        base_mb=base_mb,
        daemon_cpu_s=spent[0] - before[0],
        worker_cpu_s=spent[1] - before[1],
        daemon_mb=daemon_mb,
        worker_mb=worker_mb,
    )
