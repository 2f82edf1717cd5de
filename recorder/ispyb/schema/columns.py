"""What the descriptions of ISPyB's tables share."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Integer, MetaData

metadata = MetaData()
"""Tables that every flavour has."""
optional = MetaData()
"""Tables that only some flavours have: nothing embedded."""
CELL = ("cell_a", "cell_b", "cell_c", "cell_alpha", "cell_beta", "cell_gamma")


def key(name: str) -> Column[int]:
    """The primary key of a table: a number that the database gives."""
    return Column(name, Integer, primary_key=True, autoincrement=True)


def ref(name: str, target: str, *, nullable: bool = True) -> Column[int]:
    """A column that points to another table's key."""
    return Column(name, Integer, ForeignKey(target), nullable=nullable)
