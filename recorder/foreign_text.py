"""Text from outside, made fit for a line, a key, or the door.

Names come from messages, files and servers, and anybody may have written them. Three
things are done with them, and each has one function: shown to people
(:func:`plain`), used as a key or a file name (:func:`key_name`), or let in at all
(:func:`is_name`, :func:`cleaned`).
"""

from __future__ import annotations

import hashlib
import unicodedata

MAX_KEY_BYTES = 200
"""Bytes of a key made of a name: file systems take 255, and an ending is added. Chosen,
not tuned."""
_HASH_CHARACTERS = 32
"""128 bits of the name's hash stand for what a key has no room for: nobody finds two
names with the same."""
_KEPT = "\n\t"
"""What a comment may have of the control characters."""


def plain(text: object) -> str:
    r"""One line that a terminal shows as it is, whatever the text is.

    Control characters (newlines as well), codes that change the direction of writing,
    lone surrogates and the like become escapes, such as ``\x1b`` or ``\u202e``.
    """
    line = str(text)
    return line if line.isprintable() else "".join(map(_shown, line))


def plain_text(text: str) -> str:
    """As :func:`plain`, for text of several lines that are our own."""
    return "\n".join(map(plain, text.split("\n")))


def _shown(character: str) -> str:
    if character.isprintable():
        return character
    if unicodedata.category(character) == "Zs":
        return " "
    if character.isascii():
        return f"\\x{ord(character):02x}"
    return character.encode("ascii", "backslashreplace").decode()


def is_name(text: str) -> bool:
    """Whether it may be a name: no control character, no line end, all of it text."""
    return not any(map(_controls, text))


def cleaned(text: str) -> str:
    """A comment without what only a terminal or a C program would take for a command.

    Line ends and tabs stay, and NULs that pad the end go; other control characters and
    lone surrogates become escapes.
    """
    if text.isprintable():
        return text
    unified = text.rstrip("\0").replace("\r\n", "\n").replace("\r", "\n")
    return "".join(_shown(c) if _controls(c) and c not in _KEPT else c for c in unified)


def _controls(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")


def key_name(name: str) -> str:
    """A name as a key of a file or a group: different names have different keys.

    Most names are their own key. ``/``, ``%`` and what cannot be printed is written as
    in a URL (``a/b`` is ``a%2Fb``), and so are names of dots alone. The end of a long
    name is replaced by a hash of the whole.

    Args:
        name: Any text, lone surrogates and NUL as well.

    Returns:
        Printable text of 1 to ``MAX_KEY_BYTES`` bytes of UTF-8, without ``/``, never
        ``.`` or ``..``.
    """
    key = "".join(_quoted(c) if _reserved(c) else c for c in name)
    if not name.strip("."):
        key = key.replace(".", "%2E") or "%"
    if len(key.encode()) <= MAX_KEY_BYTES:
        return key
    whole = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    room = MAX_KEY_BYTES - _HASH_CHARACTERS - 2
    cut = key.encode()[:room].decode(errors="ignore")
    return f"{cut}%-{whole[:_HASH_CHARACTERS]}"  # no other key has "%-"


def _reserved(character: str) -> bool:
    return character in "/%" or not character.isprintable()


def _quoted(character: str) -> str:
    return "".join(f"%{n:02X}" for n in character.encode("utf-8", "surrogatepass"))
