"""How memory and descriptors went, and whether they grew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean

from benchmarks.soak.proc import Usage
from benchmarks.soak.sampling import Sample
from benchmarks.soak.trend import trend
from benchmarks.soak.verdicts import Verdict, table

WARM_UP_S = 300.0
"""Or this share of the time, whichever is less. The daemon keeps the last 8 sealed
runs, a worker the last 2 set-ups: until then both must grow."""
WARM_UP_SHARE = 0.25
GROWTH_MB_H = 5.0
"""120 MB a day: a week without a restart stays below 1 GB."""
GROWTH_FILES_H = 5.0
"""Would take more than a week to the usual limit of 1024 descriptors."""
ROWS = 10

CRITERION = f"""**Flat** means: the slope by least squares is not above {GROWTH_MB_H:g}
MB/h by more than two standard errors (120 MB a day, below 1 GB in a week without a
restart), after a warm-up of {WARM_UP_S:g} s or {WARM_UP_SHARE:.0%} of the time,
whichever is less. Memory grows in steps that last, so the standard error is widened by
the correlation of neighbouring residuals. It must itself be below {GROWTH_MB_H:g} MB/h,
else the verdict is `undecided`: too short a run proves nothing. For descriptors the
limit is {GROWTH_FILES_H:g} per hour: more than a week to the usual limit of 1024."""

PARTS: dict[str, Callable[[Sample], Usage]] = {
    "daemon": lambda sample: sample.daemon,
    "workers": lambda sample: sample.workers,
}


def trends(samples: Sequence[Sample]) -> list[Verdict]:
    """Whether memory and descriptors are flat after the warm-up."""
    begin = min(WARM_UP_S, WARM_UP_SHARE * samples[-1].seconds)
    late = [sample for sample in samples if sample.seconds >= begin]
    times = [sample.seconds for sample in late]
    verdicts = []
    for who, part in PARTS.items():
        memory = trend(times, [part(sample).rss_mb for sample in late])
        files = trend(times, [part(sample).descriptors for sample in late])
        verdicts += [
            Verdict(
                f"resident memory of the {who} is flat",
                memory.verdict(GROWTH_MB_H),
                f"{memory} MB/h",
            ),
            Verdict(
                f"descriptors of the {who} are flat",
                files.verdict(GROWTH_FILES_H),
                f"{files} per hour",
            ),
        ]
    return verdicts


def course(samples: Sequence[Sample]) -> list[str]:
    """Means over tenths of the time, and maxima of what is counted."""
    end = samples[-1].seconds or 1.0
    rows = []
    for n in range(ROWS):
        part = [s for s in samples if n == min(ROWS - 1, int(ROWS * s.seconds / end))]
        if part:
            first, last = (end / 60 * place / ROWS for place in (n, n + 1))
            rows.append((f"{first:.1f} to {last:.1f}", *_row(part)))
    head = (
        "minutes",
        "daemon, RSS / PSS (MB)",
        "workers, RSS / PSS (MB)",
        "descriptors, daemon",
        "workers",
        "threads, daemon",
        "workers",
        "spool, at most",
        "journal (MB)",
    )
    return table(head, rows)


def _row(samples: Sequence[Sample]) -> tuple[object, ...]:
    views = PARTS.values()
    memory = (
        f"{fmean(view(s).rss_mb for s in samples):.1f} / "
        f"{fmean(view(s).pss_mb for s in samples):.1f}"
        for view in views
    )
    return (
        *memory,
        *(max(view(s).descriptors for s in samples) for view in views),
        *(max(view(s).threads for s in samples) for view in views),
        max(s.spool for s in samples),
        f"{samples[-1].journal_mb:.1f}",
    )
