"""What an announcement says of a run, for the page: its report does not repeat it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from recorder.journal import Journal
from recorder.records import Announcement, Cell
from recorder.reports.announced import announced_as


@dataclass(frozen=True, slots=True)
class RunFacts:
    """Of one run; empty where nothing was announced."""

    proposal: str = ""
    protein: str = ""
    sample: str = ""
    support: str = ""
    type: str = ""
    comments: str = ""
    unit_cell: Cell | None = None


NO_FACTS = RunFacts()


def facts_of(told: Announcement) -> RunFacts:
    """Of an announcement."""
    sample = told.sample
    return RunFacts(
        proposal=told.proposal,
        protein=sample.protein.acronym if sample and sample.protein else "",
        sample=sample.name if sample else "",
        support=(sample.support if sample else None) or "",
        type=told.experiment.type,
        comments=told.experiment.comments or "",
        unit_cell=told.unit_cell,
    )


def facts_in(journal: Journal, uids: list[str]) -> Mapping[str, RunFacts]:
    """Of runs of a journal, by uid."""
    found = {}
    for uid in uids:
        known = journal.headline(uid)
        told = announced_as(journal, known) if known else None
        if told is not None:
            found[uid] = facts_of(told)
    return found
