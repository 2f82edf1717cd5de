"""The recorder's own runs among the rows: known by the marker in their comments.

Ids alone would not do: a journal's may be those of another database. The marker holds
the run's uid, which only one run has.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from recorder.ispyb.schema.markers import MARKED, marker
from recorder.records.cards import RunCard
from recorder.records.live import LiveRun
from recorder.records.runs import RunState
from recorder.web.feed import Feed

_MARKER = re.compile(MARKED)
ALIVE = ("ok", "stale")
"""A daemon whose live state is worth more than the journal."""
OVER = (RunState.SEALED,)
"""States of a run that has ended."""


class Row(Protocol):
    """What is asked of a row."""

    @property
    def dataCollectionNumber(self) -> int | None:  # noqa: N802 - the column
        """The run's own number."""

    @property
    def comments(self) -> str | None:
        """With the marker, if it is one of ours."""


@dataclass(frozen=True, slots=True)
class OwnRun:
    """A run of this recorder, as it is now."""

    number: int
    uid: str
    running: bool
    images: int
    hits: int
    indexed: int
    lost: int = 0
    pending: int = 0
    classified: int = 0
    live: bool = False
    """Of this moment; else as its report has it, seconds old."""


class OwnRuns:
    """Finds them, in the live state and in what is kept of the journal.

    Args:
        feed: Has both.
    """

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    def find(
        self, rows: Mapping[int, Row], sees: Callable[[str], bool]
    ) -> dict[int, OwnRun]:
        """Runs by ``dataCollectionId``.

        People may write comments: a marker in another row, or of a run that is not
        theirs to see, finds nothing.

        Args:
            rows: Rows that may be seen, by their id.
            sees: Whether the one who asks may see the run of a uid.
        """
        live = self._live()
        found: dict[int, OwnRun] = {}
        for key, row in rows.items():
            uid = uid_of(row.comments)
            if uid is None:
                continue
            if live is not None and marker(live.uid) == marker(uid):
                run: OwnRun | None = of_live(live)
            else:
                run = self._card(uid)
            if run and run.number == row.dataCollectionNumber and sees(run.uid):
                found[key] = run
        return found

    @property
    def running(self) -> str | None:
        """Marker of the run that goes on; None: none does."""
        live = self._live()
        return None if live is None else marker(live.uid)

    def _live(self) -> LiveRun | None:
        now = self._feed.now_state
        if now.daemon not in ALIVE or now.live is None:
            return None
        return now.live.run

    def _card(self, uid: str) -> OwnRun | None:
        cards = self._feed.view.cards
        card = None if cards is None else cards.get(uid)
        return None if card is None or card.problem is not None else of_card(card)


def uid_of(comments: str | None) -> str | None:
    """The uid in a row's marker; None without one."""
    found = _MARKER.findall(comments or "")
    return found[-1] if found else None


def of_live(run: LiveRun) -> OwnRun:
    """The run that goes on."""
    trials = run.windows.get("run")
    return OwnRun(
        run.run,
        run.uid,
        True,
        run.received,
        trials.hits if trials else 0,
        trials.indexed if trials else 0,
        run.lost,
        run.pending,
        trials.classified if trials else 0,
        live=True,
    )


def of_card(card: RunCard) -> OwnRun:
    """A run as its report has it."""
    images, classes = card.images, card.classes
    return OwnRun(
        card.run,
        card.uid,
        card.state not in OVER,
        images.received,
        classes.hits,
        classes.indexed,
        images.lost,
        images.pending,
        images.classified,
    )
