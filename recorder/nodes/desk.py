"""What home does about each message of a node, and when nothing comes; opens nothing.

Whatever happens, a job that was taken from the work is finished or put back, once.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from recorder.errors import BadMessageError, WireError
from recorder.nodes.door import Door
from recorder.nodes.handing import Handing
from recorder.nodes.members import HELD_TIMES, Member, Members
from recorder.nodes.messages import (
    AGAIN,
    BACK,
    BEAT,
    BYE,
    CANNOT,
    GREET,
    HOME_BEAT,
    MAX_KIND,
    WELCOME,
    Greeting,
    Refused,
    Welcome,
    control,
    pack,
    pack_refusal,
    read_beat,
    read_greeting,
    read_numbers,
    read_refused,
)
from recorder.nodes.pulling.home_side import HomePulling
from recorder.nodes.roll import Roll
from recorder.nodes.terms import Terms
from recorder.pool.protocols import NO_PULLS, Pulls, Work
from recorder.pool.wire import ANSWERS, Frame, Message, kind_of
from recorder.runtime.log import get_logger
from recorder.runtime.throttle import Throttle

log = get_logger("nodes")


class Desk:
    """Decides; whoever has the connection sends what is in ``out``.

    Args:
        work: Where jobs are taken from.
        terms: What home wants of its nodes.
    """

    def __init__(self, work: Work, terms: Terms, pulls: Pulls = NO_PULLS) -> None:
        self._terms = terms
        self._work = work
        self.pulling = HomePulling(pulls, self._send)
        held_s = HELD_TIMES * terms.timeout_s
        self._members = Members(terms.first_token, terms.kept_setups, held_s)
        self._handing = Handing(work, self._members)
        self._door = Door(terms.program)
        self._throttle = Throttle()
        self.roll = Roll()
        self._now = 0.0
        """Monotonic time (s) of the last message or look."""
        self.out: list[Message] = []
        """What is to be sent, identity first."""
        self.identities: tuple[bytes, ...] = ()
        """Where members can be reached; read by the thread that beats."""
        self.lost = 0
        """Nodes that were lost since the start."""
        self.nonsense = 0
        """Messages that made no sense since the start."""
        self.refused = 0
        """Messages of ours that made no sense to a node, since the start."""

    # -- what comes --------------------------------------------------------------------

    def received(self, identity: bytes, frames: Sequence[Frame], now: float) -> None:
        """A message of a connection.

        Args:
            identity: Of the connection.
            frames: Without it.
            now: Monotonic time (s).
        """
        self._now = now
        try:
            self._received(identity, frames, now)
        except (BadMessageError, WireError) as error:
            self._strike(identity, str(error))

    def _received(self, identity: bytes, frames: Sequence[Frame], now: float) -> None:
        kind = bytes(frames[0][:MAX_KIND]) if frames else b""
        member = self._members.of(identity)
        if (text := self._door.shut_out(identity)) is not None:
            if kind == GREET:  # it asks; whoever only goes on is not talked to
                self._send(identity, pack_refusal(text))
        elif kind == GREET:
            self._greeted(identity, read_greeting(control(frames)), now)
        elif member is None:
            # slow, not dead: without this it would stay outside for good
            self._send(identity, [AGAIN])
        else:
            member.heard = now
            self._of_member(member, kind, frames, now)

    def _of_member(
        self, member: Member, kind: bytes, frames: Sequence[Frame], now: float
    ) -> None:
        if kind == BEAT:
            beat = read_beat(control(frames))
            self._members.beat(member, beat, now, time.time_ns())
        elif kind == BACK:
            member.leaving = True
            self._handing.back(member, read_numbers(control(frames)))
        elif kind == CANNOT:
            self._refused(member, read_refused(control(frames)))
        elif kind == BYE:
            self._left(member)
        elif self.pulling.came(member, kind, frames, now):
            return
        elif kind_of(frames[0] if frames else b"") == ANSWERS:
            self._handing.answers(member, frames[1:], now)
        else:
            raise WireError(f"a message of kind {kind!r:.40} is none of a node")

    def _refused(self, member: Member, refused: Refused) -> None:
        """A node could do nothing with a message, and says so at once.

        Where nobody knows which job it was, none is waited for: a new session begins.
        """
        self.refused += 1
        if self._throttle.passes("node_cannot"):
            log.warning("node_cannot", node=member.greeting.name, error=refused.error)
        if refused.token is not None:
            self._handing.refused(member, refused.token)
            return
        self._lost(member, f"it could not read a message: {refused.error}")
        self._send(member.identity, [AGAIN])

    def _greeted(self, identity: bytes, greeting: Greeting, now: float) -> None:
        known = self._members.of_boot(greeting.boot)
        if known is not None and known.identity == identity:
            self._welcome(known)  # it greeted again before it heard of its welcome
            return
        text = self._door.refusal(identity, greeting, len(self._members))
        if text is not None:
            self._refuse(identity, greeting, text)
            return
        for earlier in (known, self._members.of(identity)):
            if earlier is not None:
                self._lost(earlier, "it connected anew")
        member = self._members.admit(identity, greeting, now)
        self._welcome(member)
        self.identities = self._members.identities
        log.info(
            "node_ready",
            node=greeting.name,
            host=greeting.host,
            workers=greeting.workers,
            nodes=len(self._members),
        )

    def _welcome(self, member: Member) -> None:
        terms = self._terms
        body = Welcome(member.session, terms.home, terms.timeout_s, terms.kept_setups)
        self._send(member.identity, pack(WELCOME, body))
        self.pulling.welcomed(member)

    def _refuse(self, identity: bytes, greeting: Greeting, text: str) -> None:
        self._send(identity, pack_refusal(text))
        self.roll.refused(greeting, text, self._now)
        if self._throttle.passes("node_refused"):
            log.warning(
                "node_refused",
                node=greeting.name,
                host=greeting.host,
                error=text,
            )

    def _strike(self, identity: bytes, error: str) -> None:
        self.nonsense += 1
        member = self._members.of(identity)
        name = "" if member is None else member.greeting.name
        if member is not None:
            member.strikes += 1
        if self._throttle.passes("node_nonsense"):
            log.warning(
                "node_nonsense",
                node=name,
                error=error,
                hint="the message is left out; a node that goes on is refused",
            )
        strikes = None if member is None else member.strikes
        if self._door.strike(identity, error, strikes) and member is not None:
            text = self._door.shut_out(identity) or error
            self._door.shut(member.greeting.boot, text)
            self._lost(member, text)
            self._refuse(identity, member.greeting, text)

    # -- what does not come ------------------------------------------------------------

    def ended(self, identity: bytes) -> None:
        """The connection of a peer has ended."""
        if (member := self._members.of(identity)) is not None:
            self._lost(member, "its connection ended")

    def tick(self, now: float) -> None:
        """Look who is silent; several times a second."""
        self._now = now
        self._throttle.look()
        self.pulling.look(now)
        self.pulling.tell_taken()
        for member in self._members.slowed(now):
            log.warning(
                "node_slow",
                node=member.greeting.name,
                silent_s=round(now - member.heard, 1),
                hint="it gets no further image until it is heard again",
            )
        for member, why in self._members.silent(now):
            self._lost(member, why)

    def stood_still(self, seconds: float) -> None:
        """This process did not run meanwhile; what came is yet to be read."""
        self._members.stood_still(seconds)

    def _lost(self, member: Member, why: str) -> None:
        """A node is gone: its jobs are tried once more elsewhere, or given up."""
        self.lost += 1
        jobs = self._dismiss(member, why)
        self.roll.lost(member, why, self._now)
        log.error(
            "node_lost",
            node=member.greeting.name,
            host=member.greeting.host,
            error=why,
            images=jobs,
            hint="its images are tried once more elsewhere; the node greets again by "
            "itself if it is alive, else whoever started it starts it again",
        )

    def _left(self, member: Member) -> None:
        self._dismiss(member)
        self.roll.left(member)
        log.info("node_left", node=member.greeting.name, nodes=len(self._members))

    def _dismiss(self, member: Member, why: str | None = None) -> int:
        """How many jobs it had; ``why`` it was lost, if it did not go by itself."""
        jobs = self._handing.dismiss(member, counted=why is not None)
        self.identities = self._members.identities
        self.pulling.gone(member, why)
        self._work.node_gone(member.session)
        return jobs

    def unknown_keys(self, count: int) -> None:
        """Connections were refused whose key is not known."""
        if self._throttle.passes("node_refused"):
            log.warning(
                "node_refused",
                node="",
                host="",
                error=f"{count} connections with a key that is not known here; make "
                "the node's with `recorder cluster keys NAME` and take it there",
            )

    # -- what is sent ------------------------------------------------------------------

    @property
    def has_room(self) -> bool:
        """Whether a node can take a job."""
        return bool(self._members.free())

    def give(self, now: float) -> bool:
        """Give one job that waits to the node with the most room that can do it.

        Returns:
            False if there was none: what waits is for nodes without room.
        """
        for member in self._members.free():
            if messages := self._handing.give(member, now):
                for message in messages:
                    self._send(member.identity, message)
                return True
        return False

    def beats(self) -> list[Message]:
        """Signs of life for all members; called by the thread of the connection."""
        return [[identity, HOME_BEAT] for identity in self.identities]

    def members(self) -> tuple[Member, ...]:
        """Who takes part."""
        return tuple(self._members)

    def _send(self, identity: bytes, message: Sequence[Frame]) -> None:
        self.out.append([identity, *message])
