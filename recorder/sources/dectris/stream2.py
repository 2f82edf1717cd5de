"""DECTRIS stream v2: one CBOR map per message.

Keys as in the public stream v2 specification; typed arrays are RFC 8746, tag 56500
is DECTRIS' compression of a byte string.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from recorder.errors import (
    BadMessageError,
    ImageError,
    UnsupportedImageError,
    shown,
)
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
from recorder.records.limits import MAX_METADATA
from recorder.sources.chunk_headers import with_header
from recorder.sources.dectris.appendix import parse_appendix, recorder_uid
from recorder.sources.dectris.cbor_limits import Bytes
from recorder.sources.dectris.cbor_message import load
from recorder.sources.dectris.channels import Channels, names
from recorder.sources.dectris.checks import (
    announced,
    check_shape,
    require_id,
    require_name,
)
from recorder.sources.dectris.goniometer import axes_of_map
from recorder.sources.dectris.last_headers import KEPT, LastHeaders
from recorder.sources.dectris.stream2_values import (
    _array,
    _date_ns,
    _info,
    _payload,
    _rational_ns,
)
from recorder.sources.dectris.upstream import read_upstream

# Messages of Jungfraujoch that carry nothing for the recorder.
IGNORED_TYPES = ("calibration",)


class Stream2Decoder:
    """Turns CBOR messages of one detector into records.

    Args:
        source: Name of the detector in records and counts.
        channel: Channel to use; None takes the first that the header names.
        refuse_others: Count images with further channels as unsupported.
        max_pixels: Larger images are refused.
    """

    def __init__(
        self,
        source: str,
        *,
        channel: str | None = None,
        refuse_others: bool = False,
        max_pixels: int = 64_000_000,
    ) -> None:
        self._source = source
        self._channels = Channels(channel, refuse_others)
        self._max_pixels = max_pixels
        self._headers = LastHeaders()
        self._refuse_pixels: dict[SeriesKey, str] = {}

    def records(self, message: Bytes, received_ns: int = 0) -> list[DetectorRecord]:
        """Decode one message; one of metadata alone holds many images.

        Args:
            message: As it came. The pixels of an image stay where they are in it.
            received_ns: When it came (Unix ns).
        """
        try:
            body = load(message)
            if body.get("type") == "metadata":
                return self._metadata(body, received_ns)
        except BadMessageError as error:
            return [BadMessage(self._source, error.kind, str(error), received_ns)]
        return [self._record(body, received_ns)]

    def decode(self, message: Bytes, received_ns: int = 0) -> DetectorRecord:
        """Decode a message of one record; what is wrong with it becomes part of it."""
        return self.records(message, received_ns)[0]

    def knows(self, key: SeriesKey) -> bool:
        """Whether the header of a series came."""
        return self._headers.of(key) is not None

    def _metadata(self, body: dict[str, Any], received_ns: int) -> list[DetectorRecord]:
        """Jungfraujoch's feed of results without pixels."""
        entries = body.get("images")
        if not isinstance(entries, list) or not 0 < len(entries) <= MAX_METADATA:
            raise BadMessageError("metadata", "metadata message has no list of images")
        keys = ("series_id", "series_unique_id")
        common: dict[str, Any] = {key: body[key] for key in keys if key in body}
        return [
            self._record({**common, **entry, "type": "result"}, received_ns)
            if isinstance(entry, dict)
            else BadMessage(self._source, "metadata", "entry is no map", received_ns)
            for entry in entries
        ]

    def _record(self, body: dict[str, Any], received_ns: int) -> DetectorRecord:
        try:
            kind = body.get("type")
            if kind == "start":
                return self._series_start(body, received_ns)
            if kind in ("image", "result"):
                return self._image(body, received_ns)
            if kind == "end":
                return SeriesEnd(self._key(body), received_ns)
            known = "ignored_type" if kind in IGNORED_TYPES else "unknown_type"
            raise BadMessageError(
                known, f"message type {shown(kind)}, expected start, image or end"
            )
        except BadMessageError as error:
            return BadMessage(self._source, error.kind, str(error), received_ns)

    def _key(self, body: dict[str, Any]) -> SeriesKey:
        series = require_id(body.get("series_id"), "series_id")
        unique = body.get("series_unique_id")
        if not isinstance(unique, str):
            start = self._headers.of_number(series)
            unique = start.key.unique_id if start else ""
        require_name(unique, "series_unique_id")
        return SeriesKey(self._source, series, unique)

    def _series_start(self, body: dict[str, Any], received_ns: int) -> SeriesStart:
        problems: list[str] = []
        appendix = _appendix(body.get("user_data"), problems)
        info = _info(body)
        key = self._key(body)
        channels = body.get("channels")
        named = channels if isinstance(channels, list) else []
        self._channels.header(key, [name for name in named if isinstance(name, str)])
        mask = self._table(key, body, "pixel_mask", info, problems)
        self._refuse_pixels.pop(key, None)
        if body.get("poisson_compression"):
            why = "poisson_compression makes counts non-linear"
            self._refuse_pixels = dict([*self._refuse_pixels.items()][-KEPT:])
            self._refuse_pixels[key] = why
            problems.append(f"{why}: images are not classified")
        start = SeriesStart(
            key=key,
            info=info,
            expected_images=announced(_whole(body.get("number_of_images"))),
            arm_time_ns=_date_ns(body.get("arm_date")),
            recorder_uid=recorder_uid(appendix),
            user_data=appendix,
            mask=None if mask is None else mask != 0,
            flatfield=self._table(key, body, "flatfield", info, problems),
            channels=names(named),
            goniometer=tuple(axes_of_map(body.get("goniometer"), problems)),
            problems=tuple(problems),
            received_ns=received_ns,
        )
        self._headers.add(start)
        return start

    def _table(
        self,
        key: SeriesKey,
        body: dict[str, Any],
        name: str,
        info: DetectorInfo,
        problems: list[str],
    ) -> NDArray[Any] | None:
        """Mask or flat field of the channel in use; a bad one is named, not used."""
        tables = body.get(name)
        if not isinstance(tables, dict) or not tables:
            return None
        channel = self._channels.of_table(key, tables)
        try:
            array = _array(tables[channel], self._max_pixels)
        except (BadMessageError, ImageError) as error:
            problems.append(f"{name} of the start message not used: {error}")
            return None
        if info.shape is not None and array.shape != info.shape:
            problems.append(
                f"{name} of the start message not used: {array.shape} pixels, "
                f"the detector has {info.shape}"
            )
            return None
        return array

    def _image(self, body: dict[str, Any], received_ns: int) -> Image:
        key = self._key(body)
        image_id = require_id(body.get("image_id"), "image_id")
        payload: Payload | None = None
        problem: tuple[Unprocessed, str] | None = None
        ignored: tuple[str, ...] = ()
        remark = ""
        upstream = read_upstream(body)
        try:
            if body["type"] == "result":
                raise UnsupportedImageError(
                    'metadata without pixels; set classify.upstream = "use"'
                )
            channel, ignored = self._channels.of_image(key, body.get("data"))
            payload = self._payload(body["data"][channel], key)
            payload, remark = with_header(payload)
        except BadMessageError as error:
            problem = (Unprocessed.CORRUPT, str(error))
        except ImageError as error:
            problem = (Unprocessed(error.reason), str(error))
        return Image(
            key=key,
            image_id=image_id,
            payload=payload,
            problem=problem,
            start_time_ns=_rational_ns(body.get("start_time")),
            stop_time_ns=_rational_ns(body.get("stop_time")),
            series_date_ns=_date_ns(body.get("series_date")),
            ignored_channels=ignored,
            recorder_uid=recorder_uid(body.get("user_data")),
            received_ns=received_ns,
            upstream=upstream,
            remark=remark,
        )

    def _payload(self, value: Any, key: SeriesKey) -> Payload:
        if key in self._refuse_pixels:
            raise UnsupportedImageError(self._refuse_pixels[key])
        payload = _payload(value)
        start = self._headers.of(key)
        check_shape(payload.shape, start.info if start else None, self._max_pixels)
        return payload


def _appendix(user_data: Any, problems: list[str]) -> Any:
    """``user_data``, its text read as JSON; one that is too big costs only itself."""
    try:
        text = isinstance(user_data, str | bytes)
        return parse_appendix(user_data) if text else user_data
    except BadMessageError as error:
        problems.append(f"user_data not used: {error}")
        return None


def _whole(value: Any) -> int | None:
    """A count; True counts as 1 in Python, and is none."""
    return value if type(value) is int else None
