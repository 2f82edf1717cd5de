"""Parts of samples, and pictures of samples; most sites have none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import literal, select

from recorder.ispyb.reading.named_files import (
    NOTHING,
    FileRoots,
    NamedFile,
    named_file,
)
from recorder.ispyb.reading.parts import (
    Found,
    Page,
    Part,
    apart,
    column,
    columns,
    has,
    named,
    paged,
)
from recorder.ispyb.reading.sample_numbers import of_sub_samples
from recorder.ispyb.reading.sample_records import (
    NamedSample,
    Position,
    SampleImage,
    SampleImageAddress,
    SubSample,
    SubSampleNumbers,
)
from recorder.ispyb.reading.samples import NEEDED
from recorder.ispyb.reading.sight import Sight
from recorder.ispyb.schema import read_tables as p
from recorder.ispyb.schema.live_schema import LiveSchema
from recorder.ispyb.schema.people_tables import proposal
from recorder.ispyb.schema.rows import Rows
from recorder.records.access import Rights

_PART = Part(p.sub_sample, ("blSubSampleId", "blSampleId", "type", "comments"))
_SAMPLE = Part(p.sample, ("name",))
_IMAGE = Part(
    p.sample_image,
    (
        *("blSampleImageId", "blSampleId", "micronsPerPixelX", "micronsPerPixelY"),
        *("offsetX", "offsetY"),
    ),
)
_FIRST, _SECOND = p.position.alias("first"), p.position.alias("second")


@dataclass(frozen=True, slots=True)
class SubSampleFilter:
    """Which parts are wanted; None wants all."""

    part: int | None = None
    sample: int | None = None
    protein: int | None = None
    proposal: str | None = None
    container: int | None = None


def sub_samples(
    rows: Rows, rights: Rights, page: Page, wanted: SubSampleFilter = SubSampleFilter()
) -> Found[SubSample]:
    """Parts of the samples that somebody may see.

    Args:
        rows: The database.
        rights: Of who asks.
        page: Which ones.
        wanted: Of what.
    """
    live, c = rows.live, p.sub_sample.c
    if not has(live, p.sub_sample, *NEEDED):
        return Found(0)
    sight = Sight(live, rights)
    source: Any = _of_samples(p.sub_sample.join(p.sample, _same_sample(p.sub_sample)))
    places: list[Any] = []
    if has(live, p.position):
        for alias, name in ((_FIRST, "positionId"), (_SECOND, "position2Id")):
            of = alias.c.positionId == column(live, p.sub_sample, name)
            source = source.outerjoin(alias, of)
            places += [alias.c.positionId, alias.c.posX, alias.c.posY]
    query = (
        select(*columns(live, (_PART, _SAMPLE)), *places)
        .select_from(source)
        .where(
            sight.samples(c.blSampleId, p.protein.c.proposalId),
            *_conditions(live, wanted),
        )
        .order_by(c.blSubSampleId)
    )
    total, found = paged(rows, query, page)
    counted = of_sub_samples(rows, sight, [row[0] for row in found])
    return Found(
        total,
        tuple(_sub_sample(row, counted.get(row[0], {})) for row in found),
    )


def _of_samples(source: Any) -> Any:
    """Outer joins up to the proposal."""
    return (
        source.outerjoin(p.crystal, p.crystal.c.crystalId == p.sample.c.crystalId)
        .outerjoin(p.protein, p.protein.c.proteinId == p.crystal.c.proteinId)
        .outerjoin(proposal, proposal.c.proposalId == p.protein.c.proposalId)
    )


def _same_sample(table: Any) -> Any:
    return p.sample.c.blSampleId == table.c.blSampleId


def _conditions(live: LiveSchema, wanted: SubSampleFilter) -> list[Any]:
    found: list[Any] = []
    if wanted.part is not None:
        found.append(p.sub_sample.c.blSubSampleId == wanted.part)
    if wanted.sample is not None:
        found.append(p.sub_sample.c.blSampleId == wanted.sample)
    if wanted.protein is not None:
        found.append(p.protein.c.proteinId == wanted.protein)
    if wanted.container is not None:
        found.append(column(live, p.sample, "containerId") == wanted.container)
    if wanted.proposal is not None:
        code, digits = proposal.c.proposalCode, proposal.c.proposalNumber
        found.append(named(live, code, digits, wanted.proposal))
    return found


def _sub_sample(row: tuple[Any, ...], counted: dict[str, Any]) -> SubSample:
    own, sample = apart(row, (_PART, _SAMPLE))
    places = row[len(own) + len(sample) :]
    return SubSample(
        **own,
        BLSample=NamedSample(**sample),
        Position1=_position(places[:3]),
        Position2=_position(places[3:]),
        metadata=SubSampleNumbers(**counted),
    )


def _position(values: tuple[Any, ...]) -> Position | None:
    if not values or values[0] is None:
        return None
    return Position(values[1], values[2])


def image_file(rows: Rows, rights: Rights, number: int, roots: FileRoots) -> NamedFile:
    """A picture that somebody may see; none that is there otherwise.

    Args:
        rows: The database.
        rights: Of who asks.
        number: Of the picture.
        roots: Know where files may lie.
    """
    live, c = rows.live, p.sample_image.c
    if not has(live, p.sample_image, *NEEDED):
        return NOTHING
    query = (
        select(
            column(live, p.sample_image, "imageFullPath"),
            proposal.c.proposalCode,
            proposal.c.proposalNumber,
            literal(None),
        )
        .select_from(
            _of_samples(p.sample_image.join(p.sample, _same_sample(p.sample_image)))
        )
        .where(
            c.blSampleImageId == number,
            Sight(live, rights).samples(c.blSampleId, p.protein.c.proposalId),
        )
    )
    return named_file(rows.read(query), roots)


def sample_images(
    rows: Rows, rights: Rights, page: Page, root: str, sample: int | None = None
) -> Found[SampleImage]:
    """Pictures of the samples that somebody may see.

    Args:
        rows: The database.
        rights: Of who asks.
        page: Which ones.
        root: Of the API, for addresses.
        sample: Only those of a sample.
    """
    live, c = rows.live, p.sample_image.c
    if not has(live, p.sample_image, *NEEDED):
        return Found(0)
    sight = Sight(live, rights)
    query = (
        select(*_IMAGE.columns(live))
        .select_from(
            _of_samples(p.sample_image.join(p.sample, _same_sample(p.sample_image)))
        )
        .where(sight.samples(c.blSampleId, p.protein.c.proposalId))
        .order_by(c.blSampleImageId)
    )
    if sample is not None:
        query = query.where(c.blSampleId == sample)
    total, found = paged(rows, query, page)
    return Found(
        total,
        tuple(
            SampleImage(
                **own,
                metadata=SampleImageAddress(
                    f"{root}/samples/images/{own['blSampleImageId']}"
                ),
            )
            for own in (apart(row, (_IMAGE,))[0] for row in found)
        ),
    )
