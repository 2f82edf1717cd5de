"""Values in stream v2 messages: pixels, tables, detector, times."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorder.errors import (
    BadMessageError,
    UnsupportedImageError,
    shown,
)
from recorder.records import (
    DetectorInfo,
    Payload,
)
from recorder.records.times import ticks_to_ns
from recorder.sources.chunk_headers import with_header
from recorder.sources.dectris.cbor_arrays import Compressed, MultiDim, Typed
from recorder.sources.dectris.cbor_message import to_keep
from recorder.sources.dectris.checks import (
    check_shape,
    flag,
    number,
    pair,
    size,
    text,
)
from recorder.sources.dectris.stream1 import integer_ns
from recorder.sources.pixels import decode

_BITS = {"uint8": 8, "uint16": 16, "uint32": 32}
"""Bits of the types that a header announces."""


def _payload(value: Any) -> Payload:
    """The compressed pixels of a multi-dimensional array."""
    if not isinstance(value, MultiDim) or not isinstance(value.typed, Typed):
        raise BadMessageError("data", "image data is no array of tag 40 or 1040")
    data, dims = value.typed.data, value.dims
    if len(dims) == 3 and 1 in (dims[0], dims[2]):
        dims = dims[1:] if dims[0] == 1 else dims[:2]
    if len(dims) != 2:
        text = f"image has dimensions {shown(value.dims)}, expected 2"
        raise BadMessageError("shape", text)
    encoding = "raw"
    if isinstance(data, Compressed):
        if data.elem_size != np.dtype(value.typed.dtype).itemsize:
            raise UnsupportedImageError(
                f"compression for {data.elem_size}-byte elements around "
                f"{value.typed.dtype}"
            )
        encoding, data = data.algorithm, data.data
    if not isinstance(data, bytes | memoryview):
        raise BadMessageError("data", "image data is no byte string")
    shape = (dims[0], dims[1])
    dtype, column_major = value.typed.dtype, value.column_major
    return Payload(to_keep(data), encoding, shape, dtype, column_major)


def _array(value: Any, max_pixels: int) -> NDArray[Any]:
    """Mask or flat field as a native array (slow, fast)."""
    payload = _payload(value)
    check_shape(payload.shape, None, max_pixels)
    payload, _ = with_header(payload)
    if payload.dtype == "<f4":  # the decoder moves bytes; it need not know floats
        moved = Payload(payload.data, payload.encoding, payload.shape, "<u4")
        return decode(moved).view(np.float32)
    return decode(payload)


def _info(body: dict[str, Any]) -> DetectorInfo:
    translation = body.get("detector_translation")
    z = None
    if isinstance(translation, list) and len(translation) == 3:
        z = number({"z": translation[2]}, "z")
    dtype = body.get("image_dtype")
    return DetectorInfo(
        shape=size(body, "image_size_y", "image_size_x"),
        dtype=dtype if isinstance(dtype, str) else None,
        pixel_size=pair(body, "pixel_size_x", "pixel_size_y"),
        distance=number(body, "detector_distance") or (abs(z) if z else z),
        beam_center=pair(body, "beam_center_x", "beam_center_y"),
        wavelength=number(body, "incident_wavelength"),
        photon_energy=number(body, "incident_energy"),
        saturation=number(body, "saturation_value"),
        exposure_time_s=number(body, "count_time"),
        frame_time_s=number(body, "frame_time"),
        sensor_material=text(body, "sensor_material"),
        sensor_thickness=number(body, "sensor_thickness"),
        description=text(body, "detector_description"),
        serial_number=text(body, "detector_serial_number"),
        flatfield_applied=flag(body, "flatfield_enabled"),
        bit_depth=_BITS.get(dtype) if isinstance(dtype, str) else None,
    )


def _rational_ns(value: Any) -> int | None:
    """[numerator, denominator] seconds in integer ns; no floats."""
    if not isinstance(value, list) or len(value) != 2:
        return None
    numerator, denominator = value
    if not all(type(n) is int for n in value) or denominator <= 0:
        return None
    return integer_ns(ticks_to_ns(numerator, denominator))


def _date_ns(value: Any) -> int | None:
    if not isinstance(value, datetime) or value.tzinfo is None:
        return None
    return integer_ns(int(value.timestamp() * 1_000_000) * 1000)
