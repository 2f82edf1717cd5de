"""How runs are recorded: journal, run book, classification, workers, log."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from recorder.config.by_kind import EngineName
from recorder.config.section import Section
from recorder.config.values import (
    MAX_DAYS,
    MAX_MB,
    MAX_S,
    FilePath,
    Name,
    Seconds,
    UnitCell,
)
from recorder.records import Announcement, ClassifySettings, Experiment, Protein, Sample
from recorder.records.limits import MAX_IMAGES


class JournalSection(Section):
    """The recorder's own durable store."""

    synchronous: Literal["full", "normal"] = "full"
    """`full`: what is acknowledged survives a power cut; `normal`: it survives the end
    of the process, a power cut may take the last moments (for disks that sync
    slowly)."""
    max_unwritten: int = Field(1_000_000, ge=1000, le=MAX_IMAGES)
    """Images and events that may wait in memory while the disk refuses (about 1 kB
    each); beyond it no image is taken until there is space, and the detector's own
    buffer decides."""
    max_mb: int = Field(20_480, ge=1, le=MAX_MB)
    """Over it, images and events of the oldest runs that are sealed and written
    everywhere are removed; their descriptions and reports stay. With `archive_folder`
    nothing is removed that is not archived."""
    archive_folder: FilePath | None = None
    """Where images and events of old runs go, one compressed file for each; unset:
    `recorder archive` needs `--folder`, and the daemon archives nothing."""
    archive_after_days: float | None = Field(None, gt=0, le=MAX_DAYS)
    """Days after its seal from which on a run is archived; unset: only size decides."""
    archive_over_mb: int | None = Field(None, ge=1, le=MAX_MB)
    """Over it, the oldest runs are archived, whatever their age; unset: over nine
    tenths of `max_mb`."""


class RunsSection(Section):
    """When runs begin and end."""

    hold_s: float = Field(1.0, ge=0, le=1.5)
    """How long a series waits for its announcement before it is recorded as
    unannounced (its images are kept meanwhile)."""
    match_window_s: float | None = Field(None, ge=0, le=MAX_S)
    """Longest time between the arrivals of an announcement and of a series that do not
    name each other; unset: as long as the announcement waits
    (`announcement_timeout_s`)."""
    series_timeout_s: Seconds = 30.0
    """A series without images for so long is given up: its run is aborted."""
    announcement_timeout_s: Seconds = 600.0
    """An announcement without a series for so long is sealed as aborted."""
    max_announced: int = Field(200, ge=1)
    """Runs that may be announced and wait for their series, each part of an
    announcement counted; one announcement may always. A further announcement is
    refused and counted: each of them is a folder, rows in the database and 0.2 MB of
    memory, and a shift has fewer runs."""
    drain_s: float = Field(2.0, ge=0, le=MAX_S)
    """Wait for late images and events after the end of a series."""
    quiet_s: float = Field(10.0, ge=0, le=MAX_S)
    """What comes after the seal makes a further revision once nothing came for so long:
    each revision writes all files and the database anew, and events that trickle in
    every few seconds would have it done each time."""
    revise_max_s: float = Field(300.0, ge=0, le=MAX_S)
    """The longest wait for that quiet: then the revision is made, whatever comes."""
    max_image_id: int = Field(100_000_000, ge=1, le=MAX_IMAGES)
    """Larger image ids are garbage."""


class UnannouncedSection(Section):
    """Where series that nobody announced are recorded."""

    proposal: Name = "mx2345"
    """Proposal, code and number."""
    visit: Annotated[int, Field(ge=0, le=2**31 - 1)] | Literal["current"] | None = 1
    """Visit number; `current` (or none at all): the proposal's only session that is on
    at this beamline when the run begins. If none or several are, the run is kept, and
    ISPyB's part of it waits for a person."""
    experiment: Name = "unannounced"
    """Experiment name."""
    experiment_type: Name = "SSX-Jet"
    """ISPyB experiment type."""
    sample: Name = "unknown"
    """Sample name."""
    protein: Name = "unknown"
    """Protein acronym."""
    unit_cell: UnitCell | None = None
    """Unit cell to index with (Å, degrees)."""
    space_group: Name | None = None
    """Space group, such as `P43212`."""

    @property
    def number(self) -> int | None:
        """The visit's number; None takes the session that is on."""
        return None if self.visit == "current" else self.visit

    def announcement(self) -> Announcement:
        """What stands for the announcement of such a run."""
        return Announcement(
            proposal=self.proposal,
            visit=self.number,
            experiment=Experiment(self.experiment, self.experiment_type),
            sample=Sample(self.sample, protein=Protein(self.protein)),
            unit_cell=self.unit_cell,
            space_group=self.space_group,
            message={
                "proposal": self.proposal,
                "visit": self.number,
                "experiment": {"name": self.experiment, "type": self.experiment_type},
                "sample": {"name": self.sample, "protein": {"acronym": self.protein}},
                "unit_cell": self.unit_cell,
                "space_group": self.space_group,
            },
        )


