"""What nodes and home say to each other, and what a node does with what it is sent."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.errors import BadMessageError, WireError
from recorder.nodes.home import Home
from recorder.nodes.line import HOME_SILENT_S, Counts, Line, News
from recorder.nodes.members import CREDIT, SILENT_S, SLOW_S, Members
from recorder.nodes.messages import (
    AGAIN,
    BACK,
    BEAT,
    BIGGEST,
    GREET,
    HOME_BEAT,
    MAX_CONTROL,
    MAX_WORKERS,
    REFUSED,
    WELCOME,
    WIRE,
    Beat,
    Greeting,
    Refused,
    Welcome,
    control,
    pack,
    pack_numbers,
    pack_refusal,
    pack_refused,
    read_beat,
    read_greeting,
    read_numbers,
    read_refusal,
    read_refused,
    read_welcome,
)
from recorder.nodes.node_work import NodeWork
from recorder.nodes.roll import KEPT_S, Roll
from recorder.nodes.version import differs, program
from recorder.pool.backlog import KEPT_STATES, Backlog
from recorder.pool.protocols import ClusterOptions, EngineOptions
from recorder.pool.share import Share
from recorder.pool.wire import (
    DONE,
    FAILED,
    FORGET,
    IMAGE,
    LEARNED,
    LESSON,
    SETUP,
    make_head,
    read_answer,
    token_of,
)
from recorder.records import Unprocessed

GREETING = Greeting("a", "b", "1.0+0", WIRE, 2, "3.11.2", "0" * 32)
WELCOMED = Welcome(1, "home", 60.0, 2)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=5,
)
READERS = (read_greeting, read_beat, read_welcome, read_numbers)


# -- messages --------------------------------------------------------------------------


def test_what_is_packed_is_read():
    beat = Beat(3, 4, 2, 10**18)
    assert read_greeting(pack(GREET, GREETING)) == GREETING
    assert read_beat(pack(BEAT, beat)) == beat
    assert read_welcome(pack(WELCOME, WELCOMED)) == WELCOMED
    assert read_refusal(pack_refusal("no\nway")) == "no\\x0away"
    assert read_numbers(pack_numbers(BACK, [1, 2**64 - 1])) == [1, 2**64 - 1]


@pytest.mark.parametrize("reader", READERS)
@given(frames=st.lists(st.binary(max_size=60), max_size=4))
def test_bytes_that_are_no_message_are_refused_in_words(reader, frames):
    try:
        reader(frames)
    except BadMessageError as error:
        assert str(error)


@pytest.mark.parametrize("reader", READERS[:3])
@given(known=st.sampled_from([GREETING, Beat(0, 0, 0, 0), WELCOMED]), data=st.data())
def test_values_of_other_kinds_are_refused_in_words(reader, known, data):
    body = asdict(known)
    for key in data.draw(st.sets(st.sampled_from(sorted(body)))):
        body[key] = data.draw(JSON)
    try:
        found = reader([GREET, json.dumps(body).encode()])
    except BadMessageError as error:
        assert str(error)
    else:
        assert all(isinstance(v, str | int | float) for v in asdict(found).values())


@pytest.mark.parametrize(
    "changes",
    [
        {"name": ""},
        {"name": "a\x1b[31m"},
        {"name": "x" * 254},
        {"workers": -1},
        {"workers": MAX_WORKERS + 1},
        {"workers": True},
        {"wire": BIGGEST + 1},
        {"boot": None},
    ],
)
def test_a_greeting_that_cannot_be(changes):
    body = json.dumps({**asdict(GREETING), **changes}).encode()
    with pytest.raises(BadMessageError, match=next(iter(changes))):
        read_greeting([GREET, body])


def test_a_greeting_of_a_later_version_may_say_more():
    """Else it could not be told that its version is another."""
    body = json.dumps({**asdict(GREETING), "gpu": 3}).encode()
    assert read_greeting([GREET, body]) == GREETING


def test_a_message_as_large_as_a_picture_is_no_greeting():
    with pytest.raises(BadMessageError):
        control([GREET, b"x" * MAX_CONTROL])


def test_the_same_program_only():
    ours = program()
    assert differs(replace(GREETING, version=ours), ours) is None
    for other in (replace(GREETING, version=ours + "0"), replace(GREETING, wire=0)):
        assert "install the same package" in (differs(other, ours) or "")


# -- the node's side of the connection -------------------------------------------------


def line(now: float = 0.0) -> Line:
    return Line(GREETING, lambda: Counts(1, 2, 3), now)


def test_it_greets_until_it_is_welcome_then_beats():
    made = line()
    assert [m[0] for m in made.beat()] == [GREET]
    news = made.heard(pack(WELCOME, WELCOMED), 1.0)
    assert news is not None
    assert news.welcome == WELCOMED
    (message,) = made.beat()
    beat = read_beat([bytes(frame) for frame in message])
    assert (beat.held, beat.finished, beat.alive) == (1, 2, 3)


def test_a_second_welcome_of_the_same_session_is_no_news():
    """Home answers each greeting, and it greeted twice."""
    made = line()
    made.heard(pack(WELCOME, WELCOMED), 1.0)
    news = made.heard(pack(WELCOME, WELCOMED), 2.0)
    assert news is not None
    assert news.welcome is None
    news = made.heard(pack(WELCOME, replace(WELCOMED, session=2)), 3.0)
    assert news is not None
    assert news.welcome is not None


def test_greet_again_ends_the_session():
    made = line()
    made.heard(pack(WELCOME, WELCOMED), 1.0)
    news = made.heard([AGAIN], 2.0)
    assert news is not None
    assert news.again
    assert [m[0] for m in made.beat()] == [GREET]
    # home says so of each message that was on its way, and answers each greeting with
    # all headers that it knows
    assert made.heard([AGAIN], 2.0) == News()
    made.heard(pack(WELCOME, replace(WELCOMED, session=2)), 3.0)
    news = made.heard([AGAIN], 4.0)
    assert news is not None
    assert news.again


def test_jobs_are_not_the_lines_business():
    assert line().heard([make_head(IMAGE, 1), b"pixels"], 1.0) is None


def test_a_refusal_says_why():
    news = line().heard([REFUSED], 1.0)
    assert news is not None
    assert news.refused == "no reason was given"


def test_home_is_silent_after_a_minute_in_which_this_process_ran():
    made = line()
    made.heard([HOME_BEAT], 10.0)
    assert not made.silent(10.0 + HOME_SILENT_S - 0.1)
    made.stood_still(30.0)
    assert not made.silent(10.0 + HOME_SILENT_S)
    assert made.silent(40.0 + HOME_SILENT_S)


# -- its work --------------------------------------------------------------------------


class Desk:
    """Where a node's work sends what it sends."""

    def __init__(self) -> None:
        self.answers: list[bytes] = []
        self.back: list[int] = []
        self.work = NodeWork(self.answers.append, self.back.extend)
        self.work.begin(1)

    def image(self, token: int, setup: int = 1) -> None:
        self.work.came([make_head(IMAGE, token, setup), b"pixels"])

    def setup(self, number: int = 1) -> None:
        self.work.came([make_head(SETUP, 0, number), b"{}", b"", b""])

    def learned(self, number: int, setup: int = 1) -> None:
        self.work.came([make_head(LEARNED, 0, setup, number), b"state"])


