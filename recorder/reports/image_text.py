"""Lines of the text report that count images."""

from __future__ import annotations

from recorder.records.image_report import ImageCounts


def image_lines(images: ImageCounts, *, serial: bool) -> list[str]:
    """Expected, received, lost; and what became of those that were received.

    Args:
        images: They.
        serial: Each trigger that made no image is one that was missed; between the
            lines of a grid there are none.
    """
    missed = f"   missed triggers {images.missed_triggers}" if serial else ""
    return [
        f"    images     {_expected(images)} received {images.received} + lost "
        f"{images.lost}{missed}",
        f"    received   classified {images.classified}"
        + "".join(f", {k} {v}" for k, v in images.unprocessed.items()),
    ]


def _expected(images: ImageCounts) -> str:
    if images.expected is not None:
        return f"expected {images.expected} ="
    declared = images.declared
    return f"{'?' if declared is None else declared} declared, so far"
