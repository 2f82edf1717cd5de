"""Which runs may be archived, and why the others may not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from recorder.journal.pruning import KEPT_RUNS
from recorder.journal.records import RecordKind
from recorder.journal.run_index import Headline
from recorder.journal.store import Journal

DAY_NS = 86_400 * 10**9
"""A day in ns."""
_SINK_KINDS = (RecordKind.RUN, RecordKind.RUN_UPDATED, RecordKind.RUN_SEALED)


@dataclass(frozen=True, slots=True)
class Wish:
    """Which runs somebody wants archived."""

    now_ns: int
    """Unix ns."""
    older_than_days: float | None = None
    """Runs that were sealed so long ago; None asks for no age."""
    over_bytes: int | None = None
    """The oldest ones, until the journal uses no more; None asks for no size."""
    uid: str | None = None
    """This run alone, whatever its age."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A run, and what is to become of it."""

    known: Headline
    images: int
    """Highest image_id plus one."""
    share: int
    """Bytes of the journal that it has, about: by its share of the images."""
    why_not: str
    """Why it stays; empty for a run that is archived."""

    @property
    def is_refused(self) -> bool:
        """It was asked for, and must stay."""
        return bool(self.why_not)


def choose(journal: Journal, wish: Wish, sinks: Sequence[str]) -> list[Choice]:
    """Runs that are asked for, oldest first: those to archive, and those that may not.

    Args:
        journal: The journal.
        wish: What is asked for.
        sinks: Names of the sinks that must have written a run.
    """
    used = journal.used_bytes()
    every = [
        (run, (journal.last_image(run.uid) or -1) + 1) for run in journal.headlines()
    ]
    in_all = max(1, sum(images for _, images in every))
    latest = _latest(every)
    left = used
    found = []
    for run, images in every:
        share = used * images // in_all
        asked = _is_asked_for(run, wish) or (
            wish.over_bytes is not None and left > wish.over_bytes and run.sealed
        )
        if run.pruned or not asked:
            continue
        why_not = _why_not(journal, run, latest, sinks)
        if not why_not:
            left -= share
        found.append(Choice(run, images, share, why_not))
    return found


def _latest(every: Sequence[tuple[Headline, int]]) -> frozenset[str]:
    """The latest sealed runs, which a late image may still reopen."""
    sealed = [run.uid for run, _ in every if run.sealed]
    return frozenset(sealed[-KEPT_RUNS:])


def _is_asked_for(run: Headline, wish: Wish) -> bool:
    if wish.uid is not None:
        return run.uid == wish.uid
    if wish.older_than_days is None or not run.sealed:
        return False
    return wish.now_ns - run.described_ns >= wish.older_than_days * DAY_NS


def _why_not(
    journal: Journal, run: Headline, latest: frozenset[str], sinks: Sequence[str]
) -> str:
    """Why a run must stay; empty if it may go."""
    if not run.sealed:
        return "it goes on"
    if run.uid in latest:
        return f"one of the last {KEPT_RUNS} runs, which something late may reopen"
    return next(_undelivered(journal, run, sinks), "")


def _undelivered(
    journal: Journal, run: Headline, sinks: Sequence[str]
) -> Iterator[str]:
    for sink in sinks:
        cursor, refused, again = journal.sink_state(sink, run.uid)
        if refused is not None:
            yield f"{sink} refused it: {refused}"
        elif again or cursor < journal.last_seq(run.uid, _SINK_KINDS):
            yield f"{sink} has not written it yet"
