"""Real messages made wrong in one or a few places, whatever they are made of.

Bytes that are changed blindly hardly ever stay JSON or CBOR: here a value deep within a
message is exchanged for a nasty one and the message is written anew.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

import cbor2

from tests.fuzz.targets import PART

Mutate = Callable[[bytes, Random], bytes]


def _deep(levels: int) -> Any:
    value: Any = 1
    for level in range(levels):
        value = {"a": value} if level % 2 else [value]
    return value


NASTY: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1,
    2**31,
    2**63,
    2**64,
    -(2**63) - 1,
    10**400,
    0.5,
    1e308,
    float("inf"),
    float("nan"),
    "",
    "..",
    "../../etc/passwd",
    "a\0b",
    "x" * 300,
    "{" * 200,
    '{"recorder_uid": 7}',
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "uint16",
    "<",
    "bs16-lz4<",
    "measured",
    [],
    {},
    [1, 2],
    [-2, -3],
    [0, 0],
    [10**6, 10**6],
    _deep(31),
    _deep(33),
    _deep(200),
    [0] * 2000,
    {"b" * 300: 1},
)
_TAGS = (0, 1, 2, 4, 25, 28, 29, 30, 35, 36, 40, 64, 69, 70, 85, 256, 258, 1040, 56500)


def mutate_bytes(data: bytes, random: Random) -> bytes:
    """Change, cut out, double or insert some bytes."""
    at = random.randrange(len(data) + 1)
    end = min(len(data), at + random.randrange(1, 9))
    middle = (
        bytes(random.randrange(256) for _ in data[at:end]),
        b"",
        data[at:end] * 2,
        random.choice((b"\xff" * 8, b"\0" * 8, b"\n", b'"', b"<", b"9" * 400)),
    )
    return data[:at] + random.choice(middle) + data[end:]


def mutate_value(value: Any, random: Random) -> Any:
    """One value, here or deeper within, exchanged, removed or doubled."""
    if isinstance(value, cbor2.CBORTag):
        if random.random() < 0.3:
            return cbor2.CBORTag(random.choice(_TAGS), value.value)
        return cbor2.CBORTag(value.tag, mutate_value(value.value, random))
    if isinstance(value, dict) and value and random.random() < 0.9:
        key = random.choice(list(value))
        rest = {k: v for k, v in value.items() if k != key}
        return (
            rest
            if random.random() < 0.1
            else rest | {key: mutate_value(value[key], random)}
        )
    if isinstance(value, list) and value and random.random() < 0.9:
        at = random.randrange(len(value))
        times = random.choice((0, 1, 1, 1, 1, 2))
        return value[:at] + [mutate_value(value[at], random)] * times + value[at + 1 :]
    if isinstance(value, bytes) and random.random() < 0.7:
        return mutate_bytes(value, random)
    return random.choice(NASTY)


def mutate_json(data: bytes, random: Random) -> bytes:
    """JSON as JSON, everything else as bytes."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return mutate_bytes(data, random)
    return json.dumps(mutate_value(value, random)).encode()


def mutate_cbor(data: bytes, random: Random) -> bytes:
    """CBOR as CBOR, with its tags; everything else as bytes."""
    try:
        value = cbor2.loads(data, max_depth=40)
        return cbor2.dumps(mutate_value(value, random))
    except (cbor2.CBORError, ValueError, TypeError, OverflowError):
        return mutate_bytes(data, random)


def mutate_parts(data: bytes, random: Random) -> bytes:
    """A multipart message: one part changed, lost, doubled or moved."""
    parts = data.split(PART)
    at = random.randrange(len(parts))
    part = parts.pop(at)
    way = random.randrange(8)
    if way == 0:
        parts += [part]
    elif way == 1:
        parts[at:at] = [part, part]
    elif way > 2:
        parts.insert(at, mutate_json(part, random))
    return PART.join(parts)


def mutate_lines(data: bytes, random: Random) -> bytes:
    """Lines of JSON: one of them changed."""
    lines = data.split(b"\n")
    at = random.randrange(len(lines))
    lines[at] = mutate_json(lines[at], random)
    return b"\n".join(lines)


def mutation(target: str) -> Mutate:
    """How messages of a target are changed."""
    if target.startswith("mqtt-") or target == "hdf5":
        return mutate_json
    if target == "panda-rows":
        return mutate_lines
    if target.startswith("stream1"):
        return mutate_parts
    return mutate_cbor if target == "stream2" else mutate_bytes
