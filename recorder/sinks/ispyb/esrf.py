"""How flavour ``esrf`` stores a run: rows found again by the run's uid.

No table has a natural key for runs, so each row that is ours carries a marker: a
crash between the commit and its acknowledgement then finds the row instead of
writing it twice.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Table, and_, case, select, update

from recorder.errors import SinkError
from recorder.log import get_logger
from recorder.records import Json
from recorder.sinks.ispyb import tables as t
from recorder.sinks.ispyb.database import insert_row
from recorder.sinks.ispyb.values import (
    fit,
    latin1,
    local_time,
    number,
    split_proposal,
)

log = get_logger("ispyb")

RUN_STATUS = {
    "success": "DataCollection Successful",
    "aborted": "DataCollection Cancelled",
    "failed": "DataCollection Failed",
}
PROGRAM_STATUS = {"success": "SUCCESS", "aborted": "SUCCESS", "failed": "FAILED"}
PROGRAM = "recorder"
FILES = ("ssx_stats.json", "ssx_cells.json")
TIMELINE = "timeline.json"
EXPERIMENT_TYPES = ("SSX-Jet", "SSX-Chip")


def marker(uid: str) -> str:
    """What identifies our rows of a run in comments and environment.

    A uid that a latin1 column would change, or that is too long, stands as a hash.
    """
    plain = re.fullmatch(r"[\w.:-]{1,64}", uid, re.ASCII) is not None
    return f"[recorder:{uid if plain else uuid.uuid5(uuid.NAMESPACE_OID, uid)}]"


def find_session(
    db: Connection, proposal: str, visit: int | None, beamline: str, when: Any
) -> int:
    """The session of an announced run: one that is on, else the last that began.

    Raises:
        SinkError: No such proposal or visit: they are the user office's to create.
    """
    code, digits = split_proposal(proposal)
    proposals = db.execute(
        select(t.proposal.c.proposalId).where(
            t.proposal.c.proposalCode == code, t.proposal.c.proposalNumber == digits
        )
    ).scalars().all()  # fmt: skip
    if not proposals:
        raise SinkError(
            f"proposal {proposal} is not in ISPyB; have it synchronised from the user "
            "portal, or announce the run with the right proposal"
        )
    sessions = select(t.session.c.sessionId).where(
        t.session.c.proposalId.in_(proposals)
    )
    if visit is not None:
        sessions = sessions.where(t.session.c.visit_number == visit)
    else:
        sessions = sessions.where(t.session.c.beamLineName == beamline)
    begun = t.session.c.startDate <= when
    rank = case((begun & (t.session.c.endDate >= when), 0), (begun, 1), else_=2)
    found = db.execute(sessions.order_by(rank, t.session.c.sessionId.desc())).scalar()
    if found is None:
        what = f"visit {visit}" if visit is not None else f"session on {beamline}"
        raise SinkError(
            f"proposal {proposal} has no {what} in ISPyB; have it synchronised from "
            "the user portal, or announce the run with the right visit"
        )
    return int(found)


def _find_or_create(
    db: Connection, table: Table, match: Mapping[str, Any], more: Mapping[str, Any]
) -> int:
    """The first row that matches, else a new one."""
    match = fit(table, dict(match))
    key = next(iter(table.primary_key.columns))
    found = db.execute(
        select(key)
        .where(and_(*(table.c[name] == value for name, value in match.items())))
        .order_by(key)
    ).scalar()
    if found is not None:
        return int(found)
    return insert_row(db, table, {**match, **more})


def find_sample(db: Connection, proposal_id: int, body: Json) -> int:
    """The sample of a run, with protein, crystal and components."""
    wanted = body.get("sample") or {"name": "unknown"}
    protein = wanted.get("protein") or {"acronym": "unknown"}
    protein_id = _find_or_create(
        db,
        t.protein,
        {"proposalId": proposal_id, "acronym": protein["acronym"]},
        {"name": protein.get("name") or protein["acronym"]},
    )
    crystal = wanted.get("crystal") or {}
    crystal_id = _find_or_create(
        db,
        t.crystal,
        {"proteinId": protein_id, "name": wanted["name"]},
        {
            "spaceGroup": body.get("space_group"),
            **_named(("size_X", "size_Y", "size_Z"), crystal.get("size")),
            **_named(
                ("cell_a", "cell_b", "cell_c", "cell_alpha", "cell_beta", "cell_gamma"),
                body.get("unit_cell"),
            ),
        },
    )
    support = wanted.get("support")
    sample_id = _find_or_create(
        db,
        t.sample,
        {"crystalId": crystal_id, "name": wanted["name"]},
        {"comments": f"support: {support}" if support else None},
    )
    for item in wanted.get("components") or ():
        part = find_component(db, proposal_id, item)
        _find_or_create(
            db,
            t.sample_composition,
            {"componentId": part, "blSampleId": sample_id},
            {"abundance": item.get("abundance")},
        )
    for item in crystal.get("components") or ():
        part = find_component(db, proposal_id, item)
        _find_or_create(
            db,
            t.crystal_composition,
            {"componentId": part, "crystalId": crystal_id},
            {"abundance": item.get("abundance")},
        )
    return sample_id


def _named(names: tuple[str, ...], values: Any) -> dict[str, Any]:
    return dict(zip(names, values or [None] * len(names), strict=True))


def find_component(db: Connection, proposal_id: int, item: Json) -> int:
    """A component of a proposal, by type and name.

    Raises:
        SinkError: The type is none of the database's.
    """
    kinds = dict(
        db.execute(
            select(t.component_type.c.name, t.component_type.c.componentTypeId)
        ).all()
    )
    kind = str(item.get("type") or "Ligand")
    if kind not in kinds:
        raise SinkError(
            f"component {item.get('name')!r} has type {kind!r}; this ISPyB knows "
            f"{', '.join(sorted(kinds))}"
        )
    return _find_or_create(
        db,
        t.component,
        {
            "proposalId": proposal_id,
            "componentTypeId": kinds[kind],
            "name": item["name"],
        },
        {"composition": item.get("composition")},
    )


def write_group(
    db: Connection, session_id: int, sample_id: int, body: Json, start: Any
) -> int:
    """The group of an experiment: same session, sample and experiment name."""
    experiment = body.get("experiment") or {}
    name = experiment_name(body)
    kind = experiment.get("type")
    if kind not in EXPERIMENT_TYPES:
        log.warning("experiment_type_replaced", type=kind, by=EXPERIMENT_TYPES[0],
                    known=EXPERIMENT_TYPES)  # fmt: skip
    found = db.execute(
        select(t.group.c.dataCollectionGroupId, t.ssx_collection.c.experimentName)
        .join(t.collection, t.collection.c.dataCollectionGroupId
              == t.group.c.dataCollectionGroupId)
        .join(t.ssx_collection, t.ssx_collection.c.dataCollectionId
              == t.collection.c.dataCollectionId)
        .where(
            t.group.c.sessionId == session_id,
            t.group.c.blSampleId == sample_id,
            t.ssx_collection.c.experimentName == name,
        )
        .order_by(t.group.c.dataCollectionGroupId.desc())
    )  # fmt: skip
    # The database compares without case and accents.
    for group_id, there in found:
        if there == name:
            return int(group_id)
    values = {
        "sessionId": session_id,
        "blSampleId": sample_id,
        "experimentType": kind if kind in EXPERIMENT_TYPES else EXPERIMENT_TYPES[0],
        "startTime": start,
        "comments": experiment.get("comments") or None,
    }
    return insert_row(db, t.group, values)


def find_collection(db: Connection, session_id: int, uid: str) -> int | None:
    """Our row of a run, by the marker in its comments."""
    mark = marker(uid)
    found = db.execute(
        select(t.collection.c.dataCollectionId, t.collection.c.comments)
        .join(t.group, t.collection.c.dataCollectionGroupId
              == t.group.c.dataCollectionGroupId)
        .where(
            t.group.c.sessionId == session_id,
            t.collection.c.comments.contains(mark, autoescape=True),
        )
    )  # fmt: skip
    # The database compares without case.
    return next((int(known) for known, text in found if mark in text), None)


def collection_values(record: Json, zone: ZoneInfo | None) -> Json:
    """Columns of DataCollection from a ``run`` record of the journal."""
    body, series = record["body"], record["series"] or {}
    seen = series.get("detector") or {}
    beam, detector = body.get("beam") or {}, body.get("detector") or {}
    files = body.get("files") or {}
    size = _pair(beam.get("size"))
    center = _pair(detector.get("beam_center") or seen.get("beam_center"))
    pixel = _pair(seen.get("pixel_size"))
    distance = number(detector.get("distance") or seen.get("distance"))
    template = files.get("template")
    return {
        "dataCollectionNumber": record["run"],
        "startTime": local_time(record["opened_ns"], zone),
        "imageDirectory": files.get("directory"),
        "fileTemplate": template,
        "imagePrefix": str(template).split("_master")[0] if template else None,
        "startImageNumber": 1,
        "wavelength": beam.get("wavelength") or seen.get("wavelength"),
        "detectorDistance": None if distance is None else distance * 1000,
        "xBeamPix": center[0],
        "yBeamPix": center[1],
        "xBeam": _millimetres(center[0], pixel[0]),
        "yBeam": _millimetres(center[1], pixel[1]),
        "transmission": beam.get("transmission"),
        "exposureTime": detector.get("exposure_time") or seen.get("exposure_time_s"),
        "beamSizeAtSampleX": size[0],
        "beamSizeAtSampleY": size[1],
        "flux": beam.get("flux"),
        "comments": comments(record),
    }


def _pair(value: Any) -> tuple[Any, Any]:
    """Two values of a list of two; announcements are free to send anything."""
    ok = isinstance(value, list | tuple) and len(value) == 2
    return (value[0], value[1]) if ok else (None, None)


def _millimetres(pixels: Any, pixel_size: Any) -> float | None:
    a, b = number(pixels), number(pixel_size)
    return None if a is None or b is None else a * b * 1000


def comments(record: Json, timeline: str = "") -> str:
    """The experiment's comments, what the timeline's audit says, our marker."""
    text = latin1(str((record["body"].get("experiment") or {}).get("comments") or ""))
    tail = marker(record["uid"])
    if timeline:
        tail = f"timeline: {latin1(timeline)} {tail}"
    return f"{text[: 1020 - len(tail)]} {tail}".strip()


def find_components(db: Connection, proposal_id: int, body: Json) -> dict[str, int]:
    """Ids of the sample's components by name: reaction triggers point at them."""
    return {
        str(item["name"]): find_component(db, proposal_id, item)
        for item in (body.get("sample") or {}).get("components") or ()
    }


