"""A run's end that is told twice: the second may bring what a program found since."""

from __future__ import annotations

from dataclasses import fields, replace

from recorder.records import CollectionEnd, EndFacts
from recorder.runs.run import Run


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
