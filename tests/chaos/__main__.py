"""``python -m tests.chaos --rounds 50 --seed 1 --write docs/chaos.md``."""

from __future__ import annotations

import argparse
import platform
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from tests.chaos.faultfree import Comparison, compare
from tests.chaos.play import (
    FLAVOURS,
    RATE_HZ,
    STREAM_FAULTS,
    Round,
    plan_rounds,
    play_round,
)
from tests.chaos.stage import stage
from tests.chaos.verify import Verdict

Played = tuple[Round, Verdict]
KINDS = {
    "daemon_kill": "SIGKILL of the daemon, restarted within a second",
    "daemon_term": "SIGTERM of the daemon, restarted within a second",
    "daemon_stop": "SIGSTOP of the daemon for {stopped:g} s",
    "worker_kill": "SIGKILL of the worker process",
    "database_kill": "SIGKILL of MariaDB, restarted within 2 s",
    "database_readonly": "MariaDB read-only for 0.5 to 3 s",
    "connections_cut": "connections cut at once, before a commit, or before its answer",
    "broker_kill": "SIGKILL of mosquitto, restarted within 2 s",
    "node_kill": "SIGKILL of one of two nodes, restarted within a second",
    "node_stop": "SIGSTOP of one of two nodes for {stopped:g} s",
    "node_worker_kill": "SIGKILL of the worker process of a node",
    "node_link": "the link to both nodes carries nothing for {stopped:g} s, then "
    "breaks",
    "disk_full": "no space under journal and results for 1 to 3 s",
    "web_stop": "SIGSTOP of the web process for {stopped:g} s",
    "web_kill": "SIGKILL of the web process",
    "web_disk_full": "no space where the web process reads and writes for 1 to 3 s",
}


def main() -> int:
    """Play the rounds, print each, write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--images", type=int, default=1200, help="of each round's run")
    parser.add_argument("--stopped", type=float, default=30.0, help="s of SIGSTOP")
    parser.add_argument("--only", type=int, help="play this round of the plan alone")
    parser.add_argument("--write", type=Path, help="Markdown file to write")
    arguments = parser.parse_args()
    rounds = plan_rounds(arguments.rounds, arguments.seed, arguments.images)
    if arguments.only:
        rounds = [item for item in rounds if item.number == arguments.only]
    played: list[Played] = []
    compared: dict[str, Comparison] = {}
    begun = time.monotonic()
    for flavour in FLAVOURS:
        mine = [planned for planned in rounds if planned.flavour == flavour]
        if not mine:
            continue
        with (
            tempfile.TemporaryDirectory() as folder,
            stage(Path(folder), flavour) as made,
        ):
            for planned in mine:
                verdict = play_round(made, planned, arguments.stopped)
                played.append((planned, verdict))
                _tell(_line(planned, verdict), verdict.problems)
            compared[flavour] = found = compare(made)
        _tell(f"{flavour}: {found}", found.shown)
    page = _page(played, compared, arguments, time.monotonic() - begun)
    print(page)
    if arguments.write:
        arguments.write.write_text(page, encoding="utf-8")
    good = all(found.good for found in (*compared.values(), *(v for _, v in played)))
    return int(not good)


def _tell(line: str, problems: list[str]) -> None:
    print("\n      ".join([line, *problems]), flush=True)


def _line(planned: Round, v: Verdict) -> str:
    state = "ok  " if v.good else "FAIL"
    return (
        f"{planned.number:3} {state} delivered {v.delivered} recorded {v.recorded} "
        f"passed {v.passed} lost {v.lost} doubled {v.doubled} wrong {v.wrong} "
        f"unknown {v.unknown} rows {v.rows}  [{planned.names}]"
    )


def _page(
    played: list[Played],
    compared: dict[str, Comparison],
    arguments: argparse.Namespace,
    seconds: float,
) -> str:
    verdicts = [verdict for _, verdict in played]
    kinds = Counter(fault.__name__ for item, _ in played for fault in item.faults)
    by_kind = {
        name: [v for item, v in played if name in [f.__name__ for f in item.faults]]
        for name in KINDS
    }
    rows = [
        f"| {KINDS[name].format(stopped=arguments.stopped)} | {kinds[name]} | "
        f"{sum(v.passed for v in found)} | {sum(v.lost for v in found)} | "
        f"{sum(v.doubled for v in found)} |"
        for name, found in by_kind.items()
    ]
    closed = sum(v.closed for v in verdicts)
    sums = {
        "rounds": len(verdicts),
        "faults": sum(kinds.values()),
        "images delivered": sum(v.delivered for v in verdicts),
        "recorded": sum(v.recorded for v in verdicts),
        "passed while the daemon was down, or on their way when it was killed": sum(
            v.passed for v in verdicts
        ),
        "**lost** while it was up": sum(v.lost for v in verdicts),
        "**doubled**": sum(v.doubled for v in verdicts),
        "labels wrong": sum(v.wrong for v in verdicts),
        "labels unknown": sum(v.unknown for v in verdicts),
        "ledger closed": f"{closed} of {len(verdicts)}",
        "rounds with any other difference": sum(bool(v.problems) for v in verdicts),
    }
    return "\n".join(
        [
            "# Chaos",
            "",
            f"`make chaos`, seed {arguments.seed}, {datetime.now(UTC):%Y-%m-%d}, "
            f"Python {platform.python_version()}, {seconds / 60:.0f} min. Each round "
            f"is a run of {arguments.images} images at {RATE_HZ:g} images/s through a "
            "real daemon, broker and MariaDB, with faults of the stream "
            f"(`{STREAM_FAULTS}`), and one or two of the faults below at random "
            "moments. Afterwards every image is compared in truth, journal and "
            "`results.h5`, and every count in report and files. At the end the journal "
            "is written into a second database without faults, and all rows of all "
            "tables are compared with those that the faults left.",
            "",
            "| | |",
            "|---|---|",
            *(f"| {name} | {value} |" for name, value in sums.items()),
            "",
            "| fault | times | images passed | lost | doubled |",
            "|---|---|---|---|---|",
            *rows,
            "",
            "| flavour | rounds | rows compared | lost | doubled | different |",
            "|---|---|---|---|---|---|",
            *(
                f"| {flavour} | {sum(p.flavour == flavour for p, _ in played)} | "
                f"{c.rows} | {c.lost} | {c.doubled} | {c.different} |"
                for flavour, c in compared.items()
            ),
            "",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
