"""Lines of the terminal's picture: text, bars, rates. All text comes through here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text

from recorder.foreign_text import plain
from recorder.records.times import span_text
from recorder.ssx.alarms.wilson import newcombe, wilson

GOOD, BAD, WARN, QUIET, STRONG = "green", "bold red", "dark_orange", "dim", "bold"
LIGHT, DARK = "dodger_blue1", "dark_orange"
"""Of the pump: blue and vermillion, which most colour-blind people tell apart."""
NONE = "-"
"""Where nothing is known."""
Part = str | tuple[str, str]


@dataclass(frozen=True, slots=True)
class Signs:
    """What bars and lines are made of."""

    full: str = "█"
    half: str = "▓"
    empty: str = "░"
    levels: str = "▁▂▃▄▅▆▇█"
    dot: str = "●"
    dash: str = "\u2013"
    delta: str = "Δ"
    micro: str = "µ"
    rule: str = "─"
    dots: str = "…"


UNICODE = Signs()
ASCII = Signs("#", "+", ".", "_.-=+*#@", "*", "-", "diff", "u", "-", "~")
"""For terminals that have no more."""


def line(*parts: Part) -> Text:
    """One line; each part is a text, or a text and its style.

    Nothing in it is a command to the terminal or to rich, whoever wrote it.
    """
    found = Text(no_wrap=True, overflow="ellipsis")
    for part in parts:
        text, style = part if isinstance(part, tuple) else (part, "")
        found.append(plain(text), style or None)
    return found


def fitted(text: Text, width: int, signs: Signs) -> Text:
    """A line cut, or filled up, to so many columns of the terminal."""
    found = text.copy()
    if found.cell_len > width:
        found.truncate(max(0, width - 1), overflow="crop")
        found.append(signs.dots)
    found.pad_right(max(0, width - found.cell_len))
    return found


def per_cent(part: int, whole: int, digits: int = 1) -> str:
    """A share, or that there is none."""
    return f"{100 * part / whole:.{digits}f} %" if whole > 0 else NONE


def rate(part: int, whole: int, signs: Signs) -> str:
    """A share with its 95 % interval."""
    bounds = wilson(part, whole) if 0 <= part <= whole else None
    if bounds is None:
        return NONE
    low, high = (100 * bound for bound in bounds)
    return f"{100 * part / whole:5.1f} % {low:5.1f}{signs.dash}{high:.1f}"


def change(first: tuple[int, int], second: tuple[int, int]) -> str:
    """The difference of two shares in points, with its 95 % interval.

    Args:
        first: Part and whole.
        second: The same, subtracted.
    """
    possible = all(0 <= part <= whole for part, whole in (first, second))
    bounds = newcombe(first, second) if possible else None
    if bounds is None:
        return NONE
    low, high = (100 * bound for bound in bounds)
    middle = 100 * (first[0] / first[1] - second[0] / second[1])
    return f"{middle:+5.1f} points {low:+.1f} to {high:+.1f}"


def count(value: int | None) -> str:
    """A whole number."""
    return NONE if value is None else f"{value:,}"


def seconds(value: float | None) -> str:
    """A span of time as people say it."""
    if value is None:
        return NONE
    if value < 9.95:
        return f"{value:.1f} s"
    if value < 600:
        return f"{value:.0f} s"
    if value < 3 * 3600:
        return f"{value / 60:.0f} min"
    return f"{value / 3600:.0f} h" if value < 72 * 3600 else f"{value / 86400:.0f} d"


def delay(value: float | None, signs: Signs) -> str:
    """A time point."""
    return "unknown" if value is None else span_text(value, micro=signs.micro)


def bar(shares: Sequence[tuple[int, str, str]], whole: int, width: int) -> list[Part]:
    """A bar of pieces, each as long as its share; what is there is never invisible.

    Args:
        shares: Count, sign and style of each piece.
        whole: What a full bar stands for.
        width: Columns of a full bar.
    """
    ends, total = [], 0
    for number, _, _ in shares:
        total += max(0, number)
        share = min(1.0, total / whole) if whole > 0 else 0.0
        ends.append(round(share * width))
    parts: list[Part] = []
    at = 0
    for (number, sign, style), end in zip(shares, ends, strict=True):
        length = max(end - at, 1 if number > 0 and at < width else 0)
        parts.append((sign * length, style))
        at += length
    parts.append(" " * max(0, width - at))
    return parts


def spark(parts: Sequence[int], wholes: Sequence[int], signs: Signs) -> str:
    """A line of shares, scaled to the highest; a blank where there is nothing."""
    shares = [p / w if w > 0 else None for p, w in zip(parts, wholes, strict=True)]
    top = max((share for share in shares if share is not None), default=0.0)
    last = len(signs.levels) - 1
    return "".join(
        " "
        if share is None
        else signs.levels[round(last * share / top) if top > 0 else 0]
        for share in shares
    )


def grouped(values: Sequence[int], width: int) -> list[int]:
    """Sums of neighbours, at most so many, the last group whole."""
    size = max(1, -(-len(values) // max(1, width)))
    first = len(values) % size
    starts = [0] if first else []
    starts += list(range(first, len(values), size))
    ends = [*starts[1:], len(values)][: len(starts)]
    return [sum(values[a:b]) for a, b in zip(starts, ends, strict=True)]
