"""Which runs people mean."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from recorder.errors import JournalError, NoSuchRunError
from recorder.journal import Journal
from recorder.journal.archive.packing import unpacked
from recorder.journal.archive.place import archived
from recorder.journal.run_index import Headline

UID_PREFIX = 6
"""Characters of a uid that name a run: fewer could be a run number ("9" is one).
Chosen, not tuned."""
READ_BYTES = 1 << 30
"""Bytes of an archived run that are unpacked to answer for one image: some 5 s of work,
and as much of the temporary folder meanwhile. Chosen, not tuned."""


def is_experiment(name: str, experiment: str, group_id: int | None) -> bool:
    """Whether people mean this experiment: its name, or ISPyB's id of its group."""
    return name in (experiment, str(group_id))


def meant(journal: Journal, name: str) -> Headline:
    """The run that people mean.

    Args:
        journal: Where the run is.
        name: Run number (the latest of that number) or the beginning of a uid.

    Raises:
        NoSuchRunError: No such run.
    """
    found = journal.named(name, UID_PREFIX)
    if not found:
        raise no_such_run(name)
    return found[-1]


@contextmanager
def images_of(journal: Journal, known: Headline) -> Iterator[Journal]:
    """The journal that has the images and events of a run: this one, or an archive's.

    Args:
        journal: Where the run was recorded.
        known: The run.

    Raises:
        NoSuchRunError: They were removed, or are archived where they cannot be read
            now; it says where they are.
    """
    if not known.pruned:
        yield journal
        return
    where = archived(journal, known.uid)
    if where is None:
        raise NoSuchRunError(
            f"run {known.number}: its images were removed from the journal, which is "
            f"bounded (journal.max_mb); {known.folder}/results.h5 has them"
        )
    back = f"`recorder archive restore {known.uid}` brings them back"
    if where.unpacked_bytes > READ_BYTES:
        raise NoSuchRunError(
            f"run {known.number}: its images are archived in {where.file}, with "
            f"{where.unpacked_bytes >> 20} MB too large to be looked into; {back}"
        )
    with ExitStack() as stack:
        try:
            opened = stack.enter_context(unpacked(known.uid, where))
        except JournalError as error:
            raise NoSuchRunError(str(error)) from error
        yield opened


def no_such_run(name: str) -> NoSuchRunError:
    """What to say of a run that is not there."""
    return NoSuchRunError(f"run {name}: not in the journal; see `recorder report`")
