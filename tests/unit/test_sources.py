"""Sources are kept running, and stopped in order, whatever their plug-ins do."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest

from recorder.config import DetectorSection, Settings
from recorder.errors import ConfigError
from recorder.plugins.groups import SOURCES
from recorder.plugins.registry import Plugin
from recorder.records import ControlRecord, DetectorRecord
from recorder.service import sources
from recorder.service.port import Port
from recorder.service.sources import Sources
from recorder.sources.dectris.plugin import DectrisPlugin
from recorder.sources.panda.plugin import PandaPlugin
from recorder.sources.protocols import SourcePort
from recorder.sources.threads import in_thread
from tests.builders import image
from tests.guards import logged


class Taken:
    """What was handed over."""

    def __init__(self) -> None:
        self.images: list[DetectorRecord] = []

    def feed(self, record: DetectorRecord) -> None:
        self.images.append(record)

    def feed_control(self, records: list[ControlRecord], acknowledge=None) -> None:
        pass


class Scripted:
    """A source whose runs go as a test wants."""

    name = "eiger"

    def __init__(self, *runs) -> None:
        self._begun = 0
        self.again = asyncio.Event()
        """Set when it is begun for the second time."""
        self._runs = list(runs)

    async def run(self, port: SourcePort) -> None:
        self._begun += 1
        if self._begun > 1:
            self.again.set()
        await (self._runs.pop(0) if len(self._runs) > 1 else self._runs[0])(port)


@pytest.fixture
def plugins(monkeypatch):
    """Puts sources in the place of those that our plug-ins would make."""

    def put(detector: Scripted, other: Scripted | None = None) -> Settings:
        class Detectors(DectrisPlugin):
            def make(self, section):
                return detector

        class Others(PandaPlugin):
            def make(self, section):
                return other

        loaded = {
            "dectris": Plugin("dectris", "test", "1", Detectors()),
            "panda": Plugin("panda", "test", "1", Others()),
        }
        monkeypatch.setattr(SOURCES, "_loaded", loaded)
        return Settings(panda=[{"name": "panda"}] if other else [])

    return put


async def until_stopping(port: SourcePort) -> None:
    await asyncio.to_thread(port.stopping.wait)


async def forever(port: SourcePort) -> None:
    await asyncio.Event().wait()


async def wrong(port: SourcePort) -> None:
    raise ZeroDivisionError


async def over(port: SourcePort) -> None:
    pass


def make_port() -> Port:
    return Port(Taken(), 1 << 20, lambda: False)


@pytest.mark.allow_error_log("step_failed")
async def test_one_that_fails_is_begun_anew(plugins, log_events):
    source = Scripted(wrong, until_stopping)
    settings = plugins(source)
    async with asyncio.TaskGroup() as group:
        running = Sources(settings, make_port(), group)
        assert (await logged(log_events, "step_failed"))["step"] == (
            "run source detector"
        )
        await source.again.wait()
        await running.stop()


async def test_one_that_ends_by_itself_is_begun_anew(plugins, log_events):
    source = Scripted(over, until_stopping)
    settings = plugins(source)
    async with asyncio.TaskGroup() as group:
        running = Sources(settings, make_port(), group)
        assert (await logged(log_events, "source_ended"))["source"] == "detector"
        await source.again.wait()
        await running.stop()


@pytest.mark.allow_error_log("step_failed")
async def test_one_that_waits_to_be_begun_anew_stops_at_once(
    plugins, monkeypatch, log_events
):
    monkeypatch.setattr(sources, "backoff", lambda attempt, longest_s: longest_s)
    async with asyncio.timeout(120), asyncio.TaskGroup() as group:
        running = Sources(plugins(Scripted(wrong)), make_port(), group)
        await logged(log_events, "step_failed")
        await running.stop()
    assert "source_not_stopping" not in [e["event"] for e in log_events]


async def test_a_configuration_that_cannot_work_ends_the_daemon(plugins):
    async def refuse(port: SourcePort) -> None:
        raise ConfigError("no such endpoint")

    with pytest.raises(ExceptionGroup) as caught:
        async with asyncio.TaskGroup() as group:
            Sources(plugins(Scripted(refuse)), make_port(), group)
    assert caught.group_contains(ConfigError, match="no such endpoint")


async def test_an_endpoint_that_zeromq_refuses_is_said():
    """One that is none is refused as it is read: tests/unit/test_endpoints.py."""
    changed = {"endpoint": "nonsense"}
    section = DetectorSection(name="eiger").model_copy(update=changed)
    settings = Settings().model_copy(update={"detector": (section,)})
    with pytest.raises(ExceptionGroup) as caught:
        async with asyncio.TaskGroup() as group:
            Sources(settings, make_port(), group)
    assert caught.group_contains(
        ConfigError, match=r"source eiger: endpoint nonsense: .*write it as tcp://HOST"
    )


async def test_one_that_does_not_stop_is_named_and_left_behind(
    plugins, monkeypatch, log_events
):
    monkeypatch.setattr(sources, "STOP_S", 0.05)
    async with asyncio.TaskGroup() as group:
        running = Sources(plugins(Scripted(forever)), make_port(), group)
        await asyncio.sleep(0)
        await running.stop()
    assert (await logged(log_events, "source_not_stopping"))["source"] == "detector"


async def test_detectors_stop_first_and_the_others_go_on(plugins):
    detector, other = Scripted(until_stopping), Scripted(forever)
    async with asyncio.TaskGroup() as group:
        running = Sources(plugins(detector, other), make_port(), group)
        await asyncio.sleep(0)
        await running.stop()
        tasks = {task.get_name(): task for task in asyncio.all_tasks()}
        assert "detector" not in tasks
        assert not tasks["panda"].done()
        running.cancel()


async def test_what_a_thread_has_in_hand_passes_at_the_stop():
    taken = Taken()
    port = Port(taken, 1 << 20, lambda: True)
    thread = asyncio.create_task(asyncio.to_thread(port.put, image(1)))
    await asyncio.sleep(0)
    assert taken.images == []
    port.stop()
    await thread
    await asyncio.sleep(0)
    assert len(taken.images) == 1


STUCK = """
import asyncio, time
from recorder.service.port import Port
from recorder.sources.threads import in_thread

