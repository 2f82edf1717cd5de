"""A run's end that is told twice: the second may bring what a program found since."""

from __future__ import annotations

from dataclasses import fields, replace

from recorder.records import CollectionEnd, EndFacts
from recorder.runs.run import Run
from recorder.runs.technique import technique_of


def of_its_kind(run: Run, end: CollectionEnd) -> CollectionEnd:
    """An end without what runs of this technique have no use for."""
    if not run.takes_images:
        return end
    if technique_of(run.announcement).flux_at_end:
        return replace(end, facts=end.facts.only_flux())
    return replace(end, facts=EndFacts())


def note_end(run: Run, end: CollectionEnd) -> None:
    """Say what of an end is left out."""
    run.counts["end_problems"] += len(end.facts.problems)
    for problem in end.facts.problems:
        run.note(problem)


def with_further(first: CollectionEnd, further: CollectionEnd) -> CollectionEnd:
    """The first end, with what only the further one says of a scan.

    The first word on each stays: how a run ended, and what was found.
    """
    known, more = first.facts, further.facts
    added = {
        item.name: getattr(more, item.name)
        for item in fields(EndFacts)
        if item.name != "problems" and getattr(known, item.name) is None
    }
    return replace(first, facts=replace(known, **added))
