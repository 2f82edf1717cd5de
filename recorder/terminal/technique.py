"""What was done, where it is not serial: card, map, and what was found."""

from __future__ import annotations

from rich.text import Text

from recorder.records.runs import SERIAL
from recorder.records.technique_report import GridReport
from recorder.reports.technique_card import card_lines
from recorder.reports.technique_words import LOUD, run_words
from recorder.terminal.marks import BAD, QUIET, STRONG, UNICODE, Part, Signs, line
from recorder.terminal.moment import Moment

_ASCII = str.maketrans({"Å": "A", "°": " deg", "µ": "u", "±": "+-"})
_GAP = "   "
MAP_ROWS = 24
"""Rows of a map that a terminal has room for; of more, each stands for several. Chosen,
not tuned."""


def is_apart(moment: Moment) -> bool:
    """Whether the run that is shown is not serial."""
    if moment.run is not None:
        return moment.run.technique != SERIAL
    return moment.report is not None and not moment.report.serial


def technique(moment: Moment, width: int, signs: Signs) -> list[Text]:
    """Card and findings of the run that is shown.

    Args:
        moment: What is true now.
        width: Columns.
        signs: What maps are made of.
    """
    report = moment.report
    if report is None:
        return [line(("the first numbers come within seconds", QUIET))]
    pairs = [(n, _signs(v, signs)) for n, v in card_lines(report) if v]
    found = _card(pairs, width)
    for name, text in run_words(report):
        text = _signs(text, signs)
        found.append(line(f"{name}: ", (text, BAD if name in LOUD else "")))
    if report.mx is not None and report.mx.grid is not None:
        found += _map(report.mx.grid, width, signs)
    return found


def _signs(text: str, signs: Signs) -> str:
    """Units that a terminal without Unicode can show."""
    return text if signs is UNICODE else text.translate(_ASCII)


def _card(pairs: list[tuple[str, str]], width: int) -> list[Text]:
    """As many names and values to a line as there is room for."""
    rows: list[list[Part]] = [[]]
    used = 0
    for name, value in pairs:
        length = len(name) + 1 + len(value) + len(_GAP)
        if rows[-1] and used + length > width:
            rows.append([])
            used = 0
        rows[-1] += [(f"{name} ", QUIET), (value, STRONG), _GAP]
        used += length
    return [line(*row) for row in rows]


def _sign(spots: int, most: int, signs: Signs) -> str:
    """Height of a cell; one with any spot differs from an empty one."""
    if spots <= 0:
        return "?" if spots < 0 else "."
    last = len(signs.levels) - 1
    return signs.levels[max(1, round(last * spots / most))]


def _map(grid: GridReport, width: int, signs: Signs) -> list[Text]:
    """Spots as heights of signs; a question mark where nothing is known."""
    rows, columns = len(grid.map), len(grid.map[0]) if grid.map else 0
    if not rows or not columns:
        return []
    step = max(-(-columns // max(1, width)), -(-rows // MAP_ROWS))
    best = [
        [
            max(grid.map[y][x] for y in range(r, min(r + step, rows)) for x in span)
            for span in (
                range(c, min(c + step, columns)) for c in range(0, columns, step)
            )
        ]
        for r in range(0, rows, step)
    ]
    most = max(max(row) for row in best)
    found = [line("".join(_sign(spots, most, signs) for spots in row)) for row in best]
    note = f"spots by cell, at most {most:,}; ?: nothing is known"
    return [*found, line((note, QUIET))]
