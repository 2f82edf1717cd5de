"""Ten times more images than the worker can do: what is shed, and what is kept."""

from __future__ import annotations

from benchmarks.machine import machine
from benchmarks.soak.bounds import Bound, daemon_bound, worker_bound
from benchmarks.soak.flood import FACTOR, Flood, Sustainable, flood, sustainable
from benchmarks.soak.sender import HIT_SHARE, MULTI_SHARE, PIXELS
from benchmarks.soak.shed import shed_verdicts
from benchmarks.soak.site import errors, servers
from benchmarks.soak.truth import database_verdicts
from benchmarks.soak.verdicts import Verdict, check, table, verdict_table


def overload(minutes: float) -> tuple[list[Verdict], list[str]]:
    """The verdicts, and the section of the page.

    Args:
        minutes: How long too much is sent.
    """
    with servers() as running:
        steady = sustainable(running)
        flooded = flood(running, steady.rate_hz, minutes * 60)
        run = flooded.site.reports()[flooded.uid]
        verdicts = shed_verdicts(flooded, run)
        verdicts += database_verdicts(running.database, flooded.received)
    images = flooded.sent["delivered"] + flooded.sent["dropped"]
    message = flooded.sent["message_mb"]
    bounds = {
        "daemon": daemon_bound(
            flooded.settings,
            base_mb=flooded.base_mb,
            message_mb=message,
            images=images,
        ),
        "worker": worker_bound(
            base_mb=steady.worker_mb,
            message_mb=message,
            pixels_mb=PIXELS * PIXELS * 2 / 2**20,
        ),
    }
    peaks = {"daemon": flooded.daemon_mb, "worker": flooded.worker_mb}
    verdicts += [
        check(
            f"memory of the {who} stays below its bound",
            peaks[who] <= bound.total,
            f"{peaks[who]:.1f} of {bound.total:.1f} MB",
        )
        for who, bound in bounds.items()
    ]
    failed = errors(flooded.daemon)
    verdicts.append(check("no ERROR line in the log", not failed, "; ".join(failed)))
    return verdicts, _lines(steady, flooded, run.images.classified, verdicts, bounds)


def _lines(
    steady: Sustainable,
    flooded: Flood,
    classified: int,
    verdicts: list[Verdict],
    bounds: dict[str, Bound],
) -> list[str]:
    sent = flooded.sent
    reached = (sent["delivered"] + sent["dropped"]) / sent["seconds"]
    pool, (detector,) = flooded.settings.pool, flooded.settings.detector
    times = reached / steady.rate_hz
    lines = [
        f"{machine('at the end')} {sent['seconds'] / 60:.1f} minutes. Stills of "
        f"{PIXELS} x {PIXELS} px, {HIT_SHARE:.0%} hits, {MULTI_SHARE:.0%} of them with "
        f"several lattices, at most {sent['message_mb']:.2f} MB each, from a process "
        "on the same cores. One "
        f"worker, `pool.max_backlog_mb` {pool.max_backlog_mb}, `pool.max_inbox_mb` "
        f"{pool.max_inbox_mb}, `receive_hwm` {detector.receive_hwm}.",
        "",
        *table(
            ("", "images/s"),
            [
                ("one worker can do", f"{steady.rate_hz:.0f}"),
                (f"asked of the detector, {FACTOR:g} times", f"{flooded.rate_hz:.0f}"),
                (f"made, {times:.1f} times", f"{reached:.0f}"),
                ("delivered", f"{sent['delivered'] / sent['seconds']:.0f}"),
                ("classified", f"{classified / sent['seconds']:.0f}"),
            ],
        ),
        "",
        f"CPU meanwhile: daemon {flooded.daemon_cpu_s / sent['seconds']:.2f} cores, "
        f"worker {flooded.worker_cpu_s / sent['seconds']:.2f} cores; the detector's "
        "process and the database take the rest.",
        "",
        *verdict_table(verdicts),
    ]
    for who, bound in bounds.items():
        lines += ["", f"Bound of the {who}:", "", *bound.lines()]
    return lines
