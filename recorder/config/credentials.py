"""Credentials for tables of a list: each is known by its name.

``web__directory__bind_password`` in ``$CREDENTIALS_DIRECTORY`` is the setting
``bind_password`` of the ``[[web.authenticator]]`` with the name ``directory``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any


def handed_out(data: Any, key: str, known: Collection[str]) -> Any:
    """A section's data with what belongs to its named tables in them.

    Args:
        data: Of the section, as it came; what is no mapping is left as it is.
        key: Setting that is a list of tables with names.
        known: Settings of the section itself.

    Raises:
        ValueError: Something is for a table that is not there.
    """
    if not isinstance(data, Mapping):
        return data
    extra = {name for name in data if name not in known}
    given = {name: data[name] for name in extra if isinstance(data[name], Mapping)}
    if not given:
        return data
    tables = data.get(key) or ()
    if not isinstance(tables, list | tuple):
        return data
    named = [_name(table) for table in tables]
    for name in given:
        if name.casefold() not in named:
            listed = ", ".join(filter(None, named)) or "none"
            raise ValueError(
                f"{name:.60}: no setting, and no {key} of that name; there is {listed}"
            )
    folded = {name.casefold(): values for name, values in given.items()}
    filled = [
        {**table, **folded.get(name, {})} if isinstance(table, Mapping) else table
        for name, table in zip(named, tables, strict=True)
    ]
    return {**{k: v for k, v in data.items() if k not in given}, key: filled}


def _name(table: Any) -> str:
    """The name of a table; one that has none is called what its kind is."""
    if not isinstance(table, Mapping):
        return ""
    return str(table.get("name", table.get("kind", ""))).casefold()
