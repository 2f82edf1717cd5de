"""What a stream needs: network, cores, coordinator and hosts, from what was measured.

python -m benchmarks.scale.arithmetic      # the tables of docs/explanations/scale.md
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from benchmarks.scale.costs import FOUR, SIXTEEN, Costs
from recorder.classifying.material import BACKGROUND_IMAGES
from recorder.classifying.timetable import Timetable
from recorder.records import DetectorInfo

BYTES_PER_PIXEL = (0.26, 0.39)
"""Of a compressed image: uint16, bitshuffle and LZ4, 0.6 photons/px; and real stills
with more background (2026-11-27)."""
BUSY = 0.7
"""Part of the time that a core, or the event loop, may be busy: the rest takes what
comes in bursts. Chosen, not tuned."""
LOOP_S = 70e-6
"""Event loop of the coordinator for an image: 2 copies of one of 4 megapixels, 1.2 MB,
which take 35 µs each on a quiet machine; the goal of `make bench-scale`."""
RESULT_BYTES = (220.0, 3500.0)
"""What comes home of a blank, and at most of a hit (2026-11-27)."""
HITS = 0.2
"""Part of the images that are hits: docs/benchmarks.md has the cost for it."""
STATE_BYTES_PER_PIXEL = 0.19
"""Of a learned state: 0.28 MB of grid and 0.56 MB of bad pixels at 4.5 megapixels."""
LINKS = {"10 GbE": 1.18, "25 GbE": 2.95, "40 GbE": 4.7, "100 GbE": 11.8}
"""GB/s of payload that a link carries: the first one measured, the others by its
share of the line rate."""
HOST_CORES = 16
"""Cores of a host that classify, beside two that receive and send."""
HOST_LINK = "25 GbE"
"""How a host that pulls from the detector is connected."""


@dataclass(frozen=True)
class Stream:
    """What a detector sends."""

    costs: Costs
    pixels: int
    rate_hz: float

    @property
    def name(self) -> str:
        """For people."""
        rate = f"{self.rate_hz / 1000:g} k" if self.rate_hz >= 1000 else self.rate_hz
        return f"{self.costs.name}, {rate}{'' if self.rate_hz >= 1000 else ' '}Hz"

    @property
    def megabytes(self) -> tuple[float, float]:
        """Of an image: usual, and with much background."""
        low, high = BYTES_PER_PIXEL
        return self.pixels * low / 1e6, self.pixels * high / 1e6

    @property
    def gigabytes_s(self) -> tuple[float, float]:
        """Of the stream, a second."""
        low, high = self.megabytes
        return low * self.rate_hz / 1e3, high * self.rate_hz / 1e3

    @property
    def times(self) -> Timetable:
        """When its runs learn."""
        return Timetable.of(DetectorInfo(frame_time_s=1 / self.rate_hz))

    @property
    def lead_s(self) -> float:
        """Seconds from the moment a lesson is due until its state is used."""
        number = self.times.state_of(4 * self.times.period)
        first, due = self.times.used_from(number), self.times.begun_from(number)
        return (first - due) / self.rate_hz

    def cores(self) -> int:
        """That classify: images, lessons, and states that each core takes over."""
        busy = self.rate_hz * self.costs.image_s
        lessons = self.costs.lesson_images / self.times.period
        cores = busy * (1 + lessons) / BUSY
        taking = self.costs.take_s * self.rate_hz / self.times.period
        return math.ceil(cores / (1 - taking))

    @property
    def loop(self) -> float:
        """Part of a core that the coordinator's event loop needs."""
        return self.rate_hz * LOOP_S

    @property
    def link(self) -> str:
        """The link with which one host can take the stream and pass it on."""
        need = self.gigabytes_s[1]
        fitting = [name for name, carries in LINKS.items() if carries >= need]
        return fitting[0] if fitting else "none"

    def hosts(self) -> int:
        """That pull from the detector themselves, by cores and by their links."""
        by_cores = math.ceil(self.cores() / HOST_CORES)
        by_link = math.ceil(self.gigabytes_s[1] / LINKS[HOST_LINK])
        return max(by_cores, by_link)

    @property
    def home_mb_s(self) -> tuple[float, float]:
        """Results, and images of lessons, that come home where nodes pull; MB/s."""
        blank, hit = RESULT_BYTES
        results = self.rate_hz * ((1 - HITS) * blank + HITS * hit) / 1e6
        lesson = BACKGROUND_IMAGES * self.megabytes[0]
        return results, lesson * self.rate_hz / self.times.period

    @property
    def state_mb(self) -> float:
        """Of a learned state, to each host and lesson."""
        return self.pixels * STATE_BYTES_PER_PIXEL / 1e6


_FOUR, _SIXTEEN = 2162 * 2068, 4362 * 4148
STREAMS = (
    Stream(FOUR, _FOUR, 1000),
    Stream(FOUR, _FOUR, 2000),
    Stream(SIXTEEN, _SIXTEEN, 133),
    Stream(SIXTEEN, _SIXTEEN, 1000),
    Stream(SIXTEEN, _SIXTEEN, 2000),
)


def network_lines() -> list[str]:
    """What the network carries."""
    lines = [
        "| stream | MB an image | GB/s | one host passes on | results home, MB/s | "
        "images of lessons, MB/s | a state, MB |",
        "|---" * 7 + "|",
    ]
    for one in STREAMS:
        results, lessons = one.home_mb_s
        cells = (
            one.name,
            "{:.1f} to {:.1f}".format(*one.megabytes),
            "{:.1f} to {:.1f}".format(*one.gigabytes_s),
            one.link,
            f"{results:.1f}",
            f"{lessons:.1f}",
            f"{one.state_mb:.1f}",
        )
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def cores_lines() -> list[str]:
    """What is computed, and where."""
    lines = [
        "| stream | period | lesson, s | lead, s | cores that classify | "
        "event loop, cores | hosts |",
        "|---" * 7 + "|",
    ]
    for one in STREAMS:
        cells = (
            one.name,
            str(one.times.period),
            f"{one.costs.lesson_s:.2f}",
            f"{one.lead_s:.2f}",
            str(one.cores()),
            f"{one.loop:.2f}",
            str(one.hosts()),
        )
        lines.append("| " + " | ".join(cells) + " |")
    return lines


if __name__ == "__main__":
    print("\n".join([*network_lines(), "", *cores_lines()]))
