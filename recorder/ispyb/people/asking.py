"""Asks the site for somebody's rights: its tables, and what the configuration says."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from recorder.config import Settings
from recorder.ispyb.people.person_rows import PersonRows, RowReader
from recorder.ispyb.people.reading import DatabaseAwayError, Reader, is_own_file, reader
from recorder.ispyb.people.rights import SiteKind, rights_of, rights_options, site_kind
from recorder.ispyb.people.stated import stated_rights, with_ids
from recorder.records.access import LOGIN, Identity, Rights, joined

Stated = Callable[[Identity], Rights | None]
NOBODY = "nobody with this login is known here"
NO_LOGIN = "this can be nobody's login: letters, digits and . _ @ - only"
_GONE = "{}: was there, and is gone; put it back (is its file system mounted?)"
NO_ROWS = PersonRows()
_LOGIN = re.compile(LOGIN)


@dataclass(frozen=True, slots=True)
class Look:
    """Somebody's rights, and where they come from."""

    rights: Rights
    rows: PersonRows = NO_ROWS
    kind: SiteKind | None = None
    """Whose rules decided; None: there was no database."""


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
        self._was_there = False

    @property
    def reads(self) -> bool:
        """Whether there is a database: the embedded one is made by the daemon.

        Raises:
            DatabaseAwayError: It was there, and is gone; nobody lost a right by that.
        """
        if self.reader is None or not self._is_own:
            return self.reader is not None
        try:
            self._own.stat()
        except FileNotFoundError as error:
            if self._was_there:
                raise DatabaseAwayError(_GONE.format(self._own)) from error
            return False
        except OSError as error:
            raise DatabaseAwayError(f"{self._own}: {error.strerror}") from error
        self._was_there = True
        return True

    def rights(self, identity: Identity) -> Rights:
        """What somebody may see; of somebody whom nobody knows, nothing. Blocks.

        Raises:
            DatabaseAwayError: The database cannot be asked.
        """
        return self.look(identity).rights

    def look(self, identity: Identity) -> Look:
        """The same with the rows it comes from.

        A facility's tables decide alone; beside the recorder's own ones, and where
        there is no database, the configuration says more.

        Raises:
            DatabaseAwayError: The database cannot be asked.
        """
        if _LOGIN.fullmatch(identity.login) is None:
            return Look(Rights(identity.login, reasons=(NO_LOGIN,)))
        stated = self.stated(identity)
        if self.reader is None or not self.reads:
            return _look(identity, stated)
        with self.reader.reading() as (connection, live):
            rows = RowReader(connection, live)
            found = rows.person_rows(identity.login)
            kind = site_kind(live, self._options)
            of_tables = rights_of(found, identity.login, kind, self._options)
            beside = stated if self._is_own else None
            if beside is not None:
                beside = with_ids(beside, rows)
        if not found.persons:
            return _look(identity, beside, found, kind, of_tables.reasons)
        rights = of_tables if beside is None else joined(of_tables, beside)
        return _look(identity, rights, found, kind)

    def logins(self) -> tuple[str, ...]:
        """Of everybody, where there is a database.

        Raises:
            DatabaseAwayError: The database cannot be asked.
        """
        if self.reader is None or not self.reads:
            return ()
        with self.reader.reading() as (connection, live):
            return RowReader(connection, live).logins()

    def close(self) -> None:
        """Let go of connections."""
        if self.reader is not None:
            self.reader.close()


def _look(
    identity: Identity,
    rights: Rights | None,
    rows: PersonRows = NO_ROWS,
    kind: SiteKind | None = None,
    problems: tuple[str, ...] = (),
) -> Look:
    if rights is None:
        rights = Rights(identity.login, reasons=(NOBODY, *problems))
    named = rights if rights.name else replace(rights, name=identity.name)
    return Look(named, rows, kind)
