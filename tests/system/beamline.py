"""A beamline for tests: a daemon, its broker, and a detector to misuse."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import aiomqtt
import zmq
from zmq.utils.monitor import parse_monitor_message

from recorder.config import Settings, load_settings
from recorder.journal import Journal
from recorder.records.report_json import full_to_json
from recorder.reports.store import ReportStore
from recorder.simulate.mx.mx_run import MxRun, parse_plan
from recorder.simulate.mx.mx_simulator import MxSimulator
from recorder.simulate.mx.pictures import series_of
from recorder.simulate.stills.render import StillSettings, default_geometry
from recorder.simulate.stream.connections import detector_socket, timing_broker
from recorder.simulate.stream.experiment import Simulator
from recorder.simulate.stream.messages import Stream2
from recorder.simulate.stream.series import Series, synthetic_series
from recorder.simulate.stream.simulated_run import SimulatedRun
from recorder.simulate.timing.faults import parse_faults
from tests.builders import announcement
from tests.servers import Mosquitto, Recorder, free_port

QUICK_RUNS = {"drain_s": 1.0, "quiet_s": 0.3, "series_timeout_s": 120, "hold_s": 1.5}
"""Waits that a busy machine keeps: for announcement, next image, and what is late.
A test that wants a series given up says ``series_timeout_s`` itself."""
PIXELS = 512


def small_series(images: int = 120, seed: int = 1) -> Series:
    """Easy stills of a small detector."""
    settings = StillSettings(geometry=default_geometry(PIXELS), hit_share=0.3)
    return synthetic_series(images, seed, pool=12, settings=settings)


@dataclass
class Beamline:
    """Where everything listens."""

    config: Path
    endpoint: str
    mosquitto: Mosquitto | None

    @property
    def settings(self) -> Settings:
        return load_settings(self.config)

    def report(self) -> dict[str, Any]:
        """The runs by uid, from the journal, with what the sinks did."""
        settings = self.settings
        journal = Journal(settings.journal_path, read_only=True)
        try:
            report = full_to_json(ReportStore(journal, settings.sink_names).full())
        finally:
            journal.close()
        return {run["uid"]: run for e in report["experiments"] for run in e["runs"]}

    def simulate(self, series: Series, **run: Any) -> dict[str, Any]:
        """One simulated run, to its end; the counts that are true."""
        return asyncio.run(self._simulate(series, run))

    async def _simulate(self, series: Series, run: dict[str, Any]) -> dict[str, Any]:
        faults = parse_faults(run.pop("faults", ""))
        values = {
            "number": 1,
            "images": len(series.order),
            "rate_hz": 400.0,
            "delay_s": 0.001,
            **run,
        }
        plan = SimulatedRun(faults=faults, **values)
        async with (
            detector_socket(self.endpoint) as socket,
            timing_broker(self.settings) as broker,
        ):
            return await Simulator(self.settings, socket, broker).simulate(plan, series)

    def simulate_mx(self, technique: str, spec: str, **run: Any) -> dict[str, Any]:
        """One simulated run that is not serial; the counts that are true."""
        plan = parse_plan(technique, spec)
        series = series_of(plan, None, None, run.pop("pixels", 128), 1)
        faults = parse_faults(run.pop("faults", ""))
        values = {"number": 1, "rate_hz": 400.0, "series": series, **run}
        wanted = MxRun(technique=technique, plan=plan, faults=faults, **values)
        return self.simulate_mx_runs(wanted)[0]

    def simulate_mx_runs(self, *runs: MxRun) -> list[dict[str, Any]]:
        """Simulated runs that are not serial, one after the other."""

        async def simulate() -> list[dict[str, Any]]:
            async with (
                detector_socket(self.endpoint) as socket,
                timing_broker(self.settings) as broker,
            ):
                simulator = MxSimulator(self.settings, socket, broker)
                return [await simulator.simulate(run) for run in runs]

        return asyncio.run(simulate())

    def publish(self, topic: str, body: Any, **options: Any) -> None:
        """One control message."""
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()

        async def send() -> None:
            async with timing_broker(self.settings) as broker:
                prefix = self.settings.topic_prefix
                await broker.publish(f"{prefix}/{topic}", payload, qos=1, **options)

        asyncio.run(send())

    def status(
        self, wanted: Callable[[dict[str, Any]], Any] = lambda status: True
    ) -> dict[str, Any]:
        """The retained status message, or the first after it that is as wanted."""

        async def read() -> dict[str, Any]:
            mqtt = self.settings.mqtt
            async with asyncio.timeout(120), aiomqtt.Client(mqtt.host, mqtt.port) as c:
                await c.subscribe(f"{self.settings.topic_prefix}/status")
                async for message in c.messages:
                    status: dict[str, Any] = json.loads(message.payload)
                    if wanted(status):
                        return status
            raise AssertionError

        return asyncio.run(read())


def make_beamline(
    config_file: Callable[..., Path], mosquitto: Mosquitto | None, **changes: Any
) -> Beamline:
    """A configuration for a daemon on free ports."""
    endpoint = f"tcp://127.0.0.1:{free_port()}"
    detector = {"name": "eiger", "endpoint": endpoint, **changes.pop("detector", {})}
    if mosquitto is not None:
        changes["mqtt"] = mosquitto.section(**changes.get("mqtt", {}))
    runs = {**QUICK_RUNS, **changes.pop("runs", {})}
    config = config_file(detector=[detector], runs=runs, pool={"workers": 1}, **changes)
    return Beamline(config, endpoint, mosquitto)


def wait_sealed(daemon: Recorder, beamline: Beamline, uid: str) -> dict[str, Any]:
    """The report of a run once it is sealed and its log line is written."""
    daemon.wait_for_event("run_sealed", uid=uid)
    return beamline.report()[uid]


def assert_equals_truth(run: dict[str, Any], truth: dict[str, Any]) -> None:
    """Report against truth, figure by figure."""
    images, classes, pump = run["images"], run["classes"], run["pump"]
    assert run["ledger"] == {"closed": True, "differences": []}
    assert {
        "expected": images["expected"],
        "received": images["received"],
        "lost": images["lost"],
        "missed": images["missed_triggers"],
        "corrupt": images["unprocessed"].get("corrupt", 0),
        "hits": classes["indexed"] + classes["non_indexed_hits"],
        "non_hits": classes["non_hits"],
        "light": pump["light"],
        "dark": pump["dark"],
    } == {name: truth[name] for name in truth if name not in ("uid", "triggers")}


class RawDetector:
    """A detector's socket that sends whatever a test wants."""

    def __init__(self, endpoint: str) -> None:
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.PUSH)
        self._socket.immediate = True
        self._socket.linger = 5000
        self._socket.sndtimeo = 120_000
        self._monitor = self._socket.get_monitor_socket(
            zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED
        )
        self._monitor.rcvtimeo = 120_000
        self._socket.bind(endpoint)

    def wait_for_receivers(self, count: int) -> None:
        """Wait until so many more have connected: others get all until then."""
        self._wait(zmq.EVENT_HANDSHAKE_SUCCEEDED, count)

    def send(self, *messages: list[Any] | bytes) -> None:
        for message in messages:
            parts = message if isinstance(message, list) else [message]
            self._socket.send_multipart(parts)

    def wait_disconnected(self) -> None:
        """Wait until it has noticed that one who received is gone."""
        self._wait(zmq.EVENT_DISCONNECTED, 1)

    def _wait(self, kind: zmq.Event, count: int) -> None:
        while count:
            event = parse_monitor_message(self._monitor.recv_multipart())
            count -= event["event"] == kind

    def close(self) -> None:
        self._socket.disable_monitor()
        self._monitor.close()
        self._socket.close()
        self._context.term()


class OpenRun:
    """A run that goes on until a test has seen what it wants: it never ends by itself.

    Args:
        beamline: Whose daemon records it; its ``series_timeout_s`` must be long.
        series: Its images.
        uid: Of its announcement.
    """

    RUNS: ClassVar = {"series_timeout_s": 600.0}
    """Section of the configuration for it."""

    def __init__(self, beamline: Beamline, series: Series, uid: str) -> None:
        self._series = series
        count = len(series.order)
        body = announcement(uid, images=count)
        beamline.publish("collection/start", body)
        self._detector = RawDetector(beamline.endpoint)
        self._stream = Stream2(1, series.info, count, appendix={"recorder_uid": uid})
        self._detector.send(self._stream.start()[0])

    def send(self, first: int, last: int) -> None:
        """Send images, from one up to before another, of a hundred a second."""
        for n in range(first, last):
            payload = self._series.frame(n).payload
            self._detector.send(self._stream.image(n, payload, n * 10**7)[0])

    def end(self) -> None:
        """The detector says that it is over, and is gone."""
        self._detector.send(self._stream.end()[0])
        self._detector.close()
