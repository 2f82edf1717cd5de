"""The chip of a run, for people."""

from __future__ import annotations

from collections.abc import Iterator

from recorder.records.scan_report import ScanReport

_SHOTS = 10
"""Shots that are told one by one; the report has more. Chosen, not tuned."""
_BY = {
    "position": ", by the captured positions of the stage",
    "trigger": "",
    "image_id": ", by the count of images",
    "nothing": ": triggers are missing, and nothing tells which",
}


def scan_lines(scan: ScanReport) -> Iterator[str]:
    """Wells, images without one, shots and patterns."""
    wells = scan.wells
    seen = wells.total - wells.lost - wells.unknown - wells.unseen
    yield (
        f"chip       {seen} of {wells.total} wells: indexed {wells.indexed}, "
        f"non-indexed hits {wells.non_indexed_hits}, non-hits {wells.non_hits}"
        + (f", lost {wells.lost}" if wells.lost else "")
    )
    if scan.unplaced or scan.beyond or scan.placed_by != "trigger":
        yield (
            f"chip       {scan.placed} images have a well, {scan.unplaced} have none, "
            f"{scan.beyond} are beyond the walk{_BY[scan.placed_by]}"
        )
    if scan.moved:
        yield (
            f"chip       {scan.moved} images were at another well than announced: the "
            "stage did not follow its walk"
        )
    for item in scan.by_shot[:_SHOTS] if len(scan.by_shot) > 1 else ():
        hits = item.indexed + item.non_indexed_hits
        limit = "" if item.resolution is None else f", {item.resolution:.2f} A"
        yield (
            f"shot {item.shot:<6}{item.images} images, {hits} hits, "
            f"{item.indexed} indexed{limit}"
        )
    for hint in scan.hints:
        yield (
            f"pattern    {hint.where}: {hint.rate:.1%} of wells have a hit, "
            f"{hint.elsewhere:.1%} elsewhere (z {hint.z:+.1f}): {hint.text}"
        )
