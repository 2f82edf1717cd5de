"""The sample of a run: protein, crystal, sample and components, found or created."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Table

from recorder.errors import shown
from recorder.ispyb.schema import tables as t
from recorder.ispyb.schema.capabilities import Capabilities, Capability
from recorder.ispyb.schema.rows import Rows
from recorder.records import Announcement, Component, Crystal, Json, Protein, Sample

SIZE = ("size_X", "size_Y", "size_Z")


def find_sample(
    rows: Rows, proposal_id: int, announcement: Announcement, can: Capabilities
) -> int | None:
    """The sample of a run with what it is made of; None if samples are denied."""
    if not can.can(Capability.SAMPLE):
        return None
    wanted = announcement.sample or Sample("unknown")
    protein = wanted.protein or Protein("unknown")
    protein_id = rows.find_or_create(
        t.protein,
        {"proposalId": proposal_id, "acronym": protein.acronym},
        {"name": protein.name or protein.acronym},
    )
    crystal = wanted.crystal or Crystal()
    crystal_id = rows.find_or_create(
        t.crystal,
        {"proteinId": protein_id, "name": wanted.name},
        {
            "spaceGroup": announcement.space_group,
            **_named(SIZE, crystal.size),
            **_named(t.CELL, announcement.unit_cell),
        },
    )
    sample_id = rows.find_or_create(
        t.sample,
        {"crystalId": crystal_id, "name": wanted.name},
        _support(rows, wanted.support),
    )
    if can.can(Capability.COMPONENTS):
        for item in wanted.components:
            part = {"blSampleId": sample_id}
            _compose(rows, t.sample_composition, proposal_id, item, part)
        for item in crystal.components:
            part = {"crystalId": crystal_id}
            _compose(rows, t.crystal_composition, proposal_id, item, part)
    return sample_id


def _support(rows: Rows, support: str | None) -> Json:
    """Only ``diamond`` has a column for it; elsewhere it stands in the comments."""
    if rows.live.column(t.sample.name, "support"):
        return {"support": support}
    return {"comments": f"support: {support}" if support else None}


def _compose(
    rows: Rows, table: Table, proposal_id: int, item: Component, part: Json
) -> None:
    component_id = _find_component(rows, proposal_id, item)
    if component_id is not None:
        match = {"componentId": component_id, **part}
        rows.find_or_create(table, match, {"abundance": item.abundance})


def _named(names: tuple[str, ...], values: Sequence[float] | None) -> dict[str, Any]:
    return dict(zip(names, values, strict=True)) if values else dict.fromkeys(names)


def _find_component(rows: Rows, proposal_id: int, item: Component) -> int | None:
    """A component of a proposal, by type and name; None, and said, without its type."""
    kinds = rows.names(t.component_type)
    if item.type not in kinds:
        known = f"this ISPyB knows {', '.join(sorted(kinds))}"
        hint = f"announce a type of ComponentType, or have it added: {known}"
        rows.live.left_out.say(f"component {shown(item.name)}", item.type, hint)
        return None
    return rows.find_or_create(
        t.component,
        {
            "proposalId": proposal_id,
            "componentTypeId": kinds[item.type],
            "name": item.name,
        },
        {"composition": item.composition},
    )


def find_components(
    rows: Rows, proposal_id: int, sample: Sample | None, can: Capabilities
) -> dict[str, int]:
    """Ids of the sample's components by name: reaction triggers point at them."""
    if sample is None or not can.can(Capability.COMPONENTS):
        return {}
    found = (
        (item.name, _find_component(rows, proposal_id, item))
        for item in sample.components
    )
    return {name: number for name, number in found if number is not None}
