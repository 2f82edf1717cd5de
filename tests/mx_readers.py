"""What other programs take a run for: their rules, in our words."""

from __future__ import annotations

from recorder.records import Json

GRID, SCREENING, ROTATION, NEITHER = "grid", "screening", "rotation", "neither"


def zocalo(run: Json) -> str:
    """By columns alone: it never looks at the type."""
    row = run["collection"]
    overlap, turned = row.get("overlap"), row.get("axisRange")
    if run["grids"]:
        return GRID
    if row["numberOfImages"] == 1 or (overlap is not None and overlap != 0):
        return SCREENING
    if overlap == 0 and turned is not None and turned > 0:
        return ROTATION
    return NEITHER


def synchweb(run: Json) -> str:
    """The page that it opens, or the type that it shows a run under."""
    row, kind = run["collection"], run["group"].get("experimentType")
    many = row["numberOfImages"] > 1
    still = row.get("axisRange") == 0 and many and not str(kind).startswith("Serial")
    if kind in ("Mesh", "Mesh3D") or still:
        return GRID
    if kind is not None:
        return str(kind)
    if row.get("overlap"):
        return "Screening"
    return "Data Collection" if (row.get("axisRange") or 0) > 0 else "Still"


def total(run: Json) -> float:
    """Degrees that the Java view and SynchWeb's ESRF sister draw as the total."""
    return float(run["collection"]["axisEnd"] - run["collection"]["axisStart"])
