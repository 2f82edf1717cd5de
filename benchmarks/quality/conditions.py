"""Blanks, hits and lattices under each condition, beside the goals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, fields
from functools import reduce

from benchmarks.quality.cases import PIXELS, RUN, SEEDS, Case, cases
from benchmarks.quality.runs import Seen, run_images
from benchmarks.quality.scoring import (
    RIGHT_DEGREES,
    RIGHT_STRAIN,
    SEEN_SNR,
    clopper_pearson,
)

THERE = 15
"""Visible spots from which a lattice, or a hit, is there to be found."""
MOST_WRONG = 1 / 2000
"""Wrong and chance lattices of an image."""
STATES = ("first images", "learned", "at the end")
"""Classified with nothing learned; with what the first ones taught; all images of the
run after its end, when those that knew less were looked at again."""
_PER = 90
"""Blanks that the goals are given for."""


@dataclass(frozen=True)
class Sums:
    """Of images of one condition."""

    blanks: int = 0
    blanks_called_hits: int = 0
    blanks_indexed: int = 0
    hits: int = 0
    """With enough visible spots in one lattice."""
    right: int = 0
    """Of those: indexed, and one of the lattices is a true one."""
    called_hits: int = 0
    """Of those: hits, whatever their lattices."""
    lattices: int = 0
    """With enough visible spots."""
    lattices_found: int = 0
    wrong: int = 0
    """Lattices on hits that are none, or one twice."""
    chance: int = 0
    """Lattices on blanks."""

    def __add__(self, other: Sums) -> Sums:
        return Sums(
            *(getattr(self, f.name) + getattr(other, f.name) for f in fields(self))
        )


def sums_of(images: Iterable[Seen]) -> Sums:
    """Count what became of images."""
    return reduce(Sums.__add__, map(_of_one, images), Sums())


def _of_one(image: Seen) -> Sums:
    lattices = len(image.result.lattices)
    if not image.hit:
        return Sums(
            blanks=1,
            blanks_called_hits=int(image.called_hit),
            blanks_indexed=int(lattices > 0),
            chance=lattices,
        )
    there = [seen >= THERE for seen in image.visible]
    found = [number is not None for number in image.matched.found]
    return Sums(
        hits=int(any(there)),
        right=int(any(there) and any(found)),
        called_hits=int(any(there) and image.called_hit),
        lattices=sum(there),
        lattices_found=sum(a and b for a, b in zip(there, found, strict=True)),
        wrong=image.matched.wrong,
    )


def run_case(case: Case, seed: int, images: int) -> tuple[Sums, ...]:
    """By STATES: those that came first, those that came later, all when it ended."""
    first, final = run_images(case, seed, images)
    return (
        sums_of(image for image in first if not image.learned),
        sums_of(image for image in first if image.learned),
        sums_of(final),
    )


def _tasks(case: Case) -> list[tuple[Case, int, int]]:
    if case.long:
        return [(case, SEEDS[0], RUN * len(SEEDS))]
    return [(case, seed, RUN) for seed in SEEDS]


def missed(case: Case, sums: Sums) -> list[str]:
    """What is worse than the goal; fewer blanks than 90 may have as few."""
    out = []
    if sums.blanks_called_hits * _PER > case.most_hits * max(sums.blanks, _PER):
        out.append("blanks")
    if sums.hits and sums.right < case.least_right * sums.hits:
        out.append("hits")
    if sums.wrong or sums.chance:
        out.append("wrong")
    three = case.settings.multi_lattices == 3
    if three and 3 * sums.lattices_found < 2.8 * sums.lattices:
        out.append("lattices")
    return out


def row(case: Case, state: str, sums: Sums) -> str:
    """One line of the table."""
    share = f" ({sums.right / sums.hits:.1%})" if sums.hits else ""
    each = ""
    if sums.lattices:
        there = case.settings.multi_lattices or 1
        each = f" ({there * sums.lattices_found / sums.lattices:.2f} of {there})"
    return (
        f"| {case.name} | {state} | {sums.blanks_called_hits} of {sums.blanks} | "
        f"{sums.blanks_indexed} | {sums.called_hits} | {sums.right} of "
        f"{sums.hits}{share} | {sums.lattices_found} of {sums.lattices}{each} | "
        f"{sums.wrong} | {sums.chance} | {', '.join(missed(case, sums)) or 'met'} |"
    )


def conditions_table(pool: Executor, size: str, only: Sequence[str] = ()) -> list[str]:
    """Every condition alone and all together.

    Args:
        pool: What runs them.
        size: ``short`` or ``full``: a small detector or a larger one.
        only: Parts of names of conditions; all if empty.
    """
    lines = [
        "| condition | state | blanks called hits | blanks indexed | called hits | "
        "hits indexed right | lattices found | wrong | chance | goal missed |",
        "|---" * 10 + "|",
    ]
    chosen = [
        case
        for case in cases(PIXELS[size])
        if not only or any(part in case.name for part in only)
    ]
    started = [
        [pool.submit(run_case, *task) for task in _tasks(case)] for case in chosen
    ]
    total = Sums()
    images = 0
    for case, futures in zip(chosen, started, strict=True):
        done = [future.result() for future in futures]
        for number, state in enumerate(STATES):
            sums = reduce(Sums.__add__, (parts[number] for parts in done), Sums())
            lines.append(row(case, state, sums))
        total += sums
        images += sum(task[2] for task in _tasks(case))
    bad = total.wrong + total.chance
    low, high = clopper_pearson(min(bad, images), images)
    return [
        *lines,
        "",
        f"Wrong and chance lattices at the end: {bad} on {images} images, "
        f"{1000 * low:.2f} to {1000 * high:.2f} in 1000 (95 %); goal at most "
        f"{1000 * MOST_WRONG:.1f} in 1000.",
        "",
        "First images know nothing of the run, the learned ones (64 to 127) what those "
        "taught; at the end all images count, the first ones looked at again. A spot "
        "is visible if the photons in its 3 x 3 pixels are "
        f"{SEEN_SNR:g} times the noise that the same image has there without crystals. "
        f"A lattice is right if it is turned by less than {RIGHT_DEGREES:g}° and "
        f"stretched by less than {RIGHT_STRAIN:.0%}; wrong if it is none of the true "
        "ones or one of them once more; chance if there is no crystal.",
        "",
        f"Goals: of {_PER} blanks at most 1 called a hit under each condition alone, 5 "
        f"under all together; of the hits with at least {THERE} visible spots in a "
        "lattice 99 % indexed right, all together 90 %; of three lattices 2.8 found.",
    ]
