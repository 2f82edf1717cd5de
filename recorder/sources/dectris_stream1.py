"""DECTRIS stream v1: multipart messages of JSON and blobs (SIMPLON "legacy").

Message layout as in the SIMPLON API manual, section "Stream subsystem"; what real
detectors and relays do otherwise is named beside the code that copes with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorder.errors import BadMessageError, ImageError
from recorder.records import (
    BadMessage,
    DetectorInfo,
    DetectorRecord,
    Image,
    Payload,
    SeriesEnd,
    SeriesKey,
    SeriesStart,
    Unprocessed,
)
from recorder.sources.appendix import parse_appendix, recorder_uid
from recorder.sources.checks import (
    announced,
    check_shape,
    flag,
    integer,
    number,
    pair,
    require_id,
    size,
    text,
)
from recorder.sources.encodings import parse_v1_encoding
from recorder.sources.limits import (
    MAX_PART_BYTES,
    MAX_PARTS,
    MAX_SIDE,
    load_json,
    shown,
)

Part = bytes | memoryview

# With these trigger modes each trigger makes one image; else nimages each.
ONE_IMAGE_PER_TRIGGER = ("inte", "exte")


class Stream1Decoder:
    """Turns multipart messages of one detector into records.

    Args:
        source: Name of the detector in records and counts.
        max_pixels: Larger images are refused.
    """

    def __init__(self, source: str, max_pixels: int = 64_000_000) -> None:
        self._source = source
        self._max_pixels = max_pixels
        self._start: SeriesStart | None = None

    def decode(self, parts: Sequence[Part], received_ns: int = 0) -> DetectorRecord:
        """Decode one message; what is wrong with it becomes part of the record."""
        try:
            if len(parts) > MAX_PARTS:
                text = f"message has {len(parts)} parts, at most {MAX_PARTS} are read"
                raise BadMessageError("too_big", text)
            head = _json(parts[0], "part 1") if parts else {}
            htype = str(head.get("htype", ""))
            if htype.startswith("dheader-"):
                return self._header(head, parts, received_ns)
            if htype.startswith("dimage-"):
                return self._image(head, parts, received_ns)
            if htype.startswith("dseries_end-"):
                return self._end(head, received_ns)
            raise BadMessageError(
                "unknown_type",
                f"part 1 has htype {shown(htype)}, expected a header, "
                "an image or a series end",
            )
        except BadMessageError as error:
            return BadMessage(self._source, error.kind, str(error), received_ns)

    def _header(
        self, head: dict[str, Any], parts: Sequence[Part], received_ns: int
    ) -> SeriesStart:
        series = require_id(head.get("series"), "series")
        problems: list[str] = []
        config: dict[str, Any] = {}
        rest = list(parts[1:])
        if rest and head.get("header_detail") != "none":
            config = _json(rest.pop(0), "part 2 (configuration)")
        tables, rest = _tables(rest, problems)
        info = _info(config)
        appendix = _header_appendix(rest, problems)
        date = text(config, "data_collection_date")
        unique = f"{series}/{date}" if date else f"{series}@{received_ns}"
        mask = tables.get("dpixelmask")
        start = SeriesStart(
            key=SeriesKey(self._source, series, unique),
            info=info,
            expected_images=expected_images(config),
            arm_time_ns=_zoned_ns(date),
            recorder_uid=recorder_uid(appendix),
            user_data=appendix,
            mask=None if mask is None else mask != 0,
            flatfield=tables.get("dflatfield"),
            problems=tuple(problems),
            received_ns=received_ns,
        )
        self._start = start
        return start

    def _key(self, series: int) -> SeriesKey:
        """Key of a series; without its header the unique id is unknown ("")."""
        if self._start is not None and self._start.key.series_id == series:
            return self._start.key
        return SeriesKey(self._source, series, "")

    def _image(
        self, head: dict[str, Any], parts: Sequence[Part], received_ns: int
    ) -> Image:
        key = self._key(require_id(head.get("series"), "series"))
        image_id = require_id(head.get("frame"), "frame")
        payload: Payload | None = None
        problem: tuple[Unprocessed, str] | None = None
        try:
            payload = self._payload(parts, key)
        except BadMessageError as error:
            problem = (Unprocessed.CORRUPT, str(error))
        except ImageError as error:
            problem = (Unprocessed(error.reason), str(error))
        times = _times(parts)
        appendix = bytes(parts[4]) if len(parts) > 4 else b""
        return Image(
            key=key,
            image_id=image_id,
            payload=payload,
            problem=problem,
            start_time_ns=times[0],
            stop_time_ns=times[1],
            recorder_uid=recorder_uid(appendix.decode("utf-8", errors="replace")),
            received_ns=received_ns,
        )

    def _payload(self, parts: Sequence[Part], key: SeriesKey) -> Payload:
        if len(parts) < 3:
            raise BadMessageError("parts", f"image has {len(parts)} parts, expected 4")
        meta = _json(parts[1], "part 2 (image description)")
        shape = _yx(meta.get("shape"))
        known = self._start is not None and self._start.key == key
        header = self._start.info if self._start and known else None
        check_shape(shape, header, self._max_pixels)
        encoding, dtype = parse_v1_encoding(
            str(meta.get("encoding", "")), str(meta.get("type", ""))
        )
        blob = parts[2]
        declared = meta.get("size")
        if declared is not None and declared != len(blob):
            raise BadMessageError(
                "size",
                f"{len(blob)} bytes of pixels, the detector declared {shown(declared)}",
            )
        return Payload(blob, encoding, shape, dtype)

    def _end(self, head: dict[str, Any], received_ns: int) -> SeriesEnd:
        key = self._key(require_id(head.get("series"), "series"))
        return SeriesEnd(key, received_ns)


def expected_images(config: dict[str, Any]) -> int | None:
    """Images that the header announces, by trigger mode; None if it does not."""
    images, triggers = integer(config, "nimages"), integer(config, "ntrigger")
    if config.get("trigger_mode") in ONE_IMAGE_PER_TRIGGER:
        return announced(triggers)
    if images is None:
        return None
    return announced(images * (triggers if triggers is not None else 1))


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


def _times(parts: Sequence[Part]) -> tuple[int | None, int | None]:
    """Start and stop (ns, unknown epoch); an unreadable part 4 costs only them."""
    try:
        config = _json(parts[3], "part 4") if len(parts) > 3 else {}
    except BadMessageError:
        return None, None
    return integer_ns(config.get("start_time")), integer_ns(config.get("stop_time"))


def integer_ns(value: Any) -> int | None:
    """A time in ns if it is an integer that 64 bits hold."""
    ok = isinstance(value, int) and not isinstance(value, bool)
    return value if ok and -(2**63) <= value < 2**63 else None


def _json(part: Part, where: str) -> dict[str, Any]:
    value = load_json(part, where, MAX_PART_BYTES)
    if not isinstance(value, dict):
        raise BadMessageError("json", f"{where} is not a JSON object")
    return value


def _zoned_ns(date: str | None) -> int | None:
    """Unix ns of an ISO date, None if it has no zone: then it cannot be compared."""
    try:
        moment = datetime.fromisoformat(date or "")
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    return int(moment.timestamp() * 1_000_000) * 1000
