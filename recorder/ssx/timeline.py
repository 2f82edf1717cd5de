"""Label images light, dark or unknown, with delay and why we know.

Rungs of this version, best first: laser events that a sensor measured or timing
hardware captured, by trigger number; the declared chains, by ``image_id``; the
declaration alone (an announced run without any laser is dark). What cannot be known
is unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from recorder.records import Chain, Evidence, Pump
from recorder.ssx.chains import NO_DARK_N, NO_DELAY, Pattern, dark_numbers, pattern

PUMPS = (Pump.UNKNOWN, Pump.LIGHT, Pump.DARK)
EVIDENCES = tuple(reversed(Evidence))  # none, commanded, image_id, … measured
UNKNOWN, LIGHT, DARK = range(3)
_NONE, _COMMANDED, _IMAGE_ID = range(3)
_CAPTURED, _MEASURED = EVIDENCES.index(Evidence.CAPTURED), len(EVIDENCES) - 1


def _empty() -> NDArray[np.int64]:
    return np.empty(0, np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class TriggerRows:
    """What the timing hardware logged, in ascending order of trigger number."""

    laser: NDArray[np.int64] = field(default_factory=_empty)
    """Triggers with a laser pulse."""
    laser_ns: NDArray[np.int64] = field(default_factory=_empty)
    laser_measured: NDArray[np.bool_] = field(
        default_factory=lambda: np.empty(0, np.bool_)
    )
    xray: NDArray[np.int64] = field(default_factory=_empty)
    """Triggers with an X-ray detection."""
    xray_ns: NDArray[np.int64] = field(default_factory=_empty)
    same_clock: bool = False
    """Laser and X-ray times can be subtracted."""


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """One entry for each of the given image_ids."""

    pump: NDArray[np.uint8]
    """Index into PUMPS."""
    dark_n: NDArray[np.int64]
    delay_ns: NDArray[np.int64]
    """X-ray start minus pump start; NO_DELAY where unknown."""
    chain: NDArray[np.int64]
    """Index of the declared chain, -1 without one."""
    slot: NDArray[np.int64]
    evidence: NDArray[np.uint8]
    """Index into EVIDENCES."""
    contradictions: int = 0
    """Images whose captured label differs from the declared one."""
    uncertain_ordinals: bool = False
    """Some trigger made no image: from there on numbers do not match images."""


def label_images(
    ids: NDArray[np.int64],
    chains: Sequence[Chain],
    rows: TriggerRows,
    *,
    announced: bool,
    images_made: int | None = None,
    start_ns: NDArray[np.int64] | None = None,
) -> Labels:
    """Label images by the best evidence there is.

    Args:
        ids: image_ids, ascending, shape (n,).
        chains: Declared chains.
        rows: Captured and measured events.
        announced: Whether the run was announced.
        images_made: Images the detector made, received or lost; None while unknown.
        start_ns: Start time of each image on the detector's clock, NO_TIME where
            unknown; None if there are none. They show a missed trigger.

    Returns:
        Labels in the order of ``ids``.
    """
    top = int(ids[-1]) + 1 if ids.size else 0
    declared = pattern(chains, top)
    labels = _declared_labels(ids, declared, announced, rows)
    if rows.laser.size == 0:
        return labels
    certain = _certain(ids, rows, images_made, start_ns)
    return _captured_labels(ids, labels, declared, rows, certain)


def _declared_labels(
    ids: NDArray[np.int64],
    declared: Pattern | None,
    announced: bool,
    rows: TriggerRows,
) -> Labels:
    n = ids.size
    labels = Labels(
        pump=np.zeros(n, np.uint8),
        dark_n=np.full(n, NO_DARK_N, np.int64),
        delay_ns=np.full(n, NO_DELAY, np.int64),
        chain=np.full(n, -1, np.int64),
        slot=np.full(n, -1, np.int64),
        evidence=np.zeros(n, np.uint8),
    )
    if declared is not None:
        known = ids < len(declared.light)
        at = ids[known]
        labels.chain[known] = declared.chain[at]
        labels.slot[known] = declared.slot[at]
        if declared.has_laser:
            labels.pump[known] = np.where(declared.light[at], LIGHT, DARK)
            labels.dark_n[known] = declared.dark_n[at]
            labels.delay_ns[known] = declared.delay_ns[at]
            labels.evidence[known] = _IMAGE_ID
            return labels
    if announced and rows.laser.size == 0 and not _lasers_declared(declared):
        labels.pump[:] = DARK
        labels.evidence[:] = _COMMANDED
    return labels


def _lasers_declared(declared: Pattern | None) -> bool:
    return declared is not None and declared.has_laser


def _certain(
    ids: NDArray[np.int64],
    rows: TriggerRows,
    images_made: int | None,
    start_ns: NDArray[np.int64] | None,
) -> NDArray[np.bool_]:
    """Which images surely belong to the trigger of the same number.

    A missed trigger makes no image, so later images belong to later triggers. It shows
    as a step between two images that is longer than between their triggers; from the
    first such step on numbers prove nothing. Without times only counts can tell.
    """
    if rows.xray.size == 0:
        return np.ones(ids.size, np.bool_)
    if start_ns is None or rows.xray.size < 2 or bool((start_ns == NO_DELAY).any()):
        enough = images_made is None or rows.xray.size <= images_made
        return np.full(ids.size, enough)
    place = np.searchsorted(rows.xray, ids + rows.xray[0])
    known = place < rows.xray.size
    known[known] = rows.xray[place[known]] == ids[known] + rows.xray[0]
    steps = np.diff(start_ns[known]) - np.diff(rows.xray_ns[place[known]])
    limit = int(np.diff(rows.xray_ns).min()) // 2
    bad = np.flatnonzero(np.abs(steps) > max(limit, 1))
    certain = np.ones(ids.size, np.bool_)
    if bad.size:
        certain[np.flatnonzero(known)[bad[0]] + 1 :] = False
    return certain


def _captured_labels(
    ids: NDArray[np.int64],
    labels: Labels,
    declared: Pattern | None,
    rows: TriggerRows,
    certain: NDArray[np.bool_],
) -> Labels:
    """Overrule the declared labels where the timing hardware covers the trigger."""
    base = int(rows.xray[0]) if rows.xray.size else 0
    last = int(max(rows.laser[-1], rows.xray[-1] if rows.xray.size else 0))
    trigger = ids + base
    labels.pump[~certain] = UNKNOWN
    labels.evidence[~certain] = _NONE
    labels.delay_ns[~certain] = NO_DELAY
    labels.dark_n[~certain] = NO_DARK_N
    covered = (trigger <= last) & certain
    before = labels.pump.copy()
    steps = declared.light_steps if declared is not None else (0,)
    all_triggers = np.arange(base, last + 1, dtype=np.int64)
    lit = np.zeros(all_triggers.size, np.bool_)
    for step in steps:
        place = rows.laser + step - base
        lit[place[(place >= 0) & (place < lit.size)]] = True
    at = trigger[covered] - base
    labels.pump[covered] = np.where(lit[at], LIGHT, DARK)
    labels.dark_n[covered] = dark_numbers(lit)[at]
    grade, delay = _rows_of(rows, trigger[covered])
    labels.evidence[covered] = grade
    known = delay != NO_DELAY
    agree = before[covered] == labels.pump[covered]
    declared_delay = np.where(agree, labels.delay_ns[covered], NO_DELAY)
    labels.delay_ns[covered] = np.where(known, delay, declared_delay)
    differs = (before[covered] != UNKNOWN) & ~agree
    unsure = not bool(certain.all())
    return _replace(labels, int(np.count_nonzero(differs)), uncertain=unsure)


def _rows_of(
    rows: TriggerRows, triggers: NDArray[np.int64]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Grade of the last laser row, and delay from row times where both are there."""
    last = np.searchsorted(rows.laser, triggers, side="right") - 1
    after = np.maximum(last, 0)
    measured = rows.laser_measured[after] & (last >= 0)
    grade = np.where(measured, _MEASURED, _CAPTURED).astype(np.uint8)
    delay = np.full(triggers.size, NO_DELAY, np.int64)
    if rows.same_clock and rows.xray.size:
        place = np.searchsorted(rows.xray, triggers)
        place = np.minimum(place, rows.xray.size - 1)
        both = (rows.xray[place] == triggers) & (last >= 0)
        delay[both] = rows.xray_ns[place[both]] - rows.laser_ns[after[both]]
    return grade, delay


def _replace(labels: Labels, contradictions: int, *, uncertain: bool) -> Labels:
    return Labels(
        labels.pump,
        labels.dark_n,
        labels.delay_ns,
        labels.chain,
        labels.slot,
        labels.evidence,
        contradictions,
        uncertain,
    )
