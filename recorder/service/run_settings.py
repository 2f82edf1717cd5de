"""When runs begin and end, from the configuration."""

from __future__ import annotations

from recorder.config import Settings
from recorder.runs.book.endings import BookSettings


def book_settings(settings: Settings) -> BookSettings:
    """The run book's settings from the configuration."""
    runs = settings.runs
    return BookSettings(
        hold_s=runs.hold_s if settings.mqtt.enabled else 0.0,
        match_window_s=runs.match_window_s,
        detectors=settings.series_sources,
        series_timeout_s=runs.series_timeout_s,
        announcement_timeout_s=runs.announcement_timeout_s,
        max_announced=runs.max_announced,
        drain_s=runs.drain_s,
        quiet_s=runs.quiet_s,
        revise_max_s=runs.revise_max_s,
        max_image_id=runs.max_image_id,
        # What waits goes to the pool at once: more than its backlog would be refused.
        max_held_bytes=settings.pool.max_backlog_mb << 20,
        unannounced=settings.unannounced.announcement(),
    )
