"""Rights of those who ask: read from the site, kept for a minute, never blocking.

A person removed from a group is out within a minute. While the database is away, who
was known keeps their rights for half a day: the live page must not die with it.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Protocol

from recorder.ispyb.people.reading import DatabaseAwayError
from recorder.records.access import Identity, Rights
from recorder.runtime.log import get_logger
from recorder.web.problems import ProblemError

log = get_logger("web")

FRESH_S = 55.0
"""Seconds for which rights are taken as they were read: with the 5 s between two looks
of the door at an open stream, what was taken away is gone within a minute
(docs/decisions/0025)."""
GRACE_S = 12 * 3600.0
"""Seconds for which they outlive a database that is away: a shift and a half, as a
session."""
WAIT_S = 3.0
"""Seconds to wait for the database at a request: longer, and the page seems dead."""
RETRY_S = 5.0
"""Seconds after which a database that was away is asked again: not at each request.
Chosen, not tuned."""
THREADS = 2
"""Reads at once: a read takes milliseconds. Chosen, not tuned."""
MAX_WAITING = 256
"""Reads that may wait for a thread; beyond it new people are told to come back. Chosen,
not tuned."""
OWN_WEIGHT = 4
"""What somebody without any session weighs, in sessions."""
MAX_WEIGHT = 100_000
"""Rights that are kept, of all people together, in sessions and proposals: about 50 MB.
Who asked longest ago is forgotten first. Chosen, not tuned."""


class Site(Protocol):
    """What is asked: :class:`recorder.ispyb.people.asking.People`."""

    def rights(self, identity: Identity) -> Rights:
        """What somebody may see. Blocks.

        Raises:
            DatabaseAwayError: The database cannot be asked.
        """

    @property
    def stated(self) -> Callable[[Identity], Rights | None]:
        """What the configuration says of somebody."""

    def close(self) -> None:
        """Let go of connections."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """Rights as they were read."""

    rights: Rights
    read_at: float

    @property
    def weight(self) -> int:
        """How much it is."""
        return OWN_WEIGHT + len(self.rights.sessions) + len(self.rights.proposals)


_Key = tuple[str, tuple[str, ...]]
_Future = asyncio.Future[Rights]


class RightsCache:
    """Rights of everybody who asked lately.

    Used from one event loop.

    Args:
        site: Who is asked, in threads.
        clock: Monotonic seconds.
    """

    def __init__(self, site: Site, clock: Callable[[], float] = time.monotonic) -> None:
        self.away_since: datetime | None = None
        """Since when the database has been away, UTC; None: it is there."""
        self._site = site
        self._clock = clock
        self._kept: OrderedDict[_Key, _Kept] = OrderedDict()
        self._weight = 0
        self._reading: dict[_Key, _Future] = {}
        self._failed_at: float | None = None
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="rights")

    async def of(self, identity: Identity) -> Rights:
        """What somebody may see, as of the last minute.

        Raises:
            ProblemError: They are not known, and the database cannot be asked now.
        """
        key = (identity.login, identity.groups)
        kept = self._kept.get(key)
        if kept is not None and self._age(kept) < FRESH_S:
            self._kept.move_to_end(key)
            return kept.rights
        reading = self._begin(key, identity)
        if self.away_since is not None and (known := self._of_grace(key)) is not None:
            return known  # whoever asks while it is away does not wait for it
        if reading is not None:
            await asyncio.wait({reading}, timeout=WAIT_S)
            if not reading.done():
                self._note_away("it does not answer in time")
            elif not isinstance(reading.exception(), DatabaseAwayError):
                return reading.result()
        return self._without_database(key, identity)

    def close(self) -> None:
        """Wait for no one."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._site.close()

    def _age(self, kept: _Kept) -> float:
        return self._clock() - kept.read_at

    def _begin(self, key: _Key, identity: Identity) -> _Future | None:
        """The read that goes on for somebody, or a new one; None: not now."""
        if (reading := self._reading.get(key)) is not None:
            return reading
        failed = self._failed_at
        if failed is not None and (self._reading or self._clock() - failed < RETRY_S):
            return None
        if len(self._reading) >= MAX_WAITING:
            text = "too many people sign in at once; ask again in a moment"
            raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "busy", text)
        loop = asyncio.get_running_loop()
        begun = self._clock()
        reading = loop.run_in_executor(self._pool, self._site.rights, identity)
        self._reading[key] = reading
        reading.add_done_callback(lambda done: self._done(key, begun, done))
        return reading

    def _done(self, key: _Key, begun: float, done: _Future) -> None:
        """Keep what was read, as of when it was asked for."""
        del self._reading[key]
        if done.cancelled():
            return
        error = done.exception()
        if isinstance(error, DatabaseAwayError):
            self._note_away(str(error))
        elif error is None:
            self._note_back()
            self._keep(key, _Kept(done.result(), begun))

    def _keep(self, key: _Key, kept: _Kept) -> None:
        self._forget(key)
        self._kept[key] = kept
        self._weight += kept.weight
        while self._weight > MAX_WEIGHT and len(self._kept) > 1:
            self._forget(next(iter(self._kept)))

    def _forget(self, key: _Key) -> None:
        if (old := self._kept.pop(key, None)) is not None:
            self._weight -= old.weight

    def _of_grace(self, key: _Key) -> Rights | None:
        kept = self._kept.get(key)
        return None if kept is None or self._age(kept) >= GRACE_S else kept.rights

    def _without_database(self, key: _Key, identity: Identity) -> Rights:
        """What holds while it is away.

        Raises:
            ProblemError: Nothing does.
        """
        if (known := self._of_grace(key)) is not None:
            return known
        stated = self._site.stated(identity)
        if stated is not None:
            return stated
        text = (
            "the database that says who may see what cannot be asked now, and you were "
            "not known here before it went away; try again in a few minutes, or tell "
            "those who run the recorder"
        )
        raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "rights", text)

    def _note_away(self, why: str) -> None:
        self._failed_at = self._clock()
        if self.away_since is None:
            self.away_since = datetime.now(UTC)
            log.warning(
                "rights_unavailable",
                error=why,
                hint="who was known keeps their rights for 12 h; others get what "
                "web.people says, or are told to come back",
            )

    def _note_back(self) -> None:
        self._failed_at = None
        if self.away_since is not None:
            log.info("rights_available", away_since=str(self.away_since))
            self.away_since = None
