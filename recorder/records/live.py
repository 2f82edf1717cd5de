"""What the daemon says of this moment, five times a second, for whoever shows it.

It is a file (:mod:`recorder.runtime.live_file`), so that no reader can hold the daemon
up. Names are keys of the JSON. Counts, not rates: whoever shows
them works out rates and intervals, all in the same way
(:mod:`recorder.records.interval`). What the journal has (cards, chains, cells of sealed
runs) is not in it. Each key has a default, for what other versions wrote.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from recorder.records.live_delays import DelayHistogram
from recorder.records.live_node import LiveNode
from recorder.records.live_open_runs import OpenRun
from recorder.records.runs import SERIAL

VERSION = 1
"""Of this shape; it grows only when a key changes its meaning."""
INTERVAL_S = 0.2
"""Seconds between two states: what the eye follows; 0.3 ms of work each."""
LINE_STEP_S = 2.0
"""Seconds of one point of the line over time: about 200 images at 100 Hz."""
LINE_POINTS = 300
"""Points of that line: ten minutes. Chosen, not tuned."""
LAST_IMAGES = 50
"""Images of "the last images": cell, resolution and background of now against those of
the run. Chosen, not tuned."""
WINDOWS = ("10s", "60s", "run", "all")
"""Windows of rates: of arrival until now, of the run, of all runs of its experiment."""
State = Literal["ok", "away", "failing", "off", "unknown"]


@dataclass(frozen=True, slots=True)
class Trials:
    """Images in a window, by class."""

    images: int = 0
    """Received."""
    classified: int = 0
    """Of these, with a class: the trials of the hit rate."""
    hits: int = 0
    tried: int = 0
    """Hits that were tried to be indexed: the trials of the index rate."""
    indexed: int = 0
    multi: int = 0
    """Indexed with two lattices or more."""
    rings: int = 0
    """With rings of ice, salt or another substance."""


@dataclass(frozen=True, slots=True)
class LiveSource:
    """One source: a detector, a PandABox, the broker."""

    name: str
    kind: str = "detector"
    state: State = "unknown"
    age_ms: float | None = None
    """Since its last message; null if none came."""
    hz: float = 0.0
    """Images or events a second, over 5 s."""
    lost: int = 0
    """Images of its open run that did not come."""
    missed: int | None = None
    """Triggers of its open run without an image; null: nobody can tell."""
    clock_ppm: float | None = None
    """How fast its clock goes against the detector's."""
    problem: str | None = None
    """What is wrong, and what to do, for people."""


@dataclass(frozen=True, slots=True)
class LivePool:
    """The workers."""

    workers: int = 0
    backlog: int = 0
    """Images that wait."""
    backlog_bytes: int = 0
    max_bytes: int = 0
    finished: int = 0
    """Images since the daemon's start."""
    replaced: int = 0
    """Workers that died and were replaced, and nodes that were lost."""
    nodes: tuple[LiveNode, ...] = ()


@dataclass(frozen=True, slots=True)
class LiveJournal:
    """The journal and its disk."""

    state: State = "unknown"
    unwritten: int = 0
    disk_free: int | None = None
    """Bytes."""
    disk_full_s: float | None = None
    """Seconds until the disk is full at the present slope; null: it does not fill."""


@dataclass(frozen=True, slots=True)
class LiveSink:
    """One sink: how far it is behind."""

    name: str
    state: State = "unknown"
    lag_s: float = 0.0
    """Age of the oldest record that it has to write."""
    pending: int = 0
    parked: int = 0
    """Records that it refused."""
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class LiveDelay:
    """Light images of one time point."""

    delay_s: float
    images: int = 0
    hits: int = 0
    indexed: int = 0
    target: int | None = None
    """Indexed images that are wanted."""
    eta_s: float | None = None
    """Seconds until then at the rate of the last 10 minutes."""
    classified: int = 0
    """Of the images, with a class: the trials of the hit rate."""


@dataclass(frozen=True, slots=True)
class LivePump:
    """Images by pump state, as far as labels are settled."""

    light: Trials = field(default_factory=Trials)
    dark: Trials = field(default_factory=Trials)
    unknown: Trials = field(default_factory=Trials)
    dark_n: tuple[Trials, ...] = ()
    """Dark 1, dark 2, …"""
    settled_to: int | None = None
    """All images before this one have their label."""
    declared: bool = False
    """A laser is declared, or its pulses were seen."""
    due: int = 0
    """Pulses that should have come."""
    misfires: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """Images over time of arrival; point i is [from_ns + i * step, … + step)."""

    from_ns: int = 0
    step_s: float = LINE_STEP_S
    classified: tuple[int, ...] = ()
    hits: tuple[int, ...] = ()
    indexed: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class LastImages:
    """Medians over the last images, null where nothing is known."""

    cell: tuple[float, float, float, float, float, float] | None = None
    resolution: float | None = None
    background: float | None = None
    saturated: float | None = None
    solvent: float | None = None


