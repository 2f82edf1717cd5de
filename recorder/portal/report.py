"""What a synchronisation did, or would do: for people and for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from recorder.errors import shown
from recorder.portal.texts import external_number
from recorder.records import Json

SCHEMA = "recorder.portal-report/1"
"""Name and version of the report's form."""


class Action(StrEnum):
    """What became of an object."""

    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    CLOSED = "closed"
    """A link that the portal does not name any more; on demand only."""
    SKIPPED = "skipped"
    """Nothing was written of it; the reason is said."""


class State(StrEnum):
    """What became of a proposal's transaction."""

    WRITTEN = "written"
    UNCHANGED = "unchanged"
    REFUSED = "refused"
    """It cannot be used, or the database did not take it: nothing of it is written."""
    NOT_TRIED = "not tried"
    """The database went away before."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What became of one object."""

    kind: str
    name: str
    action: Action
    changes: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    """Old and new value by column."""
    reason: str = ""
    row: int | None = None
    """Its key in the database; None: none, or not yet."""

    def as_json(self) -> Json:
        """For programs and the change log."""
        body: Json = {"kind": self.kind, "name": self.name, "action": self.action}
        if self.row is not None and self.row > 0:
            body["id"] = self.row
        if self.changes:
            body["changes"] = {
                name: [plain_value(old), plain_value(new)]
                for name, (old, new) in self.changes.items()
            }
        if self.reason:
            body["reason"] = self.reason
        return body

    def lines(self) -> Iterator[str]:
        """For people."""
        why = f": {self.reason}" if self.reason else ""
        yield f"  {self.action:<9} {self.kind} {self.name}{why}"
        for name, (old, new) in self.changes.items():
            before = "" if old is None and self.action is Action.CREATED else old
            left = "" if before == "" else f"{_quoted(old)} -> "
            yield f"              {name}: {left}{_quoted(new)}"


@dataclass(slots=True)
class Outcome:
    """What became of one proposal."""

    where: str
    name: str
    state: State
    entries: list[Entry] = field(default_factory=list)
    reason: str = ""

    @property
    def counts(self) -> Counter[str]:
        """Objects by action."""
        return Counter(str(entry.action) for entry in self.entries)

    def as_json(self) -> Json:
        """What was done, and nothing of what stayed as it was."""
        told = [e for e in self.entries if e.action is not Action.UNCHANGED]
        body: Json = {"proposal": self.name, "where": self.where, "state": self.state}
        if self.reason:
            body["reason"] = self.reason
        return {**body, "objects": [entry.as_json() for entry in told]}


@dataclass(slots=True)
class Report:
    """What became of everything that came."""

    applied: bool
    """Whether anything was written; else it is what would be written."""
    by: str
    """Who asked for it."""
    origin: str
    """Where it came from."""
    at: datetime
    seconds: float = 0.0
    outcomes: list[Outcome] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What holds for all of it: dates without zone, columns that are not there."""

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """Objects by kind and action."""
        found: dict[str, Counter[str]] = {}
        for outcome in self.outcomes:
            for entry in outcome.entries:
                found.setdefault(entry.kind, Counter())[str(entry.action)] += 1
        return {kind: dict(sorted(n.items())) for kind, n in sorted(found.items())}

    @property
    def states(self) -> dict[str, int]:
        """Proposals by what became of them."""
        return dict(Counter(str(outcome.state) for outcome in self.outcomes))

    @property
    def good(self) -> bool:
        """Whether every proposal is in the database as far as it can be."""
        wrong = (State.REFUSED, State.NOT_TRIED)
        return not any(outcome.state in wrong for outcome in self.outcomes)

    @property
    def lasting(self) -> bool:
        """Whether trying again the same would lead to the same."""
        return all(outcome.state is not State.NOT_TRIED for outcome in self.outcomes)

    def as_json(self) -> Json:
        """For programs."""
        return {
            "schema": SCHEMA,
            "applied": self.applied,
            "by": self.by,
            "origin": self.origin,
            "at": self.at.isoformat(),
            "seconds": round(self.seconds, 3),
            "proposals": self.states,
            "objects": self.counts,
            "notes": self.notes,
            "outcomes": [
                outcome.as_json()
                for outcome in self.outcomes
                if outcome.state is not State.UNCHANGED or outcome.counts["skipped"]
            ],
        }

    def lines(self) -> Iterator[str]:
        """For people: what differs, then the sums."""
        for outcome in self.outcomes:
            told = [e for e in outcome.entries if e.action is not Action.UNCHANGED]
            if told or outcome.reason:
                why = f": {outcome.reason}" if outcome.reason else ""
                what = self._word(outcome.state)
                yield f"{outcome.name or outcome.where} {what}{why}"
            for entry in told:
                yield from entry.lines()
        for note in self.notes:
            yield f"note: {note}"
        for kind, counts in self.counts.items():
            yield f"{kind}: " + ", ".join(f"{n} {a}" for a, n in counts.items())
        listed = ", ".join(
            f"{n} {self._word(state)}" for state, n in self.states.items()
        )
        yield f"proposals: {listed or 'none'} in {self.seconds:.1f} s"

    def _word(self, state: str) -> str:
        return "to be written" if state == State.WRITTEN and not self.applied else state


def plain_value(value: Any) -> Any:
    """A value of a row as JSON has it."""
    if isinstance(value, bytes):
        return external_number(value)
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    return value


def _quoted(value: Any) -> str:
    value = plain_value(value)
    if isinstance(value, int) and value < 0:
        return "its new row"
    return value if isinstance(value, str) and len(value) < 60 else shown(value)
