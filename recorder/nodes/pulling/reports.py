"""What a node and home say to each other of detectors that the node pulls from."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from recorder.errors import BadMessageError, shown
from recorder.nodes.messages import BIGGEST, read_object
from recorder.pool.wire import Frame
from recorder.records import (
    HeldPixels,
    Image,
    Payload,
    SeriesKey,
    Unprocessed,
    Upstream,
)

PULL, HEADER = b"home.pull", b"home.header"
"""Which detectors to pull from; a header that another node received."""
DROP, FETCH = b"home.drop", b"home.fetch"
"""Numbers of pixels that need not be kept; of pixels that home wants itself."""
IMAGES, RAW = b"node.images", b"node.raw"
"""Images that a node has; a message of the detector that is none."""
PIXELS, LINKS = b"node.pixels", b"node.links"
"""Pixels that home wanted, with their number; which detectors a node reaches."""
TAKEN = b"home.taken"
"""The number up to which home has taken what a node reported."""
MOST_IMAGES = 64
"""Images in one message: what 13 nodes get in 5 ms at 10 kHz. Chosen, not tuned."""
MAX_REPORT = 1 << 22
"""Bytes of a list of images: one has 300 to 600. Chosen, not tuned."""
_NUMBER = struct.Struct("<Q")
_NUMBERS = struct.Struct("<QQ")
_NONSENSE = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What reading JSON raises that is no list of images."""


@dataclass(frozen=True, slots=True)
class Reported:
    """An image that a node has, as it says so."""

    image: Image
    """Its payload, if it has one, is held; ``received_ns`` is of nobody's clock yet."""
    by_number: bool
    """The stream names series by number alone: the key is that of the latest header."""


def pack_images(images: Sequence[tuple[Image, int, bool]]) -> list[Frame]:
    """Images, each with its number at the node, and whether its series is a number."""
    bodies = [_body(image, number, by_number) for image, number, by_number in images]
    return [IMAGES, json.dumps(bodies).encode()]


def _body(image: Image, number: int, by_number: bool) -> dict[str, Any]:
    payload = image.payload
    kept = payload and [
        payload.encoding,
        payload.shape,
        payload.dtype,
        payload.column_major,
        number,
        payload.size,
    ]
    return {
        "key": [image.key.source, image.key.series_id, image.key.unique_id],
        "by_number": by_number,
        "image_id": image.image_id,
        "payload": kept,
        "problem": image.problem,
        "times": [image.start_time_ns, image.stop_time_ns, image.series_date_ns],
        "ignored": image.ignored_channels,
        "uid": image.recorder_uid,
        "upstream": None if image.upstream is None else asdict(image.upstream),
        "remark": image.remark,
    }


def read_images(frames: Sequence[Frame], node: int, received_ns: int) -> list[Reported]:
    """The reverse of :func:`pack_images`.

    Args:
        frames: The message.
        node: Session of the node.
        received_ns: When it came, by this host's clock: those of nodes may be off.

    Raises:
        BadMessageError: It makes no sense.
    """
    if len(frames) != 2 or len(frames[1]) > MAX_REPORT:
        sizes = [len(frame) for frame in frames[:4]]
        raise BadMessageError("node_message", f"{len(frames)} frames of {sizes} bytes")
    try:
        bodies = json.loads(bytes(frames[1]))
        return [_image(body, node, received_ns) for body in bodies]
    except _NONSENSE as error:
        text = f"a list of images cannot be read: {error!r:.200}"
        raise BadMessageError("node_message", text) from error


def _image(body: dict[str, Any], node: int, received_ns: int) -> Reported:
    source, series_id, unique_id = body["key"]
    start_ns, stop_ns, date_ns = map(_time, body["times"])
    problem = body["problem"]
    upstream = body["upstream"]
    image = Image(
        key=SeriesKey(_text(source), _count(series_id), _text(unique_id)),
        image_id=_count(body["image_id"]),
        payload=None if body["payload"] is None else _payload(body["payload"], node),
        problem=None if problem is None else _problem(problem),
        start_time_ns=start_ns,
        stop_time_ns=stop_ns,
        series_date_ns=date_ns,
        ignored_channels=tuple(map(_text, body["ignored"])),
        recorder_uid=None if body["uid"] is None else _text(body["uid"]),
        received_ns=received_ns,
        upstream=None if upstream is None else _upstream(upstream),
        remark=_text(body["remark"]),
    )
    return Reported(image, body["by_number"] is True)


