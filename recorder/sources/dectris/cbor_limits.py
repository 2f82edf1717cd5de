"""Checks the shape of a CBOR message before it is decoded.

The decoder bounds only the depth. This check reads the heads of all items and skips
byte strings (the pixels); an image message has some thirty heads.
"""

from __future__ import annotations

from recorder.errors import BadMessageError
from recorder.records.limits import MAX_DEPTH, MAX_INTEGER_BYTES, MAX_ITEMS
from recorder.sources.dectris.cbor_arrays import COMPRESSION, TYPED_ARRAYS

Bytes = bytes | memoryview
Place = tuple[int, int, int]
"""Where the head of a byte string begins, its bytes begin, and they end."""

BYTES, TEXT, ARRAY, MAP, TAG, OTHER = 2, 3, 4, 5, 6, 7
"""Major types of CBOR (RFC 8949) that need a look, and the last one."""
_SMALL = 24
"""Arguments of CBOR below it stand in the head itself."""
BIG_INTEGERS = (2, 3)
"""Tags of CBOR (RFC 8949) for integers of any length."""
NEVER = 1 << 62
"""More bytes than any message has."""
THIRD = -1
"""In the place of a tag: an array whose third item is compressed bytes."""
# Fractions with any exponent, references to other items (few bytes become a cycle, or
# a tree without end), programs for other parsers (regular expressions, mail).
REFUSED_TAGS = {4, 5, 25, 28, 29, 30, 35, 36, 256}


def check_structure(message: Bytes, least: int = NEVER) -> list[Place]:
    """Refuse what would take too much to decode; the bytes themselves stay unread.

    Args:
        message: One CBOR item.
        least: Bytes of a byte string that is worth a place.

    Returns:
        The places of byte strings that are the bytes of typed arrays, compressed or
        not, and that large.

    Raises:
        BadMessageError: ``too_big``, ``too_deep``, or ``cbor``: it is cut, or has
            tags or items of indefinite length that no detector sends.
    """
    places: list[Place] = []
    at, end = 0, len(message)
    left, tag = 1, 0  # items still to come of what is open, and which tag that is
    stack: list[tuple[int, int]] = []
    for _ in range(MAX_ITEMS + 1):
        while not left:
            if not stack:
                return places
            left, tag = stack.pop()
        left -= 1
        if at >= end:
            raise BadMessageError("cbor", "message is not CBOR: it is cut")
        first = message[at]
        if first < _SMALL:
            at += 1
            continue
        head = at
        major, value, at = _head(message, at)
        if major == TEXT:
            at += value
        elif major == BYTES:
            at += value
            if least <= value and at <= end:
                if tag in TYPED_ARRAYS or (tag == THIRD and not left):
                    places.append((head, at - value, at))
        elif major > TEXT and major < OTHER:
            stack.append((left, tag))
            if major == ARRAY:
                # [algorithm, element size, bytes] of a compressed array
                third = value == 3 and tag == COMPRESSION
                left, tag = value, THIRD if third else 0
            elif major == MAP:
                left, tag = 2 * value, 0
            else:
                _check_tag(message, value, at)
                left, tag = 1, value
            if len(stack) > MAX_DEPTH:
                text = f"message is nested more than {MAX_DEPTH} deep"
                raise BadMessageError("too_deep", text)
    raise BadMessageError("too_big", f"message has more than {MAX_ITEMS} items")


def _head(message: Bytes, at: int) -> tuple[int, int, int]:
    """Major type, argument, and where the item goes on."""
    if at >= len(message):
        raise BadMessageError("cbor", "message is not CBOR: it is cut")
    first = message[at]
    at += 1
    value = first & 31
    if value < _SMALL:
        return first >> 5, value, at
    if value == _SMALL and at < len(message):
        return first >> 5, message[at], at + 1
    if value > 27:
        raise BadMessageError("cbor", "message has items of indefinite length")
    end = at + (1 << (value - 24))
    return first >> 5, int.from_bytes(message[at:end], "big"), end


def _check_tag(message: Bytes, tag: int, at: int) -> None:
    if tag in REFUSED_TAGS:
        raise BadMessageError("cbor", f"message has tag {tag}, which is not read")
    if tag in BIG_INTEGERS:
        major, length, _ = _head(message, at)
        if major == BYTES and length > MAX_INTEGER_BYTES:
            text = f"message has an integer of {length} bytes"
            raise BadMessageError("too_big", text)
