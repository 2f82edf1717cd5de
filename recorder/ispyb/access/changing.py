"""One change of rights: in one transaction, written down before it is committed."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from recorder.config import Settings
from recorder.errors import RecorderError
from recorder.ispyb.access.beamlines import Beamlines
from recorder.ispyb.access.change_log import Change, ChangeLog
from recorder.ispyb.access.groups import Group, Members, list_groups
from recorder.ispyb.access.persons import Persons
from recorder.ispyb.access.writing import Writer
from recorder.ispyb.people.rights import STAFF, SiteKind, rights_options, site_kind
from recorder.ispyb.schema.database import (
    connect,
    create_embedded,
    explain,
    is_embedded,
    shown_url,
    transaction,
)
from recorder.ispyb.schema.live_schema import LiveSchema, read_live


class Administration:
    """The database as administrators change it, with the account of ``ispyb.url``.

    Args:
        settings: Where it is. The embedded one is made if it is not there yet.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._engine: Engine = connect(settings)
        self.where = shown_url(self._engine)
        """For people."""

    def close(self) -> None:
        """Let go of connections."""
        self._engine.dispose()

    def groups(self) -> tuple[Group, ...]:
        """All groups.

        Raises:
            SinkError: They cannot be read.
        """
        live = self._live()
        with transaction(self._engine) as connection:
            return list_groups(Writer(connection, live))

    def change(self, do: Callable[[Tools], None]) -> tuple[Change, ...]:
        """Change something, all or nothing.

        Args:
            do: Changes it.

        Returns:
            What was changed; nothing if all was so already.

        Raises:
            RecorderError: It was refused; nothing is changed.
        """
        live = self._live()
        changes: list[Change] = []
        log = ChangeLog(self._settings.state_directory, self.where)
        try:
            with transaction(self._engine) as connection:
                do(Tools(Writer(connection, live), changes, self._settings))
                log.write(changes)
            log.committed(changes)
        except RecorderError as error:
            log.undone(str(error))
            raise
        finally:
            log.close()
        return tuple(changes)

    def _live(self) -> LiveSchema:
        section = self._settings.ispyb
        beamline = section.beamline or self._settings.beamline
        if is_embedded(self._settings):
            create_embedded(self._engine, section.demo_proposal, beamline)
        try:
            return read_live(self._engine)
        except SQLAlchemyError as error:
            raise explain(self._engine, error) from error


class Tools:
    """What a change is made with.

    Args:
        rows: Of one transaction.
        changes: Gets what was changed.
        settings: Permissions that open beamlines are in it, too.
    """

    def __init__(self, rows: Writer, changes: list[Change], settings: Settings) -> None:
        options = rights_options(settings)
        kind = site_kind(rows.live, options)
        self.beamlines = Beamlines(rows, changes, counts=kind is SiteKind.PYISPYB)
        self.persons = Persons(rows, changes)
        opening = {group.permission for group in options.beamline_groups}
        opening |= {f"{kind}{STAFF}" for kind in options.beamline_types}
        if rows.live.has("AdminVar"):
            opening |= self.beamlines.permissions()
        self.members = Members(rows, changes, frozenset(opening))
