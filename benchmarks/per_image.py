"""CPU time of one image: copy, decode, spots, indexing, whole; per core.

Median of CPU times (``time.process_time``) of one thread, on images that the
classifier has not seen before each round, with a learned background. Each image is
decoded right before it is looked at, as in a worker.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np

from recorder.records import (
    ClassifierSetup,
    ClassifySettings,
    Geometry,
    Learned,
    Payload,
)
from recorder.runtime.memory import keep_memory
from recorder.simulate.stills.render import StillGenerator
from recorder.simulate.stills.settings import StillSettings, default_geometry
from recorder.simulate.stream.series import encode
from recorder.sources.pixels import decode
from recorder.ssx.classification.classifier import Classifier

SIZES = {"1 Mpx": (1028, 1062), "4 Mpx": (2162, 2068), "16 Mpx": (4362, 4148)}
CELLS = {
    "lyso": ((79.1, 79.1, 38.2, 90.0, 90.0, 90.0), "P43212"),
    "mono": ((58.0, 47.0, 71.0, 90.0, 103.0, 90.0), "P21"),
    "tric": ((35.0, 45.0, 60.0, 82.0, 95.0, 105.0), "P1"),
    "cubic": ((96.0, 96.0, 96.0, 90.0, 90.0, 90.0), "P23"),
    "big": ((100.0, 150.0, 200.0, 90.0, 90.0, 90.0), "P212121"),
}
SHARES = (0.05, 0.2, 0.6)
_BLANKS, _HITS, _ROUNDS = 16, 10, 3
_TAUGHT = 8


@dataclass
class Images:
    """Images of one detector and crystal, and what classifies them."""

    shape: tuple[int, int]
    blanks: list[Payload]
    hits: list[Payload]
    classifier: Classifier


@cache
def make_images(size: str, cell: str) -> Images:
    """Render and compress images; teach the classifier from the blanks."""
    keep_memory(arenas=1)
    shape = SIZES[size]
    square = default_geometry(shape[1])
    geometry = Geometry(
        shape,
        square.pixel_size,
        square.distance,
        square.beam_center,
        square.wavelength,
    )
    numbers, group = CELLS[cell]
    settings = StillSettings(geometry=geometry, cell=numbers, space_group=group)
    generator = StillGenerator(settings, seed=5)
    blanks = [generator.still(n, "miss").pixels for n in range(_BLANKS)]
    hits = [generator.still(100 + n, "hit").pixels for n in range(_HITS)]
    setup = ClassifierSetup(
        shape,
        "uint16",
        geometry,
        numbers,
        group,
        generator.mask,
        None,
        65534.0,
        ClassifySettings(),
    )
    classifier = Classifier(setup)
    classifier.take(classifier.learn(1, Learned(0), blanks[:_TAUGHT], _TAUGHT, []))
    return Images(shape, encode(blanks[_TAUGHT:]), encode(hits), classifier)


@dataclass(frozen=True)
class Costs:
    """Milliseconds of one image."""

    copy: float
    decode_blank: float
    decode_hit: float
    spots_blank: float
    """Decoding included, as all that follow."""
    spots_hit: float
    blank: float
    hit: float

    def mean(self, share: float) -> float:
        """Milliseconds of the mean image at a share of hits, by those of decoding."""
        decoding = (1 - share) * self.decode_blank + share * self.decode_hit
        return ((1 - share) * self.blank + share * self.hit) / decoding

    def rate(self, share: float) -> float:
        """Images per second and core at a share of hits."""
        return 1000 / ((1 - share) * self.blank + share * self.hit)


def measure(size: str, cell: str) -> Costs:
    """All steps on one detector and crystal."""
    images = make_images(size, cell)
    out = np.empty(images.shape, np.uint16)
    spare = np.empty(images.shape, np.uint16)
    engine = images.classifier

    def median(payloads: Sequence[Payload], call: Callable[[Payload], object]) -> float:
        for payload in payloads:
            call(payload)
        times = []
        for payload in list(payloads) * _ROUNDS:
            begun = time.process_time()
            call(payload)
            times.append(time.process_time() - begun)
        return float(np.median(times)) * 1e3

    return Costs(
        copy=median(images.blanks, lambda _: np.copyto(spare, out)),
        decode_blank=median(images.blanks, lambda p: decode(p, out)),
        decode_hit=median(images.hits, lambda p: decode(p, out)),
        spots_blank=median(images.blanks, lambda p: engine.find(decode(p, out), 1)),
        spots_hit=median(images.hits, lambda p: engine.find(decode(p, out), 1)),
        blank=median(images.blanks, lambda p: engine.classify(decode(p, out), 1)),
        hit=median(images.hits, lambda p: engine.classify(decode(p, out), 1)),
    )


def alone(size: str, cell: str) -> Costs:
    """The same in a process of its own, as a worker is: the heap has no history."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(measure, size, cell).result()


