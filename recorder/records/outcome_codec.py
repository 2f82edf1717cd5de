"""The outcome of an image as bytes, as a worker sends it, and as a row of the journal.

Both have the same parts: the numbers that each classified image has, and details that
only some have. Details with their usual value are left out, so that rows are short. The
details of journals of all formats can be read here.
"""

from __future__ import annotations

import json
import math

import numpy as np
from numpy.typing import NDArray

from recorder.records.classification import (
    Classification,
    ImageClass,
    Lattice,
    Unprocessed,
    WorkLevel,
)
from recorder.records.image_outcome import OUTCOMES, ImageOutcome, NotProcessed
from recorder.records.units import Cell, Json

JournalRow = tuple[
    int,
    str,
    int | None,
    int | None,
    int,
    int,
    float | None,
    float | None,
    int,
    str | None,
    float | None,
    int,
    int,
]
JOURNAL_COLUMNS = (
    "image_id",
    "outcome",
    "start_time_ns",
    "stop_time_ns",
    "received_ns",
    "spots",
    "resolution",
    "background",
    "saturated",
    "detail",
    "solvent",
    "learned",
    "rings",
)
"""Names of a :data:`JournalRow` in the table ``images``."""

_OUTCOMES = {str(outcome): outcome for outcome in OUTCOMES}
_CLASSES = {str(name): name for name in ImageClass}
_EFFORTS = {int(effort): effort for effort in WorkLevel}
_dump = json.JSONEncoder(separators=(",", ":")).encode
_load = json.JSONDecoder().decode


def encode_classification(found: Classification) -> bytes:
    """A classification as JSON, without the positions of its spots."""
    body = {
        "image_class": found.image_class,
        "spots": found.spots,
        "resolution": found.resolution,
        "background": found.background,
        "saturated_pixels": found.saturated_pixels,
        "solvent": found.solvent,
        "learned": found.learned,
        **_detail(found),
    }
    return _dump(body).encode()


def decode_classification(
    data: bytes, positions: NDArray[np.float32] | None
) -> Classification:
    """The reverse of :func:`encode_classification`, with its spots' positions."""
    body: Json = _load(data.decode())
    return Classification(
        image_class=_CLASSES[body["image_class"]],
        spots=body["spots"],
        resolution=body["resolution"],
        background=body["background"],
        saturated_pixels=body["saturated_pixels"],
        solvent=body["solvent"],
        learned=body["learned"],
        lattices=_lattices(body),
        rings=body.get("rings", 0),
        lines=body.get("lines", 0),
        reason=body.get("reason", ""),
        effort=_EFFORTS[body.get("effort", 0)],
        upstream=body.get("upstream", False),
        before=_class_before(body),
        positions=positions,
    )


def encode_row(image: ImageOutcome) -> JournalRow:
    """What became of an image, as :data:`JOURNAL_COLUMNS`."""
    found, result = image.found, image.result
    if isinstance(result, NotProcessed):
        detail: Json = {"reason": result.reason}
    else:
        detail = _detail(result)
        detail.pop("rings", None)  # it has a column of its own
    return (
        image.image_id,
        image.outcome,
        image.start_time_ns,
        image.stop_time_ns,
        image.received_ns,
        found.spots,
        found.resolution,
        found.background,
        found.saturated_pixels,
        _dump(detail) if detail else None,
        found.solvent,
        found.learned,
        found.rings,
    )


def decode_row(row: JournalRow) -> ImageOutcome:
    """The reverse of :func:`encode_row`, for rows of all formats."""
    (
        image_id,
        name,
        start_ns,
        stop_ns,
        received_ns,
        spots,
        resolution,
        background,
        saturated,
        text,
        solvent,
        learned,
        rings,
    ) = row
    detail: Json = _load(text) if text else {}
    outcome = _OUTCOMES[name]
    if isinstance(outcome, Unprocessed):
        nothing = NotProcessed(outcome, detail.get("reason", ""))
        return ImageOutcome(image_id, nothing, start_ns, stop_ns, received_ns)
    found = Classification(
        image_class=outcome,
        spots=spots,
        resolution=resolution,
        background=background,
        saturated_pixels=saturated,
        solvent=solvent,
        learned=learned,
        lattices=_lattices(detail),
        rings=rings or detail.get("rings", 0),  # before format 4 they were a detail
        lines=detail.get("lines", 0),
        reason=detail.get("reason", ""),
        effort=_EFFORTS[detail.get("effort", 0)],
        upstream=detail.get("upstream", False),
        before=_class_before(detail),
    )
    return ImageOutcome(image_id, found, start_ns, stop_ns, received_ns)


def lattice_to_json(lattice: Lattice) -> Json:
    """A lattice for programs; null for what an upstream analysis does not tell."""
    told: Json = {
        "cell": lattice.cell,
        "vectors": lattice.vectors or None,
        "spots": lattice.spots,
        "log10_nfa": _known(lattice.log10_nfa),
        "residual": _known(lattice.residual),
        "found_by": lattice.found_by,
    }
    if lattice.cell_error is not None:
        told["cell_error"] = lattice.cell_error
    return told


def _lattice(body: Json) -> Lattice:
    """The reverse; older recorders did not say how a lattice was found, nor errors."""
    nfa, residual = body.get("log10_nfa"), body.get("residual")
    error = body.get("cell_error")
    cell: Cell = tuple(body["cell"])
    return Lattice(
        cell,
        tuple(body.get("vectors") or ()),
        body.get("spots", 0),
        math.nan if nfa is None else nfa,
        math.nan if residual is None else residual,
        body.get("found_by", "fast"),
        error and tuple(error),
    )


def _detail(found: Classification) -> Json:
    """What only some images have."""
    detail: Json = {}
    if found.lattices:
        detail["lattices"] = [lattice_to_json(lattice) for lattice in found.lattices]
    if found.rings:
        detail["rings"] = found.rings
    if found.lines:
        detail["lines"] = found.lines
    if found.reason:
        detail["reason"] = found.reason
    if found.effort:
        detail["effort"] = int(found.effort)
    if found.upstream:
        detail["upstream"] = True
    if found.before is not None:
        detail["before"] = found.before
    return detail


def _class_before(detail: Json) -> ImageClass | None:
    name = detail.get("before")
    return None if name is None else ImageClass(name)


def _lattices(detail: Json) -> tuple[Lattice, ...]:
    return tuple([_lattice(body) for body in detail.get("lattices", ())])


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
