"""What became of an image, as its row in the journal."""

from __future__ import annotations

import json
import math

from recorder.journal import ImageRow
from recorder.pool.jobs import Outcome
from recorder.records import Classification, Image, Json


def image_row(uid: str, image: Image, outcome: Outcome) -> ImageRow:
    """The journal row of a finished image."""
    if isinstance(outcome, Classification):
        detail = _detail(outcome)
        return ImageRow(
            run=uid,
            image_id=image.image_id,
            outcome=outcome.image_class,
            start_time_ns=image.start_time_ns,
            stop_time_ns=image.stop_time_ns,
            received_ns=image.received_ns,
            spots=outcome.spots,
            resolution=outcome.resolution,
            background=outcome.background,
            saturated=outcome.saturated_pixels,
            detail=json.dumps(detail) if detail else None,
            solvent=outcome.solvent,
            learned=outcome.learned,
        )
    return ImageRow(
        run=uid,
        image_id=image.image_id,
        outcome=outcome[0],
        start_time_ns=image.start_time_ns,
        stop_time_ns=image.stop_time_ns,
        received_ns=image.received_ns,
        detail=json.dumps({"reason": outcome[1]}),
    )


def _detail(outcome: Classification) -> Json:
    """What only some images have."""
    lattices = [
        {
            "cell": _rounded(lattice.cell, 4),
            "vectors": _rounded(lattice.vectors, 5) or None,
            "spots": lattice.spots,
            "log10_nfa": _known(lattice.log10_nfa, 2),
            "residual": _known(lattice.residual, 7),
            "found_by": lattice.found_by,
        }
        for lattice in outcome.lattices
    ]
    found: Json = {
        "lattices": lattices,
        "rings": outcome.rings,
        "effort": int(outcome.effort),
        "upstream": outcome.upstream,
    }
    return {name: value for name, value in found.items() if value}


def _known(value: float, digits: int) -> float | None:
    """What an upstream analysis does not tell is no number."""
    return None if math.isnan(value) else round(value, digits)


def _rounded(values: tuple[float, ...], digits: int) -> list[float]:
    """Beyond these digits there is no knowledge, only bytes."""
    return [round(value, digits) for value in values]
