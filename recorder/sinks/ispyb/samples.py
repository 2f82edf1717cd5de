"""The sample of a run: protein, crystal, sample and components, found or created."""

from __future__ import annotations

from typing import Any

from recorder.errors import SinkError
from recorder.ispyb.schema import tables as t
from recorder.ispyb.schema.capabilities import Capabilities, Capability
from recorder.ispyb.schema.rows import Rows
from recorder.records import Json

SIZE = ("size_X", "size_Y", "size_Z")


def find_sample(
    rows: Rows, proposal_id: int, body: Json, can: Capabilities
) -> int | None:
    """The sample of a run with what it is made of; None if samples are denied."""
    if not can.can(Capability.SAMPLE):
        return None
    wanted = body.get("sample") or {"name": "unknown"}
    protein = wanted.get("protein") or {"acronym": "unknown"}
    protein_id = rows.find_or_create(
        t.protein,
        {"proposalId": proposal_id, "acronym": protein["acronym"]},
        {"name": protein.get("name") or protein["acronym"]},
    )
    crystal = wanted.get("crystal") or {}
    crystal_id = rows.find_or_create(
        t.crystal,
        {"proteinId": protein_id, "name": wanted["name"]},
        {
            "spaceGroup": body.get("space_group"),
            **_named(SIZE, crystal.get("size")),
            **_named(t.CELL, body.get("unit_cell")),
        },
    )
    sample_id = rows.find_or_create(
        t.sample,
        {"crystalId": crystal_id, "name": wanted["name"]},
        _support(rows, wanted.get("support")),
    )
    if can.can(Capability.COMPONENTS):
        for item in wanted.get("components") or ():
            part = {"blSampleId": sample_id}
            _compose(rows, t.sample_composition, proposal_id, item, part)
        for item in crystal.get("components") or ():
            part = {"crystalId": crystal_id}
            _compose(rows, t.crystal_composition, proposal_id, item, part)
    return sample_id


def _support(rows: Rows, support: str | None) -> Json:
    """Only ``diamond`` has a column for it; elsewhere it stands in the comments."""
    if rows.live.column(t.sample.name, "support"):
        return {"support": support}
    return {"comments": f"support: {support}" if support else None}


def _compose(rows: Rows, table: Any, proposal_id: int, item: Json, part: Json) -> None:
    rows.find_or_create(
        table,
        {"componentId": _find_component(rows, proposal_id, item), **part},
        {"abundance": item.get("abundance")},
    )


def _named(names: tuple[str, ...], values: Any) -> dict[str, Any]:
    return dict(zip(names, values or [None] * len(names), strict=True))


def _find_component(rows: Rows, proposal_id: int, item: Json) -> int:
    """A component of a proposal, by type and name.

    Raises:
        SinkError: The type is none of the database's.
    """
    kinds = rows.names(t.component_type)
    kind = str(item.get("type") or "Ligand")
    if kind not in kinds:
        raise SinkError(
            f"component {item.get('name')!r} has type {kind!r}; this ISPyB knows "
            f"{', '.join(sorted(kinds))}"
        )
    return rows.find_or_create(
        t.component,
        {
            "proposalId": proposal_id,
            "componentTypeId": kinds[kind],
            "name": item["name"],
        },
        {"composition": item.get("composition")},
    )


def find_components(
    rows: Rows, proposal_id: int, body: Json, can: Capabilities
) -> dict[str, int]:
    """Ids of the sample's components by name: reaction triggers point at them."""
    if not can.can(Capability.COMPONENTS):
        return {}
    return {
        str(item["name"]): _find_component(rows, proposal_id, item)
        for item in (body.get("sample") or {}).get("components") or ()
    }