def _problem(body: list[Any]) -> tuple[Unprocessed, str]:
    reason, text = body
    return Unprocessed(reason), _text(text)


def _payload(body: list[Any], node: int) -> Payload:
    encoding, (slow, fast), dtype, column_major, number, size = body
    held = HeldPixels(node, _count(number), _count(size))
    shape = (_count(slow), _count(fast))
    return Payload(
        b"", _text(encoding), shape, _text(dtype), column_major is True, held=held
    )


def _upstream(body: dict[str, Any]) -> Upstream:
    for name in ("cell", "vectors"):
        if body[name] is not None:
            body[name] = tuple(map(float, body[name]))
    return Upstream(**body)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{shown(value)} is no text")
    return value


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value < BIGGEST:
        raise TypeError(f"{shown(value)} is no count")
    return value


def _time(value: Any) -> int | None:
    if value is None:
        return None
    if type(value) is not int or not -BIGGEST <= value < BIGGEST:
        raise TypeError(f"{shown(value)} is no time")
    return value


# -- numbers of reports ----------------------------------------------------------------


def numbered(message: Sequence[Frame], number: int, before: int) -> list[Frame]:
    """A report with its number, and that of the one before which home must have taken.

    Args:
        message: What :func:`pack_images` or :func:`pack_body` made.
        number: Of this report.
        before: 0: none that home lacks.
    """
    return [message[0], _NUMBERS.pack(number, before), *message[1:]]


def read_numbered(frames: Sequence[Frame]) -> tuple[int, int, list[Frame]]:
    """The reverse of :func:`numbered`: number, the one before, and the report.

    Raises:
        BadMessageError: It has no number.
    """
    if len(frames) < 2 or len(frames[1]) != _NUMBERS.size:
        raise BadMessageError("node_message", "a report without a number")
    number, before = _NUMBERS.unpack(frames[1])
    return number, before, [frames[0], *frames[2:]]


def pack_taken(number: int) -> list[Frame]:
    """What a node is told that may let go of its reports."""
    return [TAKEN, _NUMBER.pack(number)]


def read_taken(frames: Sequence[Frame]) -> int:
    """The reverse of :func:`pack_taken`.

    Raises:
        BadMessageError: It is none.
    """
    if len(frames) != 2 or len(frames[1]) != _NUMBER.size:
        raise BadMessageError("node_message", "it was taken up to no number")
    number: int = _NUMBER.unpack(frames[1])[0]
    return number


# -- other messages --------------------------------------------------------------------


def pack_pixels(number: int, data: Frame | None) -> list[Frame]:
    """Pixels that home wanted; None: they are not there."""
    head = [PIXELS, _NUMBER.pack(number)]
    return [*head, *([] if data is None else [data])]


def read_pixels(frames: Sequence[Frame]) -> tuple[int, bytes | None]:
    """The reverse of :func:`pack_pixels`.

    Raises:
        BadMessageError: They are none.
    """
    if len(frames) not in (2, 3) or len(frames[1]) != _NUMBER.size:
        raise BadMessageError("node_message", "pixels without a number")
    number: int = _NUMBER.unpack(frames[1])[0]
    return number, bytes(frames[2]) if len(frames) == 3 else None


def pack_body(kind: bytes, body: Any, *frames: Frame) -> list[Frame]:
    """A message with JSON, and frames that it is about."""
    return [kind, json.dumps(body).encode(), *frames]


def read_body(frames: Sequence[Frame]) -> dict[str, Any]:
    """JSON of :func:`pack_body`.

    Raises:
        BadMessageError: It is none, or larger than any.
    """
    if len(frames) < 2 or len(frames[1]) > MAX_REPORT:
        raise BadMessageError("node_message", f"{len(frames)} frames, or too large")
    return read_object(frames[1])


def read_header(frames: Sequence[Frame]) -> tuple[str, int]:
    """Source and time (Unix ns) of a header that home passes on; its frames follow.

    Raises:
        BadMessageError: It is none.
    """
    body = read_body(frames)
    source, received_ns = body.get("source"), body.get("received_ns")
    if not isinstance(source, str) or type(received_ns) is not int:
        text = f"a header of {shown(source)}, received at {shown(received_ns)}"
        raise BadMessageError("node_message", text)
    return source, received_ns
