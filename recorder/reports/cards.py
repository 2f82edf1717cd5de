"""Runs in short: made from reports, and kept, so that a change costs one run only."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from recorder.errors import ReportError
from recorder.journal import Journal, Seq
from recorder.journal.records import SINK_KINDS
from recorder.journal.run_index import Headline
from recorder.records.cards import ExperimentCard, RunCard
from recorder.records.run_report import RunReport
from recorder.reports.announced import announced_as
from recorder.reports.experiments import cumulative
from recorder.reports.store import ReportStore

WRITTEN = "written"
"""Of a sink: nothing of the run waits and nothing was refused."""


class Cards:
    """The cards of a journal, brought up to date from time to time.

    Args:
        sinks: Names of the sinks to report on.
    """

    def __init__(self, sinks: Sequence[str]) -> None:
        self._sinks = tuple(sinks)
        self._cards: dict[str, RunCard] = {}
        self._order: list[str] = []
        """Uids, oldest run first."""
        self._seq: Seq = 0
        self._missing: list[str] = []
        """Runs without a card yet, the latest at the end."""
        self._sink_state: object = None
        self._recorded: bool | None = None

    @property
    def complete(self) -> bool:
        """Whether each run has its card."""
        return not self._missing

    def get(self, uid: str) -> RunCard | None:
        """One of them."""
        return self._cards.get(uid)

    def latest_first(self) -> Iterator[RunCard]:
        """All that are there."""
        cards = self._cards
        return (cards[uid] for uid in reversed(self._order) if uid in cards)

    def update(self, journal: Journal, budget_s: float, *, recorded: bool) -> bool:
        """Take in what changed, for so long; whether anything did.

        Args:
            journal: Where the runs are.
            budget_s: Then it ends, and goes on with the next call; latest runs first.
            recorded: Whether a recorder writes into the journal: after its end, the
                reports of runs that it left open are worked out anew.

        Raises:
            JournalError: It cannot be read.
        """
        store = ReportStore(journal, self._sinks)
        changed = self._take_in_changes(journal)
        if recorded != self._recorded:
            self._recorded = recorded
            self._to_renew(run.uid for run in journal.unsealed())
        ends = time.monotonic() + budget_s
        while self._missing and (not changed or time.monotonic() < ends):
            self._renew(store, journal, self._missing.pop())
            changed = True
        return self._look_at_sinks(store, journal) or changed

    def _take_in_changes(self, journal: Journal) -> bool:
        """Runs with new records are to be read again; whether there are any."""
        last = journal.last_record()
        if last == self._seq:
            return False
        found = [uid for uid, _ in journal.changed_runs(self._seq, SINK_KINDS)]
        if found:
            self._order = journal.run_uids()
        self._to_renew(found)
        self._seq = last
        return bool(found)

    def _to_renew(self, uids: Iterable[str]) -> None:
        place = {uid: n for n, uid in enumerate(self._order)}
        missing = {*uids, *self._missing}
        self._missing = sorted(missing & place.keys(), key=place.__getitem__)

    def _renew(self, store: ReportStore, journal: Journal, uid: str) -> None:
        known = journal.headline(uid)
        if known is not None:
            self._cards[uid] = card_of(store, journal, known)

    def _look_at_sinks(self, store: ReportStore, journal: Journal) -> bool:
        """What sinks did is no record: runs that are not written are asked again."""
        state = [
            (journal.cursor(sink), journal.parked_runs(sink)) for sink in self._sinks
        ]
        if state == self._sink_state:
            return False
        self._sink_state = state
        open_ones = [
            uid
            for uid, card in self._cards.items()
            if any(said != WRITTEN for said in card.sinks.values())
        ]
        for uid in open_ones:
            if (known := journal.headline(uid)) is not None:
                self._cards[uid] = replace(
                    self._cards[uid], **store.written_where(known)
                )
        return bool(open_ones)


def card_of(store: ReportStore, journal: Journal, known: Headline) -> RunCard:
    """The card of one run; it says so where its report cannot be read."""
    card = _described(journal, known)
    try:
        report = store.get(known.uid)
    except ReportError as error:
        return replace(card, problem=str(error))
    return card if report is None else _with_report(card, report)


def _described(journal: Journal, known: Headline) -> RunCard:
    """What its announcement says."""
    card = RunCard(known.number, known.uid, known.opened, known.experiment)
    told = announced_as(journal, known)
    if told is None:
        return card
    sample = told.sample
    support = (told.experiment.type, sample.support if sample else None)
    return replace(
        card,
        proposal=told.proposal,
        protein=sample.protein.acronym if sample and sample.protein else None,
        sample=sample.name if sample else None,
        part_of=told.part.of if told.part else None,
        support=", ".join(dict.fromkeys(text for text in support if text)) or None,
    )


def _with_report(card: RunCard, report: RunReport) -> RunCard:
    return replace(
        card,
        state=report.state,
        status=report.status,
        reason=report.reason,
        announced=report.announced,
        technique=report.technique,
        start_time=report.start_time,
        end_time=report.end_time,
        images=replace(report.images, lost_ranges=()),
        classes=report.classes,
        tried=report.classification.tried,
        revision=report.revision,
        ledger=report.ledger,
        chains=len(report.told_chains),
        data_collection_id=report.data_collection_id,
        data_collection_group_id=report.data_collection_group_id,
        sinks=report.sinks,
    )


def card_page(
    store: ReportStore,
    journal: Journal,
    experiment: str | None,
    limit: int,
    before: Seq | None,
) -> tuple[tuple[RunCard, ...], Seq | None]:
    """Some cards, latest first, and where to go on.

    Args:
        store: Reads the reports.
        journal: Where the runs are.
        experiment: Only those of an experiment: name or DataCollectionGroup id.
        limit: How many at most, 1 or more.
        before: Only runs opened before this record.

    Returns:
        The cards; the ``before`` of those that follow, None if there are none.
    """
    meant: list[Headline] = []
    for known in journal.headlines_before(before):
        if store.is_of(experiment, known):
            if len(meant) == limit:
                break
            meant.append(known)
    else:
        return tuple(card_of(store, journal, known) for known in meant), None
    cards = tuple(card_of(store, journal, known) for known in meant)
    return cards, meant[-1].opened


def experiment_cards(
    cards: Iterable[RunCard], most: int | None = None
) -> tuple[ExperimentCard, ...]:
    """Cards by experiment and group, the one with the latest run first.

    Args:
        cards: Latest first.
        most: List at most so many runs, the latest; all count in the sums.
    """
    groups: dict[tuple[str, int | None], list[RunCard]] = {}
    for card in cards:
        key = (card.experiment, card.data_collection_group_id)
        groups.setdefault(key, []).append(card)
    found, room = [], most
    for (name, group_id), members in groups.items():
        shown = members if room is None else members[: max(0, room)]
        room = None if room is None else room - len(shown)
        last = members[0]
        found.append(
            ExperimentCard(
                experiment=name,
                data_collection_group_id=group_id,
                opened=min(card.opened for card in members),
                proposal=last.proposal,
                protein=last.protein,
                sample=last.sample,
                support=last.support,
                cumulative=cumulative(members),
                lost=sum(card.images.lost for card in members),
                runs=tuple(shown),
                runs_left_out=len(members) - len(shown),
            )
        )
    return tuple(found)
