"""What the log says of a run that is opened, changed or sealed."""

from __future__ import annotations

from typing import Any

from recorder.records import SeriesStart
from recorder.records.run_report import RunReport
from recorder.runs.book.actions import Noticed
from recorder.runs.points import planned_points
from recorder.runs.run import Run


def series_fields(start: SeriesStart) -> dict[str, Any]:
    """The fields of ``series_started``."""
    return {
        "source": start.key.source,
        "series_id": start.key.series_id,
        "images": start.expected_images,
        "problems": list(start.problems),
    }


def opened_fields(run: Run) -> dict[str, Any]:
    """The fields of ``run_started``."""
    return {
        "run": run.number,
        "uid": run.uid,
        "experiment": run.experiment,
        "announced": run.announced,
        "images": run.declared_images,
    }


def changed_fields(run: Run, what: str) -> dict[str, Any]:
    """The fields of ``run_changed``.

    Args:
        run: The run.
        what: What changed.
    """
    return {
        "run": run.number,
        "what": what,
        "reason": run.reason,
        "series_id": run.key.series_id if run.key else None,
        "experiment": run.experiment,
    }


def notice_fields(notice: Noticed) -> dict[str, Any]:
    """The fields of what the run book noticed."""
    run = {} if notice.run is None else {"run": notice.run.number}
    return {**dict(notice.fields), **run}


def measured_fields(run: Run) -> dict[str, Any]:
    """The fields of ``run_progress`` of a run without images."""
    return {
        "run": run.number,
        "state": run.state,
        "points": run.points.size,
        "points_expected": planned_points(run),
        "spectrum": run.spectrum is not None,
    }


def sealed_fields(run: Run, report: RunReport) -> dict[str, Any]:
    """The fields of ``run_sealed``.

    Args:
        run: The run.
        report: Its report.
    """
    if not run.takes_images:
        return {**_ended(run), **measured_fields(run)}
    images, classes = report.images, report.classes
    return {
        **_ended(run),
        "expected": images.expected,
        "received": images.received,
        "lost": images.lost,
        "unprocessed": dict(images.unprocessed),
        "indexed": classes.indexed,
        "non_indexed_hits": classes.non_indexed_hits,
        "non_hits": classes.non_hits,
        "hit_rate": report.rates.hit,
        "light": report.pump.light,
        "dark": report.pump.dark,
        "unknown": report.pump.unknown,
    }


def _ended(run: Run) -> dict[str, Any]:
    return {
        "run": run.number,
        "uid": run.uid,
        "experiment": run.experiment,
        "status": run.status,
        "reason": run.reason,
        "revision": run.revision,
        "folder": run.folder,
    }
