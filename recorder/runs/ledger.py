"""The ledger: sums that must hold for every run. No count is ever adjusted to fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Ledger:
    """Counts of one run, each counted on its own: docs/explanations/ledger.md."""

    expected: int | None = None
    received: int = 0
    lost: int | None = None
    classified: int = 0
    unprocessed: Mapping[str, int] = field(default_factory=dict)
    indexed: int = 0
    non_indexed_hits: int = 0
    non_hits: int = 0
    light: int = 0
    dark: int = 0
    unknown: int = 0
    triggers: int | None = None
    missed: int = 0
    pending: int = 0
    """Received, not yet classified; 0 once the run is sealed."""

    def differences(self) -> tuple[str, ...]:
        """The sums that do not hold, each named with its difference."""
        unprocessed = sum(self.unprocessed.values())
        classes = self.indexed + self.non_indexed_hits + self.non_hits
        sums: list[tuple[str, int | None, int | None]] = [
            ("received = classified + unprocessed + pending", self.received,
             self.classified + unprocessed + self.pending),
            ("classified = indexed + non_indexed_hits + non_hits",
             self.classified, classes),
            ("received = light + dark + unknown", self.received,
             self.light + self.dark + self.unknown),
        ]  # fmt: skip
        if self.expected is not None and self.lost is not None:
            total = self.received + self.lost
            sums.append(("expected = received + lost", self.expected, total))
            if self.triggers is not None:
                total += self.missed
                sums.append(
                    ("triggers = received + lost + missed", self.triggers, total)
                )
        return tuple(
            f"{name}: {left} against {right}, {left - right:+d}"
            for name, left, right in sums
            if left is not None and right is not None and left != right
        )

    @property
    def closed(self) -> bool:
        """Whether every sum holds and nothing is pending."""
        return not self.differences() and self.pending == 0