class ClassifySection(Section):
    """How images are classified."""

    min_spots_hit: int = Field(8, ge=1, le=100_000)
    """An image with at least so many spots is a hit."""
    min_spots_index: int = Field(6, ge=4, le=100_000)
    """Indexing is tried from so many spots on, whatever the hit criterion."""
    max_spots: int = Field(300, ge=20, le=100_000)
    """Strongest spots that are passed to the indexer."""
    min_snr: float = Field(4.0, gt=0)
    """Least signal-to-noise ratio of a spot."""
    gain: float | None = Field(None, gt=0)
    """Counts per photon; unset: from the geometry file, else estimated from variance
    against mean."""
    nfa_max: float = -3.5
    """A lattice is accepted below this log10 number of false alarms, minus 0.5 for
    each spot that it explains."""
    min_inlier_share: float = Field(0.15, ge=0, le=1)
    """Least share of the spots that a lattice explains."""
    ring_share: float = Field(0.6, gt=0, le=1)
    """Powder rings of few spots each: they are taken out if they hold more than this
    share of a short list of spots. Rings of many spots are told by chance alone."""
    max_lattices: int = Field(3, ge=1, le=100_000)
    """Lattices looked for in one image."""
    index: bool = True
    """Off: hits are found, nothing is indexed."""
    calibrate: bool = True
    """Refine beam centre, distance and cell from the hits of a run, and search the
    cell where none is given; each change is logged and reported."""
    max_cell_length: float = Field(250.0, ge=30, le=1000)
    """Longest edge (Å) of a cell that is searched."""
    upstream: Literal["ignore", "use"] = "ignore"
    """`use`: where the stream carries spots or an indexing result of its own
    (Jungfraujoch), take those and do not look at the pixels."""

    def settings(self) -> ClassifySettings:
        """The section as a record."""
        return ClassifySettings(**self.model_dump(exclude={"upstream"}))


class PoolSection(Section):
    """The processes that decode and classify."""

    workers: int | None = Field(None, ge=0, le=256)
    """Worker processes; 0: in the daemon itself; unset: cores - 1, at least 1."""
    engine: EngineName | None = None
    """Where images are classified: `processes`, `inline` (a thread of the daemon), or
    an engine that a package brings; unset: `processes`, and `inline` where `workers`
    is 0."""
    max_backlog_mb: int = Field(2048, ge=1, le=MAX_MB)
    """Compressed images that may wait for a worker; beyond it live images are
    counted as `unprocessed: overload`."""
    second_look_mb: int = Field(512, ge=0, le=MAX_MB)
    """Compressed images that a run keeps, the first ones, to classify them again with
    what it knows when it ends. 0: each image keeps its first class."""
    max_inbox_mb: int = Field(256, ge=1, le=MAX_MB)
    """Images between the receiver threads and the event loop; beyond it ZeroMQ holds
    the streams back."""
    worker_timeout_s: Seconds = 60.0
    """A worker that holds an image longer is replaced."""


class LiveSection(Section):
    """What people see of the run that goes on."""

    pictures: bool = True
    """About once a second, pictures of the last image, hit, indexed hit and hit that is
    not indexed, and of all spots of the run, in the live folder. They take less than
    2 % of one core: large images are drawn less often."""


class LogSection(Section):
    """Logging."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least level."""
    format: Literal["auto", "console", "json", "journald"] = "auto"
    """`auto`: console on a terminal, journald under systemd, else JSON lines."""
    progress_interval_s: Seconds = 5.0
    """How often `run_progress` is logged."""
