"""What a run that is not serial is planned to be: sweeps, grids, scans, spectra.

Each plan is used whole or not at all: with one wrong value every image would be given
an angle or a cell that it is not from. A run keeps the rest of its announcement.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError, ValidationInfo
from pydantic.functional_validators import WrapValidator

from recorder.errors import shown
from recorder.records.limits import MAX_IMAGES, MAX_NAME, MAX_POINTS, MAX_WELLS
from recorder.records.plan_reading import no_switch, plan_problem
from recorder.records.texts import Name, Text

MAX_SWEEPS = 1000
"""Sweeps of one announcement: thirty times those of the largest public master file.
Chosen, not tuned."""
MAX_PLANES = 100
"""Planes of one grid scan; in earnest there are one or two. Chosen, not tuned."""
_NAMED = 20
"""Problems of one plan that are named. Chosen, not tuned."""


Number = Annotated[float, Field(allow_inf_nan=False), BeforeValidator(no_switch)]
Above0 = Annotated[float, Field(gt=0, allow_inf_nan=False), BeforeValidator(no_switch)]
Images = Annotated[int, Field(ge=1, le=MAX_IMAGES), BeforeValidator(no_switch)]
Points = Annotated[int, Field(ge=1, le=MAX_POINTS), BeforeValidator(no_switch)]
Offset = Annotated[int, Field(ge=0, lt=MAX_IMAGES), BeforeValidator(no_switch)]
"""A count from 0."""
Steps = Annotated[int, Field(ge=1, le=MAX_WELLS), BeforeValidator(no_switch)]
Switch = Annotated[bool, Field(strict=True)]
Axis = Literal["omega", "kappa", "phi"]


@dataclass(frozen=True, slots=True)
class Sweep:
    """Images at equal steps of one axis: a wedge."""

    start: Number
    """Degrees, where the first image begins."""
    range: Number
    """Degrees of each image, with its sign; 0: the axis stands."""
    images: Images
    pitch: Number | None = None
    """Degrees from the start of an image to that of the next; None: ``range``."""
    first_image: Offset | None = None
    """Its first ``image_id`` in the series; None: where the sweep before it ends."""
    run: Annotated[int | None, Field(ge=0, lt=2**31)] = None
    """Number of its run, where each sweep is a collection."""
    position: tuple[Number, Number, Number] | None = None
    """Of the sample at the start, mm."""
    end_position: tuple[Number, Number, Number] | None = None
    """The same at the end, of a helical sweep."""
    kappa: Number | None = None
    """Degrees, as are ``chi`` and ``phi``."""
    chi: Number | None = None
    phi: Number | None = None

    @property
    def step(self) -> float:
        """Degrees from the start of an image to that of the next, with its sign."""
        return self.range if self.pitch is None else self.pitch


@dataclass(frozen=True, slots=True)
class SweepPlan:
    """The sweeps of an announcement (its ``scan``)."""

    sweeps: Annotated[tuple[Sweep, ...], Field(min_length=1, max_length=MAX_SWEEPS)]
    axis: Axis = "omega"
    one_collection: Switch | None = None
    """Whether all sweeps are one collection; None: if they are the regular wedges of a
    characterisation, else each is one."""

    @property
    def images(self) -> int:
        """Images of all sweeps."""
        return sum(sweep.images for sweep in self.sweeps)


@dataclass(frozen=True, slots=True)
class Plane:
    """One plane of a grid scan, or a line."""

    steps: tuple[Steps, Steps]
    """Cells along (x, y)."""
    step_um: tuple[Above0, Above0]
    """Micrometres between neighbouring cells along (x, y)."""
    fast: Literal["x", "y"] = "x"
    """The direction that is gone through first."""
    snaked: Switch = False
    """Each second line is gone through backwards."""
    angle: Number | None = None
    """Degrees of the rotation axis."""
    first_image: Offset | None = None
    """Its first ``image_id`` in the series; None: where the plane before it ends."""
    run: Annotated[int | None, Field(ge=0, lt=2**31)] = None
    top_left_px: tuple[Number, Number] | None = None
    """Of the grid on the crystal's picture."""
    um_per_px: tuple[Above0, Above0] | None = None
    """Of that picture, (x, y)."""

    def __post_init__(self) -> None:
        if self.images > MAX_WELLS:
            raise ValueError(
                f"steps: {self.images} cells, at most {MAX_WELLS} are used"
            )

    @property
    def images(self) -> int:
        """Cells of the plane, one image each."""
        return self.steps[0] * self.steps[1]


