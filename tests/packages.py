"""Packages with one module and one entry point, as pip would have installed them."""

from __future__ import annotations

from pathlib import Path


def write_package(
    folder: Path,
    package: str,
    name: str,
    text: str,
    group: str = "recorder.sources",
) -> str:
    """Write one into a folder of packages; the name of its module."""
    module = package.replace("-", "_")
    information = folder / f"{module}-1.0.dist-info"
    information.mkdir(parents=True)
    (folder / f"{module}.py").write_text(text, encoding="utf-8")
    (information / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n", encoding="utf-8"
    )
    points = f"[{group}]\n{name} = {module}:PLUGIN\n"
    (information / "entry_points.txt").write_text(points, encoding="utf-8")
    return module
