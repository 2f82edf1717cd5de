"""One run: what is known of it, and its small state machine.

announced → open → draining → sealed; a late image reopens a sealed run for a further
revision.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from recorder.records import (
    Chain,
    Collection,
    CollectionEnd,
    Json,
    RunState,
    RunStatus,
    SeriesKey,
    SeriesStart,
)
from recorder.runs.ledger import Ledger
from recorder.runs.tables.event_log import EventLog
from recorder.runs.tables.image_table import (
    INDEXED,
    NON_HIT,
    NON_INDEXED_HIT,
    ImageTable,
)
from recorder.runs.timeline.live_timeline import LiveTimeline
from recorder.ssx.chains.declared import Declared, read_chains
from recorder.ssx.labels.timeline import (
    DARK,
    LIGHT,
    PUMPS,
    UNKNOWN,
    Facts,
    Timeline,
    label_images,
)

LONG_RUN = 20_000
"""Images from which on a run that goes on is labelled block by block."""


@dataclass(eq=False)
class Run:
    """One ISPyB data collection in the making."""

    uid: str
    number: int
    opened_ns: int
    unannounced_body: Json = field(default_factory=dict)
    """What stands for the announcement while there is none."""
    collection: Collection | None = None
    start: SeriesStart | None = None
    key: SeriesKey | None = None
    state: RunState = RunState.ANNOUNCED
    status: RunStatus = RunStatus.RUNNING
    reason: str = ""
    decided: bool = False
    """Status and reason follow from what was there when it was sealed."""
    end: CollectionEnd | None = None
    ended_ns: int | None = None
    revision: int = 0
    folder: str = ""
    """Where its files lie, relative to the results folder."""
    images: ImageTable = field(default_factory=ImageTable)
    events: EventLog = field(default_factory=EventLog)
    live: LiveTimeline = field(default_factory=LiveTimeline)
    counts: Counter[str] = field(default_factory=Counter)
    """``duplicate_images``, ``late_images``, ``out_of_order_images``,
    ``ignored_channels``, ``duplicate_events``, ``lessons_left_out``, …"""
    notes: list[str] = field(default_factory=list)
    """What people should know, in the report."""
    calibrations: list[Json] = field(default_factory=list)
    """Each change of geometry or cell that its images asked for."""
    drain_until: float = 0.0
    last_progress: float = 0.0
    """Monotonic time of the last image or header."""
    stride_told: bool = False

    @property
    def announced(self) -> bool:
        """Whether a ``collection/start`` declared it."""
        return self.collection is not None

    @property
    def body(self) -> Json:
        """The announcement, or what the configuration says of unannounced runs."""
        return self.collection.body if self.collection else self.unannounced_body

    @property
    def experiment(self) -> str:
        """Name of the experiment."""
        return str((self.body.get("experiment") or {}).get("name") or "unnamed")

    @property
    def declared(self) -> Declared:
        """The declared event chains, and what is wrong with them."""
        return read_chains(self.collection.body if self.collection else {})

    @property
    def chains(self) -> tuple[Chain, ...]:
        """The declared event chains."""
        return self.declared.chains

    @property
    def declared_images(self) -> int | None:
        """Images declared by the run, else by the detector."""
        if self.collection and self.collection.body.get("images") is not None:
            return int(self.collection.body["images"])
        return self.start.expected_images if self.start else None

    @property
    def final(self) -> bool:
        """No more images are expected."""
        return self.state in (RunState.DRAINING, RunState.SEALED)

    def expected(self, timeline: Timeline) -> int | None:
        """Images that exist: as the detector counted, or as declared and not missed.

        None while more may come: until then only the gaps are known to be lost. Never
        fewer than were seen.
        """
        if not self.final:
            return None
        made = self.end.images if self.end else None
        if made is None:
            made = (self.declared_images or 0) - timeline.placement.missed
        return max(made, self.images.size)

    def note(self, text: str) -> None:
        """Add a note once."""
        if text not in self.notes:
            self.notes.append(text)

    def facts(self) -> Facts:
        """What the timeline needs to know besides images and events."""
        ended_well = self.status is RunStatus.SUCCESS or (
            self.status is RunStatus.RUNNING
            and (self.end is None or self.end.status is RunStatus.SUCCESS)
        )
        return Facts(
            announced=self.announced,
            header=self.start is not None,
            ended=self.final,
            success=self.final and ended_well,
            made=self.end.images if self.end else None,
            triggers=self.declared_images,
        )

    @property
    def long(self) -> bool:
        """It goes on and is too long to be worked out as a whole again and again."""
        return not self.final and self.images.received > LONG_RUN

    def timeline(self) -> Timeline:
        """Labels of the received images in ascending image_id, and their reasons.

        Of a long run that goes on, the latest images are not labelled yet.
        """
        if self.long and self.live.serves(self):
            return self.live.update(self)
        ids = self.images.ids
        return label_images(
            ids,
            self.chains,
            self.events.rows(),
            facts=self.facts(),
            start_ns=self.images.column("start_time_ns")[ids],
        )

    def ledger(self, timeline: Timeline | None = None) -> Ledger:
        """The sums as they stand."""
        timeline = timeline or self.timeline()
        labels = timeline.labels
        outcome = self.images.column("outcome")
        pumps = np.bincount(labels.pump, minlength=len(PUMPS)).tolist()
        classes = [
            int((outcome == code).sum()) for code in (INDEXED, NON_INDEXED_HIT, NON_HIT)
        ]
        expected = self.expected(timeline)
        lost = self.images.lost(self.images.size if expected is None else expected)
        triggers, missed = self._triggers(expected, timeline)
        return Ledger(
            expected=expected,
            received=self.images.received,
            lost=lost,
            classified=int((outcome >= INDEXED).sum()) - self._unprocessed_total(),
            unprocessed=self.unprocessed(),
            indexed=classes[0],
            non_indexed_hits=classes[1],
            non_hits=classes[2],
            light=pumps[LIGHT],
            dark=pumps[DARK],
            unknown=pumps[UNKNOWN],
            triggers=triggers,
            missed=missed,
            pending=self.images.pending,
        )

    def unprocessed(self) -> dict[str, int]:
        """Counts by reason, only the reasons that occurred."""
        classes = {"indexed", "non_indexed_hit", "non_hit"}
        return {
            str(name): count
            for name, count in self.images.outcomes.items()
            if name not in classes
        }

    def _unprocessed_total(self) -> int:
        return sum(self.unprocessed().values())

    def _triggers(
        self, expected: int | None, timeline: Timeline
    ) -> tuple[int | None, int]:
        """Captured triggers, once they cover every image that exists, and the missed.

        Triggers after the last image were missed if the detector says that it made no
        more; if nobody says how many it made, the images are taken to be lost.
        """
        missed = timeline.placement.missed
        captured = self.events.triggers
        if captured is None or expected is None or captured < expected:
            return None, missed
        if self.end is not None and self.end.images is not None:
            missed += max(0, timeline.placement.tail)
        elif not timeline.placement.by_time:
            missed = captured - expected
        return captured, missed

    def description(self) -> Json:
        """What is needed to find, restore and write down the run."""
        return {
            "uid": self.uid,
            "run": self.number,
            "folder": self.folder,
            "opened_ns": self.opened_ns,
            "announced": self.announced,
            "collection_uid": self.collection.uid if self.collection else None,
            "collection_time_ns": self.collection.time_ns if self.collection else None,
            "body": self.body,
            "series": self.series_description(),
        }

    def series_description(self) -> Json | None:
        """The bound series as JSON: no mask, no flat field."""
        if self.key is None:
            return None
        start = self.start
        info = start.info if start else None
        return {
            "source": self.key.source,
            "series_id": self.key.series_id,
            "unique_id": self.key.unique_id,
            "header": start is not None,
            "expected_images": start.expected_images if start else None,
            "arm_time_ns": start.arm_time_ns if start else None,
            "recorder_uid": start.recorder_uid if start else None,
            "detector": {
                name: getattr(info, name) for name in (info.__slots__ if info else ())
            },
        }
