"""Numbers as the page writes them."""

from __future__ import annotations

from recorder.records.run_report import Cumulative
from recorder.records.times import iso, span_text
from recorder.ssx.alarms.wilson import wilson

NONE = "unknown"


def count(value: int | None) -> str:
    """A whole number."""
    return NONE if value is None else f"{value:,}"


def image_sums(total: Cumulative) -> tuple[tuple[str, str], ...]:
    """Images of the serial runs, and of the others."""
    images = ("images", count(total.images))
    if not total.other_runs:
        return (images,)
    others = ("images of runs that are not serial", count(total.other_images))
    return (others,) if total.other_runs == total.runs else (images, others)


def share(part: int, whole: int) -> str:
    """Per cent, or that there is none."""
    return f"{100 * part / whole:.2f} %" if whole > 0 else NONE


def rate(part: int, whole: int) -> str:
    """Per cent with its 95 % interval."""
    bounds = wilson(part, whole) if 0 <= part <= whole else None
    if bounds is None:
        return NONE
    low, high = (100 * bound for bound in bounds)
    return f"{100 * part / whole:.2f} % (95 %: {low:.2f} to {high:.2f} %)"


def value(number: float | None, unit: str = "", digits: int = 6) -> str | None:
    """A measured value; None where nothing is known."""
    return None if number is None else f"{number:.{digits}g}{unit and ' '}{unit}"


def time_span(seconds: float | None) -> str | None:
    """Seconds in the unit that suits them."""
    return None if seconds is None else span_text(seconds, 6)


def cell(numbers: tuple[float, ...] | None) -> str | None:
    """A unit cell."""
    if numbers is None:
        return None
    lengths, angles = numbers[:3], numbers[3:]
    text = " ".join(f"{number:.2f}" for number in lengths)
    return f"{text} Å, {' '.join(f'{number:.2f}' for number in angles)}°"


def moment(time_ns: int | None) -> str:
    """A time with zone, to the second."""
    text = iso(time_ns) if time_ns else None
    if text is None:
        return NONE
    date, _, rest = text.partition("T")
    return (
        f"{date} {rest[:8]} {rest[len(rest) - 6 :] if rest[-6:-5] in '+-' else 'UTC'}"
    )


def clock(text: str | None) -> str:
    """A time of a report to the second, with its date."""
    if not text:
        return NONE
    date, _, rest = text.partition("T")
    return f"{date} {rest[:8]}" if rest else text
