"""How a run walks over its chip or grid: the ``scan`` of an announcement.

A scan is used whole or not at all: with one wrong value every image would be given a
well that it is not from.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationError,
    ValidationInfo,
)
from pydantic.functional_validators import WrapValidator

from recorder.errors import shown
from recorder.records.limits import MAX_NAME, MAX_SHOTS, MAX_SKIPS, MAX_WELLS
from recorder.records.plan_reading import no_switch, plan_problem
from recorder.records.positions import MAX_POSITION

_NAMED = 20
"""Problems of one scan that are named; a scan has as many keys. Chosen, not tuned."""


class Along(StrEnum):
    """What is gone through first."""

    ROWS = "rows"
    COLUMNS = "columns"


class Corner(StrEnum):
    """Where a walk begins, as seen on the map: row 0 is at the top."""

    TOP_LEFT = "top-left"
    TOP_RIGHT = "top-right"
    BOTTOM_LEFT = "bottom-left"
    BOTTOM_RIGHT = "bottom-right"


Side = Annotated[int, Field(ge=1, le=MAX_WELLS), BeforeValidator(no_switch)]
"""Wells or blocks along one side."""
Place = Annotated[int, Field(ge=0, lt=MAX_WELLS), BeforeValidator(no_switch)]
"""Counted from 0 at the top left."""
Shots = Annotated[int, Field(ge=1, le=MAX_SHOTS), BeforeValidator(no_switch)]
Switch = Annotated[bool, Field(strict=True)]
Position = Annotated[
    float, Field(ge=-MAX_POSITION, le=MAX_POSITION), BeforeValidator(no_switch)
]
"""mm."""


def _not_0(value: float) -> float:
    if value == 0:
        raise ValueError("wells are apart: a step cannot be 0")
    return value


Step = Annotated[Position, AfterValidator(_not_0)]


@dataclass(frozen=True, slots=True)
class Skip:
    """Wells that the walk jumps over: all that have every number that is given."""

    block: Place | None = None
    """Counted along the rows of blocks."""
    row: Place | None = None
    """In its block."""
    column: Place | None = None
    """In its block."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the wells are in the positions that timing hardware captures: (x, y)."""

    origin: tuple[Position, Position]
    """mm at the well of row 0 and column 0 of block 0."""
    step: tuple[Step, Step]
    """mm from a column to the next, and from a row to the next; negative where the
    encoder counts down."""
    block_step: tuple[Step, Step] | None = None
    """The same from block to block; None: blocks lie side by side."""


@dataclass(frozen=True, slots=True)
class Scan:
    """The walk of a run over the wells of a chip, or the points of a grid.

    Rows, columns and blocks count from 0 at the top left, wherever the walk begins;
    blocks are counted along their rows.
    """

    rows: Side
    """Of one block."""
    columns: Side
    """Of one block."""
    blocks: tuple[Side, Side] = (1, 1)
    """Down and across."""
    order: Along = Along.ROWS
    """``rows``: along a row, then the next one."""
    snake: Switch = False
    """Each second line of a block is walked backwards."""
    shots_per_position: Shots = 1
    """X-ray triggers at a well, before the walk goes on."""
    start_corner: Corner = Corner.TOP_LEFT
    """Of the chip, and of each block."""
    skip: Annotated[tuple[Skip, ...], Field(max_length=MAX_SKIPS)] = ()
    block_order: Along = Along.ROWS
    """The same as ``order``, from block to block."""
    block_snake: Switch = False
    """Each second line of blocks is walked backwards; nothing changes within them."""
    stage: Stage | None = None
    """None: captured positions tell no well."""

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of the whole chip."""
        return self.blocks[0] * self.rows, self.blocks[1] * self.columns


def skipped_wells(scan: Scan) -> NDArray[np.bool_]:
    """Which wells the walk jumps over, shape (rows, columns) of the chip."""
    by, bx = scan.blocks
    found = np.zeros((by, scan.rows, bx, scan.columns), np.bool_)
    for skip in scan.skip:
        found[_places(skip, bx)] = True
    return found.reshape(scan.grid)


def _places(skip: Skip, across: int) -> tuple[slice | int, ...]:
    everything = slice(None)
    down_block: slice | int = everything
    across_block: slice | int = everything
    if skip.block is not None:
        down_block, across_block = divmod(skip.block, across)
    row = everything if skip.row is None else skip.row
    column = everything if skip.column is None else skip.column
    return down_block, row, across_block, column


def scan_problems(scan: Scan) -> tuple[str, ...]:
    """What is wrong with values that are each right; none if the scan can be used."""
    down, across = scan.grid
    if down * across > MAX_WELLS:
        return (f"{down} x {across} wells, at most {MAX_WELLS} are used",)
    found = []
    limits = {
        "block": scan.blocks[0] * scan.blocks[1],
        "row": scan.rows,
        "column": scan.columns,
    }
    for n, skip in enumerate(scan.skip):
        where = f"skip.{n}"
        given = {name: getattr(skip, name) for name in limits}
        if all(value is None for value in given.values()):
            found.append(f"{where}: names no block, row or column")
        found += [
            f"{where}.{name}: {value}, there are {limits[name]} counted from 0"
            for name, value in given.items()
            if value is not None and value >= limits[name]
        ]
    if not found and scan.skip and skipped_wells(scan).all():
        found.append("skip: leaves no well")
    return tuple(found)


def _skip_keys(value: Any) -> list[str]:
    """Keys of ``skip`` that nobody reads: more would be skipped than was meant."""
    skips = value.get("skip") if isinstance(value, dict) else None
    return [
        text
        for n, skip in enumerate(skips if isinstance(skips, list | tuple) else ())
        for text in _other_keys(skip, f"skip.{n}", Skip)
    ]


def _stage_keys(value: Any) -> list[str]:
    """Keys of ``stage`` that nobody reads: wells would lie elsewhere than was meant."""
    stage = value.get("stage") if isinstance(value, dict) else None
    return _other_keys(stage, "stage", Stage)


def _other_keys(value: Any, where: str, of: type[Skip | Stage]) -> list[str]:
    known = [item.name for item in fields(of)]
    if not isinstance(value, dict):
        return []
    return [
        f"{where}: {shown(key)} is no key: give {', '.join(known[:-1])} or {known[-1]}"
        for key in sorted(set(value) - set(known))
    ]


def _read(value: Any, handler: Callable[[Any], Any], info: ValidationInfo) -> Any:
    """The scan, None with every reason in ``context["problems"]`` if it is unusable."""
    problems: list[str] = (info.context or {}).get("problems", [])
    try:
        scan = handler(value)
    except ValidationError as error:
        why = [plan_problem("scan", item) for item in error.errors(include_url=False)]
        scan = None
    else:
        others = (*_skip_keys(value), *_stage_keys(value))
        told = (*scan_problems(scan), *others) if scan else ()
        why = [f"scan: {text}" for text in told]
    if why:
        more = len(why) - _NAMED
        problems += [f"{text}; no image gets a well" for text in why[:_NAMED]]
        problems += [f"scan: {more} more problems"] if more > 0 else []
        return None
    problems += _unknown(value)
    return scan


def _unknown(value: Any) -> list[str]:
    """Keys that nobody reads: perhaps one that is spelt otherwise."""
    known = {item.name for item in fields(Scan)}
    keys = sorted(set(value) - known) if isinstance(value, dict) else []
    return [
        f"scan.{shown(key)[:MAX_NAME]} is no key of a scan and is not used"
        for key in keys[:_NAMED]
    ]


ReadScan = Annotated[Scan | None, WrapValidator(_read)]
"""A scan as it is read from a message."""
