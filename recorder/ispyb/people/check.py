"""What ``recorder check`` asks of the database that rights are read from."""

from __future__ import annotations

import re

from sqlalchemy import Connection, text

from recorder.config import Settings
from recorder.ispyb.people.asking import People
from recorder.ispyb.people.beamline_groups import read_groups
from recorder.ispyb.people.person_rows import RowReader
from recorder.ispyb.people.reading import DatabaseAwayError, is_own_file
from recorder.ispyb.people.rights import rights_options, site_kind
from recorder.ispyb.schema.database import shown_url
from recorder.records import CheckLine

RIGHTS = "rights"
_HARMLESS = frozenset({"SELECT", "USAGE", "SHOW VIEW"})
_NOBODY = "table Person"


def check_people(settings: Settings) -> CheckLine:
    """Whether rights can be read, and what of them cannot.

    Nothing is written.
    """
    people = People(settings)
    try:
        return _checked(people, settings)
    except DatabaseAwayError as error:
        return CheckLine(RIGHTS, False, str(error))
    finally:
        people.close()


def _checked(people: People, settings: Settings) -> CheckLine:
    web = settings.web
    named = f"{len(web.people)} people and {len(web.directory_group)} groups are named"
    if people.reader is None:
        hint = "set web.ispyb.url to read ISPyB's tables (docs/how-to/rights.md)"
        return CheckLine(RIGHTS, True, f"the configuration's alone: {named}; {hint}")
    where = shown_url(people.reader.engine)
    if is_own_file(settings) and not people.reads:
        return CheckLine(RIGHTS, True, f"{where}: made at the first start; {named}")
    with people.reader.reading() as (connection, live):
        rows = RowReader(connection, live)
        problems = [f"{problem}: it gives no right" for problem in rows.problems()]
        kind = site_kind(live, rights_options(settings))
        problems += read_groups(rows.beamline_groups())[1]
        if connection.dialect.name != "sqlite":
            problems += _too_much(connection)
    said = "; ".join((f"{where}: rules of {kind}", *problems))
    sees = not any(problem.startswith(_NOBODY) for problem in problems)
    return CheckLine(RIGHTS, sees, said, warning=bool(problems))


def _too_much(connection: Connection) -> list[str]:
    """What the account may beside reading."""
    found: set[str] = set()
    for (grant,) in connection.execute(text("SHOW GRANTS")):
        match = re.match(r"GRANT (.*?) ON ", str(grant))
        words = re.sub(r"\([^)]*\)", "", match[1]).split(",") if match else ()
        found.update(word.strip() for word in words)
    more = sorted(found - _HARMLESS)
    if not more:
        return []
    return [f"its account may {', '.join(more)}: give it SELECT alone"]
