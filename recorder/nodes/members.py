"""Which nodes take part, and which has which job; the time is always an argument.

A job that was given is answered, handed back or taken away again, once: its token is
known to one member only, and forgotten with the first of these. Tokens are never used
twice, by this daemon or the one before it, so that whatever comes late names nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from recorder.nodes.messages import Beat, Greeting
from recorder.pool.jobs import AnyJob
from recorder.pool.worker_cache import WorkerCache

CREDIT = 3
"""Jobs for each ready worker of a node: as for the workers of this host, and the way
over the network is shorter than an image. Chosen, not tuned."""
BEAT_S = 0.5
"""Seconds between two signs of life, both ways. Chosen, not tuned."""
SLOW_S = 2.5
"""Seconds of silence, five beats, after which a node gets no further job until it is
heard again. Chosen, not tuned."""
SILENT_S = 8.0
"""Seconds of silence after which a node is lost: five were too few on a busy host, and
what it held must be elsewhere within 10 (measured 2026-11-27, load 20)."""
HELD_TIMES = 2.0
"""A node whose workers hold a job longer than they may replaces them itself; one that
has a job for so many times that long, with nothing finished, does nothing at all."""
STRIKES = 10
"""Messages without sense after which a node is refused. Chosen, not tuned."""
MAX_NODES = 1000
"""Nodes at once: more than one daemon can feed. Chosen, not tuned."""


@dataclass(frozen=True, slots=True)
class Given:
    """A job that a node has."""

    job: AnyJob
    at: float
    """When it was given (s)."""


@dataclass(eq=False)
class Member:
    """A node that takes part."""

    identity: bytes
    greeting: Greeting
    session: int
    cache: WorkerCache
    heard: float
    """When anything came of it last (s)."""
    moved: float
    """When it answered last, or began to have something to do (s)."""
    alive: int = 0
    finished: int = 0
    strikes: int = 0
    leaving: bool = False
    slow: bool = False
    clock_off_s: float = 0.0
    """Its host's clock against this one's."""
    given: dict[int, Given] = field(default_factory=dict)
    """By token, oldest first."""

    @property
    def room(self) -> int:
        """Jobs that it may be given."""
        if self.leaving or self.slow:
            return 0
        return CREDIT * self.alive - len(self.given)


class Members:
    """The nodes that take part.

    Args:
        first_token: Before the first token: random, and different for each daemon.
        kept_setups: Setups that a node keeps ready.
        held_s: A node that has a job longer, and finishes nothing, is lost.
    """

    def __init__(self, first_token: int, kept_setups: int, held_s: float) -> None:
        self._first = self._token = first_token
        self._kept_setups = kept_setups
        self._held_s = held_s
        self._session = 0
        self._members: dict[bytes, Member] = {}

    def __iter__(self) -> Iterator[Member]:
        return iter(tuple(self._members.values()))

    def __len__(self) -> int:
        return len(self._members)

    @property
    def identities(self) -> tuple[bytes, ...]:
        """Where the members can be reached."""
        return tuple(self._members)

    def of(self, identity: bytes) -> Member | None:
        """The member of a connection."""
        return self._members.get(identity)

    def of_boot(self, boot: str) -> Member | None:
        """The member that one process is, whatever its connection."""
        found = (m for m in self._members.values() if m.greeting.boot == boot)
        return next(found, None)

    def admit(self, identity: bytes, greeting: Greeting, now: float) -> Member:
        """A node takes part; whoever it was before is dismissed already."""
        self._session += 1
        cache = WorkerCache(self._kept_setups)
        member = Member(identity, greeting, self._session, cache, now, now)
        self._members[identity] = member
        return member

    def beat(self, member: Member, beat: Beat, now: float, clock_ns: int) -> None:
        """A sign of life.

        Args:
            member: Whose.
            beat: What it says.
            now: Monotonic time (s).
            clock_ns: This host's clock.
        """
        member.heard = now
        member.alive = min(beat.alive, member.greeting.workers)
        member.clock_off_s = (beat.clock_ns - clock_ns) / 1e9

    def free(self) -> list[Member]:
        """Members with room, those with the most for their size first."""
        found = [m for m in self._members.values() if m.room > 0]
        return sorted(found, key=lambda m: -m.room / m.alive)

    def give(self, member: Member, job: AnyJob, now: float) -> int:
        """A member gets a job: its token."""
        self._token += 1
        if not member.given:
            member.moved = now
        member.given[self._token] = Given(job, now)
        return self._token

    def take_back(self, member: Member, token: int) -> AnyJob | None:
        """A member has a job no longer; None if it has no such job."""
        given = member.given.pop(token, None)
        return None if given is None else given.job

    def dismiss(self, member: Member) -> list[tuple[AnyJob, bool]]:
        """A member takes part no longer: its jobs, oldest first.

        Returns:
            Each with whether it may have been worked on: so many as there are workers.
        """
        self._members.pop(member.identity, None)
        jobs = [given.job for given in member.given.values()]
        member.given.clear()
        return [(job, n < member.greeting.workers) for n, job in enumerate(jobs)]

    def silent(self, now: float) -> list[tuple[Member, str]]:
        """Members that are lost, and why."""
        found = []
        for member in self._members.values():
            if now - member.heard >= SILENT_S:
                found.append((member, f"nothing was heard of it for {SILENT_S:g} s"))
            elif member.given and now - member.moved >= self._held_s:
                text = f"it has had jobs for {self._held_s:g} s and finished none"
                found.append((member, text))
        return found

    def slowed(self, now: float) -> list[Member]:
        """Members that have just become slow; those heard again are slow no longer."""
        found = []
        for member in self._members.values():
            was, member.slow = member.slow, now - member.heard >= SLOW_S
            if member.slow and not was:
                found.append(member)
        return found

    def stood_still(self, seconds: float) -> None:
        """This process did not run meanwhile: what came is yet to be read."""
        for member in self._members.values():
            member.heard += seconds
            member.moved += seconds