@dataclass(frozen=True, slots=True)
class LiveRun:
    """The run that goes on."""

    run: int
    uid: str
    experiment: str = ""
    proposal: str | None = None
    state: str = "open"
    technique: str = SERIAL
    """What is done; of what is not serial no rate says anything."""
    part: int | None = None
    """Which of several collections of one announcement it is, from 1."""
    parts: int | None = None
    announced: bool = False
    started_ns: int = 0
    expected: int | None = None
    received: int = 0
    newest_age_s: float | None = None
    """Age of the newest image that is counted here, since it arrived, when the state
    was made; null: none came since the state before."""
    pending: int = 0
    lost: int = 0
    missed: int | None = None
    """Triggers without an image; null: nobody can tell, as without times."""
    unprocessed: Mapping[str, int] = field(default_factory=dict)
    eta_s: float | None = None
    provisional: bool = True
    """Its first images are looked at again when it ends."""
    windows: Mapping[str, Trials] = field(default_factory=dict)
    """By name, see ``WINDOWS``."""
    pump: LivePump = field(default_factory=LivePump)
    delays: tuple[LiveDelay, ...] = ()
    delay_histogram: DelayHistogram = field(default_factory=DelayHistogram)
    line: Line = field(default_factory=Line)
    last: LastImages = field(default_factory=LastImages)


@dataclass(frozen=True, slots=True)
class Hint:
    """What may be the cause, and the numbers that speak for it."""

    text: str
    evidence: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LiveAlarm:
    """An alarm that stands, or one that was cleared in the last ten minutes."""

    id: str
    kind: str = ""
    severity: Literal["red", "amber", "info"] = "amber"
    text: str = ""
    run: int | None = None
    since_image: int | None = None
    since_ns: int = 0
    raised_ns: int = 0
    cleared_ns: int | None = None
    evidence: Mapping[str, float] = field(default_factory=dict)
    hints: tuple[Hint, ...] = ()
    seen_by: str | None = None
    uid: str | None = None
    """Of its run; null: it is about the host, or from an earlier recorder."""
    can_be_normal: bool = False
    """Its level may be taken as the normal one now."""


@dataclass(frozen=True, slots=True)
class PreviewImage:
    """A picture that lies beside the state: ``preview-<which>.png`` and ``.json``."""

    which: Literal["last", "hit", "indexed", "unindexed"]
    run: int
    uid: str
    image_id: int
    serial: int = 0
    """Grows with each picture of this kind: a reader fetches what is new."""
    outcome: str = ""
    spots: int = 0
    lattices: int = 0
    resolution: float | None = None


@dataclass(frozen=True, slots=True)
class LiveState:
    """All of it."""

    v: int = VERSION
    id: int = 0
    """Grows by one with each state of one daemon."""
    time_ns: int = 0
    """Unix ns when it was made."""
    boottime_ns: int = 0
    """The same since boot: its age does not jump when the clock is set."""
    boot: str = ""
    identity: Mapping[str, Any] = field(default_factory=dict)
    """Of the process."""
    host: str = ""
    beamline: str = ""
    version: str = ""
    stage: str = "starting"
    """``starting``, ``running``, ``stopping``, ``stopped`` or ``failed``."""
    state: str = "idle"
    """``idle``, or the state of the run."""
    journal_id: str = ""
    """Which journal it belongs to."""
    sources: tuple[LiveSource, ...] = ()
    pool: LivePool = field(default_factory=LivePool)
    journal: LiveJournal = field(default_factory=LiveJournal)
    sinks: tuple[LiveSink, ...] = ()
    bad_messages: int = 0
    run: LiveRun | None = None
    """The run that is shown where nobody chose one."""
    open_runs: tuple[OpenRun, ...] = ()
    """All that go on, that one too, at most ``MOST_OPEN``: the latest."""
    open_runs_left_out: int = 0
    alarms: tuple[LiveAlarm, ...] = ()
    previews: tuple[PreviewImage, ...] = ()
