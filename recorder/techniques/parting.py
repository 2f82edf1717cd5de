"""One announcement that is several collections of one series: sweeps, planes.

Each part has a message of its own, as if it had been announced alone: what is stored
of it reads the same after a restart.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from itertools import pairwise
from typing import Any, Literal

from recorder.mx.sweeps import regular
from recorder.records import Announcement, Json
from recorder.records.limits import (
    MAX_ANNOUNCED_BYTES,
    MAX_COLLECTIONS,
    MAX_IMAGES,
)
from recorder.records.mx_plan import Part, Plane, Sweep

PlanName = Literal["sweeps", "grid"]
"""A plan that has several pieces, as :class:`Announcement` calls it."""
Piece = Sweep | Plane
PartRange = tuple[int, int]
"""``image_id`` of the first image in the series, and the images."""
_PLACES: dict[PlanName, tuple[str, str]] = {
    "sweeps": ("scan", "sweeps"),
    "grid": ("grid", "planes"),
}
"""Where the pieces of a plan stand in a message, by its name."""
_BESIDE = 120
"""Bytes that a part's message has beside those of the announcement: its uid, number and
place, as of a usual uid. What is kept is bounded by it, and need not be exact."""


def parts_by(
    plan: PlanName, announcement: Announcement, *, regular_is_one: bool = False
) -> tuple[Announcement, ...]:
    """The collections that an announcement is: one a sweep, or one a plane.

    Args:
        plan: Whose pieces they are.
        announcement: As it came.
        regular_is_one: Sweeps that are alike and at equal distances are one collection
            where nobody says what they are.

    Returns:
        Itself alone if it is one, or if its plan does not say which image is of which
        part, or it would be too many or too large: then with that as a problem.
    """
    if announcement.uid is None or announcement.part is not None:
        return (announcement,)
    sweeps = announcement.sweeps
    if plan == "sweeps" and sweeps is not None:
        one = sweeps.one_collection
        if one is None and regular_is_one:
            follow = all(sweep.first_image is None for sweep in sweeps.sweeps)
            one = follow and regular(sweeps.sweeps)
        if one:
            return (announcement,)
    ranges = part_ranges(_pieces(announcement, plan))
    if len(ranges) < 2:
        return (announcement,)
    sizes = _sizes(announcement, plan)
    if why := _unusable(ranges) or _too_much(sizes):
        problem = f"{'.'.join(_PLACES[plan])}: {why}: all are one collection"
        return (replace(announcement, problems=(*announcement.problems, problem)),)
    total = sum(images for _, images in ranges)
    problems = announcement.problems
    if announcement.images not in (None, total):
        text = f"images: {announcement.images}, but {'.'.join(_PLACES[plan])} have"
        problems = (*problems, f"{text} {total} together: the plan counts")
    announcement = replace(announcement, problems=problems)
    return tuple(
        replace(_part(announcement, plan, number, ranges), size=size)
        for number, size in enumerate(sizes, start=1)
    )


def part_ranges(pieces: Sequence[Piece]) -> list[PartRange]:
    """Which images of a series are of which piece, in the order of the pieces."""
    ranges: list[PartRange] = []
    after = 0
    for piece in pieces:
        first = after if piece.first_image is None else piece.first_image
        ranges.append((first, piece.images))
        after = first + piece.images
    return ranges


def _pieces(announcement: Announcement, plan: PlanName) -> tuple[Piece, ...]:
    if plan == "grid":
        return announcement.grid.planes if announcement.grid else ()
    return announcement.sweeps.sweeps if announcement.sweeps else ()


def _unusable(ranges: Sequence[PartRange]) -> str:
    """Why the ranges do not part a series; empty if they do."""
    numbered = sorted((first, images, n) for n, (first, images) in enumerate(ranges))
    for (first, images, n), (then, _, other) in pairwise(numbered):
        if then < first + images:
            a, b = sorted((n, other))
            return f"{a} and {b} have image {then} in common"
    first, images, n = numbered[-1]
    if first + images > MAX_IMAGES:
        return f"{n} ends after image {MAX_IMAGES}"
    return ""


def _sizes(announcement: Announcement, plan: PlanName) -> list[int]:
    """Bytes of the message of each part, near enough."""
    block, key = _PLACES[plan]
    sizes = [len(json.dumps(piece)) for piece in announcement.message[block][key]]
    shared = announcement.size - sum(sizes) + _BESIDE
    return [shared + size for size in sizes]


def _too_much(sizes: Sequence[int]) -> str:
    """Why so many parts cannot be runs of their own; empty if they can."""
    if len(sizes) > MAX_COLLECTIONS:
        return f"{len(sizes)} of them, at most {MAX_COLLECTIONS} can be collections"
    if sum(sizes) > MAX_ANNOUNCED_BYTES:
        return (
            f"{len(sizes)} collections with {sum(sizes)} bytes together, at most "
            f"{MAX_ANNOUNCED_BYTES} are kept: send less beside the plan"
        )
    return ""


def _part(
    announcement: Announcement,
    plan: PlanName,
    number: int,
    ranges: Sequence[PartRange],
) -> Announcement:
    first, images = ranges[number - 1]
    own = _pieces(announcement, plan)[number - 1].run
    run = announcement.run
    if own is not None:
        run = own
    elif run is not None:
        run += number - 1
    of = str(announcement.uid)
    part = Part(of, number, len(ranges), first, images)
    uid = f"{of}.{number}"
    said: Json = {"uid": uid, "run": run, "images": images}
    message = _message(announcement.message, plan, number - 1)
    return replace(
        _alone(announcement, plan, number - 1),
        **said,
        part=part,
        message=message | said | {"part": asdict(part)},
    )


def _alone(announcement: Announcement, plan: PlanName, place: int) -> Announcement:
    """It with one piece only, whose images count from 0."""
    if plan == "grid" and (grid := announcement.grid) is not None:
        plane = replace(grid.planes[place], first_image=None, run=None)
        return replace(announcement, grid=replace(grid, planes=(plane,)))
    if plan == "sweeps" and (sweeps := announcement.sweeps) is not None:
        sweep = replace(sweeps.sweeps[place], first_image=None, run=None)
        return replace(announcement, sweeps=replace(sweeps, sweeps=(sweep,)))
    return announcement


def _message(whole: Json, plan: PlanName, place: int) -> Json:
    """The message as it would have been sent for one piece alone."""
    block, key = _PLACES[plan]
    plans: dict[str, Any] = dict(whole[block])
    only = dict(plans[key][place])
    plans[key] = [{k: v for k, v in only.items() if k not in ("first_image", "run")}]
    return {**whole, block: plans}
