"""DECTRIS stream v1: multipart messages of JSON and blobs (SIMPLON "legacy").

Message layout as in the SIMPLON API manual, section "Stream subsystem"; what real
detectors and relays do otherwise is named beside the code that copes with it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from datetime import datetime
from hashlib import md5
from typing import Any

from recorder.errors import BadMessageError, ImageError, shown
from recorder.records import (
    BadMessage,
    DetectorRecord,
    Image,
    Payload,
    SeriesEnd,
    SeriesKey,
    SeriesStart,
    Unprocessed,
)
from recorder.records.limits import MAX_PARTS
from recorder.records.times import parse_time
from recorder.sources.chunk_headers import with_header
from recorder.sources.dectris.appendix import recorder_uid
from recorder.sources.dectris.checks import (
    check_shape,
    require_id,
    text,
)
from recorder.sources.dectris.goniometer import axes_of_keys, triggers_of
from recorder.sources.dectris.last_headers import LastHeaders
from recorder.sources.dectris.stream1_header import (
    Part,
    _header_appendix,
    _info,
    _json,
    _tables,
    _yx,
    expected_images,
)
from recorder.sources.pixels import parse_v1_encoding


class Stream1Decoder:
    """Turns multipart messages of one detector into records.

    Args:
        source: Name of the detector in records and counts.
        max_pixels: Larger images are refused.
    """

    def __init__(self, source: str, max_pixels: int = 64_000_000) -> None:
        self._source = source
        self._max_pixels = max_pixels
        self._headers = LastHeaders()
        self._hashed: int | None = None
        """A hash of this series (number) was right: a wrong one is damage."""

    def decode(self, parts: Sequence[Part], received_ns: int = 0) -> DetectorRecord:
        """Decode one message; a malformed one becomes a :class:`BadMessage` record."""
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
        triggers, each = triggers_of(config, problems)
        start = SeriesStart(
            key=SeriesKey(self._source, series, unique),
            info=info,
            expected_images=expected_images(config),
            arm_time_ns=_zoned_ns(date),
            recorder_uid=recorder_uid(appendix),
            user_data=appendix,
            mask=None if mask is None else mask != 0,
            flatfield=tables.get("dflatfield"),
            goniometer=tuple(axes_of_keys(config, problems)),
            triggers=triggers,
            images_per_trigger=each,
            problems=tuple(problems),
            received_ns=received_ns,
        )
        self._headers.add(start)
        self._hashed = None
        return start

    def knows(self, key: SeriesKey) -> bool:
        """Whether the header of a series came."""
        return self._headers.of(key) is not None

    def latest(self, key: SeriesKey) -> SeriesKey:
        """The key of the latest series of that number; the same if none is known."""
        start = self._headers.of_number(key.series_id)
        return key if start is None else start.key

    def _key(self, series: int) -> SeriesKey:
        """Key of a series; without its header the unique id is unknown ("")."""
        start = self._headers.of_number(series)
        return start.key if start else SeriesKey(self._source, series, "")

    def _image(
        self, head: dict[str, Any], parts: Sequence[Part], received_ns: int
    ) -> Image:
        key = self._key(require_id(head.get("series"), "series"))
        image_id = require_id(head.get("frame"), "frame")
        payload: Payload | None = None
        problem: tuple[Unprocessed, str] | None = None
        remark = ""
        try:
            self._check_hash(head.get("hash"), key.series_id, parts)
            payload, remark = with_header(self._payload(parts, key))
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
            remark=remark,
        )

    def _check_hash(self, said: Any, series: int, parts: Sequence[Part]) -> None:
        """Detectors send the MD5 of the image description, part 2.

        Some senders write a word of their own there: it counts once one has been right.

        Raises:
            BadMessageError: The description is not the one that was sent.
        """
        if not isinstance(said, str) or len(parts) < 2:
            return
        if md5(parts[1], usedforsecurity=False).hexdigest() == said.lower():
            self._hashed = series
        elif self._hashed == series:
            text = "hash is not the MD5 of the image description: damaged on its way"
            raise BadMessageError("hash", text)

    def _payload(self, parts: Sequence[Part], key: SeriesKey) -> Payload:
        if len(parts) < 3:
            raise BadMessageError("parts", f"image has {len(parts)} parts, expected 4")
        meta = _json(parts[1], "part 2 (image description)")
        shape = _yx(meta.get("shape"))
        start = self._headers.of(key)
        check_shape(shape, start.info if start else None, self._max_pixels)
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


def _zoned_ns(date: str | None) -> int | None:
    """Unix ns of an ISO date, None if it has no zone: then it cannot be compared."""
    with contextlib.suppress(ValueError):  # a leap second, or a zone without colon
        return parse_time(date or "")
    try:
        moment = datetime.fromisoformat(date or "")
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    return integer_ns(int(moment.timestamp() * 1_000_000) * 1000)
