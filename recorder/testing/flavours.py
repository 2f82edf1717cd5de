"""What every flavour of ISPyB must be, and write."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from sqlalchemy import Engine, Table, event, insert, select, text

from recorder.config import Settings
from recorder.ispyb.flavours.flavour import Flavour, flavour_plugin
from recorder.ispyb.schema import tables as t
from recorder.ispyb.schema.capabilities import RIGHTS, Capability
from recorder.ispyb.schema.database import connect
from recorder.ispyb.schema.live_schema import read_live
from recorder.ispyb.site import look
from recorder.journal.records import SINK_KINDS
from recorder.sinks.ispyb.sink import IspybSink
from recorder.testing.recorded import (
    copy_journal,
    journal_of,
    plain_settings,
)

TIMES_OF_WRITING = ("lastUpdate",)
"""Columns that hold the server's time, whenever a row is written."""
ANNOUNCED_TYPES = ("SSX-Jet", "SSX-Chip")
_WRITES = re.compile(r"\s*(?:INSERT INTO|UPDATE)\s+[\"`]?(\w+)", re.IGNORECASE)


class FlavourConformance:
    """Derive from it and set ``name``."""

    name: ClassVar[str]

    def configured(self, folder: Path) -> Settings:
        """A configuration with this flavour and an SQLite database of its tables."""
        ispyb = {"flavour": self.name, "url": f"sqlite:///{folder / 'ispyb.sqlite'}"}
        return plain_settings(folder, ispyb=ispyb, timezone="UTC")

    def create(self, engine: Engine) -> None:
        """Create the tables, with proposal mx2345 and its visit 1."""
        create_tables(engine, self._flavour())

    # -- the tests -------------------------------------------------------------------

    def test_it_names_what_it_is(self) -> None:
        """Chain scope, types of experiments, tables and columns, by known names."""
        flavour = self._flavour()
        assert flavour.name == self.name
        assert flavour.chain_scope in ("collection", "position")
        assert set(ANNOUNCED_TYPES) <= set(flavour.experiment_types)
        columns = {str(column) for table in _tables() for column in table.columns}
        assert set(flavour.without) <= columns, "a column that no flavour has"
        assert Capability.CORE in flavour.capabilities <= set(Capability)

    def test_it_knows_its_own_tables(self, tmp_path: Path) -> None:
        """``matches`` is 1 or 2 for a database of the flavour."""
        with self._database(tmp_path) as (settings, engine):
            fit = flavour_plugin(self.name).matches(read_live(engine))
            assert fit in (1, 2)
            site = look(engine, settings)
            assert site.flavour.name == self.name
            assert site.chain_scope == site.flavour.chain_scope
            assert site.can.missing == {}

    def test_it_writes_the_tables_that_it_names(self, tmp_path: Path) -> None:
        """No other table; runs, and statistics where it has tables for them."""
        with self._database(tmp_path) as (settings, engine):
            copy_journal(settings)
            wrote = self._write(settings)
            flavour = self._flavour()
            named = {
                table.name
                for capability in flavour.capabilities
                for table, rights in RIGHTS[capability].items()
                if set(rights) & {"I", "U"}
            }
            assert wrote <= named, f"writes {sorted(wrote - named)}, which it names not"
            assert {t.collection.name, t.event_chain.name} <= wrote
            before = _rows(engine)
            self._write(settings)
            assert _rows(engine) == before, "written again, rows differ"

    # -- how they run ------------------------------------------------------------------

    def _flavour(self) -> Flavour:
        settings = Settings(ispyb={"flavour": self.name})
        return flavour_plugin(self.name).make(settings.ispyb)

    @contextmanager
    def _database(self, folder: Path) -> Iterator[tuple[Settings, Engine]]:
        settings = self.configured(folder)
        engine = connect(settings)
        try:
            self.create(engine)
            yield settings, engine
        finally:
            engine.dispose()

    def _write(self, settings: Settings) -> set[str]:
        """Apply the journal; the tables that were written."""
        found: set[str] = set()

        def note(*arguments: Any) -> None:
            if match := _WRITES.match(arguments[2]):
                found.add(match[1])

        event.listen(Engine, "before_cursor_execute", note)
        sink = IspybSink(settings)
        try:
            with journal_of(settings) as journal:
                sink.open(journal)
                for record in journal.records(kinds=SINK_KINDS):
                    ids = sink.apply(record)
                    journal.advance(sink.name, record.seq, record.run, ids)
        finally:
            sink.close()
            event.remove(Engine, "before_cursor_execute", note)
        return found


def create_tables(engine: Engine, flavour: Flavour) -> None:
    """Tables of a flavour in an empty SQLite database, and what every ISPyB holds."""
    wanted = {table for c in flavour.capabilities for table in RIGHTS[c]}
    with engine.begin() as db:
        for table in (*t.metadata.sorted_tables, *(wanted & set(_optional()))):
            names = [c.name for c in table.columns if str(c) not in flavour.without]
            key = table.primary_key.columns.keys()
            columns = ", ".join(
                f'"{n}" INTEGER PRIMARY KEY' if [n] == key else f'"{n}"' for n in names
            )
            db.execute(text(f'CREATE TABLE "{table.name}" ({columns})'))
        for kinds, known in (
            (t.event_type, t.EVENT_TYPES),
            (t.component_type, t.COMPONENT_TYPES),
        ):
            db.execute(insert(kinds), [{"name": name} for name in known])
        db.execute(
            insert(t.proposal).values(
                proposalId=1, proposalCode="mx", proposalNumber="2345"
            )
        )
        session = {"proposalId": 1, "visit_number": 1, "beamLineName": "demo"}
        db.execute(insert(t.session).values(**session))


def _optional() -> list[Table]:
    return list(t.optional.sorted_tables)


def _tables() -> list[Table]:
    return [*t.metadata.sorted_tables, *_optional()]


def _rows(engine: Engine) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of our tables, without the times at which they were written."""
    live = read_live(engine)
    found = {}
    with engine.connect() as db:
        for table in _tables():
            names = [n for n in live.columns_of(table) if n not in TIMES_OF_WRITING]
            if names:
                query = select(*(table.c[name] for name in names))
                found[table.name] = [tuple(row) for row in db.execute(query)]
    return found
