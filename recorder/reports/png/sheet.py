"""What the sheets of runs and experiments are laid out with: lines, columns, bars."""

from __future__ import annotations

from collections.abc import Sequence

from recorder.reports.html.drawings import THREE as NAMES
from recorder.reports.html.numbers import count, share
from recorder.reports.png.canvas import (
    EDGE,
    HEIGHT,
    MARGIN,
    ONE,
    QUIET,
    TEXT,
    THREE,
    TWO,
    WIDTH,
    Canvas,
)

ROOM = WIDTH - 2 * MARGIN
"""Width between the edges (px)."""
HEAD, PART, WORD, SMALL = 40, 26, 21, 17
"""Sizes of letters (px): title, heading, text, labels."""
STEP = 30
"""Height of a line of text (px)."""
MOST = 8
"""Time points, events and notes that have room; more are counted. Chosen, not tuned."""
COLOURS = (ONE, TWO, THREE)
"""Of the bar of three."""


class Sheet:
    """Where the next line goes; what has no room is left out."""

    def __init__(self, canvas: Canvas) -> None:
        self.canvas = canvas
        self.y = float(MARGIN)

    def words(self, text: str, size: int = WORD, colour: str = TEXT) -> None:
        """A line."""
        if self.room < size:
            return
        self.canvas.text(MARGIN, self.y, text, size, colour, ROOM)
        self.y += size * 1.45

    @property
    def room(self) -> float:
        """Pixels above the foot."""
        return HEIGHT - MARGIN - STEP - self.y

    def part(self, title: str) -> None:
        """A heading."""
        self.y += 14
        self.canvas.box(MARGIN, self.y, ROOM, 1, EDGE)
        self.y += 10
        self.words(title, PART)

    def columns(self, pairs: Sequence[tuple[str, str | None]]) -> None:
        """Names and values, two beside each other."""
        told = [(name, value) for name, value in pairs if value]
        half = ROOM / 2
        for n, (name, value) in enumerate(told):
            x = MARGIN + (n % 2) * half
            y = self.y + (n // 2) * STEP
            self.canvas.text(x, y, name, WORD, QUIET, 210)
            self.canvas.text(x + 220, y, value, WORD, TEXT, half - 235)
        self.y += -(-len(told) // 2) * STEP

    def list(
        self, title: str, lines: Sequence[tuple[str, str]], most: int = MOST
    ) -> None:
        """A heading and some lines; nothing where there are none."""
        if not lines or self.room < 3 * STEP:
            return
        self.part(title)
        for text, colour in lines[:most]:
            self.words(text, WORD, colour)
        if len(lines) > most:
            self.words(f"and {len(lines) - most} more", WORD, QUIET)

    def bar_of_three(self, indexed: int, non_indexed_hits: int, skipped: int) -> None:
        """Classes of images as one bar, and in words below it."""
        numbers = (indexed, non_indexed_hits, max(0, skipped))
        self.y += 14
        self.strip(MARGIN, self.y, ROOM, 40, numbers)
        for n, (number, colour) in enumerate(zip(numbers, COLOURS, strict=True)):
            at = MARGIN + n * ROOM / 3
            self.canvas.box(at, self.y + 54, 16, 16, colour)
            text = f"{count(number)} {NAMES[n][0]} {share(number, sum(numbers))}"
            self.canvas.text(at + 24, self.y + 50, text, WORD, TEXT, ROOM / 3 - 30)
        self.y += 84

    def strip(
        self, x: float, y: float, wide: float, high: float, numbers: Sequence[int]
    ) -> None:
        """The bar alone (px)."""
        whole = sum(numbers)
        for number, colour in zip(numbers, COLOURS, strict=True):
            part = wide * number / whole if whole else 0.0
            self.canvas.box(x, y, part, high, colour)
            x += part

    def foot(self, text: str) -> None:
        """The last line."""
        self.canvas.text(MARGIN, HEIGHT - MARGIN, text, SMALL, QUIET, ROOM)
