"""Browsers that went to a provider to sign in, until they come back."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from recorder.web.sign_in.secret_texts import new_secret
from recorder.web.sign_in.tries import place_of

AWAY_S = 600.0
"""Seconds in which a browser must be back. Chosen, not tuned."""
MOST = 2000
"""Browsers that are away at once; with one more the first one is forgotten. Chosen, not
tuned."""

PER_ADDRESS = 100
"""The same from one address: others are not forgotten for them. Chosen, not tuned."""


@dataclass(frozen=True, slots=True)
class Away:
    """One browser that is away."""

    authenticator: str
    state: Mapping[str, str]
    """As the authenticator gave it."""
    back: str
    """Our address that it comes back to."""
    place: str
    """Address that it comes from."""
    until: float


class Departures:
    """Remembers them, each for one return.

    Args:
        clock: Monotonic time (s).
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._away: OrderedDict[str, Away] = OrderedDict()

    def __len__(self) -> int:
        """How many are away."""
        return len(self._away)

    def gone(
        self, authenticator: str, state: Mapping[str, str], back: str, peer: str
    ) -> str:
        """Remember one; what it is known by goes into a cookie of this browser."""
        ticket, place = new_secret(), place_of(peer)
        theirs = [t for t, away in self._away.items() if away.place == place]
        if len(theirs) >= PER_ADDRESS:
            del self._away[theirs[0]]
        until = self._clock() + AWAY_S
        self._away[ticket] = Away(authenticator, dict(state), back, place, until)
        if len(self._away) > MOST:
            self._away.popitem(last=False)
        return ticket

    def returned(self, ticket: str, authenticator: str) -> Away | None:
        """What was remembered, once; None if it is not (any more) known."""
        away = self._away.pop(ticket, None)
        if away is None or away.authenticator != authenticator:
            return None
        return away if self._clock() < away.until else None
