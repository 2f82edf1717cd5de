"""``make soak``: run after run for SOAK_MINUTES, then OVERLOAD_MINUTES of too much."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from benchmarks.soak.overload import overload
from benchmarks.soak.soak import soak
from benchmarks.soak.verdicts import Verdict, write_section


def main() -> int:
    """Print the tables; 1 if a claim fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--overload", action="store_true", help="only the overload")
    parser.add_argument("--write", type=Path, help="renew the sections of this page")
    arguments = parser.parse_args()
    verdicts: list[Verdict] = []
    if not arguments.overload:
        found, lines = soak(float(os.environ.get("SOAK_MINUTES", "30")))
        _tell("Soak", lines, arguments.write)
        verdicts += found
    found, lines = overload(float(os.environ.get("OVERLOAD_MINUTES", "5")))
    _tell("Overload", lines, arguments.write)
    verdicts += found
    failed = [verdict for verdict in verdicts if verdict.result == "fail"]
    for verdict in failed:
        print(f"FAILED: {verdict.claim}: {verdict.measured}")
    return 1 if failed else 0


def _tell(title: str, lines: list[str], page: Path | None) -> None:
    print("\n".join([f"## {title}", "", *lines, ""]), flush=True)
    if page is not None:
        write_section(page, title, lines)


if __name__ == "__main__":
    sys.exit(main())
