"""Asks the site for somebody's rights: its tables, and what the configuration says."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from recorder.config import Settings
from recorder.ispyb.people.person_rows import RowReader
from recorder.ispyb.people.reading import Reader, is_own_file, reader
from recorder.ispyb.people.rights import rights_of, rights_options, site_kind
from recorder.ispyb.people.stated import stated_rights, with_ids
from recorder.records.access import LOGIN, Identity, Rights, joined

Stated = Callable[[Identity], Rights | None]
NOBODY = "nobody with this login is known here"
_LOGIN = re.compile(LOGIN)


class People:
    """Everybody of a site.

    Args:
        settings: Where the tables are, and what is said beside them.
    """

    def __init__(self, settings: Settings) -> None:
        engine = reader(settings)
        self.reader = None if engine is None else Reader(engine)
        """The database; None: there is none."""
        self.stated: Stated = stated_rights(settings)
        """What the configuration says."""
        self._options = rights_options(settings)
        self._own = Path(settings.ispyb_url.removeprefix("sqlite:///"))
        self._is_own = is_own_file(settings)

    def rights(self, identity: Identity) -> Rights:
        """What somebody may see; of somebody whom nobody knows, nothing. Blocks.

        A facility's tables decide alone; beside the recorder's own ones, and where
        there is no database, the configuration says more.

        Raises:
            DatabaseAwayError: The database cannot be asked.
        """
        known = self._read(identity) if _LOGIN.fullmatch(identity.login) else None
        found = Rights(identity.login, reasons=(NOBODY,)) if known is None else known
        return found if found.name else replace(found, name=identity.name)

    def _read(self, identity: Identity) -> Rights | None:
        stated = self.stated(identity)
        if self.reader is None or (self._is_own and not self._own.exists()):
            return stated
        with self.reader.reading() as (connection, live):
            rows = RowReader(connection, live)
            found = rows.person_rows(identity.login)
            kind = site_kind(live, self._options)
            of_tables = rights_of(found, identity.login, kind, self._options)
            if stated is None or not self._is_own:
                return of_tables if found.persons or found.problems else None
            stated = with_ids(stated, rows)
            return joined(of_tables, stated) if found.persons else stated

    def close(self) -> None:
        """Let go of connections."""
        if self.reader is not None:
            self.reader.close()
