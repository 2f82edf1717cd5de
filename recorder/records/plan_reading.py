"""What is common in reading the plans of announcements, used whole or not at all."""

from __future__ import annotations

from typing import Any

from recorder.errors import shown


def no_switch(value: Any) -> Any:
    """True counts as 1 in Python; in a message it is a mistake.

    Raises:
        ValueError: It is true or false.
    """
    if isinstance(value, bool):
        raise ValueError("a number is needed, not true or false")
    return value


def plan_problem(plan: str, item: Any) -> str:
    """One error of pydantic, for people.

    Args:
        plan: Key of the plan in the message.
        item: The error, as ``ValidationError.errors`` lists it.
    """
    where = ".".join([plan, *map(str, item["loc"])])
    if item["type"] == "missing":
        return f"{where}: is missing"
    why = item["msg"].removeprefix("Value error, ")
    return f"{where}: {shown(item['input'])}: {why}"
