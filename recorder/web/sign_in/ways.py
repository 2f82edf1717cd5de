"""Ways in: what is kept of a session or token."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from recorder.records.access import Identity, Only, Scope

SESSION_S = 12 * 3600.0
"""Seconds that a session lasts at most: a shift and a half."""
IDLE_S = 3600.0
"""Seconds without a request after which a session is over; an open live stream asks all
the time. Chosen, not tuned."""
USE_S = 60.0
"""Seconds between two notes that a session is in use: each is a write. Chosen, not
tuned."""
ACCESS_S = 300
"""Seconds that an access token of a py-ISPyB login lasts, as on its server."""
TOKEN_DAYS = 90
"""Days that an API token lasts at most. Chosen, not tuned."""
DAY_S = 86400.0
"""Seconds of a day."""
PERSON = frozenset(Scope) - {Scope.SYNC}
"""What a person at the page may do."""
SCREEN = frozenset({Scope.READ_LIVE})
"""What a kiosk token may be used for."""
UPORTAL_SYNC = "uportal_sync"
"""The permission that ``Scope.SYNC`` needs beside the token; py-ISPyB's name."""


class WayKind(StrEnum):
    """What was made when somebody came in."""

    SESSION = "session"
    """Of a browser."""
    TOKEN = "token"
    """For programs: shown once, at most 90 days."""
    KIOSK = "kiosk"
    """For a screen at one address."""
    PAIR = "pair"
    """Of a login in the manner of py-ISPyB: access and refresh tokens."""


class What(StrEnum):
    """What a secret is used as."""

    ENTRY = "entry"
    """It lets its holder in."""
    REFRESH = "refresh"
    """It is exchanged, once, for new secrets."""


@dataclass(frozen=True, slots=True)
class Way:
    """One session or token; no secret is in it."""

    key: str
    """Name under which it is listed and revoked."""
    kind: WayKind
    identity: Identity
    """Whose it is; rights are asked for at each use."""
    authenticator: str
    """Name of the one that said so; empty: the command line."""
    peer: str
    """Address that it was made from; for a screen: the only one it is used from."""
    made_s: float
    """Time of day in s since 1970, as all of them here."""
    ends_s: float
    used_s: float
    label: str = ""
    """What its owner calls it."""
    scopes: frozenset[Scope] = PERSON
    only: Only | None = None
    """What it is limited to."""

    def is_over(self, now_s: float) -> bool:
        """Whether its time has passed, or nobody used it for too long."""
        if now_s >= self.ends_s or now_s < self.made_s - DAY_S:
            return True
        idles = self.kind in (WayKind.SESSION, WayKind.PAIR)
        return idles and now_s - self.used_s > IDLE_S
