"""Announcements of runs that are not serial, for a file of four images."""

from __future__ import annotations

from typing import Any

from recorder.records import Json
from tests.ispyb import announcement

TURNED = {"start": 184.32, "range": 0.05, "images": 4}
WEDGES = [{"start": 184.32 + 90 * n, "range": 1.0, "images": 1} for n in range(4)]
PLANE = {
    "steps": [2, 2],
    "step_um": [20.0, 10.0],
    "snaked": True,
    "angle": 30.0,
    "top_left_px": [311.0, 422.0],
    "um_per_px": [0.5, 0.25],
}
SNAPSHOTS = [f"/data/visitor/mx2345/{angle}.jpg" for angle in (0, 90, 180, 270)]


def mx(kind: str, **changes: Any) -> Json:
    """A run of a type, with all that is announced beside its plan."""
    body = announcement(run=1, experiment={"name": "lyso", "type": kind}, **changes)
    del body["ssx"], body["event_chains"], body["images"]
    body["files"] = {
        "directory": "/data/visitor/mx2345",
        "template": "lyso_1_####.cbf",
        "snapshots": SNAPSHOTS,
        **changes.get("files", {}),
    }
    return body


def rotation(kind: str = "OSC", *sweeps: Json, **changes: Any) -> Json:
    """A rotation of four images of 0.05 degrees, or of other sweeps."""
    scan = {"axis": "omega", "sweeps": list(sweeps) or [TURNED]}
    return mx(kind, scan=scan, **changes)


def characterisation(**changes: Any) -> Json:
    """Four images of a degree, each 90 degrees on: one collection."""
    scan = {"sweeps": WEDGES, "one_collection": True}
    return mx("Characterization", scan=scan, **changes)


def grid(kind: str = "Mesh", plane: Json | None = None, **changes: Any) -> Json:
    """Two lines of two cells."""
    return mx(kind, grid={"planes": [{**PLANE, **(plane or {})}]}, **changes)


def parts(bodies: list[Json], of: str = "whole") -> list[Json]:
    """The same runs as the collections of one announcement."""
    found = []
    for number, body in enumerate(bodies, start=1):
        part = {"of": of, "number": number, "count": len(bodies)}
        part |= {"first_image": 4 * (number - 1), "images": 4}
        found.append({**body, "uid": f"{of}.{number}", "run": number, "part": part})
    return found
