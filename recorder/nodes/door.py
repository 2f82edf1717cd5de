"""Who may take part: same program, room for one more, and no nonsense before."""

from __future__ import annotations

from collections import OrderedDict

from recorder.nodes.members import MAX_NODES, STRIKES
from recorder.nodes.messages import Greeting
from recorder.nodes.version import differs

KEPT = 1000
"""Strangers and refused nodes that are remembered: as many as there may be nodes. Who
is forgotten is asked again, and refused again. Chosen, not tuned."""


class Door:
    """Refuses, and remembers whom.

    Args:
        program: What :func:`recorder.nodes.version.program` says here.
    """

    def __init__(self, program: str) -> None:
        self._program = program
        self._strikes: OrderedDict[bytes, int] = OrderedDict()
        self._shut: OrderedDict[bytes | str, str] = OrderedDict()

    def refusal(self, identity: bytes, greeting: Greeting, members: int) -> str | None:
        """Why a node is not let in, and what to do; None if it is.

        Args:
            identity: Of its connection.
            greeting: What it says of itself.
            members: How many take part.
        """
        shut = self._shut.get(greeting.boot) or self._shut.get(identity)
        if shut is not None:
            return shut
        if (text := differs(greeting, self._program)) is not None:
            return text
        if not greeting.workers:
            return "it has no workers; start it with --workers 1 or more"
        if members >= MAX_NODES:
            return f"{MAX_NODES} nodes take part, and no more are let in"
        return None

    def shut_out(self, identity: bytes) -> str | None:
        """Why nothing more is taken from a connection; None if it may go on."""
        return self._shut.get(identity)

    def strike(self, identity: bytes, error: str, strikes: int | None = None) -> bool:
        """A message made no sense; True if it was one too many.

        Args:
            identity: Of its connection.
            error: What was wrong with it.
            strikes: How many there were of a member; None: it is none, count here.
        """
        if strikes is None:
            strikes = self._strikes.pop(identity, 0) + 1
            self._strikes[identity] = strikes
            if len(self._strikes) > KEPT:
                self._strikes.popitem(last=False)
        if strikes < STRIKES:
            return False
        self.shut(
            identity,
            f"{strikes} of its messages made no sense, the last one: {error}; see "
            "what sends them, install the package anew there, and start it again",
        )
        return True

    def shut(self, who: bytes | str, text: str) -> None:
        """Let nobody in by this connection, or this process of a node."""
        self._shut[who] = text
        if len(self._shut) > KEPT:
            self._shut.popitem(last=False)
