"""Plug-ins that cannot be used are named and left out; the others are not harmed."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable
from copy import copy
from pathlib import Path

import pytest

from recorder.config import Settings, load_settings
from recorder.errors import ConfigError
from recorder.plugins.groups import ENGINES, FLAVOURS, GROUPS, SINKS, SOURCES
from recorder.plugins.registry import Plugin, Registry
from recorder.plugins.shape import misfit
from recorder.service.installed import installed_lines, tell_installed
from recorder.sources.protocols import SourcePlugin
from tests.packages import write_package

ROOT = Path(__file__).parents[2]
GOOD = """
from typing import Literal
from recorder.config import SourceSection

class GoodSection(SourceSection):
    name: str = "good"
    kind: Literal["good"] = "good"
    port: int = 1

class Good:
    kind = "good"
    settings = GoodSection
    def make(self, section): ...
    async def check(self, section): ...

PLUGIN = Good()
"""
Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Installs a package with one module and one entry point."""

    def make(package: str, name: str, text: str) -> None:
        folder = tmp_path / package
        module = write_package(folder, package, name, text)
        monkeypatch.syspath_prepend(str(folder))
        monkeypatch.delitem(sys.modules, module, raising=False)
        for registry in GROUPS:  # what is installed is looked at anew
            monkeypatch.setattr(registry, "_points", None)
            monkeypatch.setattr(registry, "_loaded", {})

    return make


def found(registry: Registry, name: str) -> list[Plugin]:
    return [plugin for plugin in registry.all() if plugin.name == name]


def ours(registry: Registry) -> list[str]:
    return [plugin.name for plugin in registry.usable()]


def test_our_own_are_installed():
    assert ours(SOURCES) == ["dectris", "panda"]
    assert ours(SINKS) == ["ispyb", "results"]
    assert ours(FLAVOURS) == ["diamond", "esrf", "maxiv"]
    assert ours(ENGINES) == ["dask", "inline", "nodes", "processes"]


def test_one_from_outside(install):
    install("site-good", "good", GOOD)
    (plugin,) = found(SOURCES, "good")
    assert (plugin.shown, plugin.why) == ("good (site-good 1.0)", "")
    assert SOURCES.get("good").kind == "good"
    assert ours(SOURCES) == ["dectris", "good", "panda"]


BROKEN = [
    (
        "import nonsense",
        "it cannot be imported: ModuleNotFoundError: No module named 'nonsense'",
    ),
    ("raise SystemExit(3)", "it cannot be imported: SystemExit: 3"),
    ("1 / 0", "it cannot be imported: ZeroDivisionError: division by zero"),
    (
        "x = 1",
        "it cannot be imported: AttributeError: module 'site_bad' has no "
        "attribute 'PLUGIN'",
    ),
    ("PLUGIN = 3", "it has no kind; see SourcePlugin"),
    (
        GOOD.replace("    async def check", "    async def look"),
        "it has no check; see SourcePlugin",
    ),
    (
        GOOD.replace("async def check", "def check"),
        "its check must be async; see SourcePlugin",
    ),
    (
        GOOD.replace("make(self, section)", "make(self)"),
        "its make must take (section); see SourcePlugin",
    ),
    (
        GOOD.replace('kind = "good"\n    settings', 'kind = "fine"\n    settings'),
        "its kind is 'fine', but its entry point is 'good'",
    ),
    (
        GOOD.replace("settings = GoodSection", "settings = dict"),
        "its settings are no SourceSection",
    ),
]


@pytest.mark.parametrize(("text", "why"), BROKEN)
def test_one_that_cannot_be_used_is_left_out(install, text, why):
    install("site-bad", "good", text)
    (plugin,) = found(SOURCES, "good")
    assert plugin.value is None
    assert plugin.why == why
    assert ours(SOURCES) == ["dectris", "panda"]
    with pytest.raises(ConfigError) as caught:
        SOURCES.get("good")
    assert str(caught.value) == (
        f"source kind 'good' is left out: {why}; installed: dectris, panda"
    )


def test_two_of_one_name_are_both_left_out(install):
    install("site-one", "good", GOOD)
    install("site-two", "good", GOOD)
    why = "site-one and site-two both bring it: remove one"
    assert {(p.package, p.why) for p in found(SOURCES, "good")} == {
        ("site-one", why),
        ("site-two", why),
    }
    with pytest.raises(ConfigError, match="site-one and site-two both bring it"):
        SOURCES.get("good")


def test_a_builtin_wins_against_one_from_outside(install):
    install("site-dectris", "dectris", GOOD.replace('"good"', '"dectris"'))
    mine, other = found(SOURCES, "dectris")
    assert (mine.package, mine.why) == ("ssx-recorder", "")
    assert other.package == "site-dectris"
    assert other.why == (
        "the name is that of a built-in one: the package must choose another"
    )
    assert SOURCES.get("dectris") is mine.value


