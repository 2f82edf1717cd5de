"""What a stream v1 header says: detector, tables, appendix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorder.errors import BadMessageError, shown
from recorder.records import (
    DetectorInfo,
)
from recorder.records.detector import ONE_IMAGE_PER_TRIGGER
from recorder.records.limits import MAX_PART_BYTES, MAX_SIDE, load_json
from recorder.sources.dectris.appendix import parse_appendix
from recorder.sources.dectris.checks import (
    announced,
    flag,
    integer,
    number,
    pair,
    size,
    text,
)
from recorder.sources.dectris.goniometer import triggers_of

Part = bytes | memoryview


def expected_images(config: dict[str, Any]) -> int | None:
    """Images that the header announces, by trigger mode; None if it does not."""
    triggers, each = triggers_of(config, [])
    if triggers is None:
        # said and not to be read: 1 would be a guess, and so where each makes one
        one = config.get("trigger_mode") in ONE_IMAGE_PER_TRIGGER
        triggers = None if one or config.get("ntrigger") is not None else 1
    return None if triggers is None or each is None else announced(triggers * each)


def _info(config: dict[str, Any]) -> DetectorInfo:
    bits = integer(config, "bit_depth_image")
    return DetectorInfo(
        shape=size(config, "y_pixels_in_detector", "x_pixels_in_detector"),
        dtype=f"uint{bits}" if bits in (8, 16, 32) else None,
        pixel_size=pair(config, "x_pixel_size", "y_pixel_size"),
        distance=number(config, "detector_distance"),
        beam_center=pair(config, "beam_center_x", "beam_center_y"),
        wavelength=number(config, "wavelength"),
        photon_energy=number(config, "photon_energy"),
        saturation=number(config, "countrate_correction_count_cutoff"),
        exposure_time_s=number(config, "count_time"),
        frame_time_s=number(config, "frame_time"),
        sensor_material=text(config, "sensor_material"),
        sensor_thickness=number(config, "sensor_thickness"),
        description=text(config, "description"),
        serial_number=text(config, "detector_number"),
        flatfield_applied=flag(config, "flatfield_correction_applied"),
        nframes_sum=integer(config, "nframes_sum"),
        bit_depth=bits,
    )


def _header_appendix(parts: Sequence[Part], problems: list[str]) -> Any:
    """What follows the tables; an appendix that is too big costs only itself."""
    try:
        return parse_appendix(bytes(parts[0])) if parts else None
    except BadMessageError as error:
        problems.append(f"header_appendix not used: {error}")
        return None


def _tables(
    parts: Sequence[Part], problems: list[str]
) -> tuple[dict[str, NDArray[Any]], list[Part]]:
    """Split the (description, blob) pairs of ``all`` from what follows them.

    A relay may drop a blob (the next part is then again a description) or cut it:
    the table is left out and named. The appendix comes with every detail level.
    """
    tables: dict[str, NDArray[Any]] = {}
    rest = list(parts)
    while rest and (meta := _table_description(rest[0])) is not None:
        rest.pop(0)
        kind = str(meta["htype"]).split("-")[0]
        blob = rest.pop(0) if rest and _table_description(rest[0]) is None else None
        table, problem = _table(meta, blob)
        if table is not None:
            tables[kind] = table
        else:
            problems.append(f"{kind} of the header not used: {problem}")
    return tables, rest


def _table_description(part: Part) -> dict[str, Any] | None:
    if len(part) > 1000 or bytes(part[:1]) != b"{":
        return None
    try:
        meta = load_json(part, "table", MAX_PART_BYTES)
    except BadMessageError:
        return None
    known = ("dflatfield-", "dpixelmask-", "dcountrate_table-")
    htype = meta.get("htype") if isinstance(meta, dict) else None
    return meta if isinstance(htype, str) and htype.startswith(known) else None


def _table(meta: dict[str, Any], blob: Part | None) -> tuple[NDArray[Any] | None, str]:
    if blob is None:
        return None, "its data part is missing"
    dtype = {"float32": "<f4", "uint32": "<u4"}.get(str(meta.get("type")))
    if dtype is None:
        return None, f"type {shown(meta.get('type'))} is not read"
    try:
        shape = _yx(meta.get("shape"))
    except BadMessageError as error:
        return None, str(error)
    if min(shape) <= 0:
        return None, f"impossible shape {shape}"
    if len(blob) != 4 * shape[0] * shape[1]:
        return None, f"{len(blob)} bytes where {shape} needs {4 * shape[0] * shape[1]}"
    return np.frombuffer(bytes(blob), dtype).reshape(shape), ""


def _yx(shape: Any) -> tuple[int, int]:
    """Stream v1 writes shapes [x, y]; ours are (slow, fast)."""
    if (
        not isinstance(shape, list)
        or len(shape) not in (2, 3)
        or not all(isinstance(n, int) and not isinstance(n, bool) for n in shape)
        or any(abs(n) > MAX_SIDE for n in shape)
        or (len(shape) == 3 and shape[2] != 1)
    ):
        text = f"impossible shape {shown(shape)}, expected [x, y]"
        raise BadMessageError("shape", text)
    return shape[1], shape[0]


def _json(part: Part, where: str) -> dict[str, Any]:
    value = load_json(part, where, MAX_PART_BYTES)
    if not isinstance(value, dict):
        raise BadMessageError("json", f"{where} is not a JSON object")
    return value
