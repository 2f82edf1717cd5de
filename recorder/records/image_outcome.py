"""The outcome of an image: one record for the table, the journal, files and sinks."""

from __future__ import annotations

import math
from dataclasses import dataclass

from recorder.records.classification import (
    Classification,
    ImageClass,
    Lattice,
    Unprocessed,
)
from recorder.records.detector import Image
from recorder.records.units import Cell

# Codes of the outcome column; 0 = never seen (lost, if the series went past it). They
# stand in the journal's snapshots: add at the end only, or raise its format.
NOT_SEEN, PENDING = 0, 1
OUTCOMES: tuple[ImageClass | Unprocessed, ...] = (*ImageClass, *Unprocessed)
CODES: dict[str, int] = {str(name): n for n, name in enumerate(OUTCOMES, start=2)}
INDEXED, NON_INDEXED_HIT, NON_HIT = (CODES[c] for c in ImageClass)

# Beyond these decimals there is no knowledge, only bytes.
_CELL_DIGITS = 4
"""Å and degrees: a cell is known to about 0.1 %."""
_VECTOR_DIGITS = 5
"""Å."""
_NFA_DIGITS = 2
"""log10: the limits are given to 0.5."""
_RESIDUAL_DIGITS = 7
"""1/Å: residuals are about 0.001."""


@dataclass(frozen=True, slots=True)
class NotProcessed:
    """An image that was received but not classified."""

    why: Unprocessed
    reason: str
    """In words, for people."""


@dataclass(frozen=True, slots=True)
class ImageOutcome:
    """What became of one image; :func:`outcome_of` makes it."""

    image_id: int
    result: Classification | NotProcessed
    start_time_ns: int | None = None
    stop_time_ns: int | None = None
    received_ns: int = 0
    """Unix ns."""

    @property
    def outcome(self) -> ImageClass | Unprocessed:
        """Its class, or why it has none."""
        if isinstance(self.result, Classification):
            return self.result.image_class
        return self.result.why

    @property
    def code(self) -> int:
        """The same in the outcome column."""
        return CODES[self.outcome]

    @property
    def found(self) -> Classification:
        """What the pixels say; nothing where nobody looked at them."""
        return self.result if isinstance(self.result, Classification) else _NOTHING

    @property
    def reason(self) -> str | None:
        """Why it was not classified, in words; None if it was."""
        return self.result.reason if isinstance(self.result, NotProcessed) else None


_NOTHING = Classification(ImageClass.NON_HIT, 0)
"""What stands for pixels that nobody looked at."""


def outcome_of(
    image: Image, result: Classification | tuple[Unprocessed, str]
) -> ImageOutcome:
    """What became of an image.

    Args:
        image: The image; only its number and its times are kept.
        result: What the pixels say, or why and in which words they say nothing.
    """
    kept: Classification | NotProcessed
    if isinstance(result, Classification):
        kept = rounded(result)
    else:
        kept = NotProcessed(*result)
    return ImageOutcome(
        image_id=image.image_id,
        result=kept,
        start_time_ns=image.start_time_ns,
        stop_time_ns=image.stop_time_ns,
        received_ns=image.received_ns,
    )


def rounded(found: Classification) -> Classification:
    """What is kept of a classification, in memory as on disk; spots are only counted.

    It is rounded here and nowhere else, so that a run is the same after a restart.
    """
    if _is_plain(found):  # as most are
        return found
    return Classification(  # not replace(), which costs three times as much
        image_class=found.image_class,
        spots=found.spots,
        lattices=tuple([_rounded(lattice) for lattice in found.lattices]),
        resolution=_finite(found.resolution),
        background=_finite(found.background),
        saturated_pixels=found.saturated_pixels,
        solvent=_finite(found.solvent),
        rings=found.rings,
        lines=found.lines,
        reason=found.reason,
        learned=found.learned,
        effort=found.effort,
        upstream=found.upstream,
        before=found.before,
    )


def _is_plain(found: Classification) -> bool:
    """Nothing of it would be left out or rounded."""
    return not (found.lattices or found.positions is not None) and all(
        value is None or math.isfinite(value)
        for value in (found.resolution, found.background, found.solvent)
    )


def _rounded(lattice: Lattice) -> Lattice:
    return Lattice(
        cell=_rounded_cell(lattice.cell),
        vectors=tuple([round(value, _VECTOR_DIGITS) for value in lattice.vectors]),
        spots=lattice.spots,
        log10_nfa=round(lattice.log10_nfa, _NFA_DIGITS),
        residual=round(lattice.residual, _RESIDUAL_DIGITS),
        found_by=lattice.found_by,
        cell_error=lattice.cell_error and _rounded_cell(lattice.cell_error),
    )


def _rounded_cell(cell: Cell) -> Cell:
    a, b, c, alpha, beta, gamma = [round(value, _CELL_DIGITS) for value in cell]
    return (a, b, c, alpha, beta, gamma)


def _finite(value: float | None) -> float | None:
    """SQLite knows no NaN: what is no number is not known."""
    return value if value is not None and math.isfinite(value) else None
