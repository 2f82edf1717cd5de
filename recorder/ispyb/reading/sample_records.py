"""Samples, and what they are made of, as py-ISPyB's API names them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field


@dataclass(frozen=True, slots=True)
class ComponentKind:
    """A kind of component."""

    componentTypeId: int
    name: str | None


@dataclass(frozen=True, slots=True)
class Unit:
    """What an abundance is measured in."""

    concentrationTypeId: int
    name: str | None
    symbol: str | None


@dataclass(frozen=True, slots=True)
class Ingredient:
    """What samples are made of."""

    componentId: int
    name: str | None
    composition: str | None
    ComponentType: ComponentKind


@dataclass(frozen=True, slots=True)
class Composition:
    """How much of a component there is in something."""

    Component: Ingredient
    abundance: float | None
    ratio: float | None
    ph: float | None
    ConcentrationType: Unit | None


@dataclass(frozen=True, slots=True)
class SampleProtein:
    """The protein of a sample; all is null where the sample has no crystal."""

    proteinId: int | None = None
    proposalId: str | None = None
    """Text, as py-ISPyB has it."""
    name: str | None = None
    acronym: str | None = None


@dataclass(frozen=True, slots=True)
class SampleCrystal:
    """The crystals of a sample; all is null where it has none."""

    crystalId: int | None
    proteinId: int | None
    cell_a: float | None
    cell_b: float | None
    cell_c: float | None
    cell_alpha: float | None
    cell_beta: float | None
    cell_gamma: float | None
    size_X: float | None
    """Of the crystals, in mm, with what is behind the point."""
    size_Y: float | None
    size_Z: float | None
    name: str | None
    spaceGroup: str | None
    Protein: SampleProtein = SampleProtein()
    crystal_compositions: tuple[Composition, ...] = ()


@dataclass(frozen=True, slots=True)
class SampleContainer:
    """What a sample is in."""

    code: str | None
    sampleChangerLocation: str | None
    beamlineLocation: str | None


@dataclass(frozen=True, slots=True)
class SampleNumbers:
    """What was done with a sample, in sessions that the asker may see."""

    subsamples: int = 0
    datacollections: int = 0
    types: tuple[str, ...] = ()
    """Types of experiments."""
    queued: bool = False
    strategies: int = 0
    autoIntegrations: int = 0
    integratedResolution: float | None = None
    proposal: str | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """A sample."""

    blSampleId: int
    containerId: int | None
    name: str | None
    comments: str | None
    location: int | str | None
    """In the container: a number, as py-ISPyB has it, or what else is there."""
    loopType: str | None
    Crystal: SampleCrystal
    Container: SampleContainer | None = None
    sample_compositions: tuple[Composition, ...] = ()
    metadata: Annotated[SampleNumbers, Field(serialization_alias="_metadata")] = (
        SampleNumbers()
    )


@dataclass(frozen=True, slots=True)
class Position:
    """A place on a picture."""

    posX: float | None
    posY: float | None


@dataclass(frozen=True, slots=True)
class NamedSample:
    """The sample of a part."""

    name: str | None


@dataclass(frozen=True, slots=True)
class SubSampleNumbers:
    """What was done with a part of a sample."""

    datacollections: int = 0
    types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SubSample:
    """A part of a sample."""

    blSubSampleId: int
    blSampleId: int
    type: str | None
    comments: str | None
    BLSample: NamedSample
    Position1: Position | None = None
    Position2: Position | None = None
    metadata: Annotated[SubSampleNumbers, Field(serialization_alias="_metadata")] = (
        SubSampleNumbers()
    )


@dataclass(frozen=True, slots=True)
class SampleImageAddress:
    """Where a picture of a sample is."""

    url: str


@dataclass(frozen=True, slots=True)
class SampleImage:
    """A picture of a sample."""

    blSampleImageId: int
    blSampleId: int
    micronsPerPixelX: float | None
    micronsPerPixelY: float | None
    offsetX: int | None
    offsetY: int | None
    metadata: Annotated[SampleImageAddress, Field(serialization_alias="_metadata")]


@dataclass(frozen=True, slots=True)
class ProteinNumbers:
    """What there is of a protein, as far as the asker may see it."""

    pdbs: int = 0
    crystals: int = 0
    samples: int = 0
    datacollections: int = 0


@dataclass(frozen=True, slots=True)
class Protein:
    """A protein, or what is in its place."""

    proteinId: int
    proposalId: int
    name: str | None
    acronym: str | None
    sequence: str | None
    density: float | None
    molecularMass: float | None
    containmentLevel: str | None
    hazardGroup: str | None
    safetyLevel: str | None
    ComponentType: ComponentKind | None = None
    metadata: Annotated[ProteinNumbers, Field(serialization_alias="_metadata")] = (
        ProteinNumbers()
    )
