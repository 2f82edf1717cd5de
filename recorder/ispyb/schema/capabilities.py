"""Finds out what an account may write: at start, group by group, without a trace.

Only the core is needed. Facilities deny other groups in their own ways, so each of them
is used where it exists and is allowed, and named once where it is not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Engine, Table, delete, false, insert, select, update
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.sql.expression import Executable

from recorder.errors import SinkDeniedError, SinkError
from recorder.ispyb.schema.database import explain, shown_url
from recorder.ispyb.schema.live_schema import LiveSchema
from recorder.ispyb.schema.rights import CHANGED, NEEDED, NEEDS, RIGHTS, Capability
from recorder.ispyb.schema.server_errors import DENIED, error_code

__all__ = ["RIGHTS", "Capabilities", "Capability", "denied", "probe", "require_core"]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What was found."""

    missing: Mapping[Capability, str] = field(default_factory=dict)
    """Groups that the flavour has and that cannot be used, and why."""
    left_out: tuple[str, ...] = ()
    """Columns that are not there and are not needed: ``Table.column``."""
    used: frozenset[Capability] = frozenset(Capability)

    def can(self, capability: Capability) -> bool:
        """Whether a group is written."""
        return capability in self.used

    @property
    def problems(self) -> list[str]:
        """What is not written, for people."""
        found = [f"{name}: {why}" for name, why in self.missing.items()]
        return found + [f"column {name}: missing" for name in self.left_out]

    def describe(self) -> str:
        """One line for ``recorder check``."""
        text = "writes " + ", ".join(c for c in Capability if c in self.used)
        if self.problems:
            text += "; not: " + "; ".join(self.problems)
        return text


def require_core(engine: Engine, live: LiveSchema, flavour: str) -> None:
    """Check that the core's tables and columns are there.

    Args:
        engine: The database, for messages.
        live: The columns that it has.
        flavour: Name of the configured flavour, for messages.

    Raises:
        SinkError: One is missing; it is named.
    """
    where = shown_url(engine)
    if live.empty:
        raise SinkError(
            f"{where}: the database is empty for this account; create the ISPyB "
            "schema first, or grant the account its rights"
        )
    missing = list(dict.fromkeys(_missing(live, Capability.CORE)))
    if missing:
        listed = ", ".join(missing[:5]) + (" …" if len(missing) > 5 else "")
        raise SinkError(
            f"{where}: no ISPyB of flavour {flavour} that this account may write: "
            f"missing {listed}"
        )


def _missing(live: LiveSchema, capability: Capability) -> Iterator[str]:
    """Tables and columns that a group needs and that are not there."""
    for name in NEEDED.get(capability, "").split():
        table, column = name.split(".")
        if not live.has(table):
            yield f"table {table}"
        elif live.column(table, column) is None:
            yield f"column {name}"


def probe(
    engine: Engine,
    live: LiveSchema,
    wanted: frozenset[Capability],
    without: frozenset[str],
) -> Capabilities:
    """Find out which groups can be written; nothing is changed.

    Args:
        engine: The database.
        live: Its columns.
        wanted: Groups that the flavour has and the configuration asks for.
        without: Columns that the flavour does not have anyway.

    Raises:
        SinkDeniedError: The core is denied.
        SinkUnavailableError: The database cannot be reached, or is read-only.
    """
    missing: dict[Capability, str] = {}
    for capability in Capability:
        if capability not in wanted:
            continue
        if (other := NEEDS.get(capability)) in missing:
            missing[capability] = f"of no use without {other}"
        elif why := _why_not(engine, live, capability):
            missing[capability] = why
    if core := missing.get(Capability.CORE):
        raise SinkDeniedError(
            f"{shown_url(engine)}: access denied: {core}; grant the recorder's account "
            "its rights (docs/how-to/beamline-host.md)"
        )
    used = wanted - set(missing)
    return Capabilities(missing, tuple(_left_out(live, used, without)), used)


def _left_out(
    live: LiveSchema, used: frozenset[Capability], without: frozenset[str]
) -> Iterator[str]:
    for table in {table: None for c in used for table in RIGHTS[c]}:
        for column in table.columns:
            name = f"{table.name}.{column.name}"
            if name not in without and live.column(table.name, column.name) is None:
                yield name


def _why_not(engine: Engine, live: LiveSchema, capability: Capability) -> str:
    """Why a group cannot be written; empty if it can."""
    tables = RIGHTS[capability]
    hidden = [f"table {table.name}" for table in tables if not live.has(table.name)]
    for what in (*hidden, *_missing(live, capability)):
        return f"{what} missing" + (" or denied" if what.startswith("table") else "")
    return denied(engine, live, tables)


def denied(engine: Engine, live: LiveSchema, tables: Mapping[Table, str]) -> str:
    """The first right that the account lacks, for people; empty if it lacks none.

    Nothing is changed.

    Args:
        engine: The database.
        live: Its columns.
        tables: Letters of the rights by table: S select, I insert, U update, D delete.

    Raises:
        SinkUnavailableError: The database cannot be reached.
    """
    if engine.dialect.name == "sqlite":
        return ""
    for table, rights in tables.items():
        for right in rights:
            try:
                with engine.connect() as db:
                    db.execute(_trial(live, table, right))
                    db.rollback()
            except SQLAlchemyError as error:
                if isinstance(error, DBAPIError) and error_code(error.orig) in DENIED:
                    return f"{_RIGHTS[right]} on {table.name} denied"
                raise explain(engine, error) from error
    return ""


_RIGHTS = {"S": "SELECT", "I": "INSERT", "U": "UPDATE", "D": "DELETE"}


def _trial(live: LiveSchema, table: Table, right: str) -> Executable:
    """A statement that needs the right and touches no row."""
    columns = [table.c[name] for name in live.columns_of(table)]
    nothing = select(*columns).where(false())
    if right == "S":
        return nothing
    if right == "D":
        return delete(table).where(false())
    others = [c for c in columns if not c.primary_key or c.autoincrement is not True]
    if right == "I":
        return insert(table).from_select(
            [c.name for c in others], select(*others).where(false())
        )
    changed = [table.c[name] for name in CHANGED.get(table, ())] or others
    return update(table).where(false()).values({c.name: c for c in changed})
