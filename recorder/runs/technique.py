"""What a run does, as far as the run book and the report need to know it.

A technique is a plug-in (group ``recorder.techniques``) of three facets, one for each
room that asks: this one, :class:`recorder.sinks.ispyb.techniques.rows.TechniqueRows`
and :class:`recorder.sinks.results.technique_files.TechniqueFiles`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from recorder.errors import shown
from recorder.plugins.groups import TECHNIQUES
from recorder.records import Announcement
from recorder.records.technique_report import TechniqueReport
from recorder.runs.run import Run
from recorder.runs.technique_names import implied, name_of, types_by_name
from recorder.ssx.labels.timeline import Timeline


@dataclass(frozen=True, slots=True)
class Sum:
    """A sum of the ledger that must hold, beside those of the images."""

    name: str
    """As people write it: ``points = received + lost``."""
    left: int
    right: int


def open_sums(sums: Iterable[Sum]) -> tuple[str, ...]:
    """Those that do not hold, each named with its difference."""
    return tuple(
        f"{one.name}: {one.left} against {one.right}, {one.left - one.right:+d}"
        for one in sums
        if one.left != one.right
    )


class Technique(Protocol):
    """What a run of this technique is made of."""

    @property
    def types(self) -> tuple[str, ...]:
        """Types of experiments that mean it, as control systems announce them."""

    @property
    def takes_images(self) -> bool:
        """Whether a detector's series belongs to such a run."""

    @property
    def one_trigger_each(self) -> bool:
        """Whether each image has a trigger of its own.

        Then a pause between two images means that triggers were missed. A line of a
        grid or a wedge has one trigger, and pauses before it as long as it likes.
        """

    @property
    def flux_at_end(self) -> bool:
        """Whether a run with images has a use for the flux that its end tells.

        The rest of :class:`~recorder.records.EndFacts` is for runs without images.
        """

    def check(self, announcement: Announcement) -> tuple[str, ...]:
        """What of its plan contradicts itself, for people; all of it stands."""

    def parts(self, announcement: Announcement) -> tuple[Announcement, ...]:
        """The collections that an announcement is; itself alone if it is one."""

    def sums(self, run: Run, part: TechniqueReport) -> tuple[Sum, ...]:
        """Sums of its own that must hold once the run is sealed.

        Args:
            run: The run.
            part: Its part of the report.
        """

    def report(self, run: Run, timeline: Timeline) -> TechniqueReport:
        """Its part of the report of a run.

        Args:
            run: The run.
            timeline: Its labels.
        """


def technique_named(name: str) -> Technique:
    """The technique of a name.

    Raises:
        ConfigError: There is none that can be used; the message lists them.
    """
    plugin: Any = TECHNIQUES.get(name)
    facet: Technique = plugin.runs
    return facet


def technique_of(announcement: Announcement) -> Technique:
    """The technique of a run; without a name that can be used, serial."""
    return technique_named(name_of(announcement))


def technique_problems(announcement: Announcement) -> tuple[str, ...]:
    """What is wrong with how a run's technique is announced, for people."""
    found, known = [], types_by_name()
    named, kind = announcement.technique, announcement.experiment.type
    if named is not None and named not in known:
        found.append(
            f"technique: {shown(named)} is not known, so experiment.type counts; "
            f"installed: {', '.join(sorted(known))}"
        )
    if (meant := implied(kind)) is None:
        every = sorted({kind for types in known.values() for kind in types})
        found.append(
            f"experiment.type: {shown(kind)} is no type that the recorder knows: no "
            f"row of it is written; known: {', '.join(every)}"
        )
    elif named in known and named != meant:
        found.append(
            f"experiment.type: {shown(kind)} means technique {meant}, but technique "
            f"is {shown(named)}, which counts"
        )
    return (*found, *technique_of(announcement).check(announcement))
