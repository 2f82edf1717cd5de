"""Lists of ``name=value`` from the command line, read into the types of a dataclass."""

from __future__ import annotations

import types
import typing
from dataclasses import fields
from typing import Any

from recorder.errors import UsageError

_WORDS = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}


def read_spec(
    spec: str, kind: type[Any], noun: str, hidden: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """Read a comma-separated list of fields of a dataclass.

    Args:
        spec: Such as ``lost=0.01,no_end`` or ``psf=0.8:1.2,salt_share=0.1``.
            Numbers of a tuple are separated by colons; a switch without a value is
            on; the last of several values of one name counts.
        kind: The dataclass. Fields of type bool, int, float, str, tuples of floats
            and any of these or None can be read.
        noun: What a name of the list is, for the messages.
        hidden: Fields that the list must not set.

    Returns:
        Values by name, of those that are given.

    Raises:
        UsageError: An unknown name, or a value that is none of the field's type.
    """
    hints = typing.get_type_hints(kind)
    known = sorted({item.name for item in fields(kind)} - hidden)
    values: dict[str, Any] = {}
    for item in filter(None, (part.strip() for part in spec.split(","))):
        name, given, text = (part.strip() for part in item.partition("="))
        if name not in known:
            raise UsageError(f"no such {noun}: {name}; known: {', '.join(known)}")
        if given and not text:
            raise UsageError(f"{item}: the value is missing")
        values[name] = _value(item, text, hints[name])
    return values


def demanded(right: bool, text: str) -> None:
    """Refuse a value of a spec.

    Raises:
        UsageError: It is not right; ``text`` says what would be.
    """
    if not right:
        raise UsageError(text)


def _value(item: str, text: str, hint: Any) -> Any:
    """``text`` as the type of a field."""
    if isinstance(hint, types.UnionType):
        hint = next(kind for kind in hint.__args__ if kind is not types.NoneType)
    if hint is bool:
        return _switch(item, text)
    if not text:
        raise UsageError(f"{item}: the value is missing")
    if hint is str:
        return text
    if hint is int:
        return _number(item, text, int)
    if hint is float:
        return _number(item, text, float)
    size = len(typing.get_args(hint))
    parts = text.split(":")
    if len(parts) != size:
        raise UsageError(f"{item}: {size} numbers with colons between them")
    return tuple(_number(item, part, float) for part in parts)


def _switch(item: str, text: str) -> bool:
    try:
        return _WORDS[text.lower() or "yes"]
    except KeyError as error:
        raise UsageError(f"{item}: a switch is yes or no") from error


def _number(item: str, text: str, kind: type[int] | type[float]) -> float:
    try:
        value = kind(text)
    except ValueError as error:
        what = "a whole number" if kind is int else "a number"
        raise UsageError(f"{item}: not {what}") from error
    if value != value or value in (float("inf"), float("-inf")):
        raise UsageError(f"{item}: not a number")
    return value
