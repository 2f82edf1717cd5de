"""Samples, what they are made of, and proteins."""

from __future__ import annotations

from recorder.ispyb.reading import components as made_of
from recorder.ispyb.reading import parts, proteins, sample_parts, samples
from recorder.ispyb.reading.sample_records import (
    ComponentKind,
    Ingredient,
    Protein,
    Sample,
    SampleImage,
    SubSample,
    Unit,
)
from recorder.ispyb.reading.sample_status import STATUSES
from recorder.ispyb.reading.tables import Tables
from recorder.web.pyispyb import parameters as given
from recorder.web.pyispyb.call import Asked, Call, Page, listing
from recorder.web.pyispyb.problems import missing
from recorder.web.pyispyb.root import ROOT

ONE = parts.Page(0, 1)
"""The first of what was found."""


def page_of(asked: Asked) -> parts.Page:
    """Which part of a list is asked for."""
    return parts.Page(asked.skip, asked.limit)


def _descending(asked: Asked) -> bool:
    return bool(asked["order"] == "desc")


def list_samples(asked: Asked, tables: Tables) -> Page[Sample]:
    """`GET /samples`."""
    wanted = samples.SampleFilter(
        search=asked["search"],
        protein=asked["proteinId"],
        proposal=asked["proposal"],
        container=asked["containerId"],
        beamline=asked["beamLineName"],
        assigned=bool(asked["assigned"]),
        status=asked["status"],
        order=asked["order_by"] or "blSampleId",
        descending=_descending(asked),
    )
    found = samples.samples(tables.described, asked.rights, page_of(asked), wanted)
    return asked.page(found.total, found.results)


def one_sample(asked: Asked, tables: Tables) -> Sample:
    """`GET /samples/{blSampleId}`."""
    wanted = samples.SampleFilter(sample=asked["blSampleId"])
    found = samples.samples(tables.described, asked.rights, ONE, wanted)
    if not found.results:
        raise missing("Sample")
    return found.results[0]


def list_sub_samples(asked: Asked, tables: Tables) -> Page[SubSample]:
    """`GET /samples/sub`."""
    wanted = sample_parts.SubSampleFilter(
        sample=asked["blSampleId"],
        protein=asked["proteinId"],
        proposal=asked["proposal"],
        container=asked["containerId"],
    )
    found = sample_parts.sub_samples(
        tables.described, asked.rights, page_of(asked), wanted
    )
    return asked.page(found.total, found.results)


def one_sub_sample(asked: Asked, tables: Tables) -> SubSample:
    """`GET /samples/sub/{blSubSampleId}`."""
    wanted = sample_parts.SubSampleFilter(part=asked["blSubSampleId"])
    found = sample_parts.sub_samples(tables.described, asked.rights, ONE, wanted)
    if not found.results:
        raise missing("Sub sample")
    return found.results[0]


def list_images(asked: Asked, tables: Tables) -> Page[SampleImage]:
    """`GET /samples/images`."""
    found = sample_parts.sample_images(
        tables.described, asked.rights, page_of(asked), ROOT, asked["blSampleId"]
    )
    return asked.page(found.total, found.results)


def list_components(asked: Asked, tables: Tables) -> Page[Ingredient]:
    """`GET /samples/components`."""
    found = made_of.components(
        tables.described, asked.rights, page_of(asked), asked["proposal"]
    )
    return asked.page(found.total, found.results)


def component_types(asked: Asked, tables: Tables) -> tuple[ComponentKind, ...]:
    """`GET /samples/components/types`."""
    return made_of.component_types(tables.described)


def concentration_types(asked: Asked, tables: Tables) -> tuple[Unit, ...]:
    """`GET /samples/concentration/types`."""
    return made_of.concentration_types(tables.described)


def list_proteins(asked: Asked, tables: Tables) -> Page[Protein]:
    """`GET /proteins`."""
    wanted = proteins.ProteinFilter(
        asked["proteinId"],
        asked["proposal"],
        asked["search"],
        asked["order_by"] or "proteinId",
        _descending(asked),
    )
    found = proteins.proteins(tables.described, asked.rights, page_of(asked), wanted)
    return asked.page(found.total, found.results)


def one_protein(asked: Asked, tables: Tables) -> Protein:
    """`GET /proteins/{proteinId}`."""
    wanted = proteins.ProteinFilter(asked["proteinId"])
    found = proteins.proteins(tables.described, asked.rights, ONE, wanted)
    if not found.results:
        raise missing("Protein")
    return found.results[0]


PROPOSAL = given.text("proposal", "Code and number.", given.PROPOSAL)
_SEARCH = given.text("search", "A part of the name.", most=given.MAX_SEARCH)
_ORDER = given.word("order", "Upwards or downwards.", ("asc", "desc"))
_SAMPLE_ID = given.whole("blSampleId", "Number of a sample.")
_PROTEIN_ID = given.whole("proteinId", "Number of a protein.")
_CONTAINER_ID = given.whole("containerId", "Number of a container.")
SAMPLE_CALLS = (
    listing(
        "/samples",
        "Samples",
        Sample,
        list_samples,
        (
            _SEARCH,
            _PROTEIN_ID,
            PROPOSAL,
            _CONTAINER_ID,
            given.text("beamLineName", "In the sample changer of a beamline."),
            given.flag("assigned", "In any sample changer."),
            given.word("status", "What was done with it.", STATUSES),
            given.word("order_by", "What they are sorted by.", samples.ORDERS),
            _ORDER,
        ),
    ),
    listing(
        "/samples/sub",
        "Parts of samples",
        SubSample,
        list_sub_samples,
        (_SAMPLE_ID, _PROTEIN_ID, PROPOSAL, _CONTAINER_ID),
    ),
    Call(
        "/samples/sub/{blSubSampleId}",
        "A part of a sample",
        SubSample,
        one_sub_sample,
        parameters=(given.whole("blSubSampleId", "Its number.", place="path"),),
    ),
    listing(
        "/samples/images",
        "Pictures of samples",
        SampleImage,
        list_images,
        (_SAMPLE_ID,),
    ),
    listing(
        "/samples/components",
        "What samples are made of",
        Ingredient,
        list_components,
        (PROPOSAL,),
    ),
    Call(
        "/samples/components/types",
        "Kinds of components",
        tuple[ComponentKind, ...],
        component_types,
    ),
    Call(
        "/samples/concentration/types",
        "What abundances are measured in",
        tuple[Unit, ...],
        concentration_types,
    ),
    Call(
        "/samples/{blSampleId}",
        "A sample",
        Sample,
        one_sample,
        parameters=(given.whole("blSampleId", "Its number.", place="path"),),
    ),
    listing(
        "/proteins",
        "Proteins",
        Protein,
        list_proteins,
        (
            _PROTEIN_ID,
            PROPOSAL,
            _SEARCH,
            given.word("order_by", "What they are sorted by.", proteins.ORDERS),
            _ORDER,
        ),
    ),
    Call(
        "/proteins/{proteinId}",
        "A protein",
        Protein,
        one_protein,
        parameters=(given.whole("proteinId", "Its number.", place="path"),),
    ),
)
