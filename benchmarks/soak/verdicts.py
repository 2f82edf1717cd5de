"""Claims, whether they hold, and the page that says so."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

HEAD = """# Soak and overload

`make soak` prints this page: a daemon, a mosquitto, a MariaDB with the ESRF-like schema
and the simulator on one machine. What bounds the memory is explained in
[back-pressure](explanations/backpressure.md).
"""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One claim."""

    claim: str
    result: str
    """``pass``, ``fail`` or ``undecided``."""
    measured: str


def check(claim: str, held: bool, measured: object) -> Verdict:
    """A claim that holds or does not."""
    return Verdict(claim, "pass" if held else "fail", str(measured))


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> list[str]:
    """Markdown."""
    titles = list(head)
    lines = [_line(titles), "|" + "---|" * len(titles)]
    return lines + [_line(row) for row in rows]


def _line(cells: Iterable[object]) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def verdict_table(verdicts: Iterable[Verdict]) -> list[str]:
    """Markdown."""
    rows = [(v.claim, v.result, v.measured) for v in verdicts]
    return table(("claim", "verdict", "measured"), rows)


def write_section(page: Path, title: str, lines: list[str]) -> None:
    """Renew one section of the page, and leave the others as they are."""
    old = page.read_text(encoding="utf-8") if page.is_file() else HEAD
    _, *parts = re.split(r"^## ", old, flags=re.MULTILINE)
    sections = {part.split("\n", 1)[0]: part.split("\n", 1)[1] for part in parts}
    sections[title] = "\n".join(["", *lines, ""])
    order = sorted(sections, reverse=True)  # soak, overload
    text = "\n".join(f"## {name}\n{sections[name].rstrip()}\n" for name in order)
    page.write_text(f"{HEAD}\n{text}", encoding="utf-8")