@pytest.fixture
def desk() -> Desk:
    made = Desk()
    made.setup()
    return made


async def test_a_job_goes_on_with_another_token_and_its_answer_with_its_own(desk):
    desk.image(77)
    job = desk.work.take()
    frames = job.message(5)
    assert token_of(frames[0]) == 5
    assert frames[1] == b"pixels"
    desk.work.finish(job, lambda: job.answered([b"result", b""]))
    (answer,) = map(read_answer, desk.answers)
    assert answer == (DONE, 77, [b"result", b""])
    assert (desk.work.held, desk.work.finished) == (0, 1)


async def test_what_cannot_be_done_is_answered_too(desk):
    desk.image(77)
    job = desk.work.take()
    job.failed(Unprocessed.CORRUPT, "no pixels")
    assert read_answer(desk.answers[0])[:2] == (FAILED, 77)


async def test_a_session_that_is_over_gets_no_answer(desk):
    """Home has given its jobs to others: an answer could be taken for another's."""
    desk.image(1)
    desk.image(2)
    job = desk.work.take()
    desk.work.begin(None)
    desk.image(3)  # was on its way
    assert desk.work.waiting == 0
    desk.work.begin(2)
    desk.work.finish(job, lambda: job.answered([b"late"]))
    assert desk.answers == []
    desk.setup()
    desk.image(4)
    job = desk.work.take()
    desk.work.put_back(job)
    assert desk.work.waiting == 1
    job = desk.work.take()
    desk.work.begin(3)
    desk.work.put_back(job)
    assert desk.work.held == 0


async def test_a_job_finds_the_states_that_home_had_when_it_sent_it(desk):
    """Not those that came meanwhile: they could push out the one that it needs."""
    desk.learned(1)
    desk.image(1)
    for number in range(2, 2 + KEPT_STATES):
        desk.learned(number)
    desk.image(2)
    assert desk.work.take() is not None
    assert list(desk.work.states(1)) == [1]
    assert desk.work.take() is not None
    assert list(desk.work.states(1)) == list(range(2, 2 + KEPT_STATES))


