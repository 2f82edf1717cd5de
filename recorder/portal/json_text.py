"""JSON from outside into proposals: one, a list, or one on each line.

What cannot be read is named with its place; the proposals around it are read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from recorder.errors import shown

MAX_FILE_BYTES = 256 << 20
"""Bytes of one file or answer of a portal: 100,000 proposals, and a bound for memory.
Chosen, not tuned."""
MAX_DEPTH = 20
"""Objects within each other; a proposal needs six. Chosen, not tuned."""


class Doubled(dict[str, Any]):
    """An object in which a key stands twice: nobody knows which one is meant."""

    key = ""


@dataclass(frozen=True, slots=True)
class Document:
    """What came as one proposal, or why it cannot be read."""

    where: str
    data: Any = None
    error: str = ""


def documents(data: bytes, name: str) -> list[Document]:
    """The proposals of a text.

    Args:
        data: JSON in UTF-8: an object, a list of objects, or objects on one line each.
        name: Of the file or the like, for messages.
    """
    if len(data) > MAX_FILE_BYTES:
        size = f"{len(data) >> 20} MiB, at most {MAX_FILE_BYTES >> 20} MiB are read"
        return [Document(name, error=f"has {size}: send the proposals in parts")]
    text = data.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
    if not text.strip():
        return [Document(name, error="is empty")]
    whole, error = _loaded(text)
    if error:
        lines = list(_lines(text, name))
        if any(isinstance(line.data, dict) for line in lines):
            return lines
        return [Document(name, error=error)]
    if not isinstance(whole, list):
        return [_checked(whole, name)]
    return [_checked(item, f"{name}[{n}]") for n, item in enumerate(whole)]


def _lines(text: str, name: str) -> Iterator[Document]:
    for n, line in enumerate(text.split("\n"), 1):
        if line.strip():
            data, error = _loaded(line)
            where = f"{name}:{n}"
            yield Document(where, error=error) if error else _checked(data, where)


def _loaded(text: str) -> tuple[Any, str]:
    """What a text says, or what is wrong with it."""
    try:
        return json.loads(text, object_pairs_hook=_object), ""
    except RecursionError:
        return None, f"has objects within each other, more than {MAX_DEPTH}"
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        return None, f"is no JSON: {error.msg} ({place})"
    except ValueError:  # whole numbers of thousands of digits
        return None, "is no JSON that can be read: a number is too large"


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    seen: set[str] = set()
    doubled = Doubled(found)
    doubled.key = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
    return doubled


def _checked(data: Any, where: str) -> Document:
    """A document whose objects have each key once, and are not too deep."""
    if not isinstance(data, dict):
        return Document(where, error=f"is no object but {shown(data)}")
    waiting: list[tuple[Any, int]] = [(data, 1)]
    while waiting:
        part, depth = waiting.pop()
        if depth > MAX_DEPTH:
            error = f"has objects within each other, more than {MAX_DEPTH}"
            return Document(where, error=error)
        if isinstance(part, Doubled):
            error = f"has the key {shown(part.key)} twice in one object"
            return Document(where, error=error)
        inner = part.values() if isinstance(part, dict) else part
        waiting += [(p, depth + 1) for p in inner if isinstance(p, dict | list)]
    return Document(where, data)
