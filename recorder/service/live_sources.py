"""What the live state says of each source: is it there, how old is its word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from recorder.config import Settings
from recorder.live.heard import BROKER
from recorder.live.runs import LiveRuns, current_run
from recorder.records.live import LiveSource, State
from recorder.records.runs import SERIAL
from recorder.runs.book.parts import lost_so_far, same_announcement
from recorder.runs.run import Run
from recorder.runtime.host_clock import arrival_ns
from recorder.service.sign_of_life import Broker
from recorder.sources.link import Link

_STATES: dict[bool | None, State] = {True: "ok", False: "away", None: "unknown"}


def live_sources(
    settings: Settings,
    links: Mapping[str, Link | None],
    live: LiveRuns,
    runs: Sequence[Run],
    broker: Broker | None,
) -> tuple[LiveSource, ...]:
    """One entry for each source, and one for the broker.

    Args:
        settings: The configuration.
        links: What each source says of its connection, by name; None: it says nothing.
        live: What was counted.
        runs: The runs that are not sealed.
        broker: The connection to the broker; None: none is configured.
    """
    found = [
        _source(section.name, section.kind, links.get(section.name), live, runs)
        for section in settings.sources
    ]
    if broker is not None:
        found.append(_broker(broker, live))
    return tuple(found)


def _source(
    name: str, kind: str, link: Link | None, live: LiveRuns, runs: Sequence[Run]
) -> LiveSource:
    age_s = link.age_s() if link else None
    own = [run for run in runs if run.key is not None and run.key.source == name]
    latest = current_run(own)
    counts = live.of(latest) if latest else None
    serial = latest is not None and latest.technique == SERIAL
    state = _STATES[link.connected if link else None]
    problem = None
    if link is not None and state == "away":
        problem = (
            f"{link.endpoint} does not answer: is it on, and is the address right?"
        )
    return LiveSource(
        name=name,
        kind="detector" if kind == "dectris" else kind,
        state=state,
        age_ms=None if age_s is None else round(age_s * 1e3, 1),
        hz=live.heard.hz(name),
        lost=lost_so_far(same_announcement(latest, own)) if latest else 0,
        missed=counts.pump.missed if counts and serial else None,
        clock_ppm=_ppm(name, live, runs),
        problem=problem,
    )


def _ppm(name: str, live: LiveRuns, runs: Sequence[Run]) -> float | None:
    """How fast a clock goes against that of the images, by the latest run with rows."""
    for run in reversed(runs):
        counts = live.of(run)
        if counts is None or run.events.last_clock != name:
            continue
        rate = counts.pump.timeline.rate
        return None if rate is None else round(rate * 1e6, 3)
    return None


def _broker(broker: Broker, live: LiveRuns) -> LiveSource:
    last_ns = live.heard.last_ns.get(BROKER)
    there = broker.connected.is_set()
    age_ms = None if last_ns is None else round((arrival_ns() - last_ns) / 1e6, 1)
    problem = broker.problem or (None if there else "connecting")
    return LiveSource(
        name=BROKER,
        kind="broker",
        state="ok" if there else "away",
        age_ms=age_ms,
        hz=live.heard.hz(BROKER),
        problem=problem,
    )
