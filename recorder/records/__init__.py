"""What flows through the recorder: frozen records, no I/O."""

from recorder.records.chains import Chain, ChainEvent
from recorder.records.checks import CheckLine
from recorder.records.classification import (
    Classification,
    ClassifierSetup,
    ClassifySettings,
    Effort,
    ImageClass,
    Lattice,
    Unprocessed,
    Upstream,
)
from recorder.records.control import (
    Collection,
    CollectionEnd,
    ControlRecord,
    EventType,
    TimedEvent,
)
from recorder.records.detector import (
    BadMessage,
    DetectorInfo,
    DetectorRecord,
    Image,
    Payload,
    SeriesEnd,
    SeriesKey,
    SeriesStart,
)
from recorder.records.geometry import Geometry, Panel
from recorder.records.labels import Evidence, Pump
from recorder.records.learning import Learned, LearnedBackground, Lesson
from recorder.records.runs import RunState, RunStatus
from recorder.records.units import Cell, Json

__all__ = [
    "BadMessage",
    "Cell",
    "Chain",
    "ChainEvent",
    "CheckLine",
    "Classification",
    "ClassifierSetup",
    "ClassifySettings",
    "Collection",
    "CollectionEnd",
    "ControlRecord",
    "DetectorInfo",
    "DetectorRecord",
    "Effort",
    "EventType",
    "Evidence",
    "Geometry",
    "Image",
    "ImageClass",
    "Json",
    "Lattice",
    "Learned",
    "LearnedBackground",
    "Lesson",
    "Panel",
    "Payload",
    "Pump",
    "RunState",
    "RunStatus",
    "SeriesEnd",
    "SeriesKey",
    "SeriesStart",
    "TimedEvent",
    "Unprocessed",
    "Upstream",
]