@dataclass(frozen=True, slots=True)
class GridPlan:
    """The planes of a grid scan (``grid`` of an announcement)."""

    planes: Annotated[tuple[Plane, ...], Field(min_length=1, max_length=MAX_PLANES)]

    def __post_init__(self) -> None:
        if self.images > MAX_WELLS:
            raise ValueError(
                f"planes: {self.images} cells together, at most {MAX_WELLS} are used"
            )

    @property
    def images(self) -> int:
        """Cells of all planes."""
        return sum(plane.images for plane in self.planes)


@dataclass(frozen=True, slots=True)
class EnergyScanPlan:
    """An energy scan over an absorption edge (``energy_scan`` of an announcement)."""

    element: Name
    edge: Name
    """As in ``K`` or ``L3``."""
    edge_energy: Above0 | None = None
    """eV, as the beamline has it."""
    range: tuple[Above0, Above0] | None = None
    """First and last energy, eV."""
    step: Above0 | None = None
    """eV."""
    points: Points | None = None
    """How many there are to be; a step alone does not tell, since it may be finer at
    the edge."""


@dataclass(frozen=True, slots=True)
class SpectrumPlan:
    """A fluorescence spectrum (``spectrum`` of an announcement)."""

    energy: Above0 | None = None
    """Of the beam, eV."""
    exposure_time: Above0 | None = None
    """s."""


@dataclass(frozen=True, slots=True)
class Workflow:
    """The workflow that had the run made, as its program names it."""

    type: Name | None = None
    title: Text | None = None
    id: Annotated[int | None, Field(ge=0, lt=2**31)] = None
    """``Workflow.workflowId`` of ISPyB, if it is there already."""


@dataclass(frozen=True, slots=True)
class Part:
    """Which of several collections of one announcement and one series a run is."""

    of: Name
    """Uid of the announcement."""
    number: Images
    """From 1."""
    count: Images
    first_image: Offset
    """``image_id`` in the series of its image 0."""
    images: Images


def _keys(kind: Any, value: Any, where: str) -> list[str]:
    """Keys that nobody reads: perhaps one that is spelt otherwise."""
    if not is_dataclass(kind) or not isinstance(value, dict):
        return []
    known = {item.name for item in fields(kind)}
    found = [
        f"{where}.{shown(key)[:MAX_NAME]} is no key of it and is not used"
        for key in sorted(set(value) - known)
    ]
    inner = {"sweeps": Sweep, "planes": Plane}
    for name in known & set(inner) & set(value):
        items = value[name] if isinstance(value[name], list | tuple) else ()
        for n, item in enumerate(items[:MAX_SWEEPS]):
            found += _keys(inner[name], item, f"{where}.{name}.{n}")
    return found


def _whole(where: str, kind: Any, without: str) -> WrapValidator:
    """A plan, or None with every reason in ``context["problems"]``."""

    def read(value: Any, handler: Callable[[Any], Any], info: ValidationInfo) -> Any:
        problems: list[str] = (info.context or {}).get("problems", [])
        try:
            found = handler(value)
        except ValidationError as error:
            why = [
                plan_problem(where, item) for item in error.errors(include_url=False)
            ]
            problems += [f"{text}; {without}" for text in why[:_NAMED]]
            return None
        problems += _keys(kind, value, where)[:_NAMED]
        return found

    return WrapValidator(read)


ReadSweeps = Annotated[
    SweepPlan | None, _whole("scan", SweepPlan, "no image gets a planned angle")
]
ReadGrid = Annotated[GridPlan | None, _whole("grid", GridPlan, "no image gets a cell")]
ReadEnergyScan = Annotated[
    EnergyScanPlan | None,
    _whole("energy_scan", EnergyScanPlan, "the scan has no element and no edge"),
]
ReadSpectrum = Annotated[
    SpectrumPlan | None, _whole("spectrum", SpectrumPlan, "its conditions are unknown")
]
ReadWorkflow = Annotated[
    Workflow | None, _whole("workflow", Workflow, "the run is of no workflow")
]
ReadPart = Annotated[Part | None, _whole("part", Part, "the run is a whole one")]
