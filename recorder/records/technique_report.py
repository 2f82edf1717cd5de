"""What a report says of a run beside its images: one part for each technique."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from recorder.records.reading_report import EnergyScanReport, SpectrumReport
from recorder.records.units import Json


@dataclass(frozen=True, slots=True)
class MxReport:
    """A rotation, a characterisation or a grid scan."""


@dataclass(frozen=True, slots=True)
class TechniqueReport:
    """The parts of one run; those of other techniques are null."""

    mx: MxReport | None = None
    energy_scan: EnergyScanReport | None = None
    spectrum: SpectrumReport | None = None
    other: Mapping[str, Json] = field(default_factory=dict)
    """Of a technique that another package brings."""
