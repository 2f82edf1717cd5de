"""Metrics for Prometheus, from the same states that the page shows.

No label names a run, a sample or a proposal: there would be ever more series, and names
would be read by who may not read them.
"""

from __future__ import annotations

from collections import Counter as Counted
from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from recorder import __version__
from recorder.records.live import LiveState
from recorder.web.feed import Feed
from recorder.web.shapes import Now

LATENCY_EDGES_S = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0)
"""Upper edges of the histogram of latencies, in s: finer below 1 s, the goal for
the newest image of each state. Chosen, not tuned."""
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
DAEMON_STATES = ("ok", "stale", "gone", "none")


class Metrics:
    """Renders them; use from the loop.

    Args:
        feed: Has the states.
    """

    def __init__(self, feed: Feed) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(_States(feed))
        self._of_nobody = CollectorRegistry()
        self._of_nobody.register(_Daemon(feed))
        self._latency = Histogram(
            "recorder_latency_seconds",
            "From an image's arrival to the message that counts it, newest images.",
            buckets=LATENCY_EDGES_S,
            registry=self.registry,
        )
        self._answers = Counter(
            "recorder_web_answers",
            "Answers of the web process, by the first digit of their status.",
            ["status"],
            registry=self.registry,
        )
        self._last = (0, "")

    def note(self, now: Now) -> None:
        """Take a latency from a new state."""
        live = now.live
        if live is None or now.daemon != "ok" or live.run is None:
            return
        mark, age = (live.id, live.run.uid), live.run.newest_age_s
        if age is not None and now.age_s is not None and mark != self._last:
            self._latency.observe(age + now.age_s)
        self._last = mark

    def answered(self, status: int) -> None:
        """Count an answer."""
        self._answers.labels(f"{status // 100}xx").inc()

    def render(self, *, whole: bool = True) -> bytes:
        """All of them as text.

        Args:
            whole: Off: only what counts no run.
        """
        return generate_latest(self.registry if whole else self._of_nobody)


