"""What messages carry, as JSON and raw bytes: setups, states, lessons and results."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorder.pool.wire.pixels import Frame, payload_of, pixels_frame
from recorder.records import (
    Classification,
    ClassifierSetup,
    ClassifySettings,
    Finding,
    FindingKind,
    Geometry,
    Learned,
    LearnedBackground,
    Lesson,
    Panel,
    Payload,
    Place,
)
from recorder.records.masks import pack_mask, unpack_mask
from recorder.records.outcome_codec import decode_classification, encode_classification
from recorder.records.pictures import NOTHING_SHOWN, Picture, Shown

Message = list[Frame]


def pack_setup(setup: ClassifierSetup) -> list[Frame]:
    """A setup as three frames: JSON, mask, flat field."""
    geometry = setup.geometry
    head = {
        "shape": setup.shape,
        "dtype": setup.dtype,
        "geometry": None if geometry is None else asdict(geometry),
        "cell": setup.cell,
        "space_group": setup.space_group,
        "saturation": setup.saturation,
        "settings": asdict(setup.settings),
        "flag": setup.flag,
    }
    mask = b"" if setup.mask is None else pack_mask(setup.mask)
    flat = b"" if setup.flatfield is None else setup.flatfield.astype("<f4").tobytes()
    return [json.dumps(head).encode(), mask, flat]


def unpack_setup(frames: Sequence[Frame]) -> ClassifierSetup:
    """The reverse of :func:`pack_setup`."""
    head: dict[str, Any] = json.loads(bytes(frames[0]))
    shape = (int(head["shape"][0]), int(head["shape"][1]))
    mask, flat = None, None
    if frames[1]:
        mask = unpack_mask(frames[1], shape)
    if frames[2]:
        flat = np.frombuffer(frames[2], "<f4").reshape(shape)
    geometry = head["geometry"]
    return ClassifierSetup(
        shape=shape,
        dtype=head["dtype"],
        geometry=None if geometry is None else _geometry(geometry),
        cell=None if head["cell"] is None else tuple(head["cell"]),
        space_group=head["space_group"],
        mask=mask,
        flatfield=flat,
        saturation=head["saturation"],
        settings=ClassifySettings(**head["settings"]),
        flag=head["flag"],
    )


def _geometry(body: dict[str, Any]) -> Geometry:
    panels = tuple(Panel(**_tuples(item)) for item in body.pop("panels"))
    return Geometry(panels=panels, **_tuples(body))


def _tuples(values: dict[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}


def _payload_head(payload: Payload) -> list[Any]:
    stored = payload.stored is not None
    return [
        *(payload.encoding, payload.shape, payload.dtype, payload.column_major, stored)
    ]


def pack_result(result: Classification) -> list[Frame]:
    """A classification as two frames: JSON and the spots' positions."""
    return [encode_classification(result), _pack_positions(result.positions)]


def unpack_result(frames: Sequence[Frame]) -> Classification:
    """The reverse of :func:`pack_result`."""
    return decode_classification(bytes(frames[0]), _unpack_positions(frames[1]))


def pack_shown(shown: Shown) -> list[Frame]:
    """What is sent beside a class: nothing, or JSON, spots and picture."""
    if shown == NOTHING_SHOWN:
        return []
    picture = shown.picture
    head = {
        "shape": shown.shape,
        "body": None if picture is None else picture.body,
        "cost_s": shown.cost_s,
    }
    png = b"" if picture is None else picture.png
    return [json.dumps(head).encode(), shown.marks, png]


def unpack_shown(frames: Sequence[Frame]) -> Shown:
    """The reverse of :func:`pack_shown`."""
    if not frames:
        return NOTHING_SHOWN
    head: dict[str, Any] = json.loads(bytes(frames[0]))
    body = head["body"]
    picture = None if body is None else Picture(bytes(frames[2]), body)
    shape = (head["shape"][0], head["shape"][1])
    return Shown(shape, bytes(frames[1]), picture, head["cost_s"])


def _pack_positions(positions: NDArray[np.float32] | None) -> bytes:
    return b"" if positions is None else positions.astype("<f4").tobytes()


def _unpack_positions(data: Frame) -> NDArray[np.float32] | None:
    if not len(data):
        return None
    return np.frombuffer(data, "<f4").reshape(-1, 2).astype(np.float32)


