"""The journal as the page shows it, looked at by one thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from recorder import __version__
from recorder.errors import RecorderError
from recorder.journal import Journal
from recorder.journal.lock import is_recorded_into
from recorder.records import RunState
from recorder.records.cards import RunCard
from recorder.records.run_report import RunReport
from recorder.reports.cards import Cards, experiment_cards
from recorder.reports.journal_mark import sinks_of
from recorder.reports.store import ReportStore
from recorder.runtime.log import get_logger
from recorder.web.place import WebPlace
from recorder.web.shapes import Slow

log = get_logger("web")

BUDGET_S = 0.15
"""Seconds of reading in one look: of a long journal the latest runs come first, and the
live state goes on meanwhile. Chosen, not tuned."""
MAX_CARDS = 1000
"""Cards in one message, the latest: about 0.7 kB each; ``/api/v1/runs`` has the rest.
Chosen, not tuned."""


class JournalView:
    """Keeps a connection and what was read; begins anew with another journal.

    Args:
        place: Where it is.
    """

    def __init__(self, place: WebPlace) -> None:
        self._place = place
        self._journal: Journal | None = None
        self._file: tuple[int, int] | None = None
        self._seen: tuple[object, ...] = ()
        self._said: str | None = None
        self._number = 0
        self.cards: Cards | None = None
        self.journal_id: str | None = None
        self.listed: tuple[RunCard, ...] = ()
        """All cards that are there, latest first; replaced as a whole."""
        self.going: tuple[str, ...] = ()
        """Uids of those that are not sealed."""

    @property
    def complete(self) -> bool:
        """Whether all runs are known, or none can be."""
        return self.cards is None or self.cards.complete

    def close(self) -> None:
        """Give the journal back."""
        if self._journal is not None:
            self._journal.close()
        self._journal, self._file = None, None

    def look(self, open_run: str | None) -> Slow | None:
        """What is true now; None: the same as before.

        Args:
            open_run: Uid of the run that goes on.
        """
        try:
            found = self._read(open_run)
        except (RecorderError, ValueError, KeyError, TypeError) as error:
            self.close()
            return self._problem(_in_words(error))
        if self._said is not None:
            log.info("journal_readable", path=str(self._place.journal))
            self._said = None
        return found

    def _problem(self, text: str) -> Slow | None:
        self._seen = ()
        self.cards, self.journal_id = None, None
        self.listed, self.going = (), ()
        if text == self._said:
            return None
        self._said = text
        log.warning("journal_unreadable", error=text)
        return self._slow(Slow(problem=text))

    def _slow(self, state: Slow) -> Slow:
        self._number += 1
        beamline = self._place.settings.beamline
        return replace(state, id=self._number, version=__version__, beamline=beamline)

    def _read(self, open_run: str | None) -> Slow | None:
        journal = self._opened()
        recorded = is_recorded_into(self._place.journal)
        seen = (journal.data_version(), open_run, recorded)
        if seen == self._seen and self.complete:
            return None
        if self.cards is None:
            self.journal_id = journal.id
            self.cards = Cards(sinks_of(self._place.settings, journal))
        cards = self.cards
        changed = cards.update(journal, BUDGET_S, recorded=recorded)
        again = changed or self._seen[1:] != seen[1:]
        self._seen = seen
        if not again:
            return None
        listed = self.listed = tuple(cards.latest_first())
        self.going = tuple(c.uid for c in listed if c.state is not RunState.SEALED)
        return self._slow(
            Slow(
                complete=cards.complete,
                experiments=experiment_cards(listed, MAX_CARDS),
                run=self._report(journal, open_run, listed),
            )
        )

    def _report(
        self, journal: Journal, open_run: str | None, cards: Sequence[RunCard]
    ) -> RunReport | None:
        """Of the run that goes on, else of the latest one that can be read."""
        readable = [card.uid for card in cards if card.problem is None]
        uids = [open_run, *readable[:1]]
        store = ReportStore(journal, sinks_of(self._place.settings, journal))
        found = (store.get(uid) for uid in uids if uid)
        return next((report for report in found if report is not None), None)

    def _opened(self) -> Journal:
        """The connection; another file at its place is another journal."""
        file = _identity(self._place.journal)
        known = self._journal
        if known is None or file != self._file or known.is_outdated:
            self.close()
            self._seen, self.cards = (), None
            known = self._journal = Journal(self._place.journal, read_only=True)
            self._file = file
        return known


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _in_words(error: Exception) -> str:
    if isinstance(error, RecorderError):
        return str(error)
    return (
        f"a record of the journal cannot be read ({error!r:.200}); `recorder report` "
        "tells which run"
    )
