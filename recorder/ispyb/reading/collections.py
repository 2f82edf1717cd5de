"""Runs as rows: what an event shows of one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Annotated, TypeVar

from pydantic import Field

from recorder.ispyb.reading.tables import Tables
from recorder.ispyb.schema.markers import MARKED

SERIAL = {"Serial Jet": "SSX-Jet", "Serial Fixed": "SSX-Chip"}
"""Diamond's names of experiment types, and those that the page knows."""
T = TypeVar("T")
NO_SNAPSHOTS = dict.fromkeys(("1", "2", "3", "4", "analysis"), False)
_MARKER = re.compile(rf"\s*{MARKED}")


@dataclass(frozen=True, slots=True)
class SsxRow:
    """Row of ``SSXDataCollection``."""

    dataCollectionId: int | None = None
    repetitionRate: float | None = None
    energyBandwidth: float | None = None
    jetSpeed: float | None = None
    jetSize: float | None = None
    laserEnergy: float | None = None
    monoStripe: str | None = None
    chipPattern: str | None = None
    chipModel: str | None = None
    experimentName: str | None = None


@dataclass(frozen=True, slots=True)
class DetectorRow:
    """Row of ``Detector``."""

    detectorId: int | None = None
    detectorType: str | None = None
    detectorManufacturer: str | None = None
    detectorModel: str | None = None
    detectorSerialNumber: str | None = None
    detectorPixelSizeHorizontal: float | None = None
    detectorPixelSizeVertical: float | None = None
    detectorDistanceMin: float | None = None
    detectorDistanceMax: float | None = None
    detectorMode: str | None = None
    sensorThickness: float | None = None


@dataclass(frozen=True, slots=True)
class GridRow:
    """Row of ``GridInfo``; of the collection, or of its group, as the site has it."""

    gridInfoId: int | None = None
    dataCollectionId: int | None = None
    dataCollectionGroupId: int | None = None
    xOffset: float | None = None
    yOffset: float | None = None
    dx_mm: float | None = None
    dy_mm: float | None = None
    steps_x: float | None = None
    steps_y: float | None = None
    meshAngle: float | None = None
    orientation: str | None = None
    snaked: int | None = None
    pixelspermicronX: float | None = None
    pixelspermicronY: float | None = None
    micronsPerPixelX: float | None = None
    micronsPerPixelY: float | None = None
    snapshot_offsetXPixel: float | None = None
    snapshot_offsetYPixel: float | None = None


@dataclass(frozen=True, slots=True)
class WorkflowRow:
    """Row of ``Workflow``."""

    workflowId: int | None = None
    workflowTitle: str | None = None
    workflowType: str | None = None
    status: str | None = None
    comments: str | None = None


@dataclass(frozen=True, slots=True)
class GroupRow:
    """Row of ``DataCollectionGroup``."""

    dataCollectionGroupId: int | None = None
    experimentType: str | None = None
    blSampleId: int | None = None
    comments: str | None = None
    workflowId: int | None = None
    Workflow: WorkflowRow | None = None
    """That had the runs made, where the site has a table of them."""


@dataclass(frozen=True, slots=True)
class ItemMetadata:
    """Which pictures of a run are served: none; a page would ask for them in vain."""

    snapshots: Mapping[str, bool] = field(default_factory=lambda: NO_SNAPSHOTS)


@dataclass(frozen=True, slots=True)
class Collection:
    """Row of ``DataCollection``, with the rows that belong to it."""

    dataCollectionId: int | None = None
    dataCollectionGroupId: int | None = None
    dataCollectionNumber: int | None = None
    startTime: datetime | None = None
    endTime: datetime | None = None
    runStatus: str | None = None
    comments: str | None = None
    """As people wrote them."""
    imageDirectory: str | None = None
    fileTemplate: str | None = None
    imageContainerSubPath: str | None = None
    imagePrefix: str | None = None
    numberOfImages: int | None = None
    startImageNumber: int | None = None
    wavelength: float | None = None
    exposureTime: float | None = None
    flux: float | None = None
    xBeam: float | None = None
    yBeam: float | None = None
    xBeamPix: float | None = None
    yBeamPix: float | None = None
    beamSizeAtSampleX: float | None = None
    beamSizeAtSampleY: float | None = None
    transmission: float | None = None
    resolution: float | None = None
    detectorDistance: float | None = None
    undulatorGap1: float | None = None
    undulatorGap2: float | None = None
    undulatorGap3: float | None = None
    beamShape: str | None = None
    polarisation: float | None = None
    synchrotronMode: str | None = None
    axisStart: float | None = None
    axisEnd: float | None = None
    axisRange: float | None = None
    phiStart: float | None = None
    kappaStart: float | None = None
    omegaStart: float | None = None
    chiStart: float | None = None
    rotationAxis: str | None = None
    overlap: float | None = None
    detectorId: int | None = None
    DataCollectionGroup: GroupRow = field(default_factory=GroupRow)
    GridInfo: tuple[GridRow, ...] = ()
    """Of a grid scan; a walk over a chip is none."""
    SSXDataCollection: SsxRow | None = None
    Detector: DetectorRow | None = None
    metadata: Annotated[ItemMetadata, Field(serialization_alias="_metadata")] = field(
        default_factory=ItemMetadata
    )


def collections(tables: Tables, ids: Iterable[int]) -> dict[int, Collection]:
    """Runs with all that belongs to them, by their id. Rights are the caller's matter.

    Args:
        tables: The database.
        ids: Of the runs.
    """
    key = "dataCollectionId"
    known = {
        number: rows[0]
        for number, rows in tables.by_id(Collection, "DataCollection", key, ids).items()
    }
    groups = tables.by_id(
        GroupRow,
        "DataCollectionGroup",
        "dataCollectionGroupId",
        _ids(run.dataCollectionGroupId for run in known.values()),
    )
    detectors = tables.by_id(
        DetectorRow,
        "Detector",
        "detectorId",
        _ids(run.detectorId for run in known.values()),
    )
    ssx = tables.by_id(SsxRow, "SSXDataCollection", key, known)
    flows = tables.by_id(
        WorkflowRow,
        "Workflow",
        "workflowId",
        _ids(rows[0].workflowId for rows in groups.values()),
    )
    groups = {
        number: [replace(row, Workflow=_first(flows, row.workflowId)) for row in rows]
        for number, rows in groups.items()
    }
    own = tables.by_id(GridRow, "GridInfo", key, known)
    of_group = tables.by_id(GridRow, "GridInfo", "dataCollectionGroupId", groups)
    return {
        number: replace(
            run,
            DataCollectionGroup=_as_shown(
                _first(groups, run.dataCollectionGroupId) or GroupRow()
            ),
            GridInfo=tuple(
                own.get(number) or of_group.get(run.dataCollectionGroupId or -1, [])
            ),
            SSXDataCollection=_first(ssx, number),
            Detector=_first(detectors, run.detectorId),
        )
        for number, run in known.items()
    }


def _as_shown(group: GroupRow) -> GroupRow:
    kind = group.experimentType
    return replace(group, experimentType=SERIAL.get(kind or "", kind))


def without_marker(comments: str | None) -> str | None:
    """Comments as people wrote them: without what the recorder finds its rows by."""
    text = _MARKER.sub("", comments or "").strip()
    return text or None


def _ids(values: Iterable[int | None]) -> list[int]:
    return [value for value in values if value is not None]


def _first(rows: dict[int, list[T]], key: int | None) -> T | None:
    return next(iter(rows.get(key if key is not None else -1, [])), None)
