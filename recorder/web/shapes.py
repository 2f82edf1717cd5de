"""What the read API answers, typed; the OpenAPI document is made from these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from recorder.records.access import Scope
from recorder.records.cards import ExperimentCard, RunCard
from recorder.records.live import LiveAlarm, LiveState
from recorder.records.run_report import RunReport
from recorder.web.callers import Kind

Daemon = Literal["ok", "stale", "gone", "none"]


@dataclass(frozen=True, slots=True)
class Now:
    """This moment: the event ``now`` of the stream."""

    daemon: Daemon = "none"
    """``ok``; ``stale``: it lives and says nothing; ``gone``: it ended; ``none``: none
    has recorded here."""
    age_s: float | None = None
    """Age of the live state; null: there is none, or it is from before the host
    booted."""
    live: LiveState | None = None
    problem: str | None = None
    """What is wrong with the live state, and what to do."""
    partial: bool = False
    """What belongs to runs that this reader may not see is left out."""


@dataclass(frozen=True, slots=True)
class Slow:
    """What changes more slowly, from the journal: the event ``slow``."""

    id: int = 0
    """Grows with each change."""
    complete: bool = False
    """All runs of the journal are counted; false while they are being read."""
    experiments: tuple[ExperimentCard, ...] = ()
    """The one with the latest run first."""
    run: RunReport | None = None
    """Of the run that goes on, else of the latest one."""
    version: str = ""
    """Of the recorder that serves this."""
    beamline: str = ""
    problem: str | None = None
    """What is wrong with the journal, and what to do."""


@dataclass(frozen=True, slots=True)
class RunList:
    """Some runs, latest first."""

    runs: tuple[RunCard, ...] = ()
    next: int | None = None
    """Give it as ``before`` for those that follow; null: there are none."""


@dataclass(frozen=True, slots=True)
class ExperimentList:
    """Some experiments, the one that began last first."""

    experiments: tuple[ExperimentCard, ...] = ()
    next: int | None = None
    """Give it as ``before`` for those that follow; null: there are none."""
    complete: bool = False
    """All runs of the journal are counted; false while they are being read."""


@dataclass(frozen=True, slots=True)
class ImageLine:
    """One image in short; ``/images/{id}`` has the rest."""

    image_id: int
    outcome: str
    """Its class, or why it has none."""
    spots: int = 0
    lattices: int = 0
    resolution: float | None = None
    """Å."""
    background: float | None = None
    solvent: float | None = None
    saturated_pixels: int = 0
    start_time_ns: int | None = None
    received: str | None = None


@dataclass(frozen=True, slots=True)
class ImageList:
    """Images by image_id."""

    images: tuple[ImageLine, ...] = ()
    next: int | None = None
    """Give it as ``from`` for those that follow; null: there are none now."""


@dataclass(frozen=True, slots=True)
class AlarmList:
    """Alarms that stand, and those cleared in the last ten minutes; of a run all."""

    alarms: tuple[LiveAlarm, ...] = ()


@dataclass(frozen=True, slots=True)
class Said:
    """What was said is passed on to the daemon."""

    said: int = 0
    """How many sayings."""


@dataclass(frozen=True, slots=True)
class Health:
    """Whether it works."""

    ready: bool = True
    version: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """RFC 9457: what is wrong, and what to do."""

    type: str
    title: str
    status: int
    detail: str


Sees = Literal["beamline", "some", "nothing"]


@dataclass(frozen=True, slots=True)
class Me:
    """Who asks, and what they may see."""

    kind: Kind
    """``open``: nobody signs in here."""
    login: str = ""
    name: str = ""
    scopes: tuple[Scope, ...] = ()
    sees: Sees = "nothing"
    """``beamline``: each run; ``some``: those of their sessions and proposals;
    ``nothing``: no right of theirs shows a run here."""
    rights: str = ""
    """Another one when their rights are others; it says nothing else."""
    reasons: tuple[str, ...] = ()
    """Of their rights, in words."""
    notices: tuple[str, ...] = ()
    """What whoever is signed in must know: that the database is away, and the like."""
