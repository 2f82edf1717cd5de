"""What travels between the daemon, its nodes and their workers: a head, then blobs.

A head is kind (1 byte), token (8), setup (8) and number (8), little-endian, then what
only its kind needs. Whoever passes a message on changes the token and reads no more.
A job is a head and its pixels. Several answers go in one message, each a frame of its
own that holds its parts with their lengths.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import zmq

from recorder.errors import WireError
from recorder.pool.wire.pixels import Frame, held_frame, payload_of, pixels_frame
from recorder.records import Payload, Unprocessed, WorkLevel

WIRE = 2
"""Number of this format: both ends of a connection must have the same."""
IMAGE, LESSON = b"I", b"L"
"""Jobs: token, setup, and the number of the learned state or of the lesson."""
SETUP, LEARNED, FORGET = b"S", b"T", b"F"
"""What is to be known before a job: setup, and the number of the learned state."""
STOP, READY, ANSWERS = b"X", b"R", b"A"
"""End; a worker's greeting, its process id as token; answers follow."""
DONE, FAILED = b"D", b"E"
"""Answers: what was asked for, or reason and text."""
MOST_ANSWERS = 32
"""Answers in one message: so many share its cost, and none waits for more than come
anyway. Chosen, not tuned."""

_HEAD = struct.Struct("<cQQQ")
_TOKEN = struct.Struct("<Q")
_TOKEN_END = 9
"""Bytes of kind and token."""
_IMAGE = struct.Struct("<BIQQ")
"""Effort, wish, and where in the second frame the pixels begin and end."""
_ANSWER = struct.Struct("<cQI")
_MOST_MORE = 1.1
"""Bytes of a whole message by those of the pixels in it, at most, for it to be sent:
more would cost the network more than a copy costs here. Chosen, not tuned."""
_PARTS = 64
"""Parts that an answer may have: a class with its picture has 5, a state 3."""


class Head(NamedTuple):
    """The first frame of a message."""

    kind: bytes
    token: int
    setup: int
    number: int
    body: bytes
    """What only this kind has."""


class ImageHead(NamedTuple):
    """The first frame of an image, all of it."""

    token: int
    setup: int
    learned: int
    """Number of the learned state to use."""
    effort: WorkLevel
    wish: int
    """Bits of :class:`recorder.records.pictures.Wish`."""


class Answer(NamedTuple):
    """What became of a job."""

    kind: bytes
    """``DONE`` or ``FAILED``."""
    token: int
    frames: list[Frame]


# -- heads -----------------------------------------------------------------------------


def make_head(
    kind: bytes, token: int = 0, setup: int = 0, number: int = 0, body: bytes = b""
) -> bytes:
    """A head; ``token``, ``setup`` and ``number`` from 0 to 2^64 - 1."""
    return _HEAD.pack(kind, token, setup, number) + body


def read_head(frame: Frame) -> Head:
    """The reverse of :func:`make_head`.

    Raises:
        WireError: It is too short to be one.
    """
    if len(frame) < _HEAD.size:
        raise WireError(f"a head has {_HEAD.size} bytes, this one {len(frame)}")
    kind, token, setup, number = _HEAD.unpack_from(frame)
    return Head(kind, token, setup, number, bytes(frame[_HEAD.size :]))


def kind_of(frame: Frame) -> bytes:
    """Kind of a head or an answer; nothing of an empty frame."""
    return bytes(frame[:1])


def token_of(frame: Frame) -> int:
    """Token of a head or an answer, without reading the rest.

    Raises:
        WireError: It is too short to have one.
    """
    if len(frame) < _TOKEN_END:
        raise WireError(f"a token needs {_TOKEN_END} bytes, the frame has {len(frame)}")
    token: int = _TOKEN.unpack_from(frame, 1)[0]
    return token


def with_token(frame: Frame, token: int) -> bytes:
    """A head or an answer with another token, the rest as it is.

    Raises:
        WireError: It is too short to have one.
    """
    if len(frame) < _TOKEN_END:
        raise WireError(f"a token needs {_TOKEN_END} bytes, the frame has {len(frame)}")
    return b"".join((frame[:1], _TOKEN.pack(token), frame[_TOKEN_END:]))


# -- images ----------------------------------------------------------------------------


def image_message(head: ImageHead, payload: Payload) -> list[Frame]:
    """An image to classify: two frames, the second with the pixels as they came.

    Where they are a part of a message of the detector, the whole message is sent:
    ZeroMQ can share it, while a part of it would have to be copied. Where a node keeps
    them, the second frame is empty and a third one has their number there.

    Raises:
        WireError: The pixels are no bytes in one piece.
    """
    frame, begin = pixels_frame(payload), 0
    end = payload.size if payload.held else len(frame)
    if payload.stored is None and payload.held is None:
        frame, begin = frame_of(payload.data)
        end = begin + len(payload.data)
    kind = _kind_text(
        payload.encoding,
        payload.shape,
        payload.dtype,
        payload.column_major,
        payload.stored is not None,
    )
    body = _IMAGE.pack(head.effort, head.wish, begin, end) + kind
    first = make_head(IMAGE, head.token, head.setup, head.learned, body)
    if payload.held is not None:
        return [first, frame, held_frame(payload.held)]
    return [first, frame]


