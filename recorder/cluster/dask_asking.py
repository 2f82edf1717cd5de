"""Asks a scheduler once what there is. Runs in dask's own process."""

from __future__ import annotations

from typing import Any

from recorder.cluster.dask_link import connected, look, reaching
from recorder.cluster.scheduler import SchedulerAddress
from recorder.records import Json

PACKAGES = ("distributed", "python", "ssx-recorder")
"""Packages whose versions matter."""


def ask(address: SchedulerAddress) -> Json:
    """What a scheduler knows.

    Raises:
        SchedulerLostError: It cannot be reached.
        ConfigError: Our certificate cannot be read.
    """
    with connected(address, "recorder-check") as client:
        identity = look(client)
        scheduler: Any = client.scheduler
        said = reaching(
            lambda: client.sync(scheduler.identity, n_workers=-1, callback_timeout=5)
        )
        found = reaching(lambda: client.get_versions(packages=["ssx-recorder"]))
    workers = {
        str(worker["name"]): {
            "host": str(worker.get("host", "")),
            "threads": int(worker.get("nthreads", 0)),
            **_versions(found["workers"].get(at)),
        }
        for at, worker in said["workers"].items()
    }
    return {
        "scheduler": identity.identity,
        "at_scheduler": _versions(found["scheduler"]),
        "here": _versions(found["client"]),
        "workers": workers,
    }


def _versions(found: Any) -> dict[str, str | None]:
    packages = found.get("packages", {}) if isinstance(found, dict) else {}
    return {name: packages.get(name) for name in PACKAGES}
