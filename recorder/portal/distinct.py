"""A proposal that comes twice in one call: once if it is the same, else not at all."""

from __future__ import annotations

from collections.abc import Sequence

from recorder.portal.report import Outcome, State
from recorder.portal.wanted import Body, folded


def refuse_doubles(
    bodies: Sequence[tuple[Body, Outcome]],
) -> list[tuple[Body, Outcome]]:
    """Those that are the only ones of their proposal, in their order.

    Two are of one proposal if they share its name or its number in the portal. Which
    of two that differ is right, nobody knows: both are refused.
    """
    by_key: dict[tuple[str, str | int], set[str]] = {}
    for body, _ in bodies:
        for key in _keys(body):
            by_key.setdefault(key, set()).add(body.content)
    kept, seen = [], set()
    for body, outcome in bodies:
        if any(len(by_key[key]) > 1 for key in _keys(body)):
            outcome.reason = "comes twice in one call, with different content"
        elif body.content in seen:
            outcome.state = State.UNCHANGED
            outcome.reason = "comes twice in one call, with the same content"
        else:
            seen.add(body.content)
            kept.append((body, outcome))
    return kept


def _keys(body: Body) -> list[tuple[str, str | int]]:
    keys: list[tuple[str, str | int]] = [("name", folded(body.name))]
    if body.external is not None:
        keys.append(("external", body.external))
    return keys