class _Daemon(Collector):
    """Whether recorder and journal are well, read when it is asked."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    def collect(self) -> Iterable[Metric]:
        """All that can be said now."""
        feed = self._feed
        yield InfoMetricFamily("recorder", "The recorder.", {"version": __version__})
        up = GaugeMetricFamily(
            "recorder_daemon",
            "State of the daemon: 1 for the one it is in.",
            None,
            ["state"],
        )
        for state in DAEMON_STATES:
            up.add_metric([state], float(feed.now_state.daemon == state))
        yield up
        readable = feed.slow_state.problem is None
        yield _gauge(
            "recorder_journal_readable", "1 if the journal can be read.", readable
        )
        if feed.now_state.age_s is not None:
            text = "Age of the daemon's live state."
            yield _gauge("recorder_live_age_seconds", text, feed.now_state.age_s)


class _States(_Daemon):
    """That, and what all runs and parts come to."""

    def __init__(self, feed: Feed) -> None:
        super().__init__(feed)
        self._highest: Counted[str] = Counted()

    def collect(self) -> Iterable[Metric]:
        """All that can be said now; what is not known is left out."""
        feed = self._feed
        yield from super().collect()
        if feed.slow_state.complete:
            yield from self._totals()
        if feed.now_state.live is not None and feed.now_state.daemon != "gone":
            yield from _live(feed.now_state.live, feed.now_state.age_s or 0.0)

    def _totals(self) -> Iterator[Metric]:
        """Over all runs of the journal; a class taken back does not count down."""
        counted: Counted[str] = Counted()
        for entry in self._feed.slow_state.experiments:
            total = entry.cumulative
            counted["indexed"] += total.indexed
            counted["non_indexed_hit"] += total.non_indexed_hits
            counted["skipped"] += total.skipped
            counted["runs"] += total.runs
            counted["other"] += total.other_images
            counted["lost"] += entry.lost
        self._highest |= counted
        high = self._highest
        images = CounterMetricFamily(
            "recorder_images",
            "Images of all serial runs by class; skipped: all but hits.",
            None,
            ["class"],
        )
        for name in ("indexed", "non_indexed_hit", "skipped"):
            images.add_metric([name], high[name])
        yield images
        text = "Received images of all runs that are not serial."
        yield CounterMetricFamily("recorder_other_images", text, high["other"])
        text = "Images of all runs that did not come."
        yield CounterMetricFamily("recorder_lost_images", text, high["lost"])
        yield CounterMetricFamily("recorder_runs", "Runs.", high["runs"])


def _live(live: LiveState, state_age_s: float) -> Iterator[Metric]:
    """What the live state says."""
    age = GaugeMetricFamily(
        "recorder_data_age_seconds", "Since the last message.", None, ["source"]
    )
    rate = GaugeMetricFamily(
        "recorder_source_rate_hertz", "Images or events a second.", None, ["source"]
    )
    for source in live.sources:
        rate.add_metric([source.name], source.hz)
        if source.age_ms is not None:
            age.add_metric([source.name], source.age_ms / 1e3 + state_age_s)
    yield from (age, rate)
    lag = GaugeMetricFamily(
        "recorder_sink_lag_seconds",
        "Age of the oldest unwritten record.",
        None,
        ["sink"],
    )
    parked = GaugeMetricFamily(
        "recorder_sink_parked_records", "Records that it refused.", None, ["sink"]
    )
    for sink in live.sinks:
        lag.add_metric([sink.name], sink.lag_s)
        parked.add_metric([sink.name], sink.parked)
    yield from (lag, parked)
    alarm = GaugeMetricFamily(
        "recorder_alarm", "Alarms of a kind that stand.", None, ["name", "severity"]
    )
    standing = Counted(
        (a.kind or "unknown", a.severity) for a in live.alarms if a.cleared_ns is None
    )
    for (kind, severity), count in sorted(standing.items()):
        alarm.add_metric([kind, severity], count)
    yield alarm
    yield from _of_nodes(live)
    yield from _of_pool_and_journal(live)


def _of_nodes(live: LiveState) -> Iterator[Metric]:
    labels = ["node", "host"]
    text = "1 while it takes part and is heard."
    up = GaugeMetricFamily("recorder_node_up", text, None, labels)
    text = "Workers of a node that are there."
    workers = GaugeMetricFamily("recorder_node_workers", text, None, labels)
    text = "Images that a node has."
    held = GaugeMetricFamily("recorder_node_held_images", text, None, labels)
    text = "Images of a node since it took part."
    finished = CounterMetricFamily("recorder_node_images", text, None, labels)
    for node in live.pool.nodes:
        names = [node.name, node.host]
        up.add_metric(names, float(node.state == "ok"))
        workers.add_metric(names, node.ready)
        held.add_metric(names, node.held)
        finished.add_metric(names, node.finished)
    yield from (up, workers, held, finished)


def _of_pool_and_journal(live: LiveState) -> Iterator[Metric]:
    text = "Compressed images that wait for a worker."
    yield _gauge("recorder_pool_backlog_bytes", text, live.pool.backlog_bytes)
    text = "Beyond it images are not classified."
    yield _gauge("recorder_pool_backlog_max_bytes", text, live.pool.max_bytes)
    yield _gauge("recorder_pool_workers", "Worker processes.", live.pool.workers)
    text = "Entries that the disk has not taken."
    yield _gauge("recorder_journal_unwritten", text, live.journal.unwritten)
    if live.journal.disk_free is not None:
        text = "Free space of the journal's disk."
        yield _gauge("recorder_disk_free_bytes", text, live.journal.disk_free)
    text = "Messages that break their protocol, since the daemon's start."
    yield CounterMetricFamily("recorder_bad_messages", text, live.bad_messages)
    yield _gauge("recorder_run_open", "1 while a run goes on.", live.run is not None)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, float(value))
