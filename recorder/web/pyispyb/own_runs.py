"""The recorder's own runs among the rows: known by the marker in their comments.

Ids alone would not do: a journal's may be those of another database. The marker holds
the run's uid, which only one run has.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

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

    def find(self, comments: Mapping[int, str | None]) -> dict[int, OwnRun]:
        """Runs by ``dataCollectionId``.

        Args:
            comments: Of the rows, by their id.
        """
        live = self._live()
        found: dict[int, OwnRun] = {}
        for number, text in comments.items():
            uid = uid_of(text)
            if uid is None:
                continue
            if live is not None and marker(live.uid) == marker(uid):
                found[number] = of_live(live)
            elif (card := self._card(uid)) is not None:
                found[number] = of_card(card)
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

    def _card(self, uid: str) -> RunCard | None:
        cards = self._feed.view.cards
        card = None if cards is None else cards.get(uid)
        return None if card is None or card.problem is not None else card


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
