"""``python -m tests.chaos.cluster --rounds 20 --seed 1 --write docs/chaos.md``.

A round is a run of a daemon with nodes on three hosts, and one or two faults in it. Its
rows are compared with those of a daemon that has no nodes.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.chaos.apart import ROOT
from tests.chaos.cluster_faults import FAULTS, Dice, Fault
from tests.chaos.cluster_stage import (
    HIT_SHARE,
    PIXELS,
    RATE_HZ,
    ClusterStage,
    Sealed,
    cluster_stage,
)

HEADING = "## More hosts"
"""Where the part of the page begins that is written here."""
SECOND = 0.4
"""Share of the rounds that have a second fault, after the first has healed."""
ROUNDS = 20
"""Rounds that the goals ask for."""


@dataclass(frozen=True)
class Round:
    """One round as it is to be played."""

    number: int
    faults: tuple[Fault, ...]
    after: int
    """Images in the journal when the first fault begins."""
    seed: int

    @property
    def names(self) -> str:
        """The faults, for the table."""
        return ", ".join(fault.__name__ for fault in self.faults)


@dataclass(frozen=True)
class Verdict:
    """What was found."""

    images: int
    lost: int
    """Without a row, or with one that says that it was lost with a worker."""
    doubled: int
    different: int
    """Rows that are not those of a host alone."""
    closed: bool
    seconds: float

    @property
    def good(self) -> bool:
        """Whether it is as if nothing had happened."""
        return self.closed and not (self.lost or self.doubled or self.different)


def plan(count: int, seed: int, images: int) -> list[Round]:
    """Rounds in which each kind of fault has its turn; the same for the same seed."""
    rng = random.Random(seed)
    order: list[Fault] = []
    rounds = []
    for number in range(1, count + 1):
        if not order:
            order = rng.sample(FAULTS, len(FAULTS))
        faults = [order.pop()]
        if rng.random() < SECOND:
            faults.append(rng.choice(FAULTS))
        after = rng.randrange(1, images * 2 // 3)
        rounds.append(Round(number, tuple(faults), after, rng.randrange(10**6)))
    return rounds


def play(stage: ClusterStage, planned: Round, wanted: Sealed) -> Verdict:
    """Play one round, and compare."""
    stage.well()
    dice = Dice(random.Random(planned.seed))
    before = stage.recorded()
    begun = time.monotonic()

    def meanwhile() -> None:
        stage.until(lambda: stage.recorded() >= before + planned.after)
        for fault in planned.faults:
            fault(stage, dice)

    found = stage.sealed(while_sent=meanwhile)
    return compare(found, wanted, time.monotonic() - begun)


def compare(found: Sealed, wanted: Sealed, seconds: float = 0.0) -> Verdict:
    """A run against that of a host alone, image by image."""
    gone = [
        n
        for n in wanted.rows
        if n not in found.rows or found.rows[n][0] == "worker_lost"
    ]
    both = wanted.rows.keys() & found.rows.keys()
    other = [n for n in both - set(gone) if found.rows[n] != wanted.rows[n]]
    more = found.rows.keys() - wanted.rows.keys()
    ledger = found.report["ledger"]
    return Verdict(
        images=len(wanted.rows),
        lost=len(gone),
        doubled=found.doubled + len(more),
        different=len(other),
        closed=bool(ledger["closed"]) and not ledger["differences"],
        seconds=seconds,
    )


def main() -> int:
    """Play the rounds, print each, write the page's part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--images", type=int, default=600, help="of each round's run")
    parser.add_argument("--only", type=int, help="play this round of the plan alone")
    parser.add_argument("--write", type=Path, help="Markdown file to write into")
    arguments = parser.parse_args()
    rounds = plan(arguments.rounds, arguments.seed, arguments.images)
    if arguments.only:
        rounds = [each for each in rounds if each.number == arguments.only]
    played: list[tuple[Round, Verdict]] = []
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        with cluster_stage(Path(folder), arguments.images) as (stage, wanted):
            link = stage.apart.link
            for planned in rounds:
                verdict = play(stage, planned, wanted)
                played.append((planned, verdict))
                print(_line(planned, verdict), flush=True)
    text = page(played, arguments.seed, arguments.images, link)
    print(f"{text}\n{time.monotonic() - begun:.0f} s")
    if arguments.write:
        write(arguments.write, text)
    return int(not all(verdict.good for _, verdict in played))


def write(path: Path, text: str) -> None:
    """Put the part into a page, in the place of what was written before."""
    before = path.read_text(encoding="utf-8") if path.exists() else "# Chaos\n\n"
    rest = before.partition(HEADING)[0].rstrip()
    path.write_text(f"{rest}\n\n{text}", encoding="utf-8")


def _line(planned: Round, v: Verdict) -> str:
    state = "ok  " if v.good else "FAIL"
    return (
        f"{planned.number:3} {state} images {v.images} lost {v.lost} doubled "
        f"{v.doubled} different {v.different} closed {v.closed} {v.seconds:.0f} s  "
        f"after {planned.after} [{planned.names}]"
    )


def page(
    played: Sequence[tuple[Round, Verdict]], seed: int, images: int, link: str
) -> str:
    """The page's part, whose last line says which goals are met."""
    verdicts = [verdict for _, verdict in played]
    lost = sum(v.lost for v in verdicts)
    doubled = sum(v.doubled for v in verdicts)
    different = sum(v.different for v in verdicts)
    closed = sum(v.closed for v in verdicts)
    enough = len(verdicts) >= ROUNDS
    goals = {
        f"{ROUNDS} rounds": enough,
        "no image is lost": not lost,
        "no image has two rows": not doubled,
        "no row is another": not different,
        "each ledger is closed": closed == len(verdicts),
        "the link is that of a network namespace": ROOT,
    }
    kinds = [(f, [v for r, v in played if f in r.faults]) for f in FAULTS]
    return "\n".join(
        [
            HEADING,
            "",
            f"`make chaos`, seed {seed}, {datetime.now(UTC):%Y-%m-%d}. A daemon with a "
            "worker of its own, two nodes that a real dask scheduler has placed through"
            f" two dask workers, with TLS, and one node behind {link}. Each round is a "
            f"run of {images} images of {PIXELS} px ({HIT_SHARE:.0%} hits) at "
            f"{RATE_HZ:g} images/s, with its lessons. One or two of the faults below "
            "begin when a random number of its images is recorded; a second one begins "
            "when the first has healed. Afterwards each row (outcome, spots, lattices, "
            "learned state) is compared with that of a daemon that has no nodes.",
            "",
            "| fault | times | images | lost | doubled | other rows |",
            "|---|---|---|---|---|---|",
            *(
                f"| {fault.__doc__} | {len(found)} | {sum(v.images for v in found)} | "
                f"{sum(v.lost for v in found)} | {sum(v.doubled for v in found)} | "
                f"{sum(v.different for v in found)} |"
                for fault, found in kinds
            ),
            "",
            "| round | faults | after image | lost | doubled | other rows | ledger |",
            "|---|---|---|---|---|---|---|",
            *(
                f"| {r.number} | {r.names.replace('_', ' ')} | {r.after} | {v.lost} | "
                f"{v.doubled} | {v.different} | {'closed' if v.closed else 'open'} |"
                for r, v in played
            ),
            "",
            "| goal | |",
            "|---|---|",
            *(f"| {name} | {'yes' if met else 'no'} |" for name, met in goals.items()),
            "",
            f"goals: {sum(goals.values())} of {len(goals)} met",
            "",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
