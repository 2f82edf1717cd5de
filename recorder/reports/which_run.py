"""Which runs people mean."""

from __future__ import annotations

from recorder.errors import NoSuchRunError
from recorder.journal import Journal
from recorder.journal.run_index import Headline

UID_PREFIX = 6
"""Characters of a uid that name a run: fewer could be a run number ("9" is one).
Chosen, not tuned."""


def is_experiment(name: str, experiment: str, group_id: int | None) -> bool:
    """Whether people mean this experiment: its name, or ISPyB's id of its group."""
    return name in (experiment, str(group_id))


def with_images(journal: Journal, name: str) -> Headline:
    """The run that people mean, whose images are in the journal.

    Args:
        journal: Where the run is.
        name: Run number (the latest of that number) or the beginning of a uid.

    Raises:
        NoSuchRunError: No such run, or its images are no longer in the journal.
    """
    found = journal.named(name, UID_PREFIX)
    if not found:
        raise no_such_run(name)
    known = found[-1]
    if known.pruned:
        raise NoSuchRunError(
            f"run {name}: its images were removed from the journal, which is bounded "
            f"(journal.max_mb); {known.folder}/results.h5 has them"
        )
    return known


def no_such_run(name: str) -> NoSuchRunError:
    """What to say of a run that is not there."""
    return NoSuchRunError(f"run {name}: not in the journal; see `recorder report`")
