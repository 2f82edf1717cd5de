"""Of several objects of a list those that each mean a row of their own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from recorder.portal.proposals import AmbiguousError
from recorder.portal.rows import Row

_T = TypeVar("_T")


@dataclass(slots=True)
class Choice(Generic[_T]):
    """An object with its row."""

    item: _T
    row: Row | None = None
    """None: a new one, or none can be told."""
    problem: str = ""
    """Why none can be told."""


def choose(
    items: Iterable[_T],
    keys: Callable[[_T], Iterable[Hashable]],
    match: Callable[[_T], Row | None],
    row_key: str,
) -> list[Choice[_T]]:
    """Each object with its row; none of two that mean the same one.

    Args:
        items: Of one list, in any order; equal ones count once.
        keys: What an object is known by.
        match: Its row; raises :class:`AmbiguousError`.
        row_key: The column that tells rows apart.
    """
    listed = list(items)
    if len(listed) > 1:
        listed = list({repr(item): item for item in listed}.values())
    uses = Counter(key for item in listed for key in set(keys(item)))
    choices = []
    for item in listed:
        choice = Choice(item)
        if any(uses[key] > 1 for key in keys(item)):
            choice.problem = "is there twice, with different content"
        else:
            try:
                choice.row = match(item)
            except AmbiguousError as error:
                choice.problem = str(error)
        choices.append(choice)
    _each_its_own(choices, row_key)
    return choices


def _each_its_own(choices: Sequence[Choice[_T]], row_key: str) -> None:
    claims = Counter(c.row[row_key] for c in choices if c.row is not None)
    for choice in choices:
        if choice.row is not None and claims[choice.row[row_key]] > 1:
            choice.problem = f"row {choice.row[row_key]} is meant by another one, too"
            choice.row = None
