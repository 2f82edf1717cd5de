"""What one picture is made of, and what of it can still be believed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from recorder.records.cards import ExperimentCard, RunCard
from recorder.records.live import LiveDelay, LiveRun, LiveState, Trials
from recorder.records.run_report import RunReport
from recorder.web.shapes import Daemon, Now, Slow

GREY_S = 3.0
"""Seconds without a new state after which all numbers are grey. Chosen, not tuned; the
web page greys at the same age."""


@dataclass(frozen=True, slots=True)
class Moment:
    """The daemon's live state and what the journal has."""

    now: Now = field(default_factory=Now)
    slow: Slow = field(default_factory=Slow)
    at: datetime | None = None
    """When it was looked at, with zone."""

    @property
    def daemon(self) -> Daemon:
        """``ok``, ``stale``, ``gone`` or ``none``."""
        return self.now.daemon

    @property
    def live(self) -> LiveState | None:
        """The live state of a daemon that lives.

        What one said that ended is history, and the journal knows it better.
        """
        return self.now.live if self.daemon in ("ok", "stale") else None

    @property
    def run(self) -> LiveRun | None:
        """The run that goes on."""
        return self.live.run if self.live else None

    @property
    def report(self) -> RunReport | None:
        """The journal's report of the run that is shown; None if it has none yet."""
        report, run = self.slow.run, self.run
        return report if run is None or (report and report.uid == run.uid) else None

    @property
    def grey(self) -> bool:
        """Whether what is shown as of now is too old for that."""
        age = self.now.age_s
        return self.daemon == "stale" and (age is None or age >= GREY_S)

    @property
    def experiment(self) -> ExperimentCard | None:
        """The experiment of the run that is shown."""
        uid = self.run.uid if self.run else self.slow.run.uid if self.slow.run else ""
        entries = self.slow.experiments
        with_run = (e for e in entries if any(card.uid == uid for card in e.runs))
        return next(with_run, entries[0] if entries and not self.run else None)

    @property
    def card(self) -> RunCard | None:
        """The card of the run that is shown."""
        uid = self.run.uid if self.run else self.slow.run.uid if self.slow.run else ""
        entry = self.experiment
        cards = entry.runs if entry else ()
        return next((card for card in cards if card.uid == uid), None)


def windows_of(moment: Moment) -> dict[str, Trials | None]:
    """Images by window; None: nobody counted them."""
    if moment.run is not None:
        known = moment.run.windows
        return {name: known.get(name) for name in ("10s", "60s", "run", "all")}
    report = moment.report
    entry = moment.experiment
    serial = tuple(run for run in entry.runs if run.serial) if entry else ()
    return {
        "10s": None,
        "60s": None,
        "run": _of_report(report) if report else None,
        "all": _of_cards(serial) if entry and not entry.runs_left_out else None,
    }


def _of_report(report: RunReport) -> Trials:
    hits, share = report.classes.hits, report.rates.indexed_of_hits
    indexed = report.classes.indexed
    return Trials(
        images=report.images.received,
        classified=report.images.classified,
        hits=hits,
        tried=round(indexed / share) if share else hits,
        indexed=indexed,
        multi=report.classification.multi_lattice.images,
    )


def _of_cards(cards: tuple[RunCard, ...]) -> Trials:
    hits = sum(card.classes.hits for card in cards)
    return Trials(
        images=sum(card.images.received for card in cards),
        classified=sum(card.images.classified for card in cards),
        hits=hits,
        tried=hits,
        indexed=sum(card.classes.indexed for card in cards),
    )


def delays_of(moment: Moment) -> tuple[LiveDelay, ...]:
    """Light images by time point, shortest first."""
    if moment.run is not None and moment.run.delays:
        return moment.run.delays
    found = moment.report.delays if moment.report else ()
    return tuple(
        LiveDelay(item.delay, item.images, item.hits, item.indexed)
        for item in found
        if item.delay is not None
    )
