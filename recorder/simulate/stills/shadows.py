"""Shadows with edges: what stands between sample and detector and is no beamstop."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from recorder.simulate.arrays import Floats, Ints
from recorder.simulate.stills.settings import StillSettings

_PLACES = 4
"""Tag of the random stream of the shadows of a run."""
_KINDS = ("half", "band", "disc")
_LOGISTIC = 1.702
"""Slope that makes a logistic step a Gaussian's to within 0.01."""
_PIXEL = 0.29
"""Sigma (px) of an edge that is cut by pixels alone."""


class _Shadow(NamedTuple):
    """One shadow; lengths in px."""

    kind: str
    x: float
    """Of a point of its edge, or its middle line, or its middle."""
    y: float
    angle: float
    """Of the normal of its edge, rad."""
    size: float
    """Half width of a band, radius of a disc."""
    light: float
    edge: float


class Shadows:
    """What shadows let through, for each image.

    Args:
        settings: What to simulate.
        seed: Decides the shadows of the run.
    """

    def __init__(self, settings: StillSettings, seed: int) -> None:
        self._shape = settings.geometry.shape
        self._move = settings.shadow_move
        rng = np.random.default_rng((seed, _PLACES))
        self._shadows = [
            _draw(settings, _KINDS[n % len(_KINDS)], rng)
            for n in range(settings.shadows)
        ]
        self._still = self._light([(0.0, 0.0)] * len(self._shadows))

    def __bool__(self) -> bool:
        return bool(self._shadows)

    def light(self, rng: np.random.Generator) -> Floats:
        """Share of the photons that comes through on an image, (slow, fast)."""
        if not self._move:
            return self._still
        moves = rng.normal(0, self._move, (len(self._shadows), 2))
        return self._light([(float(x), float(y)) for x, y in moves])

    def dim(self, counts: Ints, light: Floats, rng: np.random.Generator) -> None:
        """Take photons away: thinned Poisson counts are Poisson counts.

        Args:
            counts: Photons, (slow * fast,), changed.
            light: Of :meth:`light`.
            rng: Decides which photons stay.
        """
        flat = light.ravel()
        places = np.flatnonzero((flat < 1) & (counts > 0))
        counts[places] = rng.binomial(counts[places], flat[places])

    def _light(self, moves: list[tuple[float, float]]) -> Floats:
        light = np.ones(self._shape)
        slow, fast = self._shape
        x = np.arange(fast, dtype=np.float64)[None, :] + 0.5
        y = np.arange(slow, dtype=np.float64)[:, None] + 0.5
        for shadow, (dx, dy) in zip(self._shadows, moves, strict=True):
            depth = _depth(shadow, x - (shadow.x + dx), y - (shadow.y + dy))
            soft = np.clip(depth * (_LOGISTIC / max(shadow.edge, _PIXEL)), -15, 15)
            light *= 1 - (1 - shadow.light) / (1 + np.exp(-soft))
        light[light > 1 - 1e-6] = 1
        return light


def _depth(shadow: _Shadow, x: Floats, y: Floats) -> Floats:
    """Pixels from the edge into the shadow; negative outside of it."""
    if shadow.kind == "disc":
        return np.asarray(shadow.size - np.hypot(x, y))
    inward = x * math.cos(shadow.angle) + y * math.sin(shadow.angle)
    if shadow.kind == "half":
        return np.asarray(inward)
    return np.asarray(shadow.size - np.abs(inward))


def _draw(settings: StillSettings, kind: str, rng: np.random.Generator) -> _Shadow:
    """A shadow that leaves most of the detector in the light."""
    slow, fast = settings.geometry.shape
    half = min(slow, fast) / 2
    angle = rng.uniform(0, 2 * math.pi)
    away = half * rng.uniform(*((0.5, 0.9) if kind == "half" else (0.1, 0.8)))
    size = rng.uniform(3, 30) if kind == "band" else half * rng.uniform(0.05, 0.25)
    return _Shadow(
        kind,
        fast / 2 + away * math.cos(angle),
        slow / 2 + away * math.sin(angle),
        angle,
        size,
        rng.uniform(*settings.shadow_light),
        rng.uniform(*settings.shadow_edge),
    )