def experiment_name(body: Json) -> str:
    """The experiment's name as its column holds it."""
    name = str((body.get("experiment") or {}).get("name") or "unnamed")
    return str(fit(t.ssx_collection, {"experimentName": name})["experimentName"])


def ssx_values(record: Json) -> Json:
    """Columns of SSXDataCollection."""
    body = record["body"]
    ssx, beam = body.get("ssx") or {}, body.get("beam") or {}
    return {
        "experimentName": experiment_name(body),
        "repetitionRate": ssx.get("repetition_rate"),
        "energyBandwidth": beam.get("energy_bandwidth"),
        "jetSpeed": ssx.get("jet_speed"),
        "jetSize": ssx.get("jet_size"),
        "laserEnergy": ssx.get("laser_energy"),
        "monoStripe": ssx.get("mono_stripe"),
        "chipPattern": ssx.get("chip_pattern"),
        "chipModel": ssx.get("chip_model"),
    }


def find_detector(db: Connection, record: Json) -> int | None:
    """The detector by its serial number, created if it is new."""
    seen = (record["series"] or {}).get("detector") or {}
    if not (serial := seen.get("serial_number")):
        return None
    pixel = _pair(seen.get("pixel_size"))
    return _find_or_create(
        db,
        t.detector,
        {"detectorSerialNumber": serial},
        {
            "detectorModel": seen.get("description"),
            "detectorPixelSizeHorizontal": pixel[0],
            "detectorPixelSizeVertical": pixel[1],
        },
    )


def write_program(
    db: Connection, collection_id: int, uid: str, folder: str, now: Any
) -> int:
    """The program of a run with exactly one attachment for each file."""
    program_id = _find_or_create(
        db,
        t.program,
        {
            "dataCollectionId": collection_id,
            "processingEnvironment": marker(uid),
        },
        {
            "processingPrograms": PROGRAM,
            "processingStatus": "RUNNING",
            "processingStartTime": now,
            "recordTimeStamp": now,
        },
    )
    for name in FILES:
        find_attachment(db, program_id, name, folder, now)
    return program_id


def find_attachment(
    db: Connection, program_id: int, name: str, folder: str, now: Any
) -> None:
    """The attachment of a file, where it lies now."""
    kind = "Result" if name in FILES else "Log"
    attachment_id = _find_or_create(
        db,
        t.attachment,
        {"autoProcProgramId": program_id, "fileName": name},
        {"fileType": kind, "filePath": folder, "recordTimeStamp": now},
    )
    db.execute(
        update(t.attachment)
        .where(t.attachment.c.autoProcProgramAttachmentId == attachment_id)
        .values(**fit(t.attachment, {"filePath": folder}))
    )
