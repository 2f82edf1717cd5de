"""Checks the shape of a CBOR message before it is decoded.

The decoder bounds only the depth. This check reads the heads of all items and skips
byte strings (the pixels); an image message has some thirty heads.
"""

from __future__ import annotations

from recorder.errors import BadMessageError
from recorder.records.limits import MAX_DEPTH, MAX_INTEGER_BYTES, MAX_ITEMS

BYTES, TEXT, ARRAY, MAP, TAG = 2, 3, 4, 5, 6
"""Major types of CBOR (RFC 8949) that need a look."""
BIG_INTEGERS = (2, 3)
"""Tags of CBOR (RFC 8949) for integers of any length."""
# Fractions with any exponent, references to other items (few bytes become a cycle, or
# a tree without end), programs for other parsers (regular expressions, mail).
REFUSED_TAGS = {4, 5, 25, 28, 29, 30, 35, 36, 256}


def check_structure(message: bytes) -> None:
    """Refuse what would take too much to decode; the bytes themselves stay unread.

    Args:
        message: One CBOR item.

    Raises:
        BadMessageError: ``too_big``, ``too_deep``, or ``cbor``: it is cut, or has
            tags or items of indefinite length that no detector sends.
    """
    at, left = 0, [1]  # items still to come of each open array, map or tag
    for _ in range(MAX_ITEMS + 1):
        while left and not left[-1]:
            left.pop()
        if not left:
            return
        left[-1] -= 1
        major, value, at = _head(message, at)
        if major in (BYTES, TEXT):
            at += value
        elif major in (ARRAY, MAP):
            left.append(value if major == ARRAY else 2 * value)
        elif major == TAG:
            _check_tag(message, value, at)
            left.append(1)
        if len(left) > MAX_DEPTH + 1:
            text = f"message is nested more than {MAX_DEPTH} deep"
            raise BadMessageError("too_deep", text)
    raise BadMessageError("too_big", f"message has more than {MAX_ITEMS} items")


def _head(message: bytes, at: int) -> tuple[int, int, int]:
    """Major type, argument, and where the item goes on."""
    if at >= len(message):
        raise BadMessageError("cbor", "message is not CBOR: it is cut")
    major, value = message[at] >> 5, message[at] & 31
    at += 1
    if value < 24:
        return major, value, at
    if value > 27:
        raise BadMessageError("cbor", "message has items of indefinite length")
    end = at + (1 << (value - 24))
    return major, int.from_bytes(message[at:end], "big"), end


def _check_tag(message: bytes, tag: int, at: int) -> None:
    if tag in REFUSED_TAGS:
        raise BadMessageError("cbor", f"message has tag {tag}, which is not read")
    if tag in BIG_INTEGERS:
        major, length, _ = _head(message, at)
        if major == BYTES and length > MAX_INTEGER_BYTES:
            text = f"message has an integer of {length} bytes"
            raise BadMessageError("too_big", text)
