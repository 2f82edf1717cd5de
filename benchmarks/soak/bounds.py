"""How much memory the configuration allows: docs/explanations/backpressure.md."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.soak.verdicts import table
from recorder.classifying.material import BACKGROUND_IMAGES
from recorder.classifying.timetable import WINDOW
from recorder.config import Settings
from recorder.pool.processes import CREDIT

KB_PER_IMAGE = 1.0
"""Allowance for the columns, labels and lattices of an image of a run that is open."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A sum of parts (MB), each with its reason."""

    parts: tuple[tuple[str, float], ...]

    @property
    def total(self) -> float:
        """MB."""
        return sum(value for _, value in self.parts)

    def lines(self) -> list[str]:
        """Markdown."""
        rows = [(name, f"{value:.1f}") for name, value in self.parts]
        return table(("part", "MB"), [*rows, ("**sum**", f"**{self.total:.1f}**")])


def daemon_bound(
    settings: Settings, *, base_mb: float, message_mb: float, images: int
) -> Bound:
    """Of the daemon, with one detector and one open run.

    Args:
        settings: The configuration.
        base_mb: Resident memory after a first short run.
        message_mb: Largest message.
        images: Images of the run.
    """
    (detector,) = settings.detector
    pool = settings.pool
    return Bound(
        (
            ("after a first short run", base_mb),
            ("`receive_hwm` messages", detector.receive_hwm * message_mb),
            ("`pool.max_inbox_mb`, and one message", pool.max_inbox_mb + message_mb),
            (
                "`pool.max_backlog_mb`, and one message",
                pool.max_backlog_mb + message_mb,
            ),
            (f"{WINDOW} images to learn from", WINDOW * message_mb),
            ("`pool.second_look_mb`", pool.second_look_mb),
            (f"{KB_PER_IMAGE:g} kB for each image", images * KB_PER_IMAGE / 1024),
        )
    )


def worker_bound(*, base_mb: float, message_mb: float, pixels_mb: float) -> Bound:
    """Of one worker.

    Args:
        base_mb: The most that it needed for the same images without overload.
        message_mb: Largest message.
        pixels_mb: An image, decoded.
    """
    decoded = BACKGROUND_IMAGES * (message_mb + pixels_mb)
    return Bound(
        (
            ("the most without overload", base_mb),
            (f"{CREDIT} images that wait in it", CREDIT * message_mb),
            (f"{BACKGROUND_IMAGES} images to learn from, decoded", decoded),
        )
    )
