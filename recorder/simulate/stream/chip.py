"""A simulated chip: which wells have crystals, and where the beam is at each trigger.

Walked step by step, apart from the code that is tested with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice, repeat

import numpy as np

from recorder.errors import UsageError
from recorder.records import Json
from recorder.records.limits import MAX_SHOTS, MAX_WELLS
from recorder.records.scan import Along, Corner
from recorder.simulate.spec import read_spec

Step = tuple[int, int, int]
"""Block, row and column in it."""


@dataclass(frozen=True, slots=True)
class SimulatedChip:
    """A chip, how it is walked over, and what is wrong with that.

    Raises:
        UsageError: A value out of its range.
    """

    rows: int = 20
    """Of a block."""
    columns: int = 20
    """Of a block."""
    down: int = 1
    """Blocks."""
    across: int = 1
    """Blocks."""
    order: str = "rows"
    snake: bool = False
    shots: int = 1
    """At each well."""
    corner: str = "top-left"
    filled: float = 0.3
    """Share of the wells that have a crystal."""
    empty: int = 0
    """Columns at the left of the chip that have none: it is misaligned."""
    more: int = 0
    """Steps that a line has more than announced, beyond the chip."""

    def __post_init__(self) -> None:
        sides = self.rows, self.columns, self.down, self.across
        size = self.rows * self.columns * self.down * self.across
        for right, text in (
            (min(sides) >= 1 and size <= MAX_WELLS, f"1 to {MAX_WELLS} wells"),
            (1 <= self.shots <= MAX_SHOTS, f"shots: 1 to {MAX_SHOTS}"),
            (self.order in tuple(Along), f"order: {', '.join(Along)}"),
            (self.corner in tuple(Corner), f"corner: {', '.join(Corner)}"),
            (0 <= self.filled <= 1, "filled: a share from 0 to 1"),
            (self.empty >= 0, "empty: 0 or more columns"),
            (self.line_steps + self.more >= 1, "more: a line has 1 step or more"),
        ):
            if not right:
                raise UsageError(f"scan: {text}")

    @property
    def line_steps(self) -> int:
        """Steps of a line as announced."""
        return self.columns if self.order == Along.ROWS else self.rows

    @property
    def triggers(self) -> int:
        """Of the whole walk as announced."""
        return self.rows * self.columns * self.down * self.across * self.shots

    @property
    def announced(self) -> Json:
        """The ``scan`` of the announcement."""
        return {
            "rows": self.rows,
            "columns": self.columns,
            "blocks": [self.down, self.across],
            "order": self.order,
            "snake": self.snake,
            "shots_per_position": self.shots,
            "start_corner": self.corner,
        }

    def _steps(self) -> Iterator[Step | None]:
        """Where the stage really goes; None beside the chip."""
        by_rows = self.order == Along.ROWS
        lines = self.rows if by_rows else self.columns
        steps = self.line_steps + self.more
        for block in range(self.down * self.across):
            for line in range(lines):
                back = self.snake and line % 2 == 1
                for step in range(steps)[::-1] if back else range(steps):
                    here = (line, step) if by_rows else (step, line)
                    yield self._turned(block, *here)

    def _turned(self, block: int, row: int, column: int) -> Step | None:
        """A step of a walk from the top left, seen from the corner where it begins."""
        if row >= self.rows or column >= self.columns:
            return None
        down, across = divmod(block, self.across)
        if self.corner.startswith("bottom"):
            down, row = self.down - 1 - down, self.rows - 1 - row
        if self.corner.endswith("right"):
            across, column = self.across - 1 - across, self.columns - 1 - column
        return down * self.across + across, row, column

    def walk(self, triggers: int) -> list[Step | None]:
        """Where the beam is at each trigger; None beside the chip."""
        steps = chain(self._steps(), repeat(None))
        places = islice(steps, -(-triggers // self.shots))
        return [step for step in places for _ in range(self.shots)][:triggers]

    def hits(self, triggers: int, seed: int) -> list[bool]:
        """Whether there is a crystal at each trigger; one for all shots at a well."""
        rng = np.random.default_rng((seed, 17))
        size = self.down * self.across, self.rows, self.columns
        crystals = rng.random(size) < self.filled
        for block in range(self.down * self.across):
            left = block % self.across * self.columns
            crystals[block, :, : max(0, self.empty - left)] = False
        return [
            step is not None and bool(crystals[step]) for step in self.walk(triggers)
        ]


def parse_chip(spec: str) -> SimulatedChip:
    """Read a list such as ``rows=20,columns=20,snake,filled=0.5``.

    Raises:
        UsageError: It names what is not known, or a value out of its range.
    """
    return SimulatedChip(**read_spec(spec, SimulatedChip, "setting of a scan"))


def well_entry(chip: SimulatedChip, step: Step | None, ordinal: int) -> Json:
    """What the truth file says of a trigger's well."""
    block, row, column = step or (None, None, None)
    shot = ordinal % chip.shots
    return {"block": block, "row": row, "column": column, "shot": shot}
