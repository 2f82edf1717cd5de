"""A run as it was announced (``collection/start``): read once, typed from then on.

What the run cannot do without is checked strictly: a message without it is refused.
The values that only describe it (``beam``, ``detector``, ``ssx``, ``files``, ``scan``)
are read leniently: one that cannot be used is left out and named, and the rest of the
message stands. :func:`recorder.runs.read_announcement.read_announcement` reads one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationError, ValidationInfo
from pydantic.functional_validators import WrapValidator

from recorder.errors import shown
from recorder.records.chains import Chain
from recorder.records.limits import MAX_IMAGES, MAX_TEXT
from recorder.records.mx_plan import (
    ReadEnergyScan,
    ReadGrid,
    ReadPart,
    ReadSpectrum,
    ReadSweeps,
    ReadWorkflow,
)
from recorder.records.scan import ReadScan
from recorder.records.texts import Name, Text, one_line
from recorder.records.units import Json

PROPOSAL = r"^[\w-]+\d+$"
"""Code and number of a proposal in one, as py-ISPyB takes it: a code may hold digits,
dashes and underscores (``mx2345``, ``ih-ls3456``, ``bm1611234``)."""
UNNAMED = "unnamed"
"""Experiment of a run whose announcement names none that can be used."""
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=MAX_IMAGES)]
Small = Annotated[int, Field(ge=0, lt=2**31)]
"""Numbers that the database keeps in 32 bits."""
_Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
_Cell = tuple[Positive, Positive, Positive, Positive, Positive, Positive]


def _plain(value: Any) -> Any:
    """Numbers are texts as well; what else is no text is none. NULs pad C's texts."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    text = str(value) if number else value
    return text.rstrip("\0") if isinstance(text, str) else text


_Words = Annotated[
    str, Field(max_length=MAX_TEXT), BeforeValidator(one_line), BeforeValidator(_plain)
]


def _named(value: Any) -> Any:
    """A detector's name alone stands for a section with that name."""
    return {"name": value} if isinstance(value, str) else value


def _lenient(where: str) -> WrapValidator:
    """Leave a value out that cannot be used, and say so in ``context["problems"]``."""

    def read(value: Any, handler: Callable[[Any], Any], info: ValidationInfo) -> Any:
        try:
            return handler(value)
        except ValidationError as error:
            why = error.errors(include_url=False, include_input=False)[0]["msg"]
            if info.context is not None and "problems" in info.context:
                text = f"{where}: {shown(value)} is left out: {why}"
                info.context["problems"].append(text)
            return None

    return WrapValidator(read)


@dataclass(frozen=True, slots=True)
class Experiment:
    """The experiment that a run belongs to: runs of one sample with one purpose."""

    name: Name
    type: Text = "SSX-Jet"
    comments: Text | None = None


@dataclass(frozen=True, slots=True)
class Component:
    """A part of a sample or of its crystals, such as a ligand or a buffer."""

    name: Name
    type: Text = "Ligand"
    composition: Text | None = None
    abundance: Finite | None = None
    ratio: Annotated[_Number | None, _lenient("components.ratio")] = None
    ph: Annotated[_Number | None, _lenient("components.ph")] = None
    concentration_type: Annotated[
        _Words | None, _lenient("components.concentration_type")
    ] = None
    """What the abundance counts: name or symbol of an ISPyB ConcentrationType."""


@dataclass(frozen=True, slots=True)
class Crystal:
    """The crystals of a sample."""

    size: tuple[Positive, Positive, Positive] | None = None
    """mm."""
    components: tuple[Component, ...] = ()


@dataclass(frozen=True, slots=True)
class Protein:
    """What the crystals are made of."""

    acronym: Name
    name: Text | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """What is measured."""

    name: Name
    support: Text | None = None
    id: Annotated[Small | None, _lenient("sample.id")] = None
    """``BLSample.blSampleId``, of a sample that is in the database."""
    protein: Protein | None = None
    crystal: Crystal | None = None
    components: tuple[Component, ...] = ()


@dataclass(frozen=True, slots=True)
class Beam:
    """The X-ray beam."""

    wavelength: Annotated[_Number | None, _lenient("beam.wavelength")] = None
    """Å."""
    energy: Annotated[_Number | None, _lenient("beam.energy")] = None
    """eV; stands for the wavelength where that is not given."""
    flux: Annotated[_Number | None, _lenient("beam.flux")] = None
    """Photons/s."""
    transmission: Annotated[_Number | None, _lenient("beam.transmission")] = None
    """Per cent."""
    size: Annotated[
        tuple[_Number | None, _Number | None] | None, _lenient("beam.size")
    ] = None
    """(x, y), mm; one of them may be unknown."""
    energy_bandwidth: Annotated[_Number | None, _lenient("beam.energy_bandwidth")] = (
        None
    )
    shape: Annotated[_Words | None, _lenient("beam.shape")] = None
    polarisation: Annotated[_Number | None, _lenient("beam.polarisation")] = None
    filling_mode: Annotated[_Words | None, _lenient("beam.filling_mode")] = None
    """Of the storage ring."""
    undulator: Annotated[_Words | None, _lenient("beam.undulator")] = None
    undulator_gap: Annotated[_Number | None, _lenient("beam.undulator_gap")] = None
    """mm."""
    focusing_optic: Annotated[_Words | None, _lenient("beam.focusing_optic")] = None
    monochromator: Annotated[_Words | None, _lenient("beam.monochromator")] = None


