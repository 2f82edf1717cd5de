"""How beam centre and size move over a run, image by image.

The centre of each indexed hit is refined from its own spots. A line through the latest
ones says where the beam will be while the next state is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from recorder.records import Finding, FindingKind, Geometry, Place
from recorder.records.image_report import DriftPoint
from recorder.ssx.arrays import FloatArray
from recorder.ssx.lattices import symmetry
from recorder.ssx.learning.joint_refinement import refine_place
from recorder.ssx.learning.trial import Trial, primitive_images

HALF_LIFE = 128.0
"""Images after which a hit weighs half: as many as between the first states. Chosen,
not tuned."""
_LEAST_HITS = 6
"""Hits without which no line is drawn. Chosen, not tuned."""
_SURE = 4.0
"""Standard deviations that a slope must differ from none. Chosen, not tuned."""
_SUSPECT = 2.0
"""The same for a slope that asks for more hits: one of ten where there is none."""
_LEAST_MOVE = 0.3
"""Movement (px) of the centre up to the next state's use that is worth a change: at 75
mm a tenth of what a spot may miss its lattice point. Chosen, not tuned."""
_LEAST_STRAIN = 0.001
"""Relative difference of a number of the cell that is worth a refinement: a fifth of
what costs a lattice. Chosen, not tuned."""
_FARTHEST = 1.0
"""How far a line is followed beyond the hits, over their span. Chosen, not tuned."""
_OUTLIER = 3.0
"""Robust standard deviations beyond which a hit is not of the line."""
_LEAST_SIGMA = 0.05
"""A centre is not known better than so (px)."""
ALARM_PX = 2.0
"""Drift of the centre over a run (px) that is said: half of the images of big cells are
lost with a centre so far off where nothing follows it."""
ALARM_SCALE = 0.005
"""Relative drift of the size of the cell over a run that is said: with a distance so
far off 3 % of the images are lost where nothing follows it."""
_LEAST_POINTS = 6
"""Points of a curve without which it is no drift. Chosen, not tuned."""
_PARTS = 4
"""Parts of a run whose sizes of the cell are compared: crystals differ by 0.5 %, the
medians of many do not. Chosen, not tuned."""
GROUPS = 8
"""Points of the curve that one lesson adds, at most."""


@dataclass(frozen=True, slots=True)
class _Line:
    """Where the centre is, by image_id."""

    at: float
    position: tuple[float, float]
    slope: tuple[float, float]
    """px for each image."""
    first: float
    last: float


def places(trial: Trial, image_ids: Sequence[int]) -> tuple[Place, ...]:
    """Where the beam was at each indexed hit.

    Args:
        trial: Hits that index.
        image_ids: Of its hits.
    """
    known = trial.knowledge
    if known.cell is None:
        return ()
    basis, _ = symmetry.primitive_vectors(known.cell, known.space_group)
    indexed = [
        number
        for number, item in zip(image_ids, trial.lattices, strict=True)
        if item is not None
    ]
    found = []
    for number, image in zip(indexed, primitive_images(trial), strict=True):
        moved = refine_place(image, known.geometry, basis)
        if moved is not None:
            centre, scale = moved
            distance = known.geometry.distance
            found.append(Place(int(number), centre, distance, scale))
    return tuple(sorted(found, key=lambda place: place.image_id))


def fits(trial: Trial, found: Sequence[Place]) -> bool:
    """Whether the hits ask for no other beam centre and cell, and none that moves.

    Args:
        trial: Hits that index.
        found: Where the beam was at each of those.
    """
    known = trial.knowledge
    if known.cell is None or len(found) < _LEAST_HITS:
        return False
    if _line(found, _SUSPECT) is not None:
        return False
    off = np.array([place.beam_center for place in found]) - known.geometry.beam_center
    cells = np.array([item.cell for item in trial.lattices if item is not None])
    strain = cells / np.array(known.cell) - 1
    return _near(off, _LEAST_MOVE) and _near(strain, _LEAST_STRAIN)


def _near(values: FloatArray, most: float) -> bool:
    """Whether the medians of columns are no farther from 0 than that, and chance."""
    middle = np.median(values, axis=0)
    spread = 1.4826 * np.median(np.abs(values - middle), axis=0)
    error = 1.2533 * spread / np.sqrt(len(values))
    return bool((np.abs(middle) < most + error).all())


def weights(image_ids: Sequence[int]) -> list[float]:
    """What each hit counts in a refinement: the latest most."""
    newest = max(image_ids, default=0)
    return [0.5 ** ((newest - number) / HALF_LIFE) for number in image_ids]


def followed(geometry: Geometry, found: Sequence[Place], used_at: float) -> Geometry:
    """The geometry with the centre where it will be.

    Args:
        geometry: What the hits index with.
        found: Where the beam was.
        used_at: Middle image of those that will use it.

    Returns:
        `geometry` itself if the centre does not move enough.
    """
    line = _line(found)
    if line is None:
        return geometry
    span = line.last - line.first
    at = min(used_at, line.last + _FARTHEST * span)
    x, y = (
        position + slope * (at - line.at)
        for position, slope in zip(line.position, line.slope, strict=True)
    )
    moved = np.hypot(x - geometry.beam_center[0], y - geometry.beam_center[1])
    if moved < _LEAST_MOVE:
        return geometry
    return replace(geometry, beam_center=(float(x), float(y)))


def _line(found: Sequence[Place], sure: float = _SURE) -> _Line | None:
    """A line through the centres, if it has a slope."""
    if len(found) < _LEAST_HITS:
        return None
    ids = np.array([place.image_id for place in found], dtype=np.float64)
    centres = np.array([place.beam_center for place in found])
    weight = np.array(weights([place.image_id for place in found]))
    if np.ptp(ids) == 0:
        return None
    good = np.ones(len(ids), np.bool_)
    slope, sigma, at, position = _fit(ids, centres, weight)
    for _ in range(3):
        off = np.abs(centres - position - np.outer(ids - at, slope)).max(axis=1)
        robust = max(1.4826 * float(np.median(off[good])), _LEAST_SIGMA)
        good = off < _OUTLIER * robust
        if good.sum() < _LEAST_HITS or np.ptp(ids[good]) == 0:
            return None
        slope, sigma, at, position = _fit(ids[good], centres[good], weight[good])
    if not (np.abs(slope) > sure * sigma).any():
        return None
    return _Line(
        at=at,
        position=(float(position[0]), float(position[1])),
        slope=(float(slope[0]), float(slope[1])),
        first=float(ids[good].min()),
        last=float(ids[good].max()),
    )


def _fit(
    ids: FloatArray, centres: FloatArray, weight: FloatArray
) -> tuple[FloatArray, FloatArray, float, FloatArray]:
    """Slope (2,), its standard deviation, middle image_id, position (2,) there."""
    total = weight.sum()
    at = float((weight @ ids) / total)
    position = (weight @ centres) / total
    away = ids - at
    spread = float(weight @ np.square(away))
    slope = (weight * away) @ (centres - position) / spread
    rest = centres - position - np.outer(away, slope)
    noise = np.sqrt((weight @ np.square(rest)) / total)
    noise = np.maximum(noise, _LEAST_SIGMA)
    effective = float(weight @ np.square(weight * away)) / spread**2
    return slope, noise * np.sqrt(effective), at, position


def curve(found: Sequence[Place]) -> tuple[Place, ...]:
    """A few points of many: medians of consecutive hits."""
    groups = min(GROUPS, max(1, len(found) // 3))
    points = []
    for part in np.array_split(np.arange(len(found)), groups):
        if not len(part):
            continue
        some = [found[n] for n in part]
        x, y = np.median([place.beam_center for place in some], axis=0)
        points.append(
            Place(
                image_id=some[len(some) // 2].image_id,
                beam_center=(float(x), float(y)),
                distance=float(np.median([place.distance for place in some])),
                scale=float(np.median([place.scale for place in some])),
            )
        )
    return tuple(points)


def alarm(points: Sequence[Place | DriftPoint]) -> Finding | None:
    """What to say of a run's curve, if it moves more than it should.

    Args:
        points: The curve; ``scale`` relative to one cell for all of them.
    """
    if len(points) < _LEAST_POINTS:
        return None
    centres = _smoothed(np.array([place.beam_center for place in points]))
    moved = float(np.linalg.norm(centres[:, None] - centres[None], axis=2).max())
    # what the spots tell whatever the angle: the cell at one distance
    size = np.array([place.scale / place.distance for place in points])
    parts = np.array_split(size / np.median(size), min(_PARTS, len(size) // 3))
    middle = np.array([np.median(part) for part in parts])
    sigma = np.array(
        [1.2533 * np.std(part) / np.sqrt(len(part)) for part in parts]  # of a median
    )
    scale = float(middle.max() - middle.min())
    sure = scale > _SURE * float(np.sqrt(2) * sigma.max())
    if moved <= ALARM_PX and not (scale > ALARM_SCALE and sure):
        return None
    first, last = points[0], points[-1]
    return Finding(
        FindingKind.DRIFT,
        f"the beam drifts: its centre moved by {moved:.1f} px, the size of the cell at "
        f"one distance by {100 * scale:.1f} %, between images {first.image_id} and "
        f"{last.image_id}; it is followed; look at beam position, detector support and "
        "wavelength",
    )


def _smoothed(centres: FloatArray) -> FloatArray:
    """Medians of three consecutive points: one point is no drift."""
    return np.median(np.stack([centres[:-2], centres[1:-1], centres[2:]]), axis=0)
