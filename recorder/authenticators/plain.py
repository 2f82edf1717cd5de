"""What authenticators share that only know logins and passwords."""

from __future__ import annotations

from collections.abc import Mapping

from recorder.authenticators.protocols import Departure, How
from recorder.records.access import Identity


class PasswordsOnly:
    """Base of an authenticator without tokens and redirects.

    Args:
        name: In the configuration.
    """

    how = How.PASSWORD

    def __init__(self, name: str) -> None:
        self._name = name

    @property
    def name(self) -> str:
        """Its name in the configuration."""
        return self._name

    async def bearer(self, token: str) -> Identity | None:
        """Nobody: it gives no tokens."""
        return None

    async def depart(self, back: str) -> Departure:
        """Nowhere; the sign-in never asks.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError

    async def arrive(
        self, query: Mapping[str, str], state: Mapping[str, str], back: str
    ) -> Identity | None:
        """Nobody: it sends nobody away."""
        return None

    async def farewell(self, back: str, login: str = "") -> str | None:
        """Nowhere."""
        return None

    async def close(self) -> None:
        """Nothing is open."""
