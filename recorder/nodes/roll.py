"""Which nodes are there, for people: those that take part, and those that did."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable
from dataclasses import replace
from typing import Literal

from recorder.nodes.members import Member
from recorder.nodes.messages import Greeting
from recorder.records.live_node import LiveNode

KEPT = 20
"""Nodes that were lost or refused that are still shown: a person looks for those of
now. Chosen, not tuned."""
KEPT_S = 3600.0
"""Seconds for which they are: longer than a host takes to start again, shorter than
what an operator would still look for. Chosen, not tuned."""
CLOCK_OFF_S = 1.0
"""Seconds that a node's clock may be off before it is told: the lines of its log can no
longer be put beside ours. Chosen, not tuned."""


class Roll:
    """Remembers who was lost or refused, until a node of that name is back."""

    def __init__(self) -> None:
        self._gone: OrderedDict[str, tuple[float, LiveNode]] = OrderedDict()

    def lost(self, member: Member, why: str, now: float) -> None:
        """A node takes part no longer; ``now`` is monotonic time (s)."""
        self._keep(_node(member.greeting, "away", why), now)

    def left(self, member: Member) -> None:
        """A node went by itself."""
        self._gone.pop(member.greeting.name, None)

    def refused(self, greeting: Greeting, why: str, now: float) -> None:
        """A node was not let in; ``now`` is monotonic time (s)."""
        self._keep(_node(greeting, "failing", why), now)

    def _keep(self, node: LiveNode, now: float) -> None:
        self._gone.pop(node.name, None)
        self._gone[node.name] = now, node
        if len(self._gone) > KEPT:
            self._gone.popitem(last=False)

    def nodes(self, members: Iterable[Member], now: float) -> tuple[LiveNode, ...]:
        """All that is known, each with a name of its own.

        Args:
            members: Who takes part.
            now: Monotonic time (s).
        """
        there = [_member(member, now) for member in members]
        for node in there:
            self._gone.pop(node.name, None)
        while self._gone and now - next(iter(self._gone.values()))[0] >= KEPT_S:
            self._gone.popitem(last=False)
        gone = [node for _, node in self._gone.values()]
        return _told_apart(sorted((*there, *gone), key=lambda node: node.name))


def _told_apart(nodes: Iterable[LiveNode]) -> tuple[LiveNode, ...]:
    seen: Counter[str] = Counter()
    found = []
    for node in nodes:
        seen[node.name] += 1
        number = seen[node.name]
        found.append(
            node if number == 1 else replace(node, name=f"{node.name} ({number})")
        )
    return tuple(found)


def _node(
    greeting: Greeting, state: Literal["away", "failing"], problem: str
) -> LiveNode:
    return LiveNode(
        name=greeting.name,
        host=greeting.host,
        state=state,
        workers=greeting.workers,
        problem=problem,
    )


def _member(member: Member, now: float) -> LiveNode:
    return LiveNode(
        name=member.greeting.name,
        host=member.greeting.host,
        state="away" if member.slow else "ok",
        workers=member.greeting.workers,
        ready=member.alive,
        held=len(member.given),
        finished=member.finished,
        silent_s=round(max(0.0, now - member.heard), 1),
        problem=_problem(member),
    )


def _problem(member: Member) -> str | None:
    if member.slow:
        return "it is silent, and gets no further image until it is heard again"
    if member.strikes:
        return f"{member.strikes} of its messages made no sense; see node_nonsense"
    if abs(member.clock_off_s) > CLOCK_OFF_S:
        return (
            f"its clock is {member.clock_off_s:+.0f} s off: nothing is decided by it, "
            "but times in its log are; look at chrony or ntpd there"
        )
    return None
