"""The files that come with the recorder and are for the host: units, examples, schemas.

They are in the wheel as data, so they land under ``share/ssx-recorder`` of the
environment; where the recorder runs from its repository, they lie beside the package.
"""

from __future__ import annotations

from importlib.metadata import Distribution, PackageNotFoundError
from pathlib import Path

PACKAGE = "ssx-recorder"
SHARE = f"share/{PACKAGE}"
FOLDERS = ("config", "systemd")
"""Below the share folder, and in the repository."""


def shipped_files() -> dict[str, Path]:
    """Where each is, by its name, such as ``recorder.service``."""
    found = _beside() or _installed()
    return {path.name: path for path in sorted(found) if path.is_file()}


def _beside() -> list[Path]:
    """In a clone, even if it was installed from: what was copied then may be old."""
    root = Path(__file__).parents[2]
    if not (root / "pyproject.toml").is_file():
        return []
    return [path for folder in FOLDERS for path in (root / folder).glob("*")]


def _installed() -> list[Path]:
    """What the installed package lists as its own."""
    try:
        files = Distribution.from_name(PACKAGE).files or []
    except PackageNotFoundError:
        return []
    return [
        Path(str(file.locate())).resolve() for file in files if SHARE in file.as_posix()
    ]
