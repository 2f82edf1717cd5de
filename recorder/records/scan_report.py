"""What a run saw of its chip or grid, as its report tells it; of bounded size.

Names are keys of the JSON (docs/reference/report.md), and the schema is made from these
types. Each has a default, for reports that earlier recorders wrote.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from recorder.records.timeline_report import Count


class PatternKind(StrEnum):
    """What a pattern of the wells looks like."""

    EDGE = "edge"
    STRIPES = "stripes"
    CHECKER = "checker"
    LINES = "lines"


@dataclass(frozen=True, slots=True)
class PatternHint:
    """A pattern that chance does not make, and what it may come from."""

    kind: PatternKind = PatternKind.EDGE
    where: str = ""
    """Such as ``first row`` or ``each second row``."""
    z: float = 0.0
    """How far from chance (standard deviations); negative: fewer hits there."""
    rate: float = 0.0
    """Share of the wells there that have a hit."""
    elsewhere: float = 0.0
    """The same of the wells that it is compared with."""
    text: str = ""
    """For people."""


@dataclass(frozen=True, slots=True)
class WellCounts:
    """Wells by what is known of them: of several shots the best one counts."""

    total: Count = 0
    """Without the skipped ones."""
    skipped: Count = 0
    indexed: Count = 0
    non_indexed_hits: Count = 0
    non_hits: Count = 0
    unclassified: Count = 0
    lost: Count = 0
    unknown: Count = 0
    unseen: Count = 0


@dataclass(frozen=True, slots=True)
class BlockCounts:
    """The images of one block."""

    block: Count = 0
    images: Count = 0
    indexed: Count = 0
    non_indexed_hits: Count = 0
    non_hits: Count = 0
    unclassified: Count = 0


@dataclass(frozen=True, slots=True)
class ShotCounts:
    """The images of one shot number, over all wells."""

    shot: Count = 0
    """From 0."""
    images: Count = 0
    indexed: Count = 0
    non_indexed_hits: Count = 0
    non_hits: Count = 0
    unclassified: Count = 0
    resolution: float | None = None
    """Median over the hits (Å)."""


@dataclass(frozen=True, slots=True)
class ScanReport:
    """The chip of a run."""

    rows: Count = 0
    columns: Count = 0
    blocks: tuple[Count, Count] = (1, 1)
    shots_per_position: Count = 1
    placed_by: Literal["position", "trigger", "image_id", "nothing"] = "nothing"
    placed: Count = 0
    unplaced: Count = 0
    beyond: Count = 0
    moved: Count = 0
    wells: WellCounts = field(default_factory=WellCounts)
    by_block: tuple[BlockCounts, ...] = ()
    by_shot: tuple[ShotCounts, ...] = ()
    hints: tuple[PatternHint, ...] = ()
