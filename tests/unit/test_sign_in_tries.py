"""How often somebody may try: bounded, and nobody is ever locked out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.web.problems import ProblemError
from recorder.web.sign_in.departures import AWAY_S, MOST, PER_ADDRESS, Departures
from recorder.web.sign_in.tries import (
    FIRST_DELAY_S,
    MAX_DELAY_S,
    PER_LOGIN,
    STRANGERS,
    WINDOW_S,
    Tries,
    place_of,
)
from recorder.web.sign_in.tries import PER_ADDRESS as TRIES_PER_ADDRESS


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tries(clock: Clock) -> Tries:
    return Tries(clock)


def refused(tries: Tries, login: str, address: str) -> int:
    """Seconds to wait; the try must be refused."""
    with pytest.raises(ProblemError) as caught:
        tries.begin(login, address)
    assert caught.value.status == 429
    return int(caught.value.headers["retry-after"])


def test_five_of_a_login_then_wait(tries, clock):
    for n in range(PER_LOGIN):
        tries.begin("anna", f"192.0.2.{n}")  # from wherever
        clock.now += 1
    wait = refused(tries, "ANNA", "192.0.2.99")  # case is none of a login
    clock.now += wait
    tries.begin("anna", "192.0.2.99")


def test_twenty_of_an_address(tries):
    for n in range(TRIES_PER_ADDRESS):
        tries.begin(f"login{n}", "192.0.2.1")
    refused(tries, "another", "192.0.2.1")
    tries.begin("another", "192.0.2.2")


def test_addresses_of_one_network_of_ipv6_are_one(tries):
    for n in range(TRIES_PER_ADDRESS):
        tries.begin(f"login{n}", f"2001:db8::{n:x}")
    refused(tries, "another", "2001:db8::ffff")
    tries.begin("another", "2001:db8:1::1")
    assert place_of("::ffff:192.0.2.1") == place_of("192.0.2.1") == "192.0.2.1"


def test_delays_grow_to_a_limit_and_end_with_success(tries, clock):
    delays = [tries.failed(tries.begin("anna", "192.0.2.1")) for _ in range(5)]
    assert delays == [FIRST_DELAY_S, 1.0, 2.0, 4.0, MAX_DELAY_S]
    clock.now += WINDOW_S
    tries.failed(tries.begin("anna", "192.0.2.1"))
    tries.succeeded(tries.begin("anna", "192.0.2.1"), "anna", "192.0.2.1")
    assert tries.failed(tries.begin("anna", "192.0.2.1")) == FIRST_DELAY_S


def test_strangers_lock_nobody_out_who_was_here(tries, clock):
    """An operator at night, while somebody guesses at all logins from everywhere."""
    tries.succeeded(tries.begin("operator", "192.0.2.7"), "operator", "192.0.2.7")
    for n in range(10_000):
        try:
            tries.begin("operator" if n % 2 else f"x{n}", f"203.0.113.{n % 256}")
        except ProblemError as problem:
            assert problem.status == 429
        clock.now += 0.001
    tries.begin("Operator", "192.0.2.7")
    refused(tries, "operator", "192.0.2.8")


def test_ten_thousand_a_minute_cost_no_memory(tries, clock):
    for n in range(10_000):
        clock.now += 60 / 10_000
        try:
            tries.begin("x" * 1000 + str(n), f"10.{n >> 8}.{n & 255}.1")
        except ProblemError:
            pass
    assert len(tries) <= STRANGERS
    assert len(tries._counts) <= 2 * STRANGERS + 1
    clock.now += WINDOW_S
    tries.begin("anna", "192.0.2.1")
    assert len(tries) == 1
    assert len(tries._counts) == 3


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["begin", "wrong", "right", "back", "wait"]),
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from(["192.0.2.1", "192.0.2.2", "::1", "what"]),
    ),
    max_size=80,
)


@given(STEPS)
def test_what_is_counted_is_what_is_remembered(steps):
    """Counts are those of the tries that are left, and never below nothing."""
    clock = Clock()
    tries = Tries(clock)
    for what, login, address in steps:
        if what == "wait":
            clock.now += 20
            continue
        try:
            one = tries.begin(login, address)
        except ProblemError:
            continue
        if what == "wrong":
            assert FIRST_DELAY_S <= tries.failed(one) <= MAX_DELAY_S
        elif what == "right":
            tries.succeeded(one, login, address)
        elif what == "back":
            tries.take_back(one)
            tries.take_back(one)
    counted: dict[tuple[str, ...], int] = {}
    for one in tries._tries:
        for key in one.keys:
            counted[key] = counted.get(key, 0) + 1
    assert dict(tries._counts) == counted


# -- browsers at a provider ------------------------------------------------------------


def test_a_browser_comes_back_once_in_time_and_to_its_provider():
    clock = Clock()
    departures = Departures(clock)
    state = {"nonce": "n"}
    ticket = departures.gone("keycloak", state, "http://x/back", "192.0.2.1")
    assert departures.returned(ticket, "keycloak").state == state
    assert departures.returned(ticket, "keycloak") is None  # replayed
    ticket = departures.gone("keycloak", state, "http://x/back", "192.0.2.1")
    assert departures.returned(ticket, "other") is None
    assert departures.returned(ticket, "keycloak") is None
    ticket = departures.gone("keycloak", state, "http://x/back", "192.0.2.1")
    clock.now += AWAY_S
    assert departures.returned(ticket, "keycloak") is None
    assert departures.returned("", "keycloak") is None


def test_browsers_that_never_come_back_are_forgotten():
    departures = Departures()
    mine = departures.gone("k", {}, "b", "192.0.2.1")
    for _ in range(10 * PER_ADDRESS):
        departures.gone("k", {}, "b", "203.0.113.1")
    assert len(departures) == PER_ADDRESS + 1
    assert departures.returned(mine, "k")
    for n in range(MOST + 10):
        departures.gone("k", {}, "b", f"10.0.{n >> 8}.{n & 255}")
    assert len(departures) == MOST
