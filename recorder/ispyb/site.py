"""A facility's database as it was found: flavour, version, what may be written."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine, select, text
from sqlalchemy.exc import SQLAlchemyError

from recorder.config import Settings
from recorder.errors import SinkError
from recorder.ispyb.flavours.flavour import Flavour, flavour_plugin, recognise
from recorder.ispyb.schema import tables as t
from recorder.ispyb.schema.capabilities import (
    Capabilities,
    Capability,
    probe,
    require_core,
)
from recorder.ispyb.schema.database import explain, shown_url
from recorder.ispyb.schema.live_schema import LiveSchema, read_live
from recorder.ispyb.schema.read_values import as_text


@dataclass(frozen=True, slots=True)
class Site:
    """What the sink needs to know of a database."""

    flavour: Flavour
    live: LiveSchema
    can: Capabilities
    schema: str
    """Its version, as the database says, or empty."""
    chain_scope: str
    provisional_end: bool = False
    image_rows: bool = False
    """Whether serial runs have a row for each image; others have, if it can be."""

    def describe(self) -> str:
        """One line for people."""
        version = f" (schema {self.schema})" if self.schema else ""
        return f"flavour {self.flavour.name}{version}, {self.can.describe()}"


def chosen_flavour(settings: Settings) -> Flavour:
    """The flavour of the configuration.

    Raises:
        ConfigError: No such flavour is installed.
    """
    return flavour_plugin(settings.ispyb.flavour).make(settings.ispyb)


def look(engine: Engine, settings: Settings) -> Site:
    """Read the schema, recognise the flavour and try out the rights.

    Raises:
        SinkError: A table or column is missing, or it is another flavour.
        SinkUnavailableError: The database cannot be reached.
    """
    flavour = chosen_flavour(settings)
    try:
        everything = read_live(engine)
        _compare(engine, everything, settings.ispyb.flavour)
        live = everything.hiding(flavour.without)
        require_core(engine, live, flavour.name)
        wanted = _wanted(flavour, settings)
        can = probe(engine, live, wanted, flavour.without)
        if can.can(Capability.SSX):
            _require_event_types(engine)
        schema = _schema_version(engine)
    except SQLAlchemyError as error:
        raise explain(engine, error) from error
    scope = settings.ispyb.chain_scope or flavour.chain_scope
    early = settings.ispyb.provisional_end
    provisional = flavour.provisional_end if early is None else early
    asked = settings.ispyb.image_rows
    rows = flavour.image_rows if asked is None else asked
    return Site(flavour, live, can, schema, scope, provisional, rows)


def _wanted(flavour: Flavour, settings: Settings) -> frozenset[Capability]:
    if settings.ispyb.image_rows is False:
        return flavour.capabilities - {Capability.IMAGE_ROWS}
    return flavour.capabilities


def _compare(engine: Engine, live: LiveSchema, name: str) -> None:
    """Refuse a database that the chosen flavour says is another one's."""
    if live.empty or flavour_plugin(name).matches(live):
        return
    found = recognise(live)
    hint = f'; set ispyb.flavour = "{found}"' if found else ""
    raise SinkError(
        f"{shown_url(engine)}: this looks like flavour {found or 'unknown'}, but "
        f"ispyb.flavour is {name}{hint}"
    )


def _require_event_types(engine: Engine) -> None:
    with engine.connect() as db:
        found = db.execute(select(t.event_type.c.name)).scalars()
        kinds = {as_text(name) for name in found}
    if absent := [name for name in t.EVENT_TYPES if name not in kinds]:
        raise SinkError(
            f"{shown_url(engine)}: table EventType lacks {', '.join(absent)}; load the "
            "seed rows of the ISPyB schema"
        )


def _schema_version(engine: Engine) -> str:
    """What the database says of itself; not every account may read it."""
    if engine.dialect.name == "sqlite":
        return ""
    query = text("SELECT value FROM AdminVar WHERE name = 'schemaVersion'")
    try:
        with engine.connect() as db:
            found = db.execute(query).scalar()
    except SQLAlchemyError:
        return ""
    return as_text(found) or ""
