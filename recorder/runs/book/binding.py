"""Which announcement a series belongs to; docs/explanations/binding.md says how.

By what names the other first, then by order of arrival: first in, first out. The clocks
of detectors and of announcing hosts decide nothing that the recorder's own can.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from recorder.records import Announcement, RunState, SeriesKey, SeriesStart
from recorder.runs.book.parts import first_parts
from recorder.runs.book.waiting_series import Waiting
from recorder.runs.run import Run
from recorder.runs.technique_names import takes_images

ADOPT_WINDOW_S = 5.0
"""Events without a name, and announcements that come late, belong to a run that begins
no further from them."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The run that a series or an announcement is for."""

    run: Run
    by_order: bool = False
    """Neither names the other."""
    rivals: tuple[Run, ...] = ()
    """Others that it may be for as well: only the order spoke for this one."""


def series_matches(
    announcement: Announcement,
    key: SeriesKey,
    start: SeriesStart | None,
    uid: str | None,
) -> bool:
    """Whether the announcement names this series, or the series this announcement.

    Args:
        announcement: Of a run without a series.
        key: Numbers that identify the series.
        start: Its header; None if it did not come.
        uid: Uid of a run that its images carried; None if they carried none.
    """
    if announcement.series_unique_id is not None:
        return announcement.series_unique_id in (key.unique_id, str(key.series_id))
    carried = uid or (start.recorder_uid if start else None)
    part = announcement.part
    return carried is not None and carried in (
        announcement.uid,
        part.of if part else None,
    )


def meant_source(announcement: Announcement, detectors: Sequence[str]) -> str | None:
    """The source that the announcement is for; None if it may be any.

    Args:
        announcement: Of a run.
        detectors: Names of all sources; empty: nobody knows them, as in a replay.
    """
    if len(detectors) == 1:
        return detectors[0]
    return announcement.source if announcement.source in detectors else None


def best_run(
    runs: Iterable[Run],
    waiting: Waiting,
    detectors: Sequence[str],
    window_s: float | None,
) -> Choice | None:
    """The announced run without a series that a waiting series is for, if there is one.

    By the series' unique id, then by the uid that the detector carries, then the run
    that was announced first of those that name this detector, then of those that name
    none.

    Args:
        runs: All that are not sealed, in the order of their announcements.
        waiting: The series.
        detectors: Names of all sources.
        window_s: Longest time between the arrivals of both; None: as long as the
            announcement lives.
    """
    free = [run for run in runs if may_get_series(run)]
    for run in free:
        if series_matches(run.announcement, waiting.key, waiting.start, waiting.uid):
            return Choice(run)
    if why_not_by_order(waiting):
        return None
    fit = first_parts(free)
    fit = [run for run in fit if not why_not(run, waiting, detectors, window_s)]
    # An announced end without a series: what comes now is rather the next one's.
    fit = [run for run in fit if run.end is None] or fit
    source = waiting.key.source
    named = [r for r in fit if meant_source(r.announcement, detectors) == source]
    fit = named or fit
    return Choice(fit[0], True, tuple(fit[1:])) if fit else None


def may_get_series(run: Run) -> bool:
    """Whether it was announced, has no series, and is of a technique with images."""
    return run.key is None and run.announced and run.takes_images


def waits_for_series(run: Run) -> bool:
    """Whether its series is to come."""
    return run.state is RunState.ANNOUNCED and run.takes_images


def why_not_by_order(waiting: Waiting) -> str:
    """Why no order can tell the run of a series; empty if it can."""
    uid = waiting.uid or (waiting.start.recorder_uid if waiting.start else None)
    if uid is not None:
        return f"its header names run {uid}, which nobody announced"
    return "it is a single image without a header" if waiting.single else ""


def why_not(
    run: Run, waiting: Waiting, detectors: Sequence[str], window_s: float | None
) -> str:
    """Why a free run is not the one of this series; empty if it may be."""
    named = run.announcement.series_unique_id
    if named is not None:
        return f"it names the series {named}"
    source = meant_source(run.announcement, detectors)
    if source not in (None, waiting.key.source):
        return f"it names the detector {source}"
    apart_s = abs(run.opened_ns - waiting.received_ns) / 1e9
    if window_s is not None and apart_s > window_s:
        return (
            f"it came {apart_s:.0f} s from the series, and runs.match_window_s is "
            f"{window_s:g}"
        )
    return ""


def run_to_adopt(
    runs: Iterable[Run],
    announcement: Announcement,
    detectors: Sequence[str],
    sent_ns: int,
) -> Choice | None:
    """The unannounced run that this late announcement is for.

    Args:
        runs: The ones in memory, sealed ones as well: an announcement that waited in
            the broker may be for one of them, and then it is for no later one.
        announcement: Just came.
        detectors: Names of all sources.
        sent_ns: When it was sent, on the host's clock as well as that is known.
    """
    if not takes_images(announcement):
        return None
    fit: list[Run] = []
    for run in runs:
        if run.announced or run.key is None:
            continue
        uid = run.start.recorder_uid if run.start else None
        if series_matches(announcement, run.key, run.start, uid):
            return Choice(run)
        if uid is None and _may_adopt(run, announcement, detectors, sent_ns):
            fit.append(run)
    if not fit:
        return None
    fit.sort(key=lambda run: abs(run.opened_ns - sent_ns) if len(fit) > 1 else 0)
    return Choice(fit[0], True, tuple(fit[1:]))


def _may_adopt(
    run: Run, announcement: Announcement, detectors: Sequence[str], sent_ns: int
) -> bool:
    if announcement.series_unique_id is not None or run.key is None:
        return False
    if meant_source(announcement, detectors) not in (None, run.key.source):
        return False
    if run.start is None and run.images.received < 2:
        return False  # a stray, for all that is known
    moments = (announcement.received_ns, sent_ns)
    near_ns = ADOPT_WINDOW_S * 1e9
    return any(abs(moment - run.opened_ns) <= near_ns for moment in moments)
