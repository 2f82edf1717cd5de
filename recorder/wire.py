"""How setups, images and results travel to and from workers: JSON and raw bytes."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import numpy as np

from recorder.records import (
    Classification,
    ClassifierSetup,
    ClassifySettings,
    Geometry,
    ImageClass,
    Lattice,
    Payload,
)

Frame = bytes | memoryview


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
    }
    mask = b"" if setup.mask is None else np.packbits(setup.mask).tobytes()
    flat = b"" if setup.flatfield is None else setup.flatfield.astype("<f4").tobytes()
    return [json.dumps(head).encode(), mask, flat]


def unpack_setup(frames: list[bytes]) -> ClassifierSetup:
    """The reverse of :func:`pack_setup`."""
    head: dict[str, Any] = json.loads(frames[0])
    shape = (int(head["shape"][0]), int(head["shape"][1]))
    mask, flat = None, None
    if frames[1]:
        bits = np.frombuffer(frames[1], np.uint8)
        mask = np.unpackbits(bits, count=shape[0] * shape[1]).reshape(shape) != 0
    if frames[2]:
        flat = np.frombuffer(frames[2], "<f4").reshape(shape)
    geometry = head["geometry"]
    return ClassifierSetup(
        shape=shape,
        dtype=head["dtype"],
        geometry=None if geometry is None else Geometry(**_tuples(geometry)),
        cell=None if head["cell"] is None else tuple(head["cell"]),
        space_group=head["space_group"],
        mask=mask,
        flatfield=flat,
        saturation=head["saturation"],
        settings=ClassifySettings(**head["settings"]),
    )


def _tuples(values: dict[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}


def pack_payload(payload: Payload) -> list[Frame]:
    """An image's pixels as two frames: JSON and the bytes as they came."""
    head = [payload.encoding, payload.shape, payload.dtype, payload.column_major]
    return [json.dumps(head).encode(), payload.data]


def unpack_payload(head: bytes, data: Frame) -> Payload:
    """The reverse of :func:`pack_payload`."""
    encoding, shape, dtype, column_major = json.loads(head)
    return Payload(data, encoding, (shape[0], shape[1]), dtype, column_major)


def pack_result(result: Classification) -> bytes:
    """A classification as JSON."""
    return json.dumps(asdict(result)).encode()


def unpack_result(data: bytes) -> Classification:
    """The reverse of :func:`pack_result`."""
    body: dict[str, Any] = json.loads(data)
    lattices = tuple(Lattice(**_tuples(item)) for item in body.pop("lattices"))
    image_class = ImageClass(body.pop("image_class"))
    return Classification(image_class=image_class, lattices=lattices, **body)
