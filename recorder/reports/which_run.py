"""Which runs people mean."""

from __future__ import annotations

UID_PREFIX = 6
"""Characters of a uid that name a run: fewer could be a run number ("9" is one).
Chosen, not tuned."""


def is_experiment(name: str, experiment: str, group_id: int | None) -> bool:
    """Whether people mean this experiment: its name, or ISPyB's id of its group."""
    return name in (experiment, str(group_id))
