"""Packages that are not needed everywhere."""

from __future__ import annotations

from importlib.util import find_spec


def is_installed(name: str) -> bool:
    """Whether a package can be imported; it is not imported yet."""
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False
