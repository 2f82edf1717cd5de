"""The labels of a run as they are kept: what holds for all images, and columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

import numpy as np

from recorder.journal.kept_labels import Columns
from recorder.records import Json, Start
from recorder.runs.ledger import expected_images
from recorder.runs.run import Run
from recorder.runs.timeline.chip import Chip
from recorder.runs.timeline.measurement import Measurement, first_declared_ns
from recorder.runs.timeline.mx_images import MxImages
from recorder.runs.timeline.of_run import (
    each_has_a_trigger,
    facts_of,
    start_times,
)
from recorder.ssx.labels.delays import since_start
from recorder.ssx.labels.timeline import CapturedTriggers, Timeline, label_images

LABELS: tuple[str, ...] = (
    *("pump", "dark_n", "delay_ns", "chain", "slot", "cycle"),
    *("ordinal", "residual_ns", "evidence"),
)
"""Columns of :class:`~recorder.ssx.labels.timeline.Labels`."""
NO_LABELS: Columns = {
    name: np.empty(0, np.uint8 if name in ("pump", "evidence") else np.int64)
    for name in ("image_id", *LABELS, "since_ns")
}
"""Columns of no image."""


@dataclass(frozen=True, slots=True)
class Way:
    """How images were given their triggers, on one rung of evidence."""

    start: Start
    by_time: bool
    conflict: str = ""
    breaks: tuple[tuple[int, str, bool], ...] = ()
    """First image after each, its kind, and whether the triggers told how to go on."""


@dataclass(frozen=True, slots=True)
class LabelFacts:
    """What holds for all images of a run."""

    images: int
    """Images that were received."""
    events: int
    """Events of its own."""
    size: int
    """Highest image_id, plus one."""
    expected: int | None
    """Images that exist; None while more may come."""
    best: Way
    """By the best evidence there is."""
    clock: Way | None
    """By the images' own times on the declared chains; None where that says nothing."""
    count: Way
    """By the count of the images alone."""
    captured: bool
    """The timing hardware logged triggers."""
    clock_name: str
    """Of the triggers' clock; empty for the declared chains."""
    first_number: int
    """The hardware's number of trigger 0."""
    first_ns: int
    """Declared time of trigger 0 from the run's start."""
    pump_s: float | None
    """Duration of a laser pulse, None if unknown."""
    reactions: Mapping[str, float] = field(default_factory=dict)
    """Offset (s) of each reaction trigger by name."""
    placed_by: str | None = None
    """What the wells rest on; None without a scan."""
    axis: str | None = None
    """The axis that turns; None if nothing tells an angle."""
    cells_by: tuple[str, ...] = ()
    """What the cells of each plane of a grid rest on; empty without one."""

    def to_json(self) -> Json:
        """As it is kept."""
        return asdict(self)


def facts_from_json(body: Json) -> LabelFacts:
    """The reverse of :meth:`LabelFacts.to_json`.

    Raises:
        KeyError, TypeError, ValueError: Another recorder's, or damaged.
    """
    ways = {name: _way_from_json(body[name]) for name in ("best", "clock", "count")}
    best, count = ways["best"], ways["count"]
    if best is None or count is None:
        raise ValueError("facts of labels without their way")
    told = {**body, "best": best, "clock": ways["clock"], "count": count}
    told["cells_by"] = tuple(str(by) for by in body.get("cells_by", ()))
    return LabelFacts(**told)


def _way_from_json(body: Json | None) -> Way | None:
    if body is None:
        return None
    breaks = tuple((int(n), str(kind), bool(ok)) for n, kind, ok in body["breaks"])
    return Way(Start(body["start"]), body["by_time"], body["conflict"], breaks)


def describe_labels(
    run: Run,
    timeline: Timeline,
    measurement: Measurement,
    chip: Chip | None,
    mx: MxImages | None = None,
) -> tuple[LabelFacts, Columns]:
    """Facts and columns of a run.

    Args:
        run: The run.
        timeline: Its labels.
        measurement: What its events amount to.
        chip: Its chip, None without a scan.
        mx: Its angles, wedges and cells; None if nothing tells any.

    Returns:
        The facts; and the columns, one entry for each received image: ``image_id``,
        those of the labels, ``since_ns`` (time of its trigger from the run's start),
        ``count_pump`` and ``count_evidence``, ``clock_pump``, ``clock_evidence`` and
        ``clock_ordinal`` (what count and clock say on their own), ``well_ordinal``
        (its trigger on the walk of a scan), and of ``mx``: ``angle_start``,
        ``angle_end`` (degrees), ``angle_grade``, ``wedge``, ``plane``, ``cell``,
        ``cell_x`` and ``cell_y``.
    """
    labels, first_ns = timeline.labels, first_declared_ns(timeline)
    columns: Columns = {
        "image_id": run.images.ids,
        **{name: getattr(labels, name) for name in LABELS},
        "since_ns": since_start(labels.ordinal, timeline.table, first_ns),
    }
    clock = None
    if run.chains and timeline.assignment.by_time:
        found = _on_chains(run, timed=True)
        clock = _way(found)
        columns["clock_pump"] = found.labels.pump
        columns["clock_evidence"] = found.labels.evidence
        columns["clock_ordinal"] = found.assignment.ordinal
    counted = _on_chains(run, timed=False)
    columns["count_pump"] = counted.labels.pump
    columns["count_evidence"] = counted.labels.evidence
    if chip is not None:
        columns["well_ordinal"] = chip.seen.ordinal
    columns |= {} if mx is None else _mx_columns(mx)
    rows, pulses = run.events.rows(), measurement.pulses
    return (
        LabelFacts(
            images=run.images.received,
            events=run.events.size,
            size=run.images.size,
            expected=expected_images(run, timeline),
            best=_way(timeline),
            clock=clock,
            count=_way(counted),
            captured=bool(rows.xray.size or rows.laser.size),
            clock_name=timeline.table.clock,
            first_number=timeline.table.first_number,
            first_ns=first_ns,
            pump_s=pulses.pump_s,
            reactions=dict(pulses.reactions),
            placed_by=None if chip is None else chip.by.value,
            axis=None if mx is None else mx.axis,
            cells_by=tuple(order.by for order in mx.cells.orders)
            if mx is not None and mx.cells is not None
            else (),
        ),
        columns,
    )


def _mx_columns(mx: MxImages) -> Columns:
    """Angle, wedge and cell of each image; wedge and cell only where there are any."""
    angles, wedges, cells = mx.angles, mx.wedges, mx.cells
    found: Columns = {
        "angle_start": angles.start,
        "angle_end": angles.end,
        "angle_grade": angles.grade,
    }
    if wedges is not None:
        found["wedge"] = wedges.index
    if cells is not None:
        found |= {"plane": cells.plane, "cell": cells.cell}
        found |= {"cell_x": cells.x, "cell_y": cells.y}
    return found


def _on_chains(run: Run, *, timed: bool) -> Timeline:
    """Labels by the declared chains alone: by the images' times, or by their count."""
    ids = run.images.ids
    return label_images(
        ids,
        run.chains,
        CapturedTriggers(),
        facts=facts_of(run),
        start_ns=start_times(run) if timed and each_has_a_trigger(run) else None,
    )


def _way(timeline: Timeline) -> Way:
    found = timeline.assignment
    breaks = tuple((int(b.image_id), b.kind, bool(b.resolved)) for b in found.breaks)
    return Way(found.start, bool(found.by_time), found.conflict, breaks)
