"""What home and its nodes say to each other, beside jobs and answers: JSON, no pickle.

The first frame says what a message is. Its names are longer than any kind of job, so
that one is never taken for the other.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from recorder.errors import BadMessageError, shown
from recorder.foreign_text import is_name, plain
from recorder.pool.wire import Frame

GREET, BEAT, BACK, BYE = b"node.greet", b"node.beat", b"node.back", b"node.bye"
CANNOT = b"node.cannot"
"""A node cannot do a job, or could not read a message, so that it may lack anything."""
WELCOME, REFUSED = b"home.welcome", b"home.refused"
AGAIN, HOME_BEAT = b"home.again", b"home.beat"

WIRE = 2
"""Number of this protocol; it grows with each change that an older side would not
understand. Both sides must have the same."""
MAX_WORKERS = 1024
"""Worker processes of one node: more than cores of any host that is sold. Chosen, not
tuned."""
MAX_TEXT = 253
"""Characters of a name in a greeting: what DNS allows for a host."""
MAX_CONTROL = 65536
"""Bytes of a message that is no answer: a beat has 200, a list of tokens of the largest
node 25 kB. Chosen, not tuned."""
MAX_KIND = 32
"""Bytes of the first frame that are compared: more than any kind has."""
_NUMBER = struct.Struct("<Q")
BIGGEST = 2**63
"""Counts and times above are no counts and no times: they fit 63 bits everywhere."""


@dataclass(frozen=True, slots=True)
class Greeting:
    """Who a node is."""

    name: str
    """For people; several nodes may have the same."""
    host: str
    version: str
    """Of the package, with its fingerprint: see :mod:`recorder.nodes.version`."""
    wire: int
    workers: int
    """Worker processes that it starts."""
    python: str
    boot: str
    """Random, of this process: how home tells an old node from one started again."""


@dataclass(frozen=True, slots=True)
class Beat:
    """How a node is; each half second."""

    held: int
    """Jobs that it has."""
    finished: int
    """Jobs that it has answered."""
    alive: int
    """Workers that are ready."""
    clock_ns: int
    """Its host's clock: nothing is decided by it."""


@dataclass(frozen=True, slots=True)
class Welcome:
    """What home wants of a node that it takes in."""

    session: int
    """Grows with each welcome of this home; jobs of an earlier one are over."""
    home: str
    """Random, of the daemon's process: another one knows nothing of what was sent."""
    timeout_s: float
    """A worker that holds a job longer is replaced."""
    kept_setups: int
    """Setups that a worker keeps ready."""


def pack(kind: bytes, body: Any) -> list[bytes]:
    """A message of two frames: kind and JSON."""
    return [kind, json.dumps(asdict(body)).encode()]


def pack_refusal(text: str) -> list[bytes]:
    """What a node is told that is not taken in."""
    return [REFUSED, text.encode(errors="replace")]


@dataclass(frozen=True, slots=True)
class Refused:
    """A message of home with which a node could do nothing."""

    token: int | None
    """Of the job that it was; None: that cannot be read."""
    error: str
    """Why, for people."""


def pack_refused(refused: Refused) -> list[bytes]:
    """What home is told of it."""
    error = refused.error[:MAX_TEXT]
    return pack(CANNOT, Refused(refused.token, error))


def read_refused(frames: list[bytes]) -> Refused:
    """The reverse of :func:`pack_refused`.

    Raises:
        BadMessageError: It is none.
    """
    body = _body(frames)
    error = body.get("error")
    if not isinstance(error, str):
        raise BadMessageError("node_message", f"error is {shown(error)}")
    token = None if body.get("token") is None else _count(body, "token", 2**64 - 1)
    return Refused(token, plain(error))


def pack_numbers(kind: bytes, numbers: Sequence[int]) -> list[Frame]:
    """A message with numbers: tokens of jobs, or of pixels."""
    return [kind, b"".join(map(_NUMBER.pack, numbers))]


def control(frames: Sequence[Frame]) -> list[bytes]:
    """A message that is no job and no answer, as bytes of its own.

    Raises:
        BadMessageError: It is larger than any of them.
    """
    if len(frames) > 2 or sum(map(len, frames)) > MAX_CONTROL:
        sizes = [len(frame) for frame in frames[:4]]
        raise BadMessageError("node_message", f"{len(frames)} frames of {sizes} bytes")
    return [bytes(frame) for frame in frames]


def read_greeting(frames: list[bytes]) -> Greeting:
    """A greeting; of another version it may have other keys beside ours.

    Raises:
        BadMessageError: It is none.
    """
    body = _body(frames)
    return Greeting(
        name=_text(body, "name"),
        host=_text(body, "host"),
        version=_text(body, "version"),
        wire=_count(body, "wire"),
        workers=_count(body, "workers", MAX_WORKERS),
        python=_text(body, "python"),
        boot=_text(body, "boot"),
    )


def read_beat(frames: list[bytes]) -> Beat:
    """A beat.

    Raises:
        BadMessageError: It is none.
    """
    body = _body(frames)
    return Beat(
        held=_count(body, "held"),
        finished=_count(body, "finished"),
        alive=_count(body, "alive", MAX_WORKERS),
        clock_ns=_count(body, "clock_ns"),
    )


def read_welcome(frames: list[bytes]) -> Welcome:
    """A welcome.

    Raises:
        BadMessageError: It is none.
    """
    body = _body(frames)
    timeout_s = body.get("timeout_s")
    if isinstance(timeout_s, bool) or not isinstance(timeout_s, int | float):
        raise BadMessageError("node_message", f"timeout_s is {shown(timeout_s)}")
    return Welcome(
        session=_count(body, "session"),
        home=_text(body, "home"),
        timeout_s=float(timeout_s),
        kept_setups=_count(body, "kept_setups", MAX_WORKERS),
    )


def read_refusal(frames: list[bytes]) -> str:
    """Why home does not take a node in, for people."""
    text = frames[1].decode(errors="replace") if len(frames) > 1 else ""
    return plain(text) or "no reason was given"


def read_numbers(frames: Sequence[Frame]) -> list[int]:
    """The reverse of :func:`pack_numbers`.

    Raises:
        BadMessageError: They are none.
    """
    data = _only(frames)
    if len(data) % _NUMBER.size:
        raise BadMessageError("node_message", f"{len(data)} bytes are no numbers")
    return [number for (number,) in _NUMBER.iter_unpack(data)]


def _only(frames: Sequence[Frame]) -> Frame:
    if len(frames) != 2:
        raise BadMessageError("node_message", f"{len(frames)} frames instead of 2")
    return frames[1]


def _body(frames: list[bytes]) -> Mapping[str, Any]:
    return read_object(_only(frames))


def read_object(frame: Frame) -> dict[str, Any]:
    """An object of JSON.

    Raises:
        BadMessageError: It is none.
    """
    try:
        body = json.loads(bytes(frame))
    except (ValueError, RecursionError) as error:
        text = f"its JSON cannot be read: {error}"
        raise BadMessageError("node_message", text) from error
    if not isinstance(body, dict):
        raise BadMessageError("node_message", f"{shown(body)} is no object of JSON")
    return body


def _text(body: Mapping[str, Any], key: str) -> str:
    value = body.get(key)
    good = isinstance(value, str) and 0 < len(value) <= MAX_TEXT and is_name(value)
    if not good:
        raise BadMessageError("node_message", f"{key} is {shown(value)}")
    return str(value)


def _count(body: Mapping[str, Any], key: str, most: int = BIGGEST) -> int:
    value = body.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise BadMessageError("node_message", f"{key} is {shown(value)}")
    return value