class Rate(NamedTuple):
    """Of images at 20 % hits."""

    per_second: float
    """Of wall time."""
    cpu_ms: float
    """Of one image."""


def _work(size: str, seconds: float) -> Rate:
    """What this process makes of images for some seconds."""
    images = make_images(size, "lyso")
    out = np.empty(images.shape, np.uint16)
    mixed = [
        images.hits[n % len(images.hits)]
        if n % 5 == 0
        else images.blanks[n % len(images.blanks)]
        for n in range(40)
    ]
    for payload in mixed:
        images.classifier.classify(decode(payload, out), 1)
    done, begun, spent = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - begun < seconds:
        images.classifier.classify(decode(mixed[done % 40], out), 1)
        done += 1
    cpu_ms = 1000 * (time.process_time() - spent) / done
    return Rate(done / (time.perf_counter() - begun), cpu_ms)


def two_processes(size: str = "4 Mpx", seconds: float = 4.0) -> tuple[Rate, Rate]:
    """What one process makes, and two together."""
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        list(pool.map(_work, [size] * 2, [0.5] * 2))
        one = pool.submit(_work, size, seconds).result()
        two = list(pool.map(_work, [size] * 2, [seconds] * 2))
    both = Rate(sum(r.per_second for r in two), sum(r.cpu_ms for r in two) / len(two))
    return one, both


def _verdict(met: bool) -> str:
    return "met" if met else "missed"


def per_image_lines() -> list[str]:
    """Tables of sizes and of cells, with the goals beside what was measured."""
    lines = [
        "| ms of CPU | copy | decode | spots, blank | spots, hit | whole blank | "
        "whole hit | images/s at 5 % | 20 % | 60 % hits |",
        "|---" * 10 + "|",
    ]
    costs = {size: alone(size, "lyso") for size in SIZES}
    for size, cost in costs.items():
        rates = " | ".join(f"{cost.rate(share):.0f}" for share in SHARES)
        lines.append(
            f"| {size} | {cost.copy:.2f} | {cost.decode_blank:.2f} | "
            f"{cost.spots_blank:.2f} | {cost.spots_hit:.2f} | {cost.blank:.2f} | "
            f"{cost.hit:.2f} | {rates} |"
        )
    lines += ["", "Spots and whole include decoding.", ""]
    lines += ["| 4 Mpx hit | decode | whole | / decode |", "|---" * 4 + "|"]
    ratios = []
    for cell in CELLS:
        cost = costs["4 Mpx"] if cell == "lyso" else alone("4 Mpx", cell)
        ratios.append(cost.hit / cost.decode_hit)
        lines.append(
            f"| {cell} | {cost.decode_hit:.2f} | {cost.hit:.2f} | {ratios[-1]:.1f} |"
        )
    one, both = (rate.per_second for rate in two_processes())
    goals = goal_lines(costs["4 Mpx"], costs["16 Mpx"], ratios, one, both)
    return [*lines, "", *goals]


def goal_lines(
    four: Costs, sixteen: Costs, hits: Sequence[float], one: float, both: float
) -> list[str]:
    """The goals beside what was measured.

    Args:
        four: Of 4 Mpx.
        sixteen: Of 16 Mpx.
        hits: Cost of a hit by that of decoding it, for each cell.
        one: Images per second of one process.
        both: The same of two together.
    """
    rows = [
        ("blank, whole", "<= 2.2 x decode", four.blank / four.decode_blank, 2.2),
        ("mean image, 20 % hits, 4 Mpx", "<= 2.3 x decode", four.mean(0.2), 2.3),
        ("mean image, 20 % hits, 16 Mpx", "<= 1.7 x decode", sixteen.mean(0.2), 1.7),
        ("hit, median of 5 cells", "<= 5 x decode", float(np.median(hits)), 5.0),
    ]
    return [
        "| goal | asked | measured | |",
        "|---|---|---|---|",
        *(
            f"| {what} | {asked} | {value:.2f} | {_verdict(value <= most)} |"
            for what, asked, value, most in rows
        ),
        f"| 4 Mpx, 20 % hits | 300 images/s per core where decode takes 1.1 ms | "
        f"{four.rate(0.2):.0f} where it takes {four.decode_blank:.1f} ms | |",
        f"| two processes | >= 1.7 x one | {both / one:.2f} ({one:.0f} and {both:.0f} "
        f"images/s, wall) | {_verdict(both >= 1.7 * one)} |",
    ]
