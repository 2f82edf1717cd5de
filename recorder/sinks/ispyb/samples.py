"""The sample of a run: protein, crystal, sample and components.

They are found or created. What a row lacks, and a later announcement says, is filled in
where UPDATE is granted; what it has is never changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Table, select

from recorder.errors import SinkError, shown
from recorder.ispyb.schema import tables as t
from recorder.ispyb.schema.capabilities import Capabilities, Capability
from recorder.ispyb.schema.completing import Completer
from recorder.ispyb.schema.rows import Rows
from recorder.records import Announcement, Component, Crystal, Json, Protein, Sample
from recorder.runtime.log import get_logger

log = get_logger("ispyb")

SIZE = ("size_X", "size_Y", "size_Z")


def find_sample(
    completer: Completer,
    proposal_id: int,
    announcement: Announcement,
    can: Capabilities,
) -> int | None:
    """The sample of a run with what it is made of; None if samples are denied.

    Raises:
        SinkError: ``sample.id`` is of no sample of the proposal.
    """
    if announcement.sample is not None and announcement.sample.id is not None:
        return known_sample(completer.rows, proposal_id, announcement.sample.id, can)
    if not can.can(Capability.SAMPLE):
        return None
    allowed = can.can(Capability.SAMPLES_COMPLETED)
    wanted = announcement.sample or Sample("unknown")
    protein = wanted.protein or Protein("unknown")
    protein_id = completer.find_or_create(
        t.protein,
        {"proposalId": proposal_id, "acronym": protein.acronym},
        {"name": protein.name},
        allowed=allowed,
        stand_ins={"name": protein.acronym},
    )
    crystal = wanted.crystal or Crystal()
    crystal_id = completer.find_or_create(
        t.crystal,
        {"proteinId": protein_id, "name": wanted.name},
        {
            "spaceGroup": announcement.space_group,
            **_named(SIZE, crystal.size),
            **_named(t.CELL, announcement.unit_cell),
        },
        allowed=allowed,
    )
    sample_id = _sample(completer, crystal_id, wanted, allowed=allowed)
    if can.can(Capability.COMPONENTS):
        for item in wanted.components:
            part = {"blSampleId": sample_id}
            _compose(completer, t.sample_composition, proposal_id, item, part, can)
        for item in crystal.components:
            part = {"crystalId": crystal_id}
            _compose(completer, t.crystal_composition, proposal_id, item, part, can)
    return sample_id


def announced_sample(
    completer: Completer,
    proposal_id: int,
    announcement: Announcement,
    can: Capabilities,
) -> int | None:
    """The sample of a run that is not serial; None if nobody announced one.

    It is found or made as it was announced; of a mere name it is found only. None is
    invented.

    Raises:
        SinkError: ``sample.id`` is of no sample of the proposal.
    """
    sample = announcement.sample
    if sample is None:
        return None
    if sample.id is None and sample.protein is None:
        return sample_by_name(completer.rows, proposal_id, sample.name, can)
    return find_sample(completer, proposal_id, announcement, can)


def known_sample(
    rows: Rows, proposal_id: int, sample_id: int, can: Capabilities
) -> int | None:
    """The sample of an announced ``sample.id``, as it is; None, and said, if denied.

    Raises:
        SinkError: There is none, or it is of another proposal.
    """
    if not can.can(Capability.SAMPLE):
        hint = "grant the recorder SELECT on BLSample, Crystal and Protein"
        rows.live.left_out.say("sample.id", str(sample_id), hint)
        return None
    found = rows.read(
        select(t.protein.c.proposalId)
        .join(t.crystal, t.crystal.c.proteinId == t.protein.c.proteinId)
        .join(t.sample, t.sample.c.crystalId == t.crystal.c.crystalId)
        .where(t.sample.c.blSampleId == sample_id)
    )
    if (proposal_id,) not in found:
        there = "of another proposal" if found else "not in the database"
        raise SinkError(
            f"sample.id {sample_id} is {there}: announce a BLSample.blSampleId of the "
            "run's proposal, or sample.name without sample.id"
        )
    return sample_id


def sample_by_name(
    rows: Rows, proposal_id: int, name: str, can: Capabilities
) -> int | None:
    """The only sample of a proposal with a name; None if there is none, or several."""
    if not can.can(Capability.SAMPLE):
        return None
    found = rows.read(
        select(t.sample.c.blSampleId, t.sample.c.name)
        .join(t.crystal, t.crystal.c.crystalId == t.sample.c.crystalId)
        .join(t.protein, t.protein.c.proteinId == t.crystal.c.proteinId)
        .where(t.protein.c.proposalId == proposal_id, t.sample.c.name == name)
    )
    same = [number for number, there in found if there == name]
    return same[0] if len(same) == 1 else None


def _sample(
    completer: Completer, crystal_id: int, wanted: Sample, *, allowed: bool
) -> int:
    """Only ``diamond`` has a column for the support; elsewhere it is a comment.

    Comments are other people's as well: what they say is no conflict.
    """
    match = {"crystalId": crystal_id, "name": wanted.name}
    if completer.rows.live.column(t.sample.name, "support"):
        more: Json = {"support": wanted.support}
        return completer.find_or_create(t.sample, match, more, allowed=allowed)
    text = f"support: {wanted.support}" if wanted.support else None
    found = completer.rows.ids(t.sample, **match)
    if not found:
        return completer.rows.insert(t.sample, {**match, "comments": text})
    empty = select(t.sample.c.comments).where(t.sample.c.blSampleId == found[0])
    if completer.rows.read(empty)[0][0] in (None, ""):
        said = {"comments": text}
        completer.complete(t.sample, found[0], said, allowed=allowed)
    return found[0]


def _compose(
    completer: Completer,
    table: Table,
    proposal_id: int,
    item: Component,
    part: Json,
    can: Capabilities,
) -> None:
    component_id = _find_component(completer, proposal_id, item, can)
    if component_id is None:
        return
    kind = None
    if item.concentration_type and can.can(Capability.CONCENTRATION_TYPES):
        kind = _concentration_type(completer.rows, item)
    completer.find_or_create(
        table,
        {"componentId": component_id, **part},
        {
            "abundance": item.abundance,
            "ratio": item.ratio,
            "ph": item.ph,
            "concentrationTypeId": kind,
        },
        allowed=can.can(Capability.COMPONENTS_COMPLETED),
    )


def _concentration_type(rows: Rows, item: Component) -> int | None:
    """The id of a type by its name or symbol; None, and a warning, if it is unknown."""
    columns = t.concentration_type.c
    query = select(columns.concentrationTypeId, columns.name, columns.symbol)
    known = rows.read(query.order_by(columns.concentrationTypeId))
    wanted = str(item.concentration_type)
    for same in (str, str.casefold):
        for number, *names in known:
            if same(wanted) in [same(name) for name in names if name]:
                return int(number)
    log.warning(
        "concentration_type_unknown",
        component=item.name,
        type=wanted,
        known=[name for _, name, _ in known],
        hint="the abundance is written without it; add it to ConcentrationType",
    )
    return None


def _named(names: tuple[str, ...], values: Sequence[float] | None) -> dict[str, Any]:
    return dict(zip(names, values, strict=True)) if values else dict.fromkeys(names)


def _find_component(
    completer: Completer, proposal_id: int, item: Component, can: Capabilities
) -> int | None:
    """A component of a proposal, by type and name; None, and said, without its type."""
    rows = completer.rows
    kinds = rows.names(t.component_type)
    if item.type not in kinds:
        known = f"this ISPyB knows {', '.join(sorted(kinds))}"
        hint = f"announce a type of ComponentType, or have it added: {known}"
        rows.live.left_out.say(f"component {shown(item.name)}", item.type, hint)
        return None
    return completer.find_or_create(
        t.component,
        {
            "proposalId": proposal_id,
            "componentTypeId": kinds[item.type],
            "name": item.name,
        },
        {"composition": item.composition},
        allowed=can.can(Capability.COMPONENTS_COMPLETED),
    )


def find_components(
    completer: Completer, proposal_id: int, sample: Sample | None, can: Capabilities
) -> dict[str, int]:
    """Ids of the sample's components by name: reaction triggers point at them."""
    if sample is None or not can.can(Capability.COMPONENTS):
        return {}
    found = (
        (item.name, _find_component(completer, proposal_id, item, can))
        for item in sample.components
    )
    return {name: number for name, number in found if number is not None}
