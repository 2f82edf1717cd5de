"""One series of the sender's process, announced, into a daemon."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.soak.site import Site
from recorder.records import Json
from recorder.simulate.stream.connections import timing_broker
from recorder.simulate.stream.series import default_chains
from tests.servers import Recorder

ROOT = Path(__file__).parents[2]
CELL = (79.1, 79.1, 38.2, 90, 90, 90)
SPACE_GROUP = "P43212"
LASER_EVERY = 2
DELAY_S = 0.0005
SEAL_S = 120.0


@dataclass(frozen=True, slots=True)
class Series:
    """One run to send."""

    uid: str
    images: int
    rate_hz: float

    @property
    def period_s(self) -> float:
        """Between two images."""
        return 1 / self.rate_hz


def run_series(site: Site, daemon: Recorder, series: Series) -> Json:
    """One announced series, until it is sealed; what was sent."""
    images, period_s = series.images, series.period_s
    with sender(site, images, series.rate_hz, period_s) as process:
        start = _start(series.uid, images, period_s)
        asyncio.run(_publish(site, "collection/start", start))
        daemon.wait_for_event("run_started", uid=series.uid)
        go(process)
        sent = result(process)
    end = {**_head(series.uid), "status": "success", "images": images}
    asyncio.run(_publish(site, "collection/end", end))
    daemon.wait_for_event("run_sealed", uid=series.uid, timeout_s=SEAL_S)
    return sent


def _head(uid: str) -> Json:
    now = datetime.now(UTC).isoformat()
    return {"schema": "recorder.collection/1", "uid": uid, "time": now}


def _start(uid: str, images: int, period_s: float) -> Json:
    """The announcement: the laser before every second trigger."""
    return {
        **_head(uid),
        "proposal": "mx2345",
        "visit": 1,
        "experiment": {"name": "overload", "type": "SSX-Jet"},
        "sample": {"name": "lysozyme", "protein": {"acronym": "lysozyme"}},
        "images": images,
        "unit_cell": CELL,
        "space_group": SPACE_GROUP,
        "ssx": {"repetition_rate": 1 / period_s},
        "event_chains": default_chains(images, period_s, LASER_EVERY, DELAY_S),
    }


async def _publish(site: Site, topic: str, body: Json) -> None:
    settings = site.settings
    async with timing_broker(settings) as broker:
        if broker is not None:
            name = f"{settings.topic_prefix}/{topic}"
            await broker.publish(name, json.dumps(body), qos=1)


@contextmanager
def sender(
    site: Site, images: int, rate_hz: float, period_s: float
) -> Iterator[subprocess.Popen[str]]:
    """The detector's process, with its images made; ended if it still runs."""
    command = [
        *(sys.executable, "-m", "benchmarks.soak.sender", site.endpoint),
        *("--images", str(images), "--rate", str(rate_hz), "--period", str(period_s)),
    ]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            if process.stdout is None or process.stdout.readline() != "ready\n":
                raise SystemExit("the sender did not start")
            yield process
        finally:
            process.kill()


def go(process: subprocess.Popen[str]) -> None:
    """Have it begin."""
    if process.stdin is not None:
        process.stdin.write("\n")
        process.stdin.flush()


def result(process: subprocess.Popen[str]) -> Json:
    """What it delivered, once it is done."""
    line = process.stdout.readline() if process.stdout is not None else ""
    if not line:
        raise SystemExit("the sender ended early")
    return {"dropped": 0, **json.loads(line)}
