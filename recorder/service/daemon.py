"""The daemon: sources and broker in, runs out, until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from dataclasses import asdict
from pathlib import Path

from recorder import __version__
from recorder.config import Settings
from recorder.records import Json
from recorder.runtime.log import get_logger
from recorder.runtime.memory import keep_memory
from recorder.runtime.systemd import notify
from recorder.service.archiver import Archiver
from recorder.service.connections import connections
from recorder.service.heartbeat import heartbeat
from recorder.service.host import Host, hosting
from recorder.service.installed import tell_installed
from recorder.service.live_sources import live_sources
from recorder.service.live_state import LiveView
from recorder.service.live_writer import LiveWriter
from recorder.service.mqtt_status import StatusPublisher
from recorder.service.port import Port
from recorder.service.pulled import PulledRecords
from recorder.service.replay_place import mark
from recorder.service.sayings import Sayings
from recorder.service.sign_of_life import SignOfLife
from recorder.service.sources import Sources
from recorder.sources.control.mqtt import MqttSource

log = get_logger("service")

DRAIN_S = 10.0
"""Seconds at the end for images that are with workers and records that are not written:
within the 30 s that systemd gives (`TimeoutStopSec`)."""
BROKER_S = 2.0
"""Seconds that the start waits for the broker; without it the daemon is ready all the
same. Chosen, not tuned."""


async def run_daemon(settings: Settings) -> None:
    """Record until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if not keep_memory(arenas=2):
        log.warning("allocator_not_tuned", hint="decoding may be slower")
    log.info(
        "recorder_starting",
        version=__version__,
        beamline=settings.beamline,
        state=str(settings.state_directory),
    )
    tell_installed()
    async with (
        hosting(settings) as (host, group),
        SignOfLife(settings) as life,
        LiveWriter(settings, (view := LiveView(host)).state) as live,
    ):
        mark(settings, host.journal, into_production=True)
        life.status = lambda: {
            **_status(host),
            "images_seen": host.pipeline.images_seen,
        }
        host.restore()
        port = Port(
            host.pipeline,
            settings.pool.max_inbox_mb << 20,
            lambda: host.pipeline.writer.full,
        )
        tasks = [
            group.create_task(life.run(), name="sign-of-life"),
            group.create_task(live.run(), name="live"),
            group.create_task(view.run(), name="live-view"),
            group.create_task(_sayings(host, live.folder).run(), name="sayings"),
            group.create_task(_archiver(host).run(), name="archiver"),
        ]
        tasks += await _control_tasks(settings, host, port, group, life)
        tasks.append(group.create_task(heartbeat(host), name="heartbeat"))
        host.pool.pull_into(PulledRecords(host.pipeline, port.held))
        sources = Sources(settings, port, group, host.pool.pulled)
        life.sources = lambda: connections(
            sources.links(), list(settings.detectors), host.pipeline.book.active
        )
        host.alarms_of(lambda: view.last)
        view.sources = lambda: live_sources(
            settings,
            sources.links(),
            host.pipeline.live,
            host.pipeline.book.active,
            life.broker,
        )
        try:
            await asyncio.sleep(0)  # they begin, so that ready means it
            log.info(
                "recorder_ready",
                workers=host.pool.workers,
                engine=host.pool.engine,
                detectors=list(settings.detectors),
                sources=[s.name for s in settings.sources],
            )
            life.stage = live.stage = "running"
            notify("READY=1")
            await stop.wait()
            notify("STOPPING=1")
            life.stage = live.stage = "stopping"
            log.info("recorder_stopping", pending=host.pool.backlog)
            await asyncio.gather(sources.stop(), host.pool.stop_receiving())
        finally:
            sources.give_up()
        await _drain(host)
        sources.cancel()
        for task in tasks:
            task.cancel()
    log.info("recorder_stopped")


async def _control_tasks(
    settings: Settings,
    host: Host,
    port: Port,
    group: asyncio.TaskGroup,
    life: SignOfLife,
) -> list[asyncio.Task[None]]:
    """Subscribe and publish; wait a moment for the broker, so that ready means it."""
    if not settings.mqtt.enabled:
        return []
    client_id = settings.mqtt.client_id or f"recorder-{settings.beamline}"
    source = MqttSource(settings.mqtt, settings.topic_prefix, client_id)
    life.broker = source
    status = StatusPublisher(
        settings.mqtt,
        settings.topic_prefix,
        f"{client_id}-status",
        lambda: _status(host),
        host.pipeline.changed,
        source.connected.is_set,
        host.pipeline.outbox,
    )
    tasks = [
        group.create_task(source.run(port), name="mqtt"),
        group.create_task(status.run(), name="status"),
    ]
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(BROKER_S):
            await source.connected.wait()
    return tasks


def _sayings(host: Host, folder: Path) -> Sayings:
    """What people say on the page, and who listens."""
    sayings = Sayings(host.pipeline, folder)
    if host.alarms is not None:
        sayings.seen, sayings.normal = host.alarms.seen, host.alarms.normal
    return sayings


def _archiver(host: Host) -> Archiver:
    """Has old runs archived, where there is a folder for them."""
    return Archiver(host.settings, tuple(item.sink.name for item in host.sinks))


def _status(host: Host) -> Json:
    status = host.pipeline.status()
    status["sinks"] = {sink.sink.name: sink.unavailable or "ok" for sink in host.sinks}
    status["spool"] = {sink.sink.name: sink.backlog for sink in host.sinks}
    status["journal"] = "failing" if host.pipeline.writer.failing else "ok"
    status["nodes"] = [asdict(node) for node in host.pool.nodes()]
    status["workers_replaced"] = host.pool.replaced
    status["alarms"] = host.alarms_status()
    return status


async def _drain(host: Host) -> None:
    """Let images that are with workers be finished, and write what is journalled."""
    deadline = time.monotonic() + DRAIN_S
    host.pipeline.settle()
    try:
        async with asyncio.timeout(DRAIN_S):
            await host.pool.empty()
            await host.pipeline.reporter.idle()
    except TimeoutError:
        log.warning("images_given_up", pending=host.pool.backlog)
    await host.sinks_done(max(1.0, deadline - time.monotonic()))