def test_what_is_left_out_is_logged_once_and_listed(install, log_events):
    install("site-bad", "good", "1 / 0")
    tell_installed()
    (event,) = [e for e in log_events if e["event"] == "plugin_left_out"]
    assert event["level"] == "warning"
    assert (event["group"], event["name"]) == ("sources", "good")
    assert (event["package"], event["version"]) == ("site-bad", "1.0")
    assert "division by zero" in event["error"]
    line = installed_lines()[0]
    assert line.ok
    assert line.text == (
        "dectris, panda; left out: good (site-bad 1.0): it cannot be imported: "
        "ZeroDivisionError: division by zero"
    )


def test_without_our_own_it_says_what_to_do(monkeypatch):
    registry = copy(SOURCES)
    monkeypatch.setattr(registry, "_points", {})
    with pytest.raises(ConfigError, match=r"installed: none \(not even the recorder's"):
        registry.get("dectris")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "[[source]]\nkind = 'nope'",
            "source.0: no source kind 'nope' is installed; installed: "
            "dectris, good (site-good 1.0), panda",
        ),
        (
            "[[source]]\nname = 'x'",
            "source.0: kind is needed: one of dectris, good, panda",
        ),
        ("[[source]]\nkind = 'good'\nport = 'many'", "source.0.port: Input should be"),
        ("[[source]]\nkind = 'good'\nprot = 1", "source.0.prot: unknown key"),
        ("source = 3", "source: write a list, such as"),
        ("source = [3]", "source.0: Input should be an instance of SourceSection"),
        (
            "[[source]]\nkind = 'good'\n[[panda]]\nname = 'good'",
            "two sources have the same name, good: give each its own",
        ),
        (
            "[[sink]]\nkind = 'csv'",
            "sink.0: no sink kind 'csv' is installed; installed: ispyb, results",
        ),
        ("[[sink]]\nkind = 'results'", "two sinks have the same name, results"),
        (
            "[ispyb]\nflavour = 'vanilla'",
            "ispyb.flavour: no flavour 'vanilla' is installed; installed: "
            "diamond, esrf, maxiv",
        ),
        (
            "[pool]\nengine = 'ray'",
            "pool.engine: no engine 'ray' is installed; installed: dask, inline, "
            "nodes, processes",
        ),
    ],
)
def test_what_the_configuration_asks_for_and_cannot_have(install, tmp_path, text, says):
    install("site-good", "good", GOOD)
    path = tmp_path / "recorder.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_settings(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert says in str(caught.value)


def test_a_source_of_any_kind(install, tmp_path):
    install("site-good", "good", GOOD)
    path = tmp_path / "recorder.toml"
    path.write_text("[[source]]\nkind = 'good'\n[[source]]\nkind = 'panda'\nport = 5")
    settings = load_settings(path)
    assert [(s.kind, s.name) for s in settings.sources] == [
        ("good", "good"),
        ("panda", "panda"),
    ]
    assert settings.detectors == {}
    assert settings.model_dump()["source"][0] == {
        "kind": "good",
        "name": "good",
        "port": 1,
    }


def test_short_forms_and_sources_are_the_same(tmp_path):
    long, short = tmp_path / "long.toml", tmp_path / "short.toml"
    long.write_text(
        "[[source]]\nkind = 'dectris'\ndistance = 0.2\n[[source]]\nkind = 'panda'"
    )
    short.write_text("[[detector]]\ndistance = 0.2\n[[panda]]")
    assert load_settings(long).sources == load_settings(short).sources
    assert load_settings(long).detectors == load_settings(short).detectors


def test_a_default_detector_only_without_sources():
    assert [s.kind for s in Settings().sources] == ["dectris"]
    assert [s.kind for s in Settings(source=[{"kind": "panda"}]).sources] == ["panda"]
    both = Settings(source=[{"kind": "panda"}], detector=[{"name": "eiger"}])
    assert [s.name for s in both.sources] == ["eiger", "panda"]


def test_ispyb_can_be_switched_off_and_named():
    off = Settings(ispyb={"enabled": False})
    assert [s.name for s in off.sinks] == ["results"]
    named = Settings(ispyb={"enabled": False}, sink=[{"kind": "ispyb"}])
    assert [s.name for s in named.sinks] == ["results", "ispyb"]


def test_misfits_are_found_whatever_the_object_is():
    for value in (None, 3, object(), SourcePlugin, lambda: None):
        assert misfit(value, SourcePlugin)


def test_the_examples_import_only_what_is_promised():
    page = (ROOT / "docs/reference/plug-ins.md").read_text("utf-8")
    table = page.split("## What a plug-in may import")[1].split("## ")[0]
    promised = re.findall(r"`(recorder\.[\w.]+)`", table)
    found = []
    for file in sorted((ROOT / "docs/examples").glob("*/*recorder_*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                found.append(node.module)
            elif isinstance(node, ast.Import):
                found += [name.name for name in node.names]
    ours = {name for name in found if name.split(".")[0] == "recorder"}
    assert len(ours) > 10
    for name in ours:
        assert any(f"{name}.".startswith(f"{given}.") for given in promised), name
