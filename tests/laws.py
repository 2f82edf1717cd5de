"""With how many examples the laws are tried: ``HYPOTHESIS_PROFILE=few|usual|long``.

``usual`` is for ``make test``: the examples are the same each time. ``few`` is for runs
beside it that ask another question, ``make quick`` and ``make test-bare``: does each
law run at all, and where. ``long`` looks for what nobody found yet, with examples that
are new each time: ``make laws``.
"""

from __future__ import annotations

import functools
import inspect
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import hypothesis

FEW = 5
"""Examples of a law at most, where it is only asked whether it runs."""
USUAL = 100
"""Examples of a law that does not say how many it needs: hypothesis' own number."""
LONG = 20
"""Times the usual: 2000 examples of a law that does not say how many it needs."""
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "usual")


def examples(usual: int, profile: str = PROFILE) -> int:
    """How many examples a law gets that needs this many in ``make test``."""
    return {"few": min(FEW, usual), "long": LONG * usual}.get(profile, usual)


@contextmanager
def first_measured(law: Any) -> Iterator[None]:
    """Trace the lines of a law's first examples only.

    Args:
        law: A test that hypothesis gives examples; one of asyncio stays as it is.
    """
    inner: Callable[..., Any] = law.hypothesis.inner_test
    if inspect.iscoroutinefunction(inner):
        yield
        return
    calls = 0

    @functools.wraps(inner)
    def counted(*args: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > FEW:
            sys.settrace(None)
        return inner(*args, **named)

    law.hypothesis.inner_test = counted
    try:
        yield
    finally:
        law.hypothesis.inner_test = inner


def register() -> None:
    """Tell hypothesis the profiles, and which one is meant."""
    for name in ("few", "usual", "long"):
        again = name != "long"
        hypothesis.settings.register_profile(
            name,
            derandomize=again,
            deadline=None,
            database=None,
            print_blob=True,
            max_examples=examples(USUAL, name),
        )
    hypothesis.settings.load_profile(PROFILE)