def pack_learned(learned: Learned) -> list[Frame]:
    """A learned state as three frames: JSON, background grid, bad pixels."""
    background = learned.background
    head = {
        "number": learned.number,
        "geometry": None if learned.geometry is None else asdict(learned.geometry),
        "cell": learned.cell,
        "cell_found": learned.cell_found,
        "images": learned.images,
        "lattice": learned.lattice,
        "misfit": learned.misfit,
        "findings": [(item.kind, item.text) for item in learned.findings],
        "places": [asdict(place) for place in learned.places],
        "in_vain": learned.in_vain,
        "resting": learned.resting,
        "background": None,
    }
    if background is None:
        return [json.dumps(head).encode(), b"", b""]
    head["background"] = {
        "grid": background.grid.shape,
        "bad": background.bad.shape,
        "gain": background.gain,
        "read_noise": background.read_noise,
        "pedestal": background.pedestal,
        "measured_gain": background.measured_gain,
        "images": background.images,
        "non_hits": background.non_hits,
        "underload": None
        if background.underload == -math.inf
        else background.underload,
    }
    grid = background.grid.astype("<f4").tobytes()
    return [json.dumps(head).encode(), grid, pack_mask(background.bad)]


def unpack_learned(frames: Sequence[Frame]) -> Learned:
    """The reverse of :func:`pack_learned`."""
    head: dict[str, Any] = json.loads(bytes(frames[0]))
    background = None
    if (body := head["background"]) is not None:
        shape = (int(body["bad"][0]), int(body["bad"][1]))
        background = LearnedBackground(
            grid=np.frombuffer(frames[1], "<f4").reshape(body["grid"]),
            bad=unpack_mask(frames[2], shape),
            gain=body["gain"],
            read_noise=body["read_noise"],
            pedestal=body.get("pedestal", 0.0),
            measured_gain=body.get("measured_gain"),
            underload=-math.inf if body["underload"] is None else body["underload"],
            images=body["images"],
            non_hits=body["non_hits"],
        )
    geometry = head["geometry"]
    return Learned(
        number=head["number"],
        background=background,
        geometry=None if geometry is None else _geometry(geometry),
        cell=None if head["cell"] is None else tuple(head["cell"]),
        cell_found=head["cell_found"],
        images=head["images"],
        lattice=head["lattice"],
        misfit=head["misfit"],
        findings=tuple(Finding(FindingKind(k), text) for k, text in head["findings"]),
        places=tuple(Place(**_tuples(item)) for item in head["places"]),
        in_vain=head["in_vain"],
        resting=head["resting"],
    )


def pack_lesson(lesson: Lesson) -> list[Frame]:
    """A lesson: JSON, spot positions of all hits, then a frame for each image."""
    heads = [_payload_head(image) for image in lesson.images]
    head = {
        "number": lesson.number,
        "non_hits": lesson.non_hits,
        "images": heads,
        "hits": [len(xy) for xy in lesson.hits],
        "hit_ids": lesson.hit_ids,
        "used_at": lesson.used_at,
        "last": lesson.last,
    }
    spots = b"".join(_pack_positions(xy) for xy in lesson.hits)
    return [json.dumps(head).encode(), spots, *map(pixels_frame, lesson.images)]


def unpack_lesson(frames: Sequence[Frame]) -> Lesson:
    """The reverse of :func:`pack_lesson`."""
    head: dict[str, Any] = json.loads(bytes(frames[0]))
    every = np.frombuffer(frames[1], "<f4").reshape(-1, 2).astype(np.float32)
    cuts = np.cumsum(head["hits"])[:-1]
    images = tuple(
        payload_of(data, encoding, (shape[0], shape[1]), dtype, column_major, stored)
        for data, (encoding, shape, dtype, column_major, stored) in zip(
            frames[2:], head["images"], strict=True
        )
    )
    hits = tuple(np.split(every, cuts)) if head["hits"] else ()
    return Lesson(
        number=head["number"],
        images=images,
        non_hits=head["non_hits"],
        hits=hits,
        hit_ids=tuple(head["hit_ids"]),
        used_at=head["used_at"],
        last=head["last"],
    )
