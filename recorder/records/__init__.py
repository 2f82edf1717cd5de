"""What flows through the recorder: frozen records, no I/O."""

from recorder.records.announcement import (
    Announcement,
    Beam,
    Component,
    Crystal,
    DetectorPlace,
    Experiment,
    Files,
    Protein,
    Sample,
    SsxDelivery,
)
from recorder.records.chains import Chain, ChainEvent, EventType
from recorder.records.checks import CheckLine
from recorder.records.classification import (
    Classification,
    ClassifierSetup,
    ClassifySettings,
    ImageClass,
    Lattice,
    Unprocessed,
    Upstream,
    WorkLevel,
)
from recorder.records.control import (
    Capture,
    CollectionEnd,
    ControlRecord,
    TimedEvent,
)
from recorder.records.detector import (
    BadMessage,
    DetectorInfo,
    DetectorRecord,
    HeldPixels,
    Image,
    Payload,
    SeriesEnd,
    SeriesKey,
    SeriesStart,
    StoredChunk,
)
from recorder.records.geometry import Geometry, Panel
from recorder.records.image_outcome import ImageOutcome, NotProcessed
from recorder.records.labels import Evidence, Pump, Start
from recorder.records.learning import (
    Finding,
    FindingKind,
    Learned,
    LearnedBackground,
    Lesson,
    Place,
)
from recorder.records.runs import RunState, RunStatus
from recorder.records.units import Cell, Json

__all__ = [
    "Announcement",
    "BadMessage",
    "Beam",
    "Capture",
    "Cell",
    "Chain",
    "ChainEvent",
    "CheckLine",
    "Classification",
    "ClassifierSetup",
    "ClassifySettings",
    "CollectionEnd",
    "Component",
    "ControlRecord",
    "Crystal",
    "DetectorInfo",
    "DetectorPlace",
    "DetectorRecord",
    "EventType",
    "Evidence",
    "Experiment",
    "Files",
    "Finding",
    "FindingKind",
    "Geometry",
    "HeldPixels",
    "Image",
    "ImageClass",
    "ImageOutcome",
    "Json",
    "Lattice",
    "Learned",
    "LearnedBackground",
    "Lesson",
    "NotProcessed",
    "Panel",
    "Payload",
    "Place",
    "Protein",
    "Pump",
    "RunState",
    "RunStatus",
    "Sample",
    "SeriesEnd",
    "SeriesKey",
    "SeriesStart",
    "SsxDelivery",
    "Start",
    "StoredChunk",
    "TimedEvent",
    "Unprocessed",
    "Upstream",
    "WorkLevel",
]
