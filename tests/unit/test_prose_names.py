"""Names in the prose exist: log events, settings, keys and columns of this version."""

from __future__ import annotations

import ast
import json
import re
from functools import cache
from pathlib import Path

import pytest

from recorder.config import Settings
from recorder.journal import RecordKind
from recorder.plugins.groups import AUTHENTICATORS
from recorder.records import FindingKind
from tests.unit.test_docs import (
    DOCS,
    MESSAGES,
    REFERENCE,
    ROOT,
    announcement_keys,
    log_calls,
    message_keys,
    names,
    schema_keys,
    settings_of,
)

PROSE = sorted(
    page
    for folder in ("explanations", "how-to", "tutorials")
    for page in (DOCS / folder).glob("*.md")
)
FOREIGN = {
    "mosquitto": {
        "acl_file",
        "max_inflight_messages",
        "max_queued_messages",
        "persistent_client_expiration",
    },
    "a CrystFEL geometry file": {
        "adu_per_photon",
        "corner_x",
        "corner_y",
        "max_fs",
        "max_ss",
    },
    "OAuth 2": {"invalid_client"},
    "the detector's appendix": {"recorder_uid"},
    "py-ISPyB's portal sync": {"session_options", "sync_proposal", "uportal_sync"},
}
"""Names of others that our pages mention."""
REFUSED = "bad_messages_"
"""Before the kind of a bad message, in the counts of the report."""


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def prose_names(text: str) -> set[str]:
    """Names like ``run_sealed`` that stand alone in backticks, outside of blocks."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    return {
        span
        for span in re.findall(r"`([^`\n]+)`", text)
        if re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)+", span)
    }


@cache
def known_names() -> set[str]:
    """Log events, settings, keys of report and messages, columns, names of others."""
    schema = json.loads(read(ROOT / "config" / "report.schema.json"))
    dotted = {
        *schema_keys(schema, schema["$defs"]),
        *(name for name, _ in settings_of(Settings)),
        *(n for p in AUTHENTICATORS.usable() for n in p.value.settings.model_fields),
        *(key for model in MESSAGES.values() for key, _ in message_keys(model)),
        *(key for key, _ in announcement_keys()),
    }
    return {
        *log_calls(),
        *RecordKind,
        *FindingKind,
        *(key.rsplit(".", 1)[-1].removesuffix("[]") for key in dotted),
        *names(read(REFERENCE / "files.md")),
        *(REFUSED + kind for kind in source_strings()),
        *set().union(*FOREIGN.values()),
    }


@cache
def identifiers() -> set[str]:
    """Names of functions, arguments and attributes in the sources and tests."""
    found: set[str] = set()
    paths = [p for name in ("recorder", "tests") for p in (ROOT / name).rglob("*.py")]
    for path in paths:
        for node in ast.walk(ast.parse(read(path))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                found.add(node.name)
            elif isinstance(node, ast.arg):
                found.add(node.arg)
            elif isinstance(node, ast.Attribute):
                found.add(node.attr)
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                found.add(node.target.id)
    return found


def for_developers(page: Path) -> bool:
    """Pages that name what stands in the code."""
    return page.stem.startswith(("write-", "add-", "change-"))


@cache
def source_strings() -> set[str]:
    """All strings in the sources, where the kinds of bad messages are given."""
    trees = [ast.parse(read(p)) for p in (ROOT / "recorder" / "sources").rglob("*.py")]
    return {
        node.value
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


@pytest.fixture(scope="module")
def known() -> set[str]:
    return known_names()


@pytest.mark.parametrize("page", PROSE, ids=lambda page: page.stem)
def test_names_in_the_prose_exist(page: Path, known: set[str]):
    more = identifiers() if for_developers(page) else set()
    assert prose_names(read(page)) - known - more == set()


def test_a_log_event_that_does_not_exist_is_found(known: set[str]):
    text = "A jump is logged (`clock_alarm`, `clock_step`).\n```\n`in_a_block`\n```\n"
    assert prose_names(text) - known == {"clock_step"}
