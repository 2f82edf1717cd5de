"""A sheet of paper to draw on, by Pillow (docs/decisions/0024-summary-picture.md)."""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from recorder.errors import MissingExtraError
from recorder.foreign_text import plain
from recorder.runtime.packages import is_installed

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont, ImageFont

WIDTH, HEIGHT = 1240, 1754
"""Pixels of an A4 page of 150 dots per inch."""
MARGIN = 70
"""Pixels that stay white at each edge: 12 mm."""
JOURNAL = "recorder-journal"
"""Name of the note that says whose the picture of an experiment is."""
DPI = 150
"""Dots per inch: numbers are sharp on paper, and a page has about 90 kB."""
TEXT, QUIET, EDGE = "#1b1f24", "#59636e", "#d1d9e0"
ONE, TWO, THREE = "#0072b2", "#d55e00", "#c4ccd4"
_LETTERS = str.maketrans({"Å": "A", "°": " deg", "µ": "u", "±": "+-"})
"""Of units, for a font that has only ASCII."""
GOOD, BAD, WARN = "#1a7f37", "#cf222e", "#9a6700"


def marked(journal: str) -> bytes:
    """What the first bytes of a picture contain that notes this journal."""
    return f"tEXt{JOURNAL}\0{journal}".encode("latin-1", "replace")


def paler(colour: str, strength: float) -> str:
    """A colour on white paper.

    Args:
        colour: Such as ``#0072b2``.
        strength: From 0, which is nearly white, to 1.
    """
    share = 0.08 + 0.92 * min(1.0, max(0.0, strength))
    parts = (int(colour[n : n + 2], 16) for n in (1, 3, 5))
    return "#" + "".join(f"{round(255 - share * (255 - part)):02x}" for part in parts)


def can_draw() -> bool:
    """Whether Pillow is installed."""
    return is_installed("PIL")


class Canvas:
    """One page, white; places count from its upper left corner (px).

    Raises:
        MissingExtraError: Pillow is not installed.
    """

    def __init__(self) -> None:
        try:
            from PIL import Image, ImageDraw
        except ModuleNotFoundError as error:
            raise MissingExtraError("report", "a summary picture") from error
        self._image = Image.new("RGB", (WIDTH, HEIGHT), "white")
        self._draw = ImageDraw.Draw(self._image)

    def text(
        self, x: float, y: float, text: str, size: int, colour: str, room: float
    ) -> None:
        """One line, cut to a width (px)."""
        font = _font(size)
        line = _drawable(text)
        if font.getlength(line) > room:
            while line and font.getlength(f"{line}...") > room:
                line = line[: max(0, len(line) - 1 - len(line) // 20)]
            line += "..."
        self._draw.text((x, y), line, fill=colour, font=font)

    def box(self, x: float, y: float, wide: float, high: float, colour: str) -> None:
        """A filled rectangle; nothing where it has no size."""
        if wide > 0 and high > 0:
            ends = (x + max(wide, 1) - 1, y + max(high, 1) - 1)
            self._draw.rectangle(((x, y), ends), fill=colour)

    def line(self, points: Sequence[tuple[float, float]], colour: str) -> None:
        """A line through points."""
        self._draw.line(list(points), fill=colour, width=2)

    def png(self, journal: str = "") -> bytes:
        """The page as a file.

        Args:
            journal: Id of the journal that it is of, noted in the file if given.
        """
        from PIL.PngImagePlugin import PngInfo

        out, notes = io.BytesIO(), PngInfo()
        if journal:
            notes.add_text(JOURNAL, journal)
        self._image.save(out, "PNG", dpi=(DPI, DPI), pnginfo=notes)
        return out.getvalue()


@cache
def _font(size: int) -> FreeTypeFont | ImageFont:
    from PIL.ImageFont import load_default

    return load_default(size)


def _drawable(text: str) -> str:
    """Letters that the font has; others as escapes, so that none is a mere box."""
    shown = plain(text).translate(_LETTERS)
    return shown.encode("ascii", "backslashreplace").decode()
