"""How long the daemon says nothing of itself while a run of a million images is sealed.

A status is made every 20 ms, as the one for the broker is made every few seconds; the
largest gap between two of them is how much later than due that one may be. CPU of the
event loop's own thread tells what it did itself from what it waited for.

``python -m benchmarks.sealing [--images N]``
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import tempfile
import time
from pathlib import Path
from typing import Any

from recorder.config import Settings
from recorder.journal import RecordKind
from recorder.journal.run_record import run_record
from recorder.service.host import hosting
from tests.conftest import DEFAULTS
from tests.system.test_flow import large_run

EVERY_S = 0.02
AFTERWARDS = 100
"""Statuses that are made after the seal, while its sinks write."""


async def gaps(folder: Path, images: int) -> tuple[float, float, float]:
    """Seconds until the run was sealed; the largest gap; the loop's most CPU in one."""
    sections: dict[str, Any] = {
        **DEFAULTS,
        "state_directory": folder,
        "pool": {"workers": 0},
    }
    run = large_run(images)
    async with hosting(Settings(**sections)) as (host, _):
        pipeline = host.pipeline
        body = run_record(run, "opened")
        pipeline.writer.record(RecordKind.RUN, run.uid, body)
        await pipeline.writer.flush()
        pipeline.book.restore([run], {}, ())
        moments = [(time.monotonic(), time.thread_time())]
        sealed, left = 0.0, AFTERWARDS
        while left:
            await asyncio.sleep(EVERY_S)
            pipeline.status()
            moments.append((time.monotonic(), time.thread_time()))
            if not pipeline.book.active:
                sealed = sealed or moments[-1][0] - moments[0][0]
                left -= 1
    pairs = list(itertools.pairwise(moments))
    late = max(b[0] - a[0] for a, b in pairs)
    return sealed, late, max(b[1] - a[1] for a, b in pairs)


def main() -> None:
    """Seal, and say how late the status was."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=1_000_000)
    images = parser.parse_args().images
    with tempfile.TemporaryDirectory() as folder:
        sealed, late, busy = asyncio.run(gaps(Path(folder), images))
    print(
        f"{images} images sealed in {sealed:.1f} s; largest gap between two statuses "
        f"{late:.3f} s, of which the event loop's own work at most {busy:.3f} s"
    )


if __name__ == "__main__":
    main()