class Taker:
    feed = feed_control = None

async def main():
    port = Port(Taker(), 1, lambda: False)
    receive = lambda put, stopping: time.sleep(600)
    task = asyncio.create_task(in_thread(port, receive))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])

asyncio.run(main())
"""


def test_a_thread_that_never_returns_does_not_keep_the_process():
    subprocess.run([sys.executable, "-c", STUCK], check=True, timeout=120)


async def test_what_a_thread_raises_is_raised():
    def receive(put: object, stopping: threading.Event) -> None:
        raise ConfigError("no such device")

    with pytest.raises(ConfigError, match="no such device"):
        await in_thread(make_port(), receive)


@pytest.mark.allow_error_log("step_failed")
@pytest.mark.parametrize(("ran_s", "attempts"), [(1.0, [1, 2]), (3600.0, [1, 1])])
async def test_one_that_ran_long_is_begun_anew_at_once(
    plugins, monkeypatch, ran_s, attempts
):
    """An hour without a failure is no second failure in a row."""
    waits: list[int] = []
    clock = [0.0]

    async def fail(port: SourcePort) -> None:
        clock[0] += ran_s
        raise RuntimeError("gone")

    def wait(attempt: int, longest_s: float) -> float:
        waits.append(attempt)
        return 0.0

    monkeypatch.setattr(sources, "backoff", wait)
    monkeypatch.setattr(sources, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    third = asyncio.Event()

    async def go_on(port: SourcePort) -> None:
        third.set()
        await until_stopping(port)

    async with asyncio.TaskGroup() as group:
        running = Sources(plugins(Scripted(fail, fail, go_on)), make_port(), group)
        await third.wait()
        await running.stop()
    assert waits == attempts
