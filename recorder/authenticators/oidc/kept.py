"""Something that a provider says, kept for a while, and used while it is away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

FRESH_S = 3600.0
"""Seconds after which addresses and keys are asked for anew: a key that the provider
took back is used no longer than that. Chosen, not tuned."""
STALE_S = 12 * 3600.0
"""Seconds that they live on while the provider is away, as rights do."""
AGAIN_S = 30.0
"""Seconds between two questions: whoever sends tokens with keys that nobody knows must
not make us ask for each. Chosen, not tuned."""

T = TypeVar("T")


class ProviderError(Exception):
    """The provider cannot be asked, or says what cannot be; the text is for admins."""


class Kept(Generic[T]):
    """One thing that is asked for at most so often.

    Args:
        ask: Asks for it; raises :class:`ProviderError`.
        patience_s: How long that may take while there is an older answer.
    """

    def __init__(self, ask: Callable[[], Awaitable[T]], patience_s: float) -> None:
        self._ask = ask
        self._patience_s = patience_s
        self._value: T | None = None
        self._at = 0.0
        self._asked_at = 0.0
        self._turn = asyncio.Lock()
        self.clock = time.monotonic
        """Monotonic time (s)."""

    async def get(self, good: Callable[[T], bool] = lambda _: True) -> T:
        """It, as new as it must be.

        Args:
            good: Whether what is kept will do; if not, it is asked for anew.

        Raises:
            ProviderError: There is none.
        """
        async with self._turn:
            now = self.clock()
            if self._value is None:
                self._value, self._at = await self._ask(), now
                self._asked_at = now
            elif now - self._at > FRESH_S or not good(self._value):
                if now - self._asked_at >= AGAIN_S:
                    await self._renew(now)
                if now - self._at > STALE_S:
                    raise ProviderError("it has been away for too long")
            return self._value

    async def _renew(self, now: float) -> None:
        """Ask again; what is kept stays if there is no answer."""
        self._asked_at = now
        try:
            async with asyncio.timeout(self._patience_s):
                self._value, self._at = await self._ask(), now
        except (ProviderError, TimeoutError):
            pass