async def test_a_forgotten_setup_stays_for_the_jobs_that_need_it(desk):
    desk.image(1)
    desk.work.came([make_head(FORGET, 0, 1)])
    job = desk.work.take()
    assert desk.work.setup(1)[1] == b"{}"
    desk.work.finish(job, lambda: job.answered([]))
    with pytest.raises(WireError, match="not known"):
        desk.image(2)


async def test_who_leaves_hands_back_what_is_not_begun_and_what_comes(desk):
    for token in (1, 2, 3):
        desk.image(token)
    job = desk.work.take()
    desk.work.leave()
    assert desk.back == [2, 3]
    desk.image(4)
    assert desk.back == [2, 3, 4]
    desk.work.finish(job, lambda: job.answered([]))
    await desk.work.empty()
    assert len(desk.answers) == 1


@pytest.mark.parametrize(
    "frames", [[b""], [b"short"], [make_head(b"?"), b""], [make_head(LEARNED, 0, 9)]]
)
async def test_what_home_never_says_is_refused(desk, frames):
    with pytest.raises(WireError):
        desk.work.came(frames)


@pytest.mark.parametrize(
    ("frames", "token"),
    [
        ([make_head(IMAGE, 7, 9), b"pixels"], 7),  # of a setup that it does not know
        ([make_head(LESSON, 8)[:9]], 8),
        ([make_head(IMAGE, 7)[:5]], None),
        ([], None),
        ([make_head(LEARNED, 0, 9)], None),
    ],
)
async def test_what_it_cannot_do_is_told_at_once(frames, token):
    """Home would wait for a job until the node leaves."""
    told: list[Refused] = []
    work = NodeWork(lambda a: None, lambda t: None, refuse=told.append)
    work.begin(1)
    with pytest.raises(WireError) as found:
        work.came(frames)
    assert told == [Refused(token, str(found.value))]
    assert work.refused == 1
    assert read_refused(pack_refused(told[0])) == told[0]


# -- who takes part --------------------------------------------------------------------


def members() -> Members:
    return Members(1 << 40, 2, 120.0)


def test_a_node_gets_as_much_as_its_ready_workers_need():
    made = members()
    member = made.admit(b"1", GREETING, 0.0)
    assert made.free() == [], "its workers are still starting"
    made.beat(member, Beat(0, 0, 99, 0), 0.1, 0)
    assert member.room == CREDIT * GREETING.workers, "no more than it said"


def test_a_silent_node_gets_nothing_then_is_lost_then_is_not():
    made = members()
    member = made.admit(b"1", GREETING, 0.0)
    made.beat(member, Beat(0, 0, 2, 0), 0.0, 0)
    assert made.slowed(SLOW_S) == [member]
    assert made.slowed(SLOW_S + 0.1) == [], "said once"
    assert made.free() == []
    made.beat(member, Beat(0, 0, 2, 0), SLOW_S + 1, 0)
    made.slowed(SLOW_S + 1)
    assert made.free() == [member]
    made.stood_still(100.0)
    assert made.silent(SILENT_S + SLOW_S) == []
    (found,) = made.silent(SLOW_S + 101 + SILENT_S)
    assert found[0] is member


def test_lost_nodes_are_told_for_an_hour_and_names_are_told_apart():
    made, roll = members(), Roll()
    first = made.admit(b"1", GREETING, 0.0)
    second = made.admit(b"2", replace(GREETING, boot="1" * 32), 0.0)
    names = [node.name for node in roll.nodes((first, second), 0.0)]
    assert names == ["a", "a (2)"]
    roll.lost(first, "its connection ended", 10.0)
    assert [n.state for n in roll.nodes((), 20.0)] == ["away"]
    assert roll.nodes((), 10.0 + KEPT_S) == ()
    roll.lost(first, "its connection ended", 10.0)
    assert [n.state for n in roll.nodes((second,), 20.0)] == ["ok"], "it is back"


@pytest.mark.allow_error_log("step_failed")
async def test_a_message_that_nobody_foresaw_costs_the_others_nothing(
    tmp_path, monkeypatch, log_events
):
    """Of those that came in the same turn of the event loop."""
    options = ClusterOptions(f"ipc://{tmp_path}/home", None, tmp_path)
    home = Home(Share(Backlog(1 << 20)), EngineOptions(1, 60.0, 2), options)
    desk, heard = home._desk, list[bytes]()

    def received(identity: bytes, frames: object, now: float) -> None:
        if identity == b"2":
            raise KeyError("nobody foresaw this")
        heard.append(identity)

    monkeypatch.setattr(desk, "received", received)
    home._received([[b"1", b"x"], [b"2", b"x"], [b"3", b"x"]])
    assert heard == [b"1", b"3"]
    assert [event["event"] for event in log_events] == ["step_failed"]
