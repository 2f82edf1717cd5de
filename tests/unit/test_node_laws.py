"""Exactly one outcome an image, whatever nodes do, in whatever order."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
)

from recorder.nodes.desk import Desk
from recorder.nodes.members import SILENT_S
from recorder.nodes.messages import (
    AGAIN,
    BACK,
    BEAT,
    BYE,
    GREET,
    REFUSED,
    WELCOME,
    WIRE,
    Beat,
    Greeting,
    Refused,
    pack,
    pack_numbers,
    pack_refused,
    read_welcome,
)
from recorder.nodes.terms import Terms
from recorder.pool.backlog import Backlog
from recorder.pool.jobs import Outcome
from recorder.pool.wire import (
    DONE,
    IMAGE,
    LESSON,
    answers_message,
    failed_answer,
    kind_of,
    pack_answer,
    pack_learned,
    pack_result,
    token_of,
)
from recorder.records import (
    Classification,
    ClassifierSetup,
    ClassifySettings,
    ImageClass,
    Learned,
    Lesson,
    Payload,
    Unprocessed,
)
from tests.laws import examples

PROGRAM = "1.0+0123456789ab"
GOOD = {
    IMAGE: pack_result(Classification(ImageClass.NON_HIT, 0)),
    LESSON: pack_learned(Learned(1)),
}
NODES = st.integers(0, 3)


def greeting(boot: str, **changes: object) -> Greeting:
    known = {
        "name": "a",
        "host": "b",
        "version": PROGRAM,
        "wire": WIRE,
        "workers": 2,
        "python": "3.11.9",
        "boot": boot,
    }
    return Greeting(**{**known, **changes})  # type: ignore[arg-type]


class Peer:
    """What the machine knows of a node: what it was sent, as it was sent it."""

    def __init__(self, number: int, boot: int) -> None:
        self.identity = b"%d" % number
        self.boot = f"{number}-{boot}"
        self.tokens: list[int] = []
        self.kinds: dict[int, bytes] = {}
        self.welcomes: list[int] = []


class Nodes(RuleBasedStateMachine):
    """Images are offered; nodes greet, beat, answer, lie, vanish and come back."""

    def __init__(self) -> None:
        super().__init__()
        self.backlog = Backlog(1 << 30)
        terms = Terms("home", PROGRAM, 1 << 40, 60.0, 2)
        self.desk = Desk(self.backlog, terms)
        self.now = 1000.0
        self.outcomes: Counter[int] = Counter()
        self.classified: set[int] = set()
        self.offered = 0
        self.boots = 0
        self.peers: dict[int, Peer] = {}
        self.old: list[int] = [1, 1 << 40]

    @initialize()
    def begin(self) -> None:
        setup = ClassifierSetup(
            shape=(4, 4),
            dtype="uint16",
            geometry=None,
            cell=None,
            space_group=None,
            mask=None,
            flatfield=None,
            saturation=None,
            settings=ClassifySettings(),
        )
        self.setup = self.backlog.add_setup(setup)
        for number in range(4):
            peer = self.peers[number] = Peer(number, 0)
            self.hear(peer, pack(GREET, greeting(peer.boot)))
            self.hear(peer, pack(BEAT, Beat(0, 0, 1, 0)))
        self.images(6)
        self.give()

    # -- home --------------------------------------------------------------------------

    @rule(count=st.integers(1, 5))
    def images(self, count: int) -> None:
        for _ in range(count):
            number = self.offered

            def done(outcome: Outcome, number: int = number) -> None:
                self.outcomes[number] += 1
                if isinstance(outcome, Classification):
                    self.classified.add(number)

            payload = Payload(b"x", "raw", (4, 4), "<u2")
            assert self.backlog.offer(self.setup, payload, done, 0, True)
            self.offered += 1

    @rule(seconds=st.sampled_from([0.1, 0.6, 3.0, SILENT_S, 130.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.desk.tick(self.now)
        self.deliver()

    @rule()
    def home_stood_still(self) -> None:
        self.now += 30.0
        self.desk.stood_still(30.0)
        self.desk.tick(self.now)
        self.deliver()

    @rule()
    def lesson(self) -> None:
        """Learned once, too, or given up once."""
        number = self.offered

        def done(learned: Learned | None) -> None:
            self.outcomes[number] += 1

        self.backlog.learn(self.setup, Lesson(1, (), 0), done, None)
        self.offered += 1

    def give(self) -> None:
        while self.desk.has_room and self.backlog.waiting_for_nodes:
            self.desk.give(self.now)
        self.deliver()

    def deliver(self) -> None:
        """What home sent arrives."""
        by_identity = {peer.identity: peer for peer in self.peers.values()}
        for identity, *frames in self.desk.out:
            peer = by_identity.get(bytes(identity))
            if peer is None:
                continue
            if frames[0] == WELCOME:
                session = read_welcome([bytes(f) for f in frames]).session
                if session not in peer.welcomes:
                    peer.welcomes.append(session)
                    peer.tokens.clear()
            elif frames[0] in (AGAIN, REFUSED):
                self.forget(peer)
            elif (kind := kind_of(frames[0])) in GOOD:
                peer.tokens.append(token_of(frames[0]))
                peer.kinds[token_of(frames[0])] = kind
        self.desk.out.clear()

    def takes_part(self, peer: Peer) -> bool:
        """Whether home has a member on its connection."""
        return any(member.identity == peer.identity for member in self.desk.members())

    def forget(self, peer: Peer) -> None:
        """What it has is nobody's now; a greeting alone may be what is refused."""
        if not self.takes_part(peer):
            self.old += peer.tokens
            peer.tokens.clear()

    def hear(self, peer: Peer, frames: list[bytes]) -> None:
        self.desk.received(peer.identity, frames, self.now)
        self.give()

    # -- nodes -------------------------------------------------------------------------

    @rule(node=NODES, anew=st.booleans(), workers=st.integers(0, 3))
    def greets(self, node: int, anew: bool, workers: int) -> None:
        """Again, or started again."""
        peer = self.peers[node]
        if anew:
            self.boots += 1
            before, peer = peer, Peer(node, self.boots)
            self.peers[node] = peer
        self.hear(peer, pack(GREET, greeting(peer.boot, workers=workers)))
        if anew and peer.welcomes:
            self.old += before.tokens
        elif anew:  # refused: the one before still takes part
            peer.tokens, peer.kinds = before.tokens, before.kinds
            self.forget(peer)

    @rule(node=NODES)
    def greets_on_another_connection(self, node: int) -> None:
        self.boots += 1
        peer = self.peers[node]
        peer.identity = b"%d/%d" % (node, self.boots)
        self.hear(peer, pack(GREET, greeting(peer.boot)))

    @rule(node=NODES, version=st.sampled_from(["1.0+0", "2.0"]))
    def greets_with_another_version(self, node: int, version: str) -> None:
        peer = self.peers[node]
        self.hear(peer, pack(GREET, greeting(peer.boot + "v", version=version)))

    @rule(node=NODES, alive=st.integers(0, 5), clock=st.sampled_from([0, 2**62]))
    def beats(self, node: int, alive: int, clock: int) -> None:
        self.hear(self.peers[node], pack(BEAT, Beat(0, 0, alive, clock)))

    @rule(node=NODES, data=st.data(), good=st.booleans(), twice=st.booleans())
    def answers(self, node: int, data: st.DataObject, good: bool, twice: bool) -> None:
        peer = self.peers[node]
        if not peer.tokens:
            return
        token = data.draw(st.sampled_from(peer.tokens))
        peer.tokens.remove(token)
        self.old.append(token)
        answer = (
            pack_answer(DONE, token, GOOD[peer.kinds[token]])
            if good
            else failed_answer(token, Unprocessed.CORRUPT, "no pixels")
        )
        self.hear(peer, answers_message([answer] * (2 if twice else 1)))

    @rule(node=NODES, data=st.data())
    def answers_what_it_does_not_have(self, node: int, data: st.DataObject) -> None:
        """Of somebody else, of long ago, or of nobody."""
        everybody = [token for peer in self.peers.values() for token in peer.tokens]
        own = self.peers[node].tokens
        others = [t for t in (*self.old, *everybody) if t not in own]
        token = data.draw(st.sampled_from(others))
        lie = pack_answer(DONE, token, GOOD[IMAGE])
        peer = self.peers[node]
        before, classified = dict(self.outcomes), set(self.classified)
        takes_part = self.takes_part(peer)
        self.hear(peer, answers_message([lie]))
        assert self.classified == classified
        if self.takes_part(peer) == takes_part:
            # else it lied too often: what it had is given up if it was tried twice
            assert dict(self.outcomes) == before

    @rule(node=NODES, data=st.data())
    def answers_nonsense(self, node: int, data: st.DataObject) -> None:
        """Its own job, and nothing that can be read."""
        peer = self.peers[node]
        if not peer.tokens:
            return
        token = peer.tokens.pop()
        self.old.append(token)
        frames = data.draw(st.lists(st.binary(max_size=8), max_size=6))
        self.hear(peer, answers_message([pack_answer(DONE, token, frames)]))

    @rule(node=NODES, count=st.integers(0, 8), lie=st.booleans())
    def hands_back(self, node: int, count: int, lie: bool) -> None:
        peer = self.peers[node]
        tokens, peer.tokens = peer.tokens[:count], peer.tokens[count:]
        self.hear(peer, pack_numbers(BACK, [*tokens, 7] if lie else tokens))

    @rule(node=NODES, whose=st.sampled_from(["mine", "nobody", "another"]))
    def refuses(self, node: int, whose: str) -> None:
        """A job that it cannot read: by its token, or it knows not which."""
        peer = self.peers[node]
        token: int | None = 7
        if whose == "nobody":
            token = None
        elif whose == "mine" and peer.tokens:
            token = peer.tokens.pop()
            self.old.append(token)
        had = len(self.outcomes)
        self.hear(peer, pack_refused(Refused(token, "it is short")))
        if whose == "nobody" and had == len(self.outcomes):
            assert not peer.tokens or not self.takes_part(peer)

    @rule(node=NODES)
    def leaves(self, node: int) -> None:
        self.old += self.peers[node].tokens
        self.peers[node].tokens.clear()
        self.hear(self.peers[node], [BYE])

    @rule(node=NODES)
    def connection_ends(self, node: int) -> None:
        self.desk.ended(self.peers[node].identity)
        self.give()

    @rule(node=NODES, frames=st.lists(st.binary(max_size=40), max_size=4))
    def garbage(self, node: int, frames: list[bytes]) -> None:
        self.hear(self.peers[node], frames)

    @rule(
        node=NODES,
        kind=st.sampled_from([GREET, BEAT, BYE, b"node.back", b"A", b"I"]),
        body=st.binary(max_size=40),
    )
    def nearly_right(self, node: int, kind: bytes, body: bytes) -> None:
        self.hear(self.peers[node], [kind, body])

    # -- what holds --------------------------------------------------------------------

    @invariant()
    def each_image_waits_or_has_one_outcome(self) -> None:
        assert all(count == 1 for count in self.outcomes.values())
        assert len(self.backlog) + len(self.outcomes) == self.offered
        assert self.backlog.late == 0

    def teardown(self) -> None:
        """In the end a good node does the rest."""
        self.time_passes(SILENT_S)
        self.boots += 1
        good = self.peers[0] = Peer(1000 + self.boots, self.boots)
        self.hear(good, pack(GREET, greeting(good.boot)))
        while len(self.backlog):
            self.hear(good, pack(BEAT, Beat(0, 0, 2, 0)))
            assert good.tokens, "images wait, and a node with room gets none"
            answers = [pack_answer(DONE, t, GOOD[good.kinds[t]]) for t in good.tokens]
            good.tokens.clear()
            self.hear(good, answers_message(answers))
        assert set(self.outcomes) == set(range(self.offered))


Nodes.TestCase.settings = settings(
    max_examples=examples(60), stateful_step_count=40, deadline=None
)
TestNodes = pytest.mark.allow_error_log("node_lost", "lesson_failed")(Nodes.TestCase)


@pytest.mark.parametrize("nonsense", ["no answer", "not its job", "cannot be read"])
def test_an_answer_without_sense_costs_the_others_of_its_message_nothing(nonsense):
    """They would be with the node for good: it goes on, so nobody takes them away."""
    nodes = Nodes()
    nodes.begin()
    peer = next(peer for peer in nodes.peers.values() if len(peer.tokens) > 1)
    first, *others = peer.tokens
    bad = {
        "no answer": b"?",
        "not its job": pack_answer(DONE, 7, GOOD[IMAGE]),
        "cannot be read": pack_answer(DONE, first, [b"?"]),
    }
    good = [pack_answer(DONE, token, GOOD[IMAGE]) for token in others]
    nodes.hear(peer, answers_message([bad[nonsense], *good]))
    assert len(nodes.classified) == len(others)
    assert nodes.desk.nonsense == 1
