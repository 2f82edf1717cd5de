"""What the live state says of light, dark and time points."""

from __future__ import annotations

from collections.abc import Sequence

from recorder.live.pace import Pace
from recorder.live.pump_counts import PumpCounts
from recorder.live.traits import NAMES, Counts, no_counts, trials
from recorder.records.announcement import Target
from recorder.records.live import LiveDelay, LivePump
from recorder.ssx.labels.timeline import DARK, LIGHT, UNKNOWN

_IMAGES, _CLASSIFIED, _HITS, _INDEXED = (
    NAMES.index(name) for name in ("images", "classified", "hits", "indexed")
)
SAME_DELAY = 0.02
"""Relative distance within which a measured delay is that of a target: as delays are
told apart (`recorder.live.delay_counts.Clusters`)."""


def pump_state(pump: PumpCounts) -> LivePump:
    """Images by pump state."""
    dark = pump.settled.dark_n + pump.ahead.dark_n
    last = max((n for n in range(len(dark)) if dark[n].any()), default=0)
    return LivePump(
        light=trials(pump.of(LIGHT)),
        dark=trials(pump.of(DARK)),
        unknown=trials(pump.of(UNKNOWN)),
        dark_n=tuple(trials(dark[n]) for n in range(1, last + 1)),
        settled_to=pump.settled_to,
        declared=pump.declared,
        due=pump.settled.due + pump.ahead.due,
        misfires=pump.settled.misfires + pump.ahead.misfires,
    )


def delays_state(
    pump: PumpCounts, targets: Sequence[Target], pace: Pace, now_s: float
) -> tuple[LiveDelay, ...]:
    """Time points with their targets, by delay.

    Args:
        pump: What was counted.
        targets: What is wanted.
        pace: How fast indexed images come.
        now_s: The monotonic time (s).
    """
    by_cluster: dict[int, Counts] = {}
    for (_, _, cluster), counts in pump.delays().items():
        if cluster >= 0:
            before = by_cluster.get(cluster, no_counts())
            by_cluster[cluster] = before + counts
    pace.look(now_s, {key: int(n[_INDEXED]) for key, n in by_cluster.items()})
    found, open_targets = [], list(targets)
    for cluster, counts in by_cluster.items():
        delay_s = pump.delay_s(cluster) or 0.0
        near = [t for t in open_targets if is_delay(t, delay_s)]
        target = min(near, key=lambda t: abs(t.delay - delay_s), default=None)
        if target is not None:
            open_targets.remove(target)
        indexed = int(counts[_INDEXED])
        wanted = None if target is None else target.indexed
        found.append(
            LiveDelay(
                delay_s=delay_s,
                images=int(counts[_IMAGES]),
                hits=int(counts[_HITS]),
                indexed=indexed,
                target=wanted,
                eta_s=wanted and pace.eta_s(now_s, cluster, indexed, wanted),
                classified=int(counts[_CLASSIFIED]),
            )
        )
    found += [LiveDelay(delay_s=t.delay, target=t.indexed) for t in open_targets]
    return tuple(sorted(found, key=lambda delay: delay.delay_s))


def is_delay(target: Target, delay_s: float) -> bool:
    """Whether a measured delay is the one of a target."""
    return abs(delay_s - target.delay) <= max(1e-6, SAME_DELAY * abs(target.delay))
