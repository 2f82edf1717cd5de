"""Lines of the text report that count images."""

from __future__ import annotations

from recorder.records.image_report import ImageCounts


def image_lines(images: ImageCounts) -> list[str]:
    """Expected, received, lost; and what became of those that were received."""
    return [
        f"    images     {_expected(images)} received {images.received} + lost "
        f"{images.lost}   missed triggers {images.missed_triggers}",
        f"    received   classified {images.classified}"
        + "".join(f", {k} {v}" for k, v in images.unprocessed.items()),
    ]


def _expected(images: ImageCounts) -> str:
    if images.expected is not None:
        return f"expected {images.expected} ="
    declared = images.declared
    return f"{'?' if declared is None else declared} declared, so far"
