"""Text files that people edit: editors mark them, and save them in other encodings."""

from __future__ import annotations

_MARKS = (
    (b"\xff\xfe\0\0", "UTF-32"),
    (b"\0\0\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)
"""Byte order marks; the longer ones first, since one begins another."""


class TextError(ValueError):
    """Bytes that are no UTF-8 text; the message says what they are, for people."""


def text_of(raw: bytes) -> str:
    """The text of a file; a byte order mark before UTF-8 is left out.

    Args:
        raw: All bytes of the file.

    Raises:
        TextError: They are not UTF-8.
    """
    for mark, name in _MARKS:
        if raw.startswith(mark):
            raise TextError(f"the file is {name} text: save it as UTF-8")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise TextError(
            f"line {line} is not UTF-8 (byte 0x{raw[error.start]:02x}): save the file "
            "as UTF-8"
        ) from error
    if "\0" in text:
        raise TextError("the file has NUL bytes, as UTF-16 has: save it as UTF-8")
    return text
