"""How often somebody may try to sign in.

No account is ever locked: who signed in from an address before has tries of their own
there, whatever strangers do with the same login elsewhere.
"""

from __future__ import annotations

import ipaddress
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus

from recorder.web.problems import ProblemError

WINDOW_S = 60.0
"""Seconds in which tries are counted."""
PER_LOGIN = 5
"""Tries for one login in WINDOW_S that failed or are not answered yet. Chosen, not
tuned."""
PER_ADDRESS = 20
"""The same from one address. Chosen, not tuned: a hall behind one address has fewer."""
STRANGERS = 300
"""The same of all who never signed in from where they are: what guessing from many
addresses gets, and what is remembered at most. Chosen, not tuned."""
KNOWN = 10_000
"""Pairs of login and address that are remembered. Chosen, not tuned."""
FIRST_DELAY_S = 0.5
"""Seconds from the question to the first refusal, whatever was wrong: longer than any
check takes, so that the time says nothing. Chosen, not tuned."""
MAX_DELAY_S = 8.0
"""Seconds to the last refusal; each takes twice as long as the one before. Chosen, not
tuned."""
_V6_BITS = 64
"""Bits of a network of IPv6 that one household or host has all addresses of."""


_LOGIN = 64
"""Characters of a login by which tries are counted: none that is longer is right."""
_KNOWN = "known"
Key = tuple[str, ...]
"""What tries are counted under."""


@dataclass(frozen=True, slots=True, eq=False)
class Try:
    """One try, counted until it succeeds or its time is over."""

    at: float
    keys: tuple[Key, ...]
    """The first is that of the login."""

    @property
    def is_known(self) -> bool:
        """Whether it is of somebody who signed in from there before."""
        return self.keys[0][0] == _KNOWN


class Tries:
    """Counts tries.

    Args:
        clock: Monotonic time (s).
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._tries: deque[Try] = deque()
        self._counts: Counter[Key] = Counter()
        self._known: OrderedDict[Key, None] = OrderedDict()

    def __len__(self) -> int:
        """How many are remembered."""
        return len(self._tries)

    def know(self, places: Iterable[tuple[str, str]]) -> None:
        """Remember logins and the addresses that they signed in from."""
        for login, address in places:
            key = _known(login, address)
            self._known[key] = None
            self._known.move_to_end(key)
            if len(self._known) > KNOWN:
                self._known.popitem(last=False)

    def begin(self, login: str, address: str) -> Try:
        """Somebody tries.

        Args:
            login: As it was typed; it may be anything.
            address: Of who asks.

        Raises:
            ProblemError: Too often; it says when to try again.
        """
        now = self._clock()
        while self._tries and self._tries[0].at <= now - WINDOW_S:
            self.take_back(self._tries[0])
        limits = self._limits(login, address)
        for key, most in limits.items():
            if self._counts[key] >= most:
                first = next(one for one in self._tries if key in one.keys)
                raise too_many(first.at + WINDOW_S - now)
        one = Try(now, tuple(limits))
        self._tries.append(one)
        self._counts.update(one.keys)
        return one

    def _limits(self, login: str, address: str) -> dict[Key, int]:
        """What a try is counted under, and how many there may be."""
        known = _known(login, address)
        if known in self._known:
            return {known: PER_LOGIN}
        return {
            ("login", _folded(login)): PER_LOGIN,
            ("address", place_of(address)): PER_ADDRESS,
            ("strangers",): STRANGERS,
        }

    def failed(self, one: Try) -> float:
        """It failed: seconds from the question to the answer."""
        before = max(0, self._counts[one.keys[0]] - 1)
        return float(min(MAX_DELAY_S, FIRST_DELAY_S * 2**before))

    def succeeded(self, one: Try, login: str, address: str) -> None:
        """It succeeded: earlier failures of this login here are forgiven."""
        for other in [t for t in self._tries if t.keys[0] == one.keys[0]]:
            self.take_back(other)
        self.know([(login, address)])

    def take_back(self, one: Try) -> None:
        """It counts no more."""
        if one in self._tries:
            self._tries.remove(one)
            self._counts.subtract(one.keys)
            for key in one.keys:
                if self._counts[key] <= 0:
                    del self._counts[key]


def _folded(login: str) -> str:
    return login[: _LOGIN + 1].casefold()


def _known(login: str, address: str) -> Key:
    return (_KNOWN, _folded(login), place_of(address))


def plain_address(address: str) -> str:
    """An address in its one spelling, of IPv4 in that of IPv4; else as it is, cut."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address[:_LOGIN]
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return str(mapped or found)


def place_of(address: str) -> str:
    """An address as tries are counted by: a network of IPv6 is one place."""
    plain = plain_address(address)
    if ":" not in plain:
        return plain
    try:
        return str(ipaddress.ip_network(f"{plain}/{_V6_BITS}", strict=False))
    except ValueError:
        return plain


def too_many(retry_s: float) -> ProblemError:
    """What somebody is told who tried too often, and when to try again (s)."""
    seconds = max(1, int(retry_s) + 1)
    return ProblemError(
        HTTPStatus.TOO_MANY_REQUESTS,
        "too-many",
        f"too many tries to sign in; try again in {seconds} s",
        headers={"retry-after": str(seconds)},
    )
