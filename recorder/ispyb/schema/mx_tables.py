"""The tables and columns of ISPyB that only rotations and grids are written to."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, Column, Double, Float, Integer, String, Table

from recorder.ispyb.schema.columns import key, metadata, ref

_ANGLES = (
    *("axisStart", "axisEnd", "axisRange", "overlap"),
    *("omegaStart", "phiStart", "kappaStart", "chiStart", "detector2Theta"),
)
SNAPSHOTS = tuple(f"xtalSnapshotFullPath{n}" for n in range(1, 5))


def mx_columns() -> list[Column[Any]]:
    """Columns of DataCollection beside those of serial runs."""
    found: list[Column[Any]] = [
        Column("imageSuffix", String(45)),
        Column("numberOfPasses", Integer),
        Column("resolutionAtCorner", Float),
        Column("flux_end", Double),
        Column("rotationAxis", String(10)),
    ]
    found += [Column(name, Float) for name in _ANGLES]
    found += [Column(name, String(255)) for name in SNAPSHOTS]
    ends = ("startPositionId", "endPositionId")
    found += [ref(name, "MotorPosition.motorPositionId") for name in ends]
    return [*found, ref("positionId", "Position.positionId")]


# Diamond's also has X, Y and Z, which the server generates: nobody may write them.
position = Table(
    "Position",
    metadata,
    key("positionId"),
    Column("posX", Double),
    Column("posY", Double),
    Column("posZ", Double),
)
# What the columns startPositionId and endPositionId point to, whatever their names say.
motor_position = Table(
    "MotorPosition",
    metadata,
    key("motorPositionId"),
    Column("phiX", Double),
    Column("phiY", Double),
    Column("phiZ", Double),
    Column("omega", Double),
    Column("kappa", Double),
    Column("phi", Double),
    Column("chi", Double),
)
grid_info = Table(
    "GridInfo",
    metadata,
    key("gridInfoId"),
    ref("dataCollectionGroupId", "DataCollectionGroup.dataCollectionGroupId"),
    ref("dataCollectionId", "DataCollection.dataCollectionId"),
    Column("dx_mm", Double),
    Column("dy_mm", Double),
    Column("steps_x", Double),
    Column("steps_y", Double),
    Column("meshAngle", Double),
    Column("orientation", String(10)),
    Column("snaked", Boolean),
    Column("pixelspermicronX", Float),
    Column("pixelspermicronY", Float),
    Column("micronsPerPixelX", Float),
    Column("micronsPerPixelY", Float),
    Column("snapshot_offsetXPixel", Float),
    Column("snapshot_offsetYPixel", Float),
)
workflow = Table(
    "Workflow",
    metadata,
    key("workflowId"),
    Column("workflowTitle", String(255)),
    Column("workflowType", String(45)),
)
