"""The whole picture, for a terminal of any size."""

from __future__ import annotations

from rich.text import Text

from recorder.terminal import head, rates, runs
from recorder.terminal.marks import QUIET, UNICODE, Signs, fitted, line
from recorder.terminal.moment import Moment
from recorder.terminal.technique import is_apart, technique

WIDE = 150
"""Columns from which on there are two columns of regions. Chosen, not tuned."""
_ALARMS = 3
"""Alarms that are shown in full; all are counted. Chosen, not tuned."""
_DELAYS = 12
"""Time points that are shown. Chosen, not tuned."""
_FEW_DELAYS = 4
"""The same where there is little room. Chosen, not tuned."""
_LOW = 30
"""Lines below which regions are cut. Chosen, not tuned."""


def picture(
    moment: Moment, width: int, height: int | None = None, signs: Signs = UNICODE
) -> list[Text]:
    """All lines; with a height, each of exactly ``width`` columns, else none is cut.

    Args:
        moment: What is true now.
        width: Columns of the terminal.
        height: Lines of the terminal; None: as many as there is to say.
        signs: What bars are made of.
    """
    low = height is not None and height < _LOW
    top = _top(moment, width, signs, low=low)
    body = _wide if width >= WIDE else _narrow
    found = [*top, *body(moment, width, signs, low=low)]
    if height is not None and len(found) > height:
        found = [*found[: height - 1], line((_left(len(found) - height + 1), QUIET))]
    if height is not None:
        found = [fitted(text, width, signs) for text in found]
    if moment.grey:
        for text in found[len(_before_numbers(moment, signs)) :]:
            text.style, text.spans = "grey50", []
    return found


def _left(number: int) -> str:
    return f"({number} more lines: a larger window, or recorder top --once)"


def _before_numbers(moment: Moment, signs: Signs) -> list[Text]:
    """What is never grey: it says why the rest is."""
    return [head.age(moment), *head.problems(moment)]


def _top(moment: Moment, width: int, signs: Signs, *, low: bool) -> list[Text]:
    found = [*_before_numbers(moment, signs), head.title(moment, signs)]
    if moment.live is not None:
        found += head.alarms(moment.live, 1 if low else _ALARMS)
        found += head.open_runs(moment.live)
        found += head.sources(moment.live, width)
    return found


def _narrow(moment: Moment, width: int, signs: Signs, *, low: bool) -> list[Text]:
    most = _FEW_DELAYS if low else _DELAYS
    numbers = (
        [technique(moment, width, signs)]
        if is_apart(moment)
        else [
            rates.rates(moment, signs),
            rates.time_points(moment, width, signs, most),
            rates.over_time(moment, width, signs),
        ]
    )
    blocks = [
        *numbers,
        [] if low else runs.last_images(moment),
        [] if low else runs.chains(moment),
        runs.runs(moment, width, signs, None),
    ]
    rule = [] if low else [line((signs.rule * width, QUIET))]
    return [text for block in blocks if block for text in (*rule, *block)]


def _wide(moment: Moment, width: int, signs: Signs, *, low: bool) -> list[Text]:
    half = (width - 3) // 2
    left = (
        [technique(moment, half, signs)]
        if is_apart(moment)
        else [
            rates.rates(moment, signs),
            rates.over_time(moment, half, signs),
            rates.time_points(moment, half, signs, _DELAYS),
        ]
    )
    right = [runs.last_images(moment), runs.chains(moment)]
    beside = _beside(_stacked(left), _stacked(right), half, signs)
    rule = line((signs.rule * width, QUIET))
    return [rule, *beside, rule, *runs.runs(moment, width, signs, None)]


def _stacked(blocks: list[list[Text]]) -> list[Text]:
    found: list[Text] = []
    for block in filter(None, blocks):
        found += [line(), *block] if found else block
    return found


def _beside(left: list[Text], right: list[Text], half: int, signs: Signs) -> list[Text]:
    found = []
    for n in range(max(len(left), len(right))):
        one = left[n] if n < len(left) else line()
        two = right[n] if n < len(right) else line()
        text = fitted(one, half, signs)
        text.append(" | " if signs.rule == "-" else " │ ", QUIET)
        found.append(text.append_text(two))
    return found
