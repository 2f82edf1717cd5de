"""Rates with their intervals, the line over time, and the time points."""

from __future__ import annotations

from rich.text import Text

from recorder.records.image_report import LineReport
from recorder.records.live import Line, LiveDelay, LivePump, Trials
from recorder.records.times import parse_time
from recorder.terminal.marks import (
    DARK,
    LIGHT,
    NONE,
    QUIET,
    STRONG,
    Part,
    Signs,
    bar,
    change,
    count,
    delay,
    grouped,
    line,
    per_cent,
    rate,
    seconds,
    spark,
)
from recorder.terminal.moment import Moment, delays_of, windows_of

_NAMES = {"10s": "10 s", "60s": "60 s", "run": "run", "all": "all"}
_DELAY_BAR = 24
"""Columns of the bar of a time point. Chosen, not tuned."""


def rates(moment: Moment, signs: Signs) -> list[Text]:
    """Four windows; then light, dark, and their difference."""
    head = f"{'':<9}{'images':>11}   {'hits, 95 %':<19}{'indexed of hits':<21}"
    found = [line((f"{head}of images", QUIET))]
    for name, trials in windows_of(moment).items():
        style = STRONG if name == "60s" else ""
        found.append(line(*_window(_NAMES[name], trials, signs, style)))
    found += _pump(moment, signs)
    return found


def _window(
    name: str, trials: Trials | None, signs: Signs, style: str = ""
) -> list[Part]:
    if trials is None:
        return [(f"{name:<9}{NONE:>11}", QUIET)]
    hits = rate(trials.hits, trials.classified, signs)
    of_hits = rate(trials.indexed, trials.tried, signs)
    of_images = per_cent(trials.indexed, trials.classified)
    text = f"{name:<9}{count(trials.images):>11}   {hits:<19}{of_hits:<21}{of_images}"
    return [(text, style)]


def _pump(moment: Moment, signs: Signs) -> list[Text]:
    if moment.run is None:
        return _pump_of_report(moment)
    pump = moment.run.pump
    states = (pump.light, pump.dark, pump.unknown)
    if not pump.declared and not any(state.images for state in states[:2]):
        return [line(("no laser declared or seen", QUIET))]
    light, dark = pump.light, pump.dark
    found = [
        line(*_window("light", light, signs, LIGHT)),
        line(*_window("dark", dark, signs, DARK)),
    ]
    if pump.unknown.images:
        found.append(line(*_window("unknown", pump.unknown, signs, QUIET)))
    both = change((light.hits, light.classified), (dark.hits, dark.classified))
    text = f"{'':<9}{f'{signs.delta} hits':>11}   {both}"
    return [*found, line(text, (_settled(pump), QUIET))]


def _settled(pump: LivePump) -> str:
    text = f"   misfires {pump.misfires} of {pump.due}" if pump.due else ""
    if pump.settled_to is None:
        return f"{text}   none settled yet"
    return f"{text}   settled to {count(pump.settled_to)}"


def _pump_of_report(moment: Moment) -> list[Text]:
    """The journal has how many, not how many of them were hits."""
    report = moment.report
    if report is None:
        return []
    pump = report.pump
    return [
        line(
            (f"light {count(pump.light)}", LIGHT),
            "   ",
            (f"dark {count(pump.dark)}", DARK),
            f"   unknown {count(pump.unknown)}",
        )
    ]


def over_time(moment: Moment, width: int, signs: Signs) -> list[Text]:
    """Hit rate over time as a line, and below it where runs began.

    Where no run goes on: over the images of the run that is shown.
    """
    if moment.run is None:
        return _over_images(moment, width, signs)
    known = moment.run.line
    span = len(known.classified) * known.step_s
    found = _line(known, width, signs, seconds(span))
    if not found:
        return []
    ticks = _ticks(moment, known.from_ns, span, found[1].cell_len)
    return [*found, line((ticks, QUIET))] if ticks.strip() else found


def _over_images(moment: Moment, width: int, signs: Signs) -> list[Text]:
    report = moment.report
    if report is None:
        return []
    known = report.line
    images = min(len(known.classified) * known.step, report.images.received)
    return _line(known, width, signs, f"{count(images)} images")


def _line(known: Line | LineReport, width: int, signs: Signs, over: str) -> list[Text]:
    """A heading and the line; nothing where there is none."""
    if not known.classified or len(known.hits) != len(known.classified):
        return []
    classified = grouped(known.classified, width - 10)
    hits = grouped(known.hits, width - 10)
    highest = [h / n for h, n in zip(hits, classified, strict=True) if n > 0]
    top = f"{100 * max(highest):.1f} %" if highest else NONE
    head = f"hit rate over {over}, highest {top}"
    return [line((head, QUIET)), line((spark(hits, classified, signs), LIGHT))]


def _ticks(moment: Moment, from_ns: int, span_s: float, width: int) -> str:
    """The number of each run below where it began."""
    row = [" "] * width
    entry = moment.experiment
    for card in reversed(entry.runs if entry else ()):
        try:
            began = parse_time(card.start_time)
        except ValueError:
            continue
        column = int((began - from_ns) / 1e9 / span_s * width) if span_s > 0 else -1
        text = f"|{card.run}"
        if 0 <= column < width:
            row[column : column + len(text)] = text
    return "".join(row)[:width]


def time_points(moment: Moment, width: int, signs: Signs, most: int) -> list[Text]:
    """Indexed images of each time point, against its target."""
    points = delays_of(moment)
    if not points:
        return []
    whole = max(max(point.target or 0, point.indexed) for point in points)
    room = max(8, min(_DELAY_BAR, width - 50))
    found = [line((f"{'delay':>10} indexed{'':<{room}}target, ETA", QUIET))]
    found += [_time_point(point, whole, room, signs) for point in points[:most]]
    if len(points) > most:
        found.append(line((f"{'':>10} and {len(points) - most} more", QUIET)))
    return found


def _time_point(point: LiveDelay, whole: int, room: int, signs: Signs) -> Text:
    goal = point.target or whole
    pieces = [(point.indexed, signs.full, LIGHT)]
    missing = max(0, (point.target or 0) - point.indexed)
    pieces.append((missing, signs.empty, QUIET))
    parts: list[Part] = [f"{delay(point.delay_s, signs):>10} "]
    parts += bar(pieces, max(goal, point.indexed), room)
    if point.target is None:
        return line(*parts, f" {count(point.indexed):>9} of {count(point.hits)} hits")
    text = f" {count(point.indexed):>9} / {count(point.target)}"
    done = point.indexed >= point.target
    eta = "reached" if done else f"ETA {seconds(point.eta_s)}"
    return line(*parts, f"{text}  {per_cent(point.indexed, point.target, 0)}  {eta}")
