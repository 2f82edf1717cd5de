"""Nobody who has only the repository is sent to a page that is not in it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.recordings import ROOT

FOLDERS = ("recorder", "tests", "benchmarks", "docs", "scripts", "config", "systemd")
ENDINGS = (".py", ".md", ".toml", ".json", ".sql", ".service", ".conf", ".txt", "")
PAGE = re.compile(r"(?<![\w*>{}.-])[\w./-]+\.md\b")
"""A page as it is cited: ``page.md``, ``docs/reference/page.md``, ``../page.md``."""
PLACE = re.compile(
    rf"(?<![\w./-])(?:(?:{'|'.join(FOLDERS)})/[\w./-]*\.(?:py|toml|json|sql|service|txt)"
    r"|scripts/[\w-]+)\b"
)
"""A file of ours as it is cited from the root."""
ELSEWHERE = re.compile(r"\b(?:DESIGN|[Dd]esign(?:'s)? section|section \d+)\b")
"""Words that cite a document by its name and not by where it is."""


def files() -> list[Path]:
    """All text files that people read, recordings left out."""
    found = [path for path in ROOT.iterdir() if path.is_file()]
    for folder in (*FOLDERS, ".ci"):
        found += [path for path in (ROOT / folder).rglob("*") if path.is_file()]
    return sorted(
        path
        for path in found
        if path.suffix in ENDINGS
        and "__pycache__" not in path.parts
        and (path.name == "README.md" or ROOT / "tests" / "data" not in path.parents)
        and path != Path(__file__)
        and not path.name.startswith(".")  # what tools leave
    )


FILES = files()
IDS = [str(path.relative_to(ROOT)) for path in FILES]
NAMES = {path.name for path in FILES}


def exists(cited: str, file: Path) -> bool:
    """Some file has a bare name; a path leads there from the file, root or docs."""
    if "/" not in cited:
        return cited in NAMES
    return any((base / cited).exists() for base in (file.parent, ROOT, ROOT / "docs"))


def absent(text: str, file: Path) -> list[str]:
    """What a text cites and is not there."""
    cited = {*PAGE.findall(text), *PLACE.findall(text)}
    return sorted(name for name in cited if not exists(name, file))


def test_there_are_files():
    assert len(FILES) > 300


@pytest.mark.parametrize("file", FILES, ids=IDS)
def test_every_page_and_file_that_is_cited_exists(file: Path):
    text = file.read_text(encoding="utf-8")
    assert absent(text, file) == []
    assert ELSEWHERE.findall(text) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("see docs/reference/absent.md", ["docs/reference/absent.md"]),
        ("see [it](absent.md)", ["absent.md"]),
        ("`recorder/absent.py` does it", ["recorder/absent.py"]),
        ("docs/reference/mqtt.md, mqtt.md, `tests/unit/test_docs.py`", []),
    ],
)
def test_an_absent_page_is_found(text: str, found: list[str]):
    assert absent(text, ROOT / "README.md") == found


@pytest.mark.parametrize("text", ["(DESIGN section 4)", "the design's section 11"])
def test_a_document_that_is_elsewhere_is_found(text: str):
    assert ELSEWHERE.findall(text)
