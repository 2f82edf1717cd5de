"""Which runs people mean."""

from __future__ import annotations

UID_PREFIX = 6
"""Characters of a uid that name a run: fewer could be a run number. Chosen, not
tuned."""


def is_run(name: str, number: int, uid: str) -> bool:
    """Whether people mean this run: its number, its uid, or how its uid begins.

    A beginning has at least UID_PREFIX characters: "9" is a number, not a uid.
    """
    prefix = len(name) >= UID_PREFIX and uid.startswith(name)
    return name in (str(number), uid) or prefix


def is_experiment(name: str, experiment: str, group_id: int | None) -> bool:
    """Whether people mean this experiment: its name, or ISPyB's id of its group."""
    return name in (experiment, str(group_id))
