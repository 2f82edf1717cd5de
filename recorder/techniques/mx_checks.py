"""What of a plan of sweeps or cells contradicts itself: named, nothing is guessed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from recorder.errors import shown
from recorder.mx.sweeps import first_images
from recorder.records import Announcement
from recorder.records.mx_plan import Plane, Sweep

_NAMED = 20
"""Problems of one plan that are named. Chosen, not tuned."""
_STILLS = ("still", "burn")
"""Types of which the axis may stand, in lower case."""


def sweep_problems(announcement: Announcement) -> tuple[str, ...]:
    """What is wrong with the sweeps of an announcement, for people."""
    plan = announcement.sweeps
    if plan is None:
        return _foreign_grid(announcement)
    found = [*_images(announcement, "scan.sweeps", plan.images)]
    kind = announcement.experiment.type.strip().casefold()
    for n, sweep in enumerate(plan.sweeps):
        found += [f"scan.sweeps.{n}: {text}" for text in _sweep(sweep, kind)]
    if kind == "helical" and all(one.end_position is None for one in plan.sweeps):
        found.append(
            "scan.sweeps: a helical run needs position and end_position: where the "
            "crystal went is unknown"
        )
    if plan.one_collection:
        found += _common_images(plan.sweeps)
    return (*found[:_NAMED], *_foreign_grid(announcement))


def grid_problems(announcement: Announcement) -> tuple[str, ...]:
    """What is wrong with the cells of an announcement, for people."""
    plan = announcement.grid
    if announcement.sweeps is not None:
        found = ["scan.sweeps: a grid has no sweeps: give the angle of each plane"]
    else:
        found = []
    if plan is None:
        return tuple(found)
    found += _images(announcement, "grid.planes", plan.images)
    kind = announcement.experiment.type.strip().casefold()
    for n, plane in enumerate(plan.planes):
        found += [f"grid.planes.{n}: {text}" for text in _plane(plane, kind)]
    if kind == "mesh3d" and len(plan.planes) == 1 and announcement.part is None:
        found.append("grid.planes: a Mesh3D needs two planes or more, there is one")
    return tuple(found[:_NAMED])


def _images(announcement: Announcement, where: str, planned: int) -> Iterator[str]:
    said = announcement.images
    if said is not None and said != planned:
        yield (
            f"images: {said}, but {where} have {planned}: numbers and cells follow the "
            f"plan, and {said} images are expected"
        )


def _sweep(sweep: Sweep, kind: str) -> Iterator[str]:
    if sweep.range == 0 and sweep.pitch is None and kind not in _STILLS:
        yield "range is 0: the axis stands, all images are at one angle"
    if sweep.range and sweep.images > 1:
        if sweep.pitch == 0:
            yield "pitch is 0: all images turn over the same angles"
        elif sweep.step * sweep.range < 0:
            yield f"pitch {sweep.step:g} turns back over what range {sweep.range:g} did"
    if (sweep.position is None) != (sweep.end_position is None) and (
        sweep.end_position is not None
    ):
        yield "end_position without position: where the crystal began is unknown"


def _plane(plane: Plane, kind: str) -> Iterator[str]:
    nx, ny = plane.steps
    if kind == "linescan" and min(nx, ny) > 1:
        yield f"a LineScan is one line, steps are {nx} x {ny}"
    if plane.top_left_px is not None and plane.um_per_px is None:
        yield "top_left_px without um_per_px: its place on the picture has no scale"


def _common_images(sweeps: Sequence[Sweep]) -> Iterator[str]:
    """Sweeps of one collection that claim the same images."""
    ranges = sorted(
        (first, first + sweep.images, n)
        for n, (first, sweep) in enumerate(
            zip(first_images(sweeps), sweeps, strict=True)
        )
    )
    for (_, end, n), (first, _, other) in pairwise(ranges):
        if first < end:
            a, b = sorted((n, other))
            yield f"scan.sweeps: {a} and {b} have image {first} in common"


def _foreign_grid(announcement: Announcement) -> tuple[str, ...]:
    if announcement.grid is None:
        return ()
    return (
        f"grid: {shown(announcement.experiment.type)} has no cells: the grid is not "
        "used",
    )
