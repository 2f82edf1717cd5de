"""Recall and false spots of the finder on simulated images, hard ones included."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorder.records import ClassifierSetup, ClassifySettings, Learned
from recorder.simulate.stills.render import (
    Still,
    StillGenerator,
    StillSettings,
    default_geometry,
)
from recorder.ssx.classification.classifier import Classifier

PIXELS = 1500
BINS = ((12, 20), (20, 40), (40, 100))
FOUND_PX = 2.5
LEARNED_FROM = 10
FIRST_TEST = 300
"""Index of the first image looked at: so much drift since the map was learned."""
BRIGHTNESS = (0.0, 0.01, 0.02, 0.04, 0.08, 0.15, 0.3)
_BASE = StillSettings(geometry=default_geometry(PIXELS), hit_share=0.3)
CASES: dict[str, StillSettings] = {
    "plain, 0.6 photons/px": _BASE,
    "4.6 photons/px": replace(_BASE, background=4.6),
    "azimuthal 25 %, streak": replace(_BASE, azimuthal=(0.1, 0.25), streak=1.5),
    "drift 30 %": replace(_BASE, background_drift=(0.3, 1000)),
    "both": replace(
        _BASE, azimuthal=(0.1, 0.25), streak=1.5, background_drift=(0.3, 1000)
    ),
    "12 zingers": replace(_BASE, zingers=12),
    "ice in all": replace(_BASE, ice_share=1.0),
    "salt in all": replace(_BASE, salt_share=1.0),
    "gain 2": replace(_BASE, gain=2),
    "signed, gain 12, noise 3": replace(_BASE, dtype="int32", gain=12, noise=3.0),
    "dead and hot pixels": replace(
        _BASE, dead_pixels_per_mpx=50, hot_pixels_per_mpx=100
    ),
}


@dataclass(frozen=True)
class Result:
    """Of one case."""

    case: str
    learned: bool
    false: tuple[int, ...]
    """False spots of each blank."""
    hits_among_blanks: int
    recall: tuple[float, ...]
    indexed: float
    gain: float


def setup_of(settings: StillSettings, mask: NDArray[np.bool_]) -> ClassifierSetup:
    """What a recorder would know of these images."""
    info = np.iinfo(settings.dtype)
    return ClassifierSetup(
        shape=settings.geometry.shape,
        dtype=settings.dtype,
        geometry=settings.geometry,
        cell=settings.cell,
        space_group=settings.space_group,
        mask=mask,
        flatfield=None,
        saturation=float(info.max - 1),
        settings=ClassifySettings(),
    )


def run_case(case: str, blanks: int, hits: int) -> list[Result]:
    """Both backgrounds on the same images."""
    settings = CASES[case]
    generator = StillGenerator(settings, seed=21)
    classifier = Classifier(setup_of(settings, generator.mask))
    teaching = [generator.still(n, "miss").pixels for n in range(LEARNED_FROM)]
    learned = classifier.learn(1, Learned(0), teaching, LEARNED_FROM, [])
    classifier.take(learned)
    empty = [generator.still(FIRST_TEST + n, "miss") for n in range(blanks)]
    full = [generator.still(FIRST_TEST + blanks + n, "hit") for n in range(hits)]
    gain = learned.background.gain if learned.background else 0.0
    return [_result(case, classifier, number, empty, full, gain) for number in (0, 1)]


def _result(
    case: str,
    classifier: Classifier,
    number: int,
    empty: list[Still],
    full: list[Still],
    gain: float,
) -> Result:
    false, called = [], 0
    for still in empty:
        found = classifier.find(still.pixels, number).spots
        xy = np.stack([found.x, found.y], axis=1)
        false.append(int((~_near(xy, still.foreign)).sum()))
        outcome = classifier.classify(still.pixels, number)
        called += outcome.image_class != "non_hit"
    seen, total = np.zeros(len(BINS)), np.zeros(len(BINS))
    indexed = 0
    for still in full:
        found = classifier.find(still.pixels, number).spots
        xy = np.stack([found.x, found.y], axis=1)
        for spots in still.spots:
            hit = _near(spots, xy)
            for n, (low, high) in enumerate(BINS):
                inside = (spots[:, 2] >= low) & (spots[:, 2] < high)
                total[n] += inside.sum()
                seen[n] += hit[inside].sum()
        outcome = classifier.classify(still.pixels, number)
        indexed += outcome.image_class == "indexed"
    return Result(
        case,
        number > 0,
        tuple(false),
        called,
        tuple(float(v) for v in seen / np.maximum(total, 1)),
        indexed / max(len(full), 1),
        gain,
    )


def _near(points: NDArray[Any], others: NDArray[Any]) -> NDArray[np.bool_]:
    """Which of the points have one of the others within reach; (n, >= 2) each."""
    if not len(points) or not len(others):
        return np.zeros(len(points), np.bool_)
    away = points[:, None, :2] - others[None, :, :2]
    return np.asarray(np.square(away).sum(axis=2).min(axis=1) < FOUND_PX**2)


def finder_table(pool: ProcessPoolExecutor, blanks: int, hits: int) -> list[str]:
    """Recall and false spots of all cases, with the first and the learned map."""
    names = " | ".join(f"{low}-{high}" for low, high in BINS)
    lines = [
        f"| case | background | false per blank (max) | blanks called hits | {names} | "
        "indexed | gain |",
        "|---" * (6 + len(BINS)) + "|",
    ]
    futures = [pool.submit(run_case, case, blanks, hits) for case in CASES]
    for future in futures:
        for item in future.result():
            recall = " | ".join(f"{value:.2f}" for value in item.recall)
            mean, most = np.mean(item.false), max(item.false)
            how = "learned" if item.learned else "first images"
            gain = f"{item.gain:.2f}" if item.learned else ""
            lines.append(
                f"| {item.case} | {how} | {mean:.2f} ({most}) | "
                f"{item.hits_among_blanks} of {blanks} | {recall} | "
                f"{item.indexed:.2f} | {gain} |"
            )
    return lines


def roc_table(pool: ProcessPoolExecutor, images: int) -> list[str]:
    """Share called a hit, or indexed, by the strength of the crystal."""
    lines = [
        "| true spots > 12 photons (mean) | >= 5 spots | >= 8 spots | >= 10 spots | "
        "indexed |",
        "|---" * 5 + "|",
    ]
    lines += pool.map(_strength, BRIGHTNESS, [images] * len(BRIGHTNESS))
    return lines


def _strength(brightness: float, images: int) -> str:
    """A row for crystals of one mean brightness; 0: no crystal."""
    settings = replace(_BASE, brightness=brightness or 1.0, min_spots=0)
    generator = StillGenerator(settings, seed=33)
    classifier = Classifier(setup_of(settings, generator.mask))
    teaching = [generator.still(n, "miss").pixels for n in range(LEARNED_FROM)]
    classifier.take(classifier.learn(1, Learned(0), teaching, LEARNED_FROM, []))
    kind = "hit" if brightness else "miss"
    counts, true, indexed = [], [], 0
    for n in range(1000, 1000 + images):
        still = generator.still(n, kind)
        outcome = classifier.classify(still.pixels, 1)
        counts.append(outcome.spots)
        true.append(sum(int((spots[:, 2] > 12).sum()) for spots in still.spots))
        indexed += outcome.image_class == "indexed"
    found = np.array(counts)
    shares = " | ".join(f"{np.mean(found >= least):.2f}" for least in (5, 8, 10))
    return f"| {np.mean(true):.0f} | {shares} | {indexed / images:.2f} |"
