"""The suites for plug-ins fail where a plug-in is wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from recorder.ispyb.flavours.esrf import ESRF, EsrfPlugin
from recorder.ispyb.schema.capabilities import Capability
from recorder.plugins.groups import ENGINES, FLAVOURS, SINKS, SOURCES
from recorder.plugins.registry import Plugin
from recorder.pool.inline import Inline, InlineEngine
from recorder.sinks.results.plugin import ResultsPlugin
from recorder.sinks.results.sink import ResultsSink
from recorder.sources.panda.plugin import PandaPlugin
from recorder.sources.panda.source import PandaSource
from recorder.testing import (
    EngineConformance,
    FlavourConformance,
    SinkConformance,
    SourceConformance,
)
from tests.peers import panda_peer


@pytest.fixture
def take_the_place_of(monkeypatch):
    """Puts a plug-in in the place of one of ours."""

    def put(registry, name, value):
        monkeypatch.setitem(
            registry._loaded, name, Plugin(name, "test", "1", value)
        )  # it is asked for by its name, as always

    return put


class Appending(ResultsSink):
    """Writes a line whenever it is told something."""

    def apply(self, record):
        self._root.mkdir(parents=True, exist_ok=True)
        with (self._root / "lines").open("a") as file:
            file.write(f"{record.seq}\n")


class AppendingPlugin(ResultsPlugin):
    def make(self, section, settings):
        return Appending(settings)


class AppendingSuite(SinkConformance):
    kind = "results"

    def outcome(self, settings, section):
        return (settings.results / "lines").read_text()


@pytest.mark.parametrize(
    "test", ["test_the_same_records_twice", "test_each_record_twice"]
)
def test_a_sink_that_writes_twice(take_the_place_of, tmp_path: Path, test: str):
    take_the_place_of(SINKS, "results", AppendingPlugin())
    with pytest.raises(AssertionError):
        getattr(AppendingSuite(), test)(tmp_path)


class Deaf(PandaSource):
    """Never asks whether it is held, and delivers everything twice."""

    async def run(self, port):
        class Port:
            stopping = port.stopping

            def held(self):
                return False

            def feed_control(self, records):
                port.feed_control(records)
                port.feed_control(records)

        await super().run(Port())


class PandaSuite(SourceConformance):
    kind = "panda"

    def peer(self, folder):
        return panda_peer()


@pytest.mark.parametrize(
    "test", ["test_nothing_is_taken_while_it_is_held", "test_records_come_in_order"]
)
def test_a_source_that_does_not_listen(take_the_place_of, tmp_path: Path, test: str):
    class DeafPlugin(PandaPlugin):
        def make(self, section):
            return Deaf(section)

    take_the_place_of(SOURCES, "panda", DeafPlugin())
    with pytest.raises(AssertionError):
        getattr(PandaSuite(), test)(tmp_path)


def test_an_engine_that_says_everything_twice(take_the_place_of):
    class Twice(Inline):
        async def run(self):
            finish = self._work.finish

            def twice(job, tell):
                finish(job, lambda: (tell(), tell()))

            self._work.finish = twice
            await super().run()

    class TwiceEngine(InlineEngine):
        def make(self, work, options):
            return Twice(work, options.kept_setups)

    class Suite(EngineConformance):
        name = "processes"

    take_the_place_of(ENGINES, "processes", TwiceEngine())
    with pytest.raises(ValueError, match="too many values to unpack"):
        Suite().test_what_a_run_learns_is_the_same()


def test_a_flavour_that_hides_what_it_writes(take_the_place_of, tmp_path: Path):
    class Hiding(EsrfPlugin):
        def make(self, section):
            return replace(ESRF, capabilities=frozenset({Capability.SAMPLE}))

    class Suite(FlavourConformance):
        name = "esrf"

    take_the_place_of(FLAVOURS, "esrf", Hiding())
    with pytest.raises(AssertionError):
        Suite().test_it_names_what_it_is()
