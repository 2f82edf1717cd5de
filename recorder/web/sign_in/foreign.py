"""Tokens of providers, which only authenticators can read; wrong ones are counted."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass

from recorder.authenticators.protocols import Authenticator
from recorder.records.access import Identity
from recorder.web.sign_in.asking import Asking, away
from recorder.web.sign_in.secret_texts import hashed
from recorder.web.sign_in.tries import WINDOW_S, place_of, too_many
from recorder.web.sign_in.turns import KNOWN

FRESH_S = 10.0
"""Seconds for which a token is not looked at again, whether right or wrong. Chosen, not
tuned."""
MAX_KEPT = 1000
"""Tokens that are remembered so. Chosen, not tuned."""
MAX_TOKEN = 16 << 10
"""Characters of a token: those with many roles have thousands."""
MAX_WRONG = 30
"""Wrong tokens of one address in WINDOW_S that authenticators are asked about: a
program whose token is over asks for it 6 times, once in FRESH_S. Chosen, not tuned."""
MAX_WRONG_ALL = 1000
"""The same of all addresses together: what is remembered at most. Chosen, not tuned."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """A token that was looked at."""

    at: float
    identity: Identity | None
    """None: it was wrong."""


class ForeignTokens:
    """Knows whose they are.

    Args:
        asking: Asks authenticators.
        clock: Seconds.
    """

    def __init__(self, asking: Asking, clock: Callable[[], float]) -> None:
        self._asking = asking
        self._clock = clock
        self._seen: OrderedDict[bytes, _Seen] = OrderedDict()
        self._wrong: deque[tuple[float, str]] = deque()
        self._counts: Counter[str] = Counter()

    async def who(self, token: str, peer: str) -> Identity | None:
        """Whose it is; None: nobody's.

        Args:
            token: As it was sent.
            peer: Address of who sent it.

        Raises:
            ProblemError: 429 after too many wrong ones from there; 503 if nobody can
                say.
        """
        if not 0 < len(token) <= MAX_TOKEN:
            return None
        key, place = hashed(token), place_of(peer)
        seen = self._seen.get(key)
        if seen is not None and 0 <= self._clock() - seen.at < FRESH_S:
            return seen.identity
        was_right = seen is not None and seen.identity is not None
        if not was_right:
            self._check(place)

        async def ask(one: Authenticator) -> Identity | None:
            return await one.bearer(token)

        turn = KNOWN if was_right else place
        everybody = self._asking.authenticators
        answer = await self._asking.who(everybody, ask, turn)
        if answer.identity is None and answer.away:
            raise away(answer.away)
        if answer.identity is None:
            self._wrong.append((self._clock(), place))
            self._counts[place] += 1
        self._keep(key, _Seen(self._clock(), answer.identity))
        return answer.identity

    def _check(self, place: str) -> None:
        """See that not too many wrong ones came from a place.

        Raises:
            ProblemError: Too many did.
        """
        now = self._clock()
        while self._wrong and not 0 <= now - self._wrong[0][0] < WINDOW_S:
            _, old = self._wrong.popleft()
            self._counts[old] -= 1
            if not self._counts[old]:
                del self._counts[old]
        if self._counts[place] >= MAX_WRONG:
            first = next(at for at, one in self._wrong if one == place)
            raise too_many(first + WINDOW_S - now)
        if len(self._wrong) >= MAX_WRONG_ALL:
            raise too_many(self._wrong[0][0] + WINDOW_S - now)

    def _keep(self, key: bytes, seen: _Seen) -> None:
        self._seen.pop(key, None)
        self._seen[key] = seen
        if len(self._seen) > MAX_KEPT:
            # wrong ones go first: a right one may be sent again
            wrong = (k for k, one in self._seen.items() if one.identity is None)
            del self._seen[next(wrong, next(iter(self._seen)))]
