"""What ``recorder check`` found out about one thing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One answer."""

    what: str
    ok: bool
    text: str
    """Where it is, and what to do if it is not well."""
    warning: bool = False
    """It works, but something should be done."""

    @property
    def word(self) -> str:
        """``ok``, ``warn`` or ``FAIL``."""
        return "FAIL" if not self.ok else "warn" if self.warning else "ok"
