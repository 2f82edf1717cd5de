"""Whether an object has the members of a Protocol: names, arguments, async or not."""

from __future__ import annotations

import inspect
from typing import Any


def misfit(value: object, protocol: type[Any]) -> str:
    """What an object lacks of a protocol, for people; empty if it lacks nothing.

    Args:
        value: The object.
        protocol: A class whose public functions and properties it must have.
    """
    for name, wanted in vars(protocol).items():
        if name.startswith("_"):
            continue
        if not hasattr(value, name):
            return f"it has no {name}"
        if inspect.isfunction(wanted):
            if problem := _call_misfit(name, wanted, getattr(value, name)):
                return problem
    return ""


def _call_misfit(name: str, wanted: Any, found: Any) -> str:
    if not callable(found):
        return f"its {name} cannot be called"
    arguments = list(inspect.signature(wanted).parameters)[1:]
    try:
        inspect.signature(found).bind(*arguments)
    except (TypeError, ValueError):
        return f"its {name} must take ({', '.join(arguments)})"
    if inspect.iscoroutinefunction(wanted) and not inspect.iscoroutinefunction(found):
        return f"its {name} must be async"
    if inspect.iscoroutinefunction(found) and not inspect.iscoroutinefunction(wanted):
        return f"its {name} must not be async"
    return ""