def read_image(frames: Sequence[Frame]) -> tuple[ImageHead, Payload]:
    """The reverse of :func:`image_message`.

    Raises:
        WireError: They are none.
    """
    if len(frames) != 2:
        raise WireError(f"an image has 2 frames, this message {len(frames)}")
    _, token, setup, learned, body = read_head(frames[0])
    try:
        effort, wish, first, end = _IMAGE.unpack_from(body)
        encoding, shape, dtype, column_major, stored = _kind(body[_IMAGE.size :])
        level = WorkLevel(effort)
        data = _cut(frames[1], first, end)
        payload = payload_of(data, encoding, shape, dtype, column_major, stored)
    except (struct.error, ValueError, TypeError, IndexError, RecursionError) as error:
        raise WireError(f"the head of an image cannot be read: {error}") from error
    return ImageHead(token, setup, learned, level, wish), payload


def _cut(frame: Frame, first: int, end: int) -> Frame:
    """The pixels in a frame, which may have more."""
    if not first <= end <= len(frame):
        text = f"pixels at {first} to {end} of a frame of {len(frame)} bytes are none"
        raise WireError(text)
    return frame if end - first == len(frame) else memoryview(frame)[first:end]


def frame_of(data: Frame) -> tuple[Frame, int]:
    """The frame that pixels are most of, and where in it they begin."""
    if isinstance(data, bytes):
        return data, 0
    if not data.c_contiguous or data.itemsize != 1 or data.ndim != 1:
        raise WireError("pixels are no bytes in one piece")
    if isinstance(data.obj, zmq.Frame):
        whole = data.obj.buffer
        if len(data) < len(whole) <= _MOST_MORE * len(data):
            return whole, _address(data) - _address(whole)
    return data, 0


def _address(data: memoryview) -> int:
    address: int = np.frombuffer(data, np.uint8).__array_interface__["data"][0]
    return address


@lru_cache(64)
def _kind_text(
    encoding: str, shape: tuple[int, int], dtype: str, column_major: bool, stored: bool
) -> bytes:
    """What all images of a series have in common."""
    return json.dumps([encoding, shape, dtype, column_major, stored]).encode()


@lru_cache(64)
def _kind(text: bytes) -> tuple[str, tuple[int, int], str, bool, bool]:
    values: Any = json.loads(text)
    encoding, (slow, fast), dtype, column_major, stored = values
    numbers = type(slow) is int and type(fast) is int
    if not numbers or not isinstance(encoding, str) or not isinstance(dtype, str):
        raise ValueError("encoding, shape and dtype are of other types")
    return encoding, (slow, fast), dtype, bool(column_major), bool(stored)


# -- answers ---------------------------------------------------------------------------


def pack_answer(kind: bytes, token: int, frames: Sequence[Frame]) -> bytes:
    """An answer as one frame: its parts with their lengths."""
    lengths = struct.pack(f"<{len(frames)}I", *map(len, frames))
    return b"".join((_ANSWER.pack(kind, token, len(frames)), lengths, *frames))


def failed_answer(token: int, reason: Unprocessed, text: str) -> bytes:
    """The answer that says why a job could not be done."""
    said = text.encode(errors="replace")
    return pack_answer(FAILED, token, [reason.encode(), said])


def read_answer(frame: Frame) -> Answer:
    """The reverse of :func:`pack_answer`; large parts are views of the frame.

    Raises:
        WireError: Its lengths do not fit, or it is of another kind.
    """
    if len(frame) < _ANSWER.size:
        raise WireError(f"an answer has {_ANSWER.size} bytes, this one {len(frame)}")
    kind, token, count = _ANSWER.unpack_from(frame)
    at = _ANSWER.size + 4 * count
    if kind not in (DONE, FAILED) or count > _PARTS or at > len(frame):
        raise WireError(f"an answer of kind {kind!r} with {count} parts is none")
    lengths = struct.unpack_from(f"<{count}I", frame, _ANSWER.size)
    if at + sum(lengths) != len(frame):
        text = f"an answer has {len(frame)} bytes, its parts need {at + sum(lengths)}"
        raise WireError(text)
    whole = memoryview(frame) if len(frame) > _VIEWED else bytes(frame)
    frames: list[Frame] = []
    for length in lengths:
        part = whole[at : at + length]
        frames.append(part if length > _VIEWED else bytes(part))
        at += length
    return Answer(kind, token, frames)


_VIEWED = 4096
"""Bytes from which a part is not copied. Chosen, not tuned."""


def read_failure(frames: Sequence[Frame]) -> tuple[Unprocessed, str]:
    """Reason and text of an answer that failed.

    Raises:
        WireError: It has none, or a reason that there is not.
    """
    try:
        reason, text = frames
        return Unprocessed(bytes(reason).decode()), bytes(text).decode(errors="replace")
    except ValueError as error:
        text_of = f"why a job failed cannot be read: {error}"
        raise WireError(text_of) from error


def answers_message(answers: Sequence[Frame]) -> list[Frame]:
    """A message with answers; best of at most ``MOST_ANSWERS``."""
    return [ANSWERS_HEAD, *answers]


ANSWERS_HEAD = make_head(ANSWERS)
"""First frame of a message with answers."""
