"""Reads the configuration; whatever is wrong with it is said in words, by its key."""

from __future__ import annotations

import difflib
import os
import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import SettingsError

from recorder.config.settings import Settings, find_config
from recorder.errors import ConfigError
from recorder.foreign_text import is_name
from recorder.records.announcement import PROPOSAL
from recorder.records.text_files import TextError, text_of

PREFIX = "RECORDER_"
OTHERS = ("RECORDER_CONFIG",)
"""Variables of the recorder that are no settings."""
_ALIKE = 0.85
"""Likeness (difflib) from which a variable is taken for a misspelled setting: one
letter in ten. Chosen, not tuned."""
_MOST_SAID = 10
"""Problems that are named at once."""
_EXAMPLE = """'[{"name": "eiger", "endpoint": "tcp://192.168.1.10:9999"}]'"""


def load_settings(explicit: Path | None = None) -> Settings:
    """Read the configuration from file, environment and credentials.

    Raises:
        ConfigError: It does not parse or has unknown keys or bad values.
    """
    path = find_config(explicit)
    data = {} if path is None else read_tables(path)
    _check_names()
    try:
        return Settings(**data)
    except ValidationError as error:
        raise ConfigError(_explain(path, error)) from error
    except SettingsError as error:
        raise ConfigError(_explain_source(error)) from error
    except (OSError, UnicodeDecodeError) as error:
        folder = os.environ.get("CREDENTIALS_DIRECTORY")
        raise ConfigError(f"credentials in {folder}: not readable: {error}") from error
    except (RecursionError, ValueError) as error:
        text = "a value lies too deep, or is too long a number"
        raise ConfigError(f"{path or 'configuration'}: {text}") from error


def read_tables(path: Path) -> dict[str, Any]:
    """The tables of a TOML file, as they stand there.

    Raises:
        ConfigError: It cannot be read.
    """
    try:
        data = tomllib.loads(text_of(path.read_bytes()))
    except TextError as error:
        raise ConfigError(f"{path}: {error}") from error
    except RecursionError as error:
        raise ConfigError(f"{path}: not readable as TOML: nested too deep") from error
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: not readable as TOML: {error}") from error
    for name in data:
        if name not in Settings.model_fields:
            raise ConfigError(f"{path}: {_unknown(name, list(Settings.model_fields))}")
    return data


def _unknown(name: str, known: list[str]) -> str:
    alike = difflib.get_close_matches(name, known, 1)
    meant = f"; did you mean {alike[0]}?" if alike else ""
    shown = name if is_name(name) else ascii(name)
    return (
        f"{shown:.60}: unknown key{meant}; see `recorder config schema` for the known "
        "ones"
    )


def _check_names() -> None:
    """A misspelled variable would be ignored without a word.

    Raises:
        ConfigError: A variable is hardly another than that of a setting.
    """
    known = [PREFIX + name.upper() for name in Settings.model_fields]
    for name in os.environ:
        first = name.upper().partition("__")[0]
        if not first.startswith(PREFIX) or first in (*known, *OTHERS):
            continue
        if alike := difflib.get_close_matches(first, known, 1, _ALIKE):
            raise ConfigError(
                f"environment variable {ascii(name)[1:-1]}: unknown setting; did you "
                f"mean {alike[0]}?"
            )


def _explain_source(error: SettingsError) -> str:
    """A variable that should hold JSON, or credentials that cannot be read."""
    named = [name for name in Settings.model_fields if f'"{name}"' in str(error)]
    if not named:
        return f"environment or credentials: {error}"
    name = PREFIX + named[0].upper()
    return (
        f"environment variable {name}: its value is no JSON; write it such as "
        f"RECORDER_DETECTOR={_EXAMPLE}, set single values such as "
        "RECORDER_MQTT__PORT=1884, or unset it"
    )


_PLAIN = {
    "tuple_type": 'write a list, such as ["one", "two"]',
    "list_type": 'write a list, such as ["one", "two"]',
    "frozen_set_type": 'write a list, such as ["one", "two"]',
    "dict_type": "write a table, such as [section.name] with keys below it",
    "missing": "is needed, and is not there",
}
"""What the reader words in terms of Python, as people mend it in the file."""


def _explain(path: Path | None, error: ValidationError) -> str:
    lines = []
    for item in error.errors(include_url=False, include_input=False):
        where = ".".join(str(part) for part in item["loc"])
        text = item["msg"].removeprefix("Value error, ")
        if item["type"] == "extra_forbidden":
            text = "unknown key; see `recorder config schema` for the known ones"
        elif said := _PLAIN.get(item["type"]):
            text = said
        elif item.get("ctx", {}).get("pattern") == PROPOSAL:
            text = "write code and number of a proposal, such as mx2345"
        if name := _variable(item["loc"]):
            text += f" (set by {name} in the environment)"
        if not is_name(where):
            where = ascii(where)
        lines.append(f"{where}: {text}" if where else text)
    if len(lines) > _MOST_SAID:
        lines[_MOST_SAID:] = [f"and {len(lines) - _MOST_SAID} more problems"]
    return f"{path or 'configuration'}: " + "; ".join(lines)


def _variable(place: tuple[int | str, ...]) -> str:
    """The environment variable that sets a key; empty if none does."""
    parts = [str(part).upper() for part in place]
    names = {name.upper(): name for name in os.environ}
    for end in range(len(parts), 0, -1):
        name = PREFIX + "__".join(parts[:end])
        if name in names:
            return ascii(names[name])[1:-1]
    return ""
