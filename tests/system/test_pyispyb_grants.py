"""The how-to's grants are what py-ISPyB's API needs: all of it, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, event, text

from recorder.web.app import make_app
from recorder.web.place import place_of
from tests.people import PAGE, root_engine
from tests.published_sites import LOGINS, published_site
from tests.pyispyb_rest import PERMISSIONS, walk
from tests.reading import ALL
from tests.servers import HOST, Database

NEVER_THERE = {
    *("BeamLineSetup", "Detector", "SSXProcessingResultAttachment", "Workflow"),
}
"""Tables that are read where a row names one, of which the test has none."""


def documented_query() -> str:
    """What prints the grants, as the how-to has it."""
    (query,) = re.findall(r"```sql\n(SELECT CONCAT.*?;)\n```", PAGE.read_text(), re.S)
    return str(query)


def grants(database: Database, root: Engine) -> list[str]:
    """What it prints at a site."""
    query = documented_query().rstrip(";")
    query = query.replace("'ispyb'", f"'{database.name}'")
    query = query.replace("recorder_web", database.user)
    query = query.replace("beamline-host", HOST)
    with root.connect() as db:
        return [str(line) for line in db.execute(text(query)).scalars()]


@contextmanager
def tables_read(root: Engine, database: Database) -> Iterator[set[str]]:
    """Tables of the database that statements name."""
    with root.connect() as db:
        query = "SELECT table_name FROM information_schema.tables WHERE table_schema="
        names = db.execute(text(f"{query}'{database.name}'")).scalars().all()
    pattern = re.compile(rf"(?<![\w.])`?({'|'.join(map(re.escape, names))})`?(?!\w)")
    found: set[str] = set()

    def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        found.update(pattern.findall(statement))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", note)


@pytest.mark.parametrize("kind", ["esrf", "diamond"])
def test_with_the_documented_grants_all_is_read_and_no_grant_is_too_much(
    kind: str, mariadb_database: Database, settings: Any
) -> None:
    database = mariadb_database
    site = published_site(kind, database, settings)
    root = root_engine(database)
    exact = grants(database, root)
    user = f"{database.user}@'{HOST}'"
    database.execute(f"REVOKE ALL ON {database.name}.* FROM {user}", *exact)
    app = make_app(place_of(site.settings))
    with tables_read(root, database) as found:
        names = walk(app.asgi, ALL, PERMISSIONS)
        everybody = {login: site.rights(login) for login in LOGINS}
    app.pyispyb.close()
    root.dispose()
    assert names >= site.names(ALL.login)
    assert everybody[ALL.login].everything
    assert not any("not read" in r for one in everybody.values() for r in one.reasons)
    granted = {line.split(" ON ")[1].split(" ")[0].split(".")[1] for line in exact}
    assert all(line.startswith("GRANT SELECT ON ") for line in exact)
    assert found <= granted
    assert granted - found <= NEVER_THERE
