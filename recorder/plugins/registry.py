"""Plug-ins of one group: found by their entry points, loaded when first asked for.

One that cannot be used is named and left out; the others are not harmed by it.
"""

from __future__ import annotations

import pkgutil
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from recorder.errors import MAX_QUOTED, ConfigError, RecorderError
from recorder.plugins.shape import misfit

OURS = "ssx-recorder"
"""The distribution whose plug-ins are built in: another one cannot take their names."""


class _MisfitError(Exception):
    """A plug-in is not what its group asks for."""


@dataclass(frozen=True, slots=True)
class Plugin:
    """One plug-in, as it was found."""

    name: str
    package: str
    """Distribution that brings it."""
    version: str
    value: Any = None
    """The plug-in itself; None if it is left out."""
    why: str = ""
    """Why it is left out; empty if it is not."""

    @property
    def shown(self) -> str:
        """For people: who brings it is said unless we do."""
        if self.package == OURS:
            return self.name
        return f"{self.name} ({self.package} {self.version})"


class Registry:
    """The plug-ins of one entry-point group.

    Args:
        group: The entry-point group.
        word: What such a plug-in is called, for messages.
        protocol: ``module:name`` of the Protocol it has; found when first needed,
            since it stands in a room above.
        name: The member that must equal the entry point's name.
        base: ``module:name`` of the class that its ``settings`` are derived from.
    """

    def __init__(
        self, group: str, word: str, protocol: str, name: str, base: str | None = None
    ) -> None:
        self.group = group
        self.word = word
        self._protocol = protocol
        self._name = name
        self._base = base
        self._points: dict[str, list[EntryPoint]] | None = None
        self._loaded: dict[str, Plugin] = {}

    # -- asked by whoever needs one --------------------------------------------------

    def get(self, name: str) -> Any:
        """The plug-in of a name.

        Raises:
            ConfigError: There is none, or it is left out; the message says why.
        """
        points = self._found().get(name)
        if points is None:
            raise ConfigError(self._unknown(name))
        plugin = self._plugin(name, points)
        if plugin.why:
            raise ConfigError(
                f"{self.word} {name!r} is left out: {plugin.why}; installed: "
                f"{self._listed()}"
            )
        return plugin.value

    def all(self) -> tuple[Plugin, ...]:
        """Everything that is installed, by name; those left out, too.

        A name that several outside packages claim is there once for each of them, as is
        an outside one that a built-in one wins against.
        """
        found: list[Plugin] = []
        for name, points in sorted(self._found().items()):
            plugin = self._plugin(name, points)
            found.append(plugin)
            found += _losers(points, plugin)
        return tuple(found)

    def usable(self) -> tuple[Plugin, ...]:
        """Those that are not left out."""
        return tuple(plugin for plugin in self.all() if not plugin.why)

    def built_in(self, name: str) -> bool:
        """Whether a name is that of a plug-in of ours."""
        points = self._found().get(name, ())
        return any(_package(point)[0] == OURS for point in points)

    # -- found and loaded ------------------------------------------------------------

    def _found(self) -> dict[str, list[EntryPoint]]:
        if self._points is None:
            found = defaultdict(list)
            for point in entry_points(group=self.group):
                found[point.name].append(point)
            self._points = dict(found)
        return self._points

    def _plugin(self, name: str, points: list[EntryPoint]) -> Plugin:
        if name not in self._loaded:
            ours = [point for point in points if _package(point)[0] == OURS]
            chosen = ours or points
            self._loaded[name] = (
                self._load(chosen[0])
                if len(chosen) == 1
                else Plugin(name, *_package(chosen[0]), why=_several(chosen))
            )
        return self._loaded[name]

    def _load(self, point: EntryPoint) -> Plugin:
        package, version = _package(point)
        value, why = _guarded(point.load)
        if not why:
            _, why = _guarded(lambda: self._require(value, point.name))
        if why:
            return Plugin(point.name, package, version, why=why)
        return Plugin(point.name, package, version, value)

    def _require(self, value: Any, name: str) -> None:
        """Raise an error that says what the plug-in lacks."""
        protocol = pkgutil.resolve_name(self._protocol)
        if problem := misfit(value, protocol):
            raise _MisfitError(f"{problem}; see {protocol.__name__}")
        said = getattr(value, self._name)
        if said != name:
            raise _MisfitError(
                f"its {self._name} is {said!r}, but its entry point is {name!r}"
            )
        if self._base is not None:
            base = pkgutil.resolve_name(self._base)
            if not (
                isinstance(value.settings, type) and issubclass(value.settings, base)
            ):
                raise _MisfitError(f"its settings are no {base.__name__}")

    # -- said to people --------------------------------------------------------------

    def _listed(self) -> str:
        return ", ".join(plugin.shown for plugin in self.usable()) or "none"

    def _unknown(self, name: str) -> str:
        text = f"no {self.word} {name!r} is installed; installed: {self._listed()}"
        if not any(_package(p)[0] == OURS for ps in self._found().values() for p in ps):
            text += " (not even the recorder's own: run make install, or pip install)"
        return text


def _package(point: EntryPoint) -> tuple[str, str]:
    """Name and version of the distribution that brings an entry point."""
    if point.dist is None:
        return "unknown", ""
    return point.dist.name, point.dist.version


def _several(points: Iterable[EntryPoint]) -> str:
    packages = sorted(_package(point)[0] for point in points)
    return f"{' and '.join(packages)} both bring it: remove one"


def _losers(points: list[EntryPoint], plugin: Plugin) -> list[Plugin]:
    """Plug-ins whose name is another one's."""
    others = [Plugin(p.name, *_package(p)) for p in points]
    if plugin.package != OURS:
        why = plugin.why
        others = [o for o in others if o.package != plugin.package]
    else:
        why = "the name is that of a built-in one: the package must choose another"
        others = [o for o in others if o.package != OURS]
    return [Plugin(o.name, o.package, o.version, why=why) for o in others]


def _guarded(step: Callable[[], Any]) -> tuple[Any, str]:
    """What a step returns, or what went wrong in it: other people's code may do all."""
    try:
        return step(), ""
    except _MisfitError as error:
        return None, str(error)[:MAX_QUOTED]
    except RecorderError as error:  # such as a missing extra: it says what to do
        return None, str(error)[:MAX_QUOTED]
    except (Exception, SystemExit) as error:
        text = f"{type(error).__name__}: {error}".rstrip(": ")
        return None, f"it cannot be imported: {text}"[:MAX_QUOTED]
