"""One run: what is known of it, and where it is in its life.

announced → open → draining → sealed; a late image, event or end reopens a sealed run
for a further revision. Its labels are worked out in
:mod:`recorder.runs.timeline.of_run`, its sums in :mod:`recorder.runs.ledger`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from enum import StrEnum

from recorder.records import (
    Announcement,
    Chain,
    CollectionEnd,
    RunState,
    RunStatus,
    SeriesKey,
    SeriesStart,
    Spectrum,
)
from recorder.records.alarms import RunAlarm
from recorder.records.announcement import UNNAMED, Target
from recorder.records.image_report import Calibration, DriftPoint
from recorder.records.mx_plan import Part
from recorder.runs.tables.event_log import EventLog
from recorder.runs.tables.image_table import ImageTable
from recorder.runs.tables.point_table import PointTable
from recorder.runs.technique_names import name_of, takes_images


class SecondLookState(StrEnum):
    """Where a run is with looking again at the images that knew less."""

    NOT_YET = "not_yet"
    GOES_ON = "goes_on"
    DONE = "done"


@dataclass(eq=False)
class Run:
    """One ISPyB data collection in the making."""

    uid: str
    number: int
    opened_ns: int
    announcement: Announcement
    """As it was announced, or what stands for that while it was not."""
    start: SeriesStart | None = None
    """The header of its series; of a part, what that says of it."""
    key: SeriesKey | None = None
    state: RunState = RunState.ANNOUNCED
    status: RunStatus = RunStatus.RUNNING
    reason: str = ""
    decided: bool = False
    """Status and reason follow from what was there when it was sealed."""
    end: CollectionEnd | None = None
    ended_ns: int | None = None
    announced_ns: int = 0
    """When its announcement came (Unix ns, the host's clock); 0 without one."""
    clock_step_ns: int = 0
    """By how much the host's clock had been set (ns) when the run was opened, since the
    recorder first read it: times of arrival do not follow such a step."""
    superseded: bool = False
    """Another series began on its detector before its own ended."""
    whole_start: SeriesStart | None = None
    """Of a part, the header as it came; None after a restart."""
    silent_s: float = 0.0
    """So long (s) no image came and no series end: it was given up; 0 if it was not."""
    captures: set[tuple[str, str]] = field(default_factory=set)
    """Captures of timing hardware that are its own: clock and id of each."""
    revision: int = 0
    folder: str = ""
    """Where its files lie, relative to the results folder."""
    images: ImageTable = field(default_factory=ImageTable)
    events: EventLog = field(default_factory=EventLog)
    points: PointTable = field(default_factory=PointTable)
    """Of an energy scan."""
    spectrum: Spectrum | None = None
    """Of fluorescence: the first that came."""
    counts: Counter[str] = field(default_factory=Counter)
    """``duplicate_images``, ``reused_image_ids``, ``late_images``, ``stray_images``,
    ``out_of_order_images``, ``ignored_channels``, ``duplicate_events``, …"""
    said_targets: dict[float, int] = field(default_factory=dict)
    """Indexed images by delay (s) that somebody asked for while it went on."""
    notes: list[str] = field(default_factory=list)
    """What people should know, in the report."""
    calibrations: list[Calibration] = field(default_factory=list)
    """Each change of geometry or cell that its images asked for."""
    drift: list[DriftPoint] = field(default_factory=list)
    """Where the beam was, by the hits that the run learned from."""
    alarms: dict[str, RunAlarm] = field(default_factory=dict)
    """Its alarms by id, in the order in which they were raised."""
    gain: float | None = None
    """Counts per photon in use; None until it is known."""
    pedestal: float = 0.0
    """Counts of a pixel without a photon."""
    drain_until: float = 0.0
    revise_by: float = 0.0
    """Monotonic time until which a further revision waits at most."""
    last_progress: float = 0.0
    """Monotonic time of the last image or header."""
    bound_at: float = 0.0
    """Monotonic time at which it got its series."""
    sealed_images: int | None = None
    """Images that its last report expects; None if none was made here."""
    in_doubt: list[tuple[int, int]] = field(default_factory=list)
    """Of a part: first and last ``image_id`` of images that may be of another one."""
    moved: bool = False
    """Of a part: one before it has such, so its images may have others' numbers."""
    wedges_checked: bool = False
    """Of a part: it was looked whether its images are of it."""
    stride_told: bool = False
    miss_told: bool = False
    """It was said why a series did not get this announcement."""
    second_look: SecondLookState = SecondLookState.NOT_YET
    """Whether its first images were classified again with what it knew at its end."""
    being_sealed: bool = False
    """Its report is being made, of a copy."""
    seal_tries: int = 0
    """How often that was in vain, because something came meanwhile."""
    _takes: tuple[Announcement, bool] | None = None
    """Whether a run so announced takes images: asked for each event and each tick."""

    def copy(self) -> Run:
        """As it is now, to be looked at in another thread: 40 bytes an image."""
        return replace(
            self,
            images=self.images.copy(),
            events=self.events.copy(),
            points=self.points.copy(),
            counts=Counter(self.counts),
            said_targets=dict(self.said_targets),
            notes=list(self.notes),
            in_doubt=list(self.in_doubt),
            calibrations=list(self.calibrations),
            drift=list(self.drift),
            alarms=dict(self.alarms),
        )

    def shown_ns(self, arrival_ns: int) -> int:
        """A time of arrival (Unix ns) on the host's clock as the run began with it."""
        return arrival_ns + self.clock_step_ns

    @property
    def announced(self) -> bool:
        """Whether a ``collection/start`` declared it."""
        return self.announcement.announced

    @property
    def part(self) -> Part | None:
        """Which of several collections of one announcement it is; None: it is whole."""
        return self.announcement.part

    @property
    def technique(self) -> str:
        """Name of what is done; see :func:`~recorder.runs.technique_names.name_of`."""
        return name_of(self.announcement)

    @property
    def takes_images(self) -> bool:
        """Whether a detector's series belongs to it."""
        if self._takes is None or self._takes[0] is not self.announcement:
            self._takes = (self.announcement, takes_images(self.announcement))
        return self._takes[1]

    @property
    def readings(self) -> int:
        """Points and spectra that it has."""
        return self.points.size + (self.spectrum is not None)

    @property
    def experiment(self) -> str:
        """Name of the experiment."""
        return self.announcement.experiment.name or UNNAMED

    @property
    def chains(self) -> tuple[Chain, ...]:
        """The declared event chains."""
        return self.announcement.chains

    @property
    def targets(self) -> tuple[Target, ...]:
        """Indexed images that are wanted of its time points, by delay.

        What was said while it went on counts more than what was announced.
        """
        every = {target.delay: target.indexed for target in self.announcement.targets}
        every |= self.said_targets
        return tuple(Target(delay, every[delay]) for delay in sorted(every))

    @property
    def declared_images(self) -> int | None:
        """Images declared by the run, else by the detector."""
        if not self.takes_images:
            return None
        if self.announcement.planned_images is not None:
            return self.announcement.planned_images
        return self.start.expected_images if self.start else None

    @property
    def given_up(self) -> bool:
        """Whether its series is taken to be over though nobody said so."""
        return self.superseded or self.silent_s > 0

    @property
    def final(self) -> bool:
        """No more images are expected."""
        return self.state in (RunState.DRAINING, RunState.SEALED)

    def note(self, text: str) -> None:
        """Add a note once."""
        if text not in self.notes:
            self.notes.append(text)