@dataclass(frozen=True, slots=True)
class DetectorPlace:
    """Which detector it is and where, as the control system says."""

    name: Annotated[Name | None, _lenient("detector.name")] = None
    """The source whose series it is; None if any may be."""
    distance: Annotated[_Number | None, _lenient("detector.distance")] = None
    """m."""
    beam_center: Annotated[
        tuple[_Number, _Number] | None, _lenient("detector.beam_center")
    ] = None
    """(x, y), px."""
    exposure_time: Annotated[_Number | None, _lenient("detector.exposure_time")] = None
    """s."""
    type: Annotated[_Words | None, _lenient("detector.type")] = None
    manufacturer: Annotated[_Words | None, _lenient("detector.manufacturer")] = None


@dataclass(frozen=True, slots=True)
class SsxDelivery:
    """How the crystals come into the beam, and what pumps them."""

    repetition_rate: Annotated[_Number | None, _lenient("ssx.repetition_rate")] = None
    """Hz."""
    laser_energy: Annotated[_Number | None, _lenient("ssx.laser_energy")] = None
    """J."""
    jet_speed: Annotated[_Number | None, _lenient("ssx.jet_speed")] = None
    """mm/s."""
    jet_size: Annotated[_Number | None, _lenient("ssx.jet_size")] = None
    """mm."""
    chip_model: Annotated[_Words | None, _lenient("ssx.chip_model")] = None
    chip_pattern: Annotated[_Words | None, _lenient("ssx.chip_pattern")] = None
    mono_stripe: Annotated[_Words | None, _lenient("ssx.mono_stripe")] = None


@dataclass(frozen=True, slots=True)
class Files:
    """Where the detector's own files are."""

    directory: Annotated[_Words | None, _lenient("files.directory")] = None
    template: Annotated[_Words | None, _lenient("files.template")] = None
    prefix: Annotated[_Words | None, _lenient("files.prefix")] = None
    suffix: Annotated[_Words | None, _lenient("files.suffix")] = None
    snapshots: Annotated[
        tuple[_Words | None, ...] | None,
        Field(max_length=4),
        _lenient("files.snapshots"),
    ] = None
    """Pictures of the crystal, at most four."""


@dataclass(frozen=True, slots=True)
class Target:
    """How many indexed images are wanted of a time point."""

    delay: Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]
    """s."""
    indexed: Annotated[int, Field(strict=True, ge=1, le=MAX_IMAGES)]


MAX_TARGETS = 100
"""Time points that a run may have targets for: more than any experiment has delays, and
few enough to be shown. Chosen, not tuned."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """An announced run, or what stands for the announcement of one that was not."""

    proposal: Annotated[Name, Field(pattern=PROPOSAL)]
    experiment: Experiment
    uid: Name | None = None
    """None: nobody announced it."""
    time_ns: Annotated[int, Field(ge=-(2**63), lt=2**63)] = 0
    """When it was announced, by the sender's clock (Unix ns)."""
    visit: Small | None = None
    session_id: Annotated[Small | None, _lenient("session_id")] = None
    """``BLSession.sessionId``, where sessions have no visit number."""
    sample: Sample | None = None
    run: Small | None = None
    """Its number in the experiment; None takes the next one."""
    images: Count | None = None
    series_unique_id: Text | None = None
    """The detector series that it names, if it does."""
    unit_cell: _Cell | None = None
    """Å and degrees."""
    space_group: Text | None = None
    beam: Beam | None = None
    detector: Annotated[DetectorPlace | None, BeforeValidator(_named)] = None
    ssx: SsxDelivery | None = None
    files: Files | None = None
    scan: ReadScan = None
    """How it walks over a chip or a grid; None: it does not, or not in a known way."""
    technique: Name | None = None
    """Name of what is done; None: what ``experiment.type`` stands for."""
    sweeps: ReadSweeps = None
    """Of a rotation or a characterisation: its ``scan``."""
    grid: ReadGrid = None
    energy_scan: ReadEnergyScan = None
    spectrum: ReadSpectrum = None
    workflow: ReadWorkflow = None
    part: ReadPart = None
    """Of an announcement that is several collections: which of them."""
    chains: tuple[Chain, ...] = ()
    """The declared event chains that can be used."""
    targets: tuple[Target, ...] = ()
    """Those that can be used, each delay once."""
    chain_problems: tuple[str, ...] = ()
    """What is wrong with the others, for people."""
    problems: tuple[str, ...] = ()
    """Other values that are left out, for people."""
    message: Json = field(default_factory=dict, compare=False, repr=False)
    """The message as it came, unknown keys kept: what the journal stores."""
    received_ns: int = field(default=0, compare=False)
    """Host time (Unix ns)."""
    size: int = field(default=0, compare=False)
    """Bytes of the message as JSON."""

    @property
    def announced(self) -> bool:
        """Whether a control system announced it."""
        return self.uid is not None

    @property
    def planned_images(self) -> int | None:
        """Images that it says there are to be, else those of its plan."""
        plan = self.sweeps or self.grid
        return self.images if self.images is not None or plan is None else plan.images

    @property
    def source(self) -> str | None:
        """Name of the detector whose series it is, if it says so."""
        return self.detector.name if self.detector else None
