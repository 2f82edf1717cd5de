"""What every portal must do, whatever it fetches from."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar

from recorder.config import Settings
from recorder.errors import PortalUnavailableError
from recorder.portal.protocols import Delivery, Portal, portal_plugin
from recorder.records import CheckLine, Json
from recorder.testing.recorded import plain_settings
from recorder.testing.sections import check_settings


def proposal(number: int) -> Json:
    """What a portal may say."""
    return {
        "proposal": {
            "proposalCode": "mx",
            "proposalNumber": str(number),
            "persons": [{"login": f"user{number}"}],
        }
    }


class PortalConformance:
    """Derive from it, set ``kind``, and write ``section``, ``say`` and ``go_away``."""

    kind: ClassVar[str]

    def section(self, folder: Path) -> dict[str, Any]:
        """Settings of a portal beside ``kind``; what it says may lie in the folder.

        Called once for each test, before anything is said.
        """
        raise NotImplementedError

    def say(self, folder: Path, content: list[Json]) -> None:
        """Have it say something from now on, instead of what it said."""
        raise NotImplementedError

    def go_away(self, folder: Path) -> None:
        """Have it not be there any more."""
        raise NotImplementedError

    # -- the tests -------------------------------------------------------------------

    def test_settings(self) -> None:
        """They refuse unknown keys, and each has a description."""
        check_settings(portal_plugin(self.kind).settings, self.kind)

    def test_what_is_new_comes_once(self, tmp_path: Path) -> None:
        """What was done does not come again, what changed does, with its own mark."""
        portal = self._made(tmp_path)
        with closing(portal):
            self.say(tmp_path, [proposal(1)])
            first = self._fetched(portal, {})
            assert self._said(first) == [proposal(1)]
            assert self._said(self._fetched(portal, {})) == [proposal(1)]
            done = {delivery.name: delivery.mark for delivery in first}
            assert all(isinstance(d.data, bytes) and d.mark and d.name for d in first)
            assert self._fetched(portal, done) == []
            self.say(tmp_path, [proposal(1), proposal(2)])
            then = self._fetched(portal, done)
            assert self._said(then) == [proposal(1), proposal(2)]
            assert all(done.get(d.name) != d.mark for d in then)

    def test_one_that_is_made_anew_knows_what_was_done(self, tmp_path: Path) -> None:
        """Marks mean the same to a later process."""
        portal = self._made(tmp_path)
        self.say(tmp_path, [proposal(1)])
        with closing(portal):
            done = {d.name: d.mark for d in self._fetched(portal, {})}
        with closing(self._again(portal)) as other:
            assert self._fetched(other, done) == []

    def test_one_that_is_not_there(self, tmp_path: Path) -> None:
        """It is said as such; nothing else is raised."""
        portal = self._made(tmp_path)
        self.say(tmp_path, [proposal(1)])
        self.go_away(tmp_path)
        with closing(portal):
            try:
                self._fetched(portal, {})
            except PortalUnavailableError as error:
                assert str(error)
            else:
                raise AssertionError("nothing says that it is not there")

    def test_check_takes_nothing(self, tmp_path: Path) -> None:
        """It answers, and what is new comes all the same afterwards."""
        portal = self._made(tmp_path)
        self.say(tmp_path, [proposal(1)])
        plugin, (section, settings) = portal_plugin(self.kind), self._sections
        lines = asyncio.run(plugin.check(section, settings))
        assert all(isinstance(line, CheckLine) for line in lines)
        assert [line.ok for line in lines] == [True] * len(lines) != []
        with closing(portal):
            assert self._said(self._fetched(portal, {})) == [proposal(1)]

    # -- how they run ----------------------------------------------------------------

    _sections: tuple[Any, Settings]

    def _made(self, folder: Path) -> Portal:
        plugin = portal_plugin(self.kind)
        values = {"kind": self.kind, **self.section(folder)}
        section = plugin.settings.model_validate(values)
        self._sections = section, plain_settings(folder / "state")
        portal = plugin.make(*self._sections)
        assert portal.name == section.name
        return portal

    def _again(self, portal: Portal) -> Portal:
        return portal_plugin(self.kind).make(*self._sections)

    def _fetched(self, portal: Portal, done: Mapping[str, str]) -> list[Delivery]:
        return list(portal.fetch(done))

    def _said(self, deliveries: list[Delivery]) -> list[Json]:
        """All proposals, in their order."""
        found: list[Json] = []
        for delivery in deliveries:
            data = json.loads(delivery.data)
            found += data if isinstance(data, list) else [data]
        return found
