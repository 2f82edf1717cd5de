"""Texts of messages, as they may come in: names, comments, labels.

A name identifies: with a control character in it, it is refused. A comment only
describes: it is kept, the control characters in it written as escapes.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationInfo

from recorder.errors import shown
from recorder.foreign_text import cleaned, is_name, plain
from recorder.records.limits import MAX_NAME, MAX_TEXT

STORED = {"stored": True}
"""Context of what was accepted once: it stands, as far as it can be shown."""


def one_line(value: Any, info: ValidationInfo) -> Any:
    """A text of one line as it is; one that was accepted once, with escapes.

    Raises:
        ValueError: It has control characters.
    """
    if not isinstance(value, str) or is_name(value):
        return value
    if info.context is not None and info.context.get("stored"):
        return plain(value)
    raise ValueError(
        f"{shown(value)} has a control character, a line end or half a character: "
        "send the name without it"
    )


def _comment(value: Any) -> Any:
    return cleaned(value) if isinstance(value, str) else value


def _label(value: Any) -> Any:
    return plain(value) if isinstance(value, str) else value


Name = Annotated[
    str, Field(min_length=1, max_length=MAX_NAME), BeforeValidator(one_line)
]
"""It identifies something: one line."""
Text = Annotated[str, Field(max_length=MAX_TEXT), BeforeValidator(_comment)]
"""It describes something; it may have several lines."""
Reason = Annotated[str, BeforeValidator(_comment)]
"""As a comment, of any length: it is cut."""
Label = Annotated[str, Field(max_length=MAX_TEXT), BeforeValidator(_label)]
"""It names something within a message: one line, escapes for what is no text."""
