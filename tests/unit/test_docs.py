"""The documents say what the code does: every name has its entry, and no other has.

A failure lists what is missing and what is too much; both mean that a page under
``docs/reference`` must be changed in the same commit as the code.
"""

from __future__ import annotations

import ast
import json
import re
import shlex
import tomllib
import typing
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import jsonschema
import numpy as np
import pytest
from pydantic import BaseModel

from recorder import errors
from recorder.cli import COMMANDS, cli
from recorder.config import DetectorSection, Settings, load_settings
from recorder.ispyb.flavours import diamond, mx_dialect, programs
from recorder.ispyb.schema import tables
from recorder.ispyb.schema.capabilities import RIGHTS, Capability
from recorder.mx.angles import AngleGrade
from recorder.records import (
    Announcement,
    BadMessage,
    Beam,
    DetectorPlace,
    Files,
    RunStatus,
    SsxDelivery,
    Unprocessed,
    limits,
)
from recorder.records.report_json import report_schema
from recorder.reports.label_facts import NO_LABELS
from recorder.runs.book import early_events
from recorder.runs.technique import technique_problems
from recorder.runs.timeline.measurement import PulseFacts
from recorder.simulate.stills.render import Still, default_geometry
from recorder.simulate.stream.chip import SimulatedChip, parse_chip, well_entry
from recorder.simulate.stream.simulated_run import SimulatedRun
from recorder.simulate.stream.truth import truth_entry
from recorder.simulate.timing.faults import Faults, fates
from recorder.simulate.timing.plan import make_plan
from recorder.sinks.ispyb import collections
from recorder.sinks.results import event_lists, grid_files, hdf5, pages, run_folder
from recorder.sinks.results import sink as results
from recorder.sinks.results.columns import event_arrays, image_columns, row_columns
from recorder.sinks.results.grid_files import FILES as GRID_FILES
from recorder.sinks.results.hdf5 import UNITS
from recorder.sources.control import messages as control
from recorder.ssx.chains import declared
from recorder.ssx.chains.declared import parse_chains
from recorder.ssx.clocks.unknown import NO_DARK_N, NO_DELAY
from recorder.ssx.labels.timeline import (
    EVIDENCES,
    PUMPS,
    CapturedTriggers,
    label_images,
)
from tests.builders import announced, announcement, new_run

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
REFERENCE = DOCS / "reference"
PAGES = sorted(
    [
        *DOCS.rglob("*.md"),
        *(ROOT / n for n in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    ]
)
PAGE_IDS = [str(page.relative_to(ROOT)) for page in PAGES]
ALL_TABLES = {**tables.metadata.tables, **tables.optional.tables}
LEVELS = ("debug", "info", "warning", "error", "exception")


# -- reading the pages ---------------------------------------------------------


def sections(page: Path) -> dict[str, str]:
    """The text under each heading of level 2 or 3; "" is what comes first."""
    found: dict[str, list[str]] = defaultdict(list)
    title, fenced = "", False
    for line in page.read_text(encoding="utf-8").splitlines():
        fenced ^= line.startswith("```")
        if not fenced and (match := re.match(r"##+ (.+)", line)):
            title = match[1]
        else:
            found[title].append(line)
    return {name: "\n".join(lines) for name, lines in found.items()}


def rows(text: str) -> list[list[str]]:
    """The rows of all tables, without heads and rulers."""
    found, lines = [], text.splitlines()
    for n, line in enumerate(lines):
        ruler = re.match(r"^\|[-| :]+\|$", line)
        head = n + 1 < len(lines) and re.match(r"^\|[-| :]+\|$", lines[n + 1])
        if line.startswith("|") and not ruler and not head:
            cells = re.split(r"(?<!\\)\|", line.strip().strip("|"))
            found.append([cell.strip() for cell in cells])
    return found


def names(text: str) -> list[str]:
    """What stands in backticks in the first column of the tables."""
    return [name for row in rows(text) for name in re.findall(r"`([^`]+)`", row[0])]


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a language."""
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def same(documented: typing.Iterable[str], real: typing.Iterable[str]) -> None:
    """Both have the same names; says which are missing and which are too much."""
    listed = list(documented)
    missing, extra = set(real) - set(listed), set(listed) - set(real)
    twice = {name for name in listed if listed.count(name) > 1}
    assert not (missing or extra or twice), (
        f"no entry: {sorted(missing)}; entry without code: {sorted(extra)}; "
        f"twice: {sorted(twice)}"
    )


# -- configuration -------------------------------------------------------------


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """The pydantic models within an annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [m for part in typing.get_args(annotation) for m in models_in(part)]


def settings_of(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Dotted name and default of every setting."""
    for name, field in model.model_fields.items():
        if inner := models_in(field.annotation):
            yield from settings_of(inner[0], f"{prefix}{name}.")
        elif field.is_required():  # of plug-ins, whose own settings have a default
            own = name == "name" and "kind" in model.model_fields
            yield f"{prefix}{name}", "the kind's" if own else "—"
        elif field.default_factory is not None:
            yield f"{prefix}{name}", "—"
        elif field.default is None:
            yield f"{prefix}{name}", "unset"
        else:
            yield f"{prefix}{name}", f"`{json.dumps(field.default)}`"


def test_every_setting_with_its_default():
    text = (REFERENCE / "configuration.md").read_text(encoding="utf-8")
    documented = {row[0].strip("`"): row[2] for row in rows(text)}
    real = dict(settings_of(Settings))
    same(names(text), real)
    assert documented == real


def test_example_configuration_loads():
    assert load_settings(ROOT / "config" / "recorder.example.toml").beamline == "id29"


def test_committed_schemas_are_fresh():
    committed = (ROOT / "config" / "recorder.schema.json").read_text(encoding="utf-8")
    assert json.loads(committed) == Settings.model_json_schema(), "run: make schemas"
    committed = (ROOT / "config" / "report.schema.json").read_text(encoding="utf-8")
    assert json.loads(committed) == report_schema(), "run: make schemas"


def test_toml_blocks_load(tmp_path: Path):
    found = [block for page in PAGES for block in blocks(page, "toml")]
    assert found
    for block in found:
        path = tmp_path / "recorder.toml"
        path.write_text(block, encoding="utf-8")
        load_settings(path)


# -- commands ------------------------------------------------------------------


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command with its full name; groups by their members."""
    context = click.Context(cli)
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            if command.invoke_without_command:
                yield f"recorder {name}", command
            for inner, member in command.commands.items():
                yield f"recorder {name} {inner}", member
        else:
            yield f"recorder {name}", command


def test_every_command_has_a_section():
    found = [t for t in sections(REFERENCE / "commands.md") if t.startswith("recorder")]
    same(found, dict(commands()))


@pytest.mark.parametrize("name", dict(commands()))
def test_every_option_and_argument(name: str):
    command = dict(commands())[name]
    documented = [
        entry.split()[0] for entry in names(sections(REFERENCE / "commands.md")[name])
    ]
    real = []
    for item in command.params:
        if isinstance(item, click.Argument):
            real.append(item.make_metavar(click.Context(command)))
        else:
            real += item.opts
    same(documented, real)


def command_lines() -> Iterator[tuple[str, list[str]]]:
    """Every `recorder …` line of the console blocks: page and words."""
    for page, where in zip(PAGES, PAGE_IDS, strict=True):
        for block in blocks(page, "console"):
            for line in block.replace("\\\n", " ").splitlines():
                words = shlex.split(re.sub(r"^[$#] ", "", line), comments=True)
                words = words[
                    : min(
                        (words.index(w) for w in ("|", ">", "&&", "&") if w in words),
                        default=None,
                    )
                ]
                while words and (
                    re.match(r"^[A-Z_]+=", words[0]) or words[0] == "sudo"
                ):
                    words.pop(0)
                if words and words[0].rsplit("/", 1)[-1] == "recorder":
                    yield where, words[1:]


def parse(group: click.Group, words: list[str], parent: click.Context | None) -> None:
    context = group.make_context("recorder", list(words), parent=parent)
    if group.invoke_without_command and not context._protected_args:
        assert not context.args
        return
    name, command, rest = group.resolve_command(
        context, [*context._protected_args, *context.args]
    )
    assert command is not None
    if isinstance(command, click.Group):
        parse(command, rest, context)
    else:
        command.make_context(name, rest, parent=context)


def test_command_lines_parse():
    found = list(command_lines())
    assert len(found) > 15
    for where, words in found:
        try:
            parse(cli, words, None)
        except click.exceptions.Exit as done:  # --version, --help
            assert done.exit_code == 0
        except click.ClickException as error:
            pytest.fail(f"{where}: recorder {' '.join(words)}: {error.message}")


def make_targets() -> set[str]:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))


def test_every_make_target_is_listed():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `make ([a-z-]+)` \|", text, re.MULTILINE)
    same(listed, make_targets() - {"help"})


def test_make_targets_exist():
    targets = make_targets()
    assert {"check", "test", "quick"} <= targets
    assert len(PAGES) > 30
    for page, where in zip(PAGES, PAGE_IDS, strict=True):
        text = page.read_text(encoding="utf-8")
        used = set(re.findall(r"(?:`|^\$ )make ([a-z-]+)", text, re.MULTILINE))
        assert used <= targets, where


# -- log events ----------------------------------------------------------------


@cache
def log_calls() -> dict[str, tuple[set[str], set[str]]]:
    """Levels and named fields of every log event in the source."""
    found: dict[str, tuple[set[str], set[str]]] = defaultdict(lambda: (set(), set()))
    for path in sorted((ROOT / "recorder").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        loggers, aliases = _loggers(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                for event, level, keys in _event(node, loggers, aliases):
                    found[event][0].add("error" if level == "exception" else level)
                    found[event][1].update(keys)
    return found


def _loggers(tree: ast.Module) -> tuple[set[str], dict[str, list[str]]]:
    """Names bound to a logger, and names bound to one of its methods."""
    loggers: set[str] = set()
    aliases: dict[str, list[str]] = {}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Assign) or not isinstance(
            node.targets[0], ast.Name
        ):
            continue
        name = node.targets[0].id
        call = node.value.func if isinstance(node.value, ast.Call) else None
        if isinstance(call, ast.Name) and call.id == "get_logger":
            loggers.add(name)
        if levels := _levels(node.value):
            aliases[name] = levels
    aliases |= _helpers(tree)
    return loggers, aliases


def _helpers(tree: ast.Module) -> dict[str, list[str]]:
    """Methods that log the event that they are given: ``def _tell(self, event, …)``."""
    found: dict[str, list[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and "event" in {
            argument.arg for argument in node.args.args
        }:
            if levels := _levels(node):
                found[node.name] = levels
    return found


def _levels(tree: ast.AST) -> list[str]:
    """Levels of a logger that are named somewhere within."""
    return [
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in ("log", "messages")
        and node.attr in LEVELS
    ]


def _event(
    node: ast.Call, loggers: set[str], aliases: dict[str, list[str]]
) -> Iterator[tuple[str, str, set[str]]]:
    first = node.args[0] if node.args else None
    if not isinstance(first, ast.Constant) or not isinstance(first.value, str):
        return
    keys = {keyword.arg for keyword in node.keywords if keyword.arg}
    called = node.func
    if isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name):
        if called.value.id in loggers and called.attr in LEVELS:
            yield first.value, called.attr, keys
        elif called.value.id == "self" and called.attr in aliases:
            for level in aliases[called.attr]:
                yield first.value, level, keys
    elif isinstance(called, ast.Name) and called.id in aliases:
        for level in aliases[called.id]:
            yield first.value, level, keys
    elif isinstance(called, ast.Name) and called.id in ("notice", "Noticed"):
        level = node.args[1]
        assert isinstance(level, ast.Constant), f"{first.value}: level is no constant"
        if called.id == "notice":
            keys |= {"source", "series_id"}
        yield first.value, str(level.value), keys


def test_every_log_event_with_level_and_fields():
    page = REFERENCE / "log-events.md"
    table = [row for text in list(sections(page).values())[1:] for row in rows(text)]
    documented = {row[0].strip("`"): row for row in table}
    real = log_calls()
    assert len(real) > 50
    same([row[0].strip("`") for row in table], real)
    for event, (levels, keys) in real.items():
        _, level, listed, _ = documented[event]
        assert set(re.split(r", ", level)) == levels, f"{event}: level"
        assert keys <= set(re.findall(r"`(\w+)`", listed)), (
            f"{event}: fields {sorted(keys)}, listed {listed}"
        )


def test_no_log_event_escapes_the_page():
    """A level of a logger is called with a constant, or within a known helper."""
    found = 0
    for path in sorted((ROOT / "recorder").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        total = len(_levels(tree))
        calls = sum(
            bool(_levels(node.func)) and isinstance(node.args[0], ast.Constant)
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and node.args
        )
        _, aliases = _loggers(tree)
        helped = sum(map(len, aliases.values()))
        assert total == calls + helped, f"{path}: a log call that is not understood"
        found += total
    assert found > 30


def test_log_events_that_other_pages_name_exist():
    text = (DOCS / "how-to" / "beamline-host.md").read_text(encoding="utf-8")
    table = rows(text[text.index("| symptom |") :])
    named = {
        name for row in table for name in re.findall(r"`([a-z]+_[a-z_]+)`", row[1])
    }
    assert {"second_client", "record_parked", "journal_failing"} <= named
    assert named <= set(log_calls())


# -- MQTT ----------------------------------------------------------------------

MESSAGES = {
    "collection/end": control.CollectionEndMessage,
    "event": control.EventMessage,
}
LENIENT = {"beam": Beam, "detector": DetectorPlace, "ssx": SsxDelivery, "files": Files}
MADE = ("chains", "chain_problems", "problems", "message", "received_ns", "size")
"""Of an announcement: made of the message, not in it."""


MX = {
    "technique": "technique",
    "sweeps": "scan",
    "grid": "grid",
    "energy_scan": "energy_scan",
    "spectrum": "spectrum",
    "workflow": "workflow",
    "part": "part",
}
"""Keys of an announcement that stand in a page of their own, by field."""


def test_every_key_of_other_techniques():
    documented = {
        row[0].strip("`"): row[1]
        for body in sections(REFERENCE / "mqtt-mx.md").values()
        for row in rows(body)
        if len(row) == 3
    }
    hints = typing.get_type_hints(Announcement)
    real = dict.fromkeys(MX.values(), "no")
    for field, key in MX.items():
        for inner in records_in(hints[field]):
            real |= dict(announcement_keys(inner, f"{key}."))
    assert documented == real


def announcement_keys(kind: Any = Announcement, prefix: str = "") -> Iterator[Any]:
    """Dotted keys of an announcement, and whether they are needed."""
    if not prefix:
        yield from {"uid": "yes", "time": "one of both"}.items()
        yield from {"event_chains": "no", "timing_hardware": "no"}.items()
    hints = typing.get_type_hints(kind)
    for item in fields(kind):
        if not prefix and item.name in (*MADE, *MX, "uid"):
            continue
        needed = item.default is MISSING and item.default_factory is MISSING
        timed = item.name == "time_ns" and not prefix
        need = "one of both" if timed else "yes" if needed else "no"
        yield f"{prefix}{item.name}", need
        if inner := records_in(hints[item.name]):
            if inner[0] not in LENIENT.values():
                many = "[]" if "..." in str(hints[item.name]) else ""
                yield from announcement_keys(inner[0], f"{prefix}{item.name}{many}.")


def records_in(annotation: Any) -> list[Any]:
    """The records within an annotation."""
    if is_dataclass(annotation):
        return [annotation]
    return [found for part in typing.get_args(annotation) for found in records_in(part)]


def message_keys(
    model: type[BaseModel], prefix: str = ""
) -> Iterator[tuple[str, str | None]]:
    """Dotted keys of a message, and whether they are needed."""
    for name, field in model.model_fields.items():
        timed = name in ("time", "time_ns") and not prefix
        need = "yes" if field.is_required() else "no"
        yield f"{prefix}{name}", "one of both" if timed else need
        if inner := models_in(field.annotation):
            many = "[]" if "list" in str(field.annotation) else ""
            yield from message_keys(inner[0], f"{prefix}{name}{many}.")


@pytest.mark.parametrize("topic", ["collection/start", *MESSAGES])
def test_every_message_key(topic: str):
    page = sections(REFERENCE / "mqtt.md")
    parts = [topic, "scan"] if topic == "collection/start" else [topic]
    documented = {
        row[0].strip("`"): row[1]
        for part in parts
        for row in rows(page[part])
        if len(row) == 3
    }
    if topic == "collection/start":
        assert documented == dict(announcement_keys())
    else:
        assert documented == dict(message_keys(MESSAGES[topic]))


def test_keys_that_are_read_leniently():
    table = rows(sections(REFERENCE / "mqtt.md")["collection/start"])
    documented = [row[0].strip("`") for row in table if len(row) == 2]
    real = [f"{name}.{f.name}" for name, kind in LENIENT.items() for f in fields(kind)]
    same(documented, real)


def test_message_examples_are_valid():
    examples = [
        (page, block)
        for page in (
            REFERENCE / "mqtt.md",
            REFERENCE / "mqtt-mx.md",
            DOCS / "tutorials" / "first-run.md",
        )
        for block in blocks(page, "json")
        if '"schema"' in block
    ]
    assert len(examples) == 9
    for page, block in examples:
        body = json.loads(block)
        topic = "event" if "event" in body["schema"] else "collection/start"
        topic = "collection/end" if "status" in body else topic
        for record in control.parse_message(topic, block.encode()):
            assert not isinstance(record, BadMessage), f"{page}: {record.detail}"
            if isinstance(record, Announcement):
                said = (*record.problems, *technique_problems(record))
                assert said == (), f"{page}: {said}"


def test_topics_and_schema_versions():
    text = (REFERENCE / "mqtt.md").read_text(encoding="utf-8")
    for name in ("collection/start", *MESSAGES, "status"):
        assert f"`<prefix>/{name}`" in text
    for name in (control.COLLECTION_SCHEMA, control.EVENT_SCHEMA):
        assert f"`{name}`" in text


def test_every_status_key():
    same(names(sections(REFERENCE / "mqtt.md")["status"]), set(_status_keys()))


def _status_keys() -> Iterator[str]:
    """Keys of the outermost map of the status message, from the source."""
    places = (
        ("recorder/service/pipeline.py", "status"),
        ("recorder/service/progress.py", "status"),
        ("recorder/service/daemon.py", "_status"),
        ("recorder/service/mqtt_status.py", "_publish"),
    )
    for path, name in places:
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        function = next(
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            and node.name == name
        )
        for node in ast.walk(function):
            if not isinstance(node, ast.Assign | ast.AnnAssign):
                continue
            target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
            if isinstance(target, ast.Subscript) and isinstance(
                target.slice, ast.Constant
            ):
                yield str(target.slice.value)
            elif isinstance(target, ast.Name) and isinstance(node.value, ast.Dict):
                for key in node.value.keys:
                    if isinstance(key, ast.Constant):
                        yield str(key.value)


# -- limits --------------------------------------------------------------------


def test_every_limit_with_its_value():
    table = rows((REFERENCE / "limits.md").read_text(encoding="utf-8"))
    real = {"MAX_QUOTED": errors.MAX_QUOTED}
    for module in (limits, declared):
        real |= {k: v for k, v in vars(module).items() if k.startswith("MAX_")}
    real |= {k: v for k, v in vars(early_events).items() if k.startswith("KEPT_")}
    section = DetectorSection()
    real["detector.max_message_mb"] = section.max_message_mb << 20
    real["detector.max_pixels"] = section.max_pixels
    same([row[0].strip("`") for row in table], real)
    assert len(table) > 10
    for name, text, *_ in table:
        number, _, unit = text.partition(" ")
        value = int(number) << (20 if unit == "MiB" else 0)
        assert value == real[name.strip("`")], name


# -- report, files, simulator, database ----------------------------------------


def schema_keys(
    schema: dict[str, Any], parts: dict[str, Any], prefix: str = ""
) -> Iterator[str]:
    """Dotted keys of a JSON schema whose references lead to ``parts``."""
    if "$ref" in schema:
        schema = parts[schema["$ref"].removeprefix("#/$defs/")]
    for name, inner in schema.get("properties", {}).items():
        yield f"{prefix}{name}"
        yield from schema_keys(inner, parts, f"{prefix}{name}.")
    for inner in schema.get("anyOf", ()):
        yield from schema_keys(inner, parts, prefix)
    if isinstance(items := schema.get("items"), dict):
        yield from schema_keys(items, parts, f"{prefix.removesuffix('.')}[].")


def test_every_report_key():
    schema = json.loads(
        (ROOT / "config" / "report.schema.json").read_text(encoding="utf-8")
    )
    run, experiment = "experiments[].runs[].", "experiments[]."
    keys = list(schema_keys(schema, schema["$defs"]))
    page = sections(REFERENCE / "report.md")
    same(names(page["A run"]), {k.removeprefix(run) for k in keys if k.startswith(run)})
    same(
        [row[0].strip("`") for row in rows(page["Experiments"])],
        {k.removeprefix(experiment) for k in keys if not k.startswith(run)},
    )


def test_the_example_of_a_report_is_one():
    (block,) = blocks(REFERENCE / "report.md", "json")
    example = json.loads(block)
    schema = json.loads(
        (ROOT / "config" / "report.schema.json").read_text(encoding="utf-8")
    )
    wrong = [
        error.message
        for error in jsonschema.Draft202012Validator(schema).iter_errors(example)
        if error.validator != "required"
    ]
    assert wrong == []
    (experiment,) = example["experiments"]
    (run,) = experiment["runs"]
    images, classes = run["images"], run["classes"]
    hits = classes["indexed"] + classes["non_indexed_hits"]
    assert images["expected"] == images["received"] + images["lost"]
    assert images["classified"] == hits + classes["non_hits"]
    assert images["received"] == images["classified"] + images["unprocessed"]["corrupt"]
    assert images["received"] == sum(run["pump"].values())
    assert images["received"] == sum(run["evidence"].values())
    assert experiment["cumulative"]["images"] == images["received"]
    assert experiment["cumulative"]["skipped"] == images["received"] - hits


def test_every_reason_is_explained():
    text = (REFERENCE / "report.md").read_text(encoding="utf-8")
    assert all(f"`images.unprocessed.{reason}`" in text for reason in Unprocessed)


def test_every_file_of_a_run():
    source = "".join(
        Path(str(module.__file__)).read_text(encoding="utf-8")
        for module in (results, event_lists)
    )
    real = set(re.findall(r'write_json\(folder, "([\w.]+)"', source))
    real |= {hdf5.FILE, run_folder.OWNER, *programs.FILES}
    real |= {pages.NAME, pages.PICTURE}
    chosen = re.search(r"chosen: .*? = \{(.*?)\}", source, re.DOTALL)
    assert chosen
    real |= {f"{name}.lst" for name in re.findall(r'"(\w+)":', chosen[1])}
    real.add("delay_<seconds>s.lst")
    same(names(sections(REFERENCE / "files.md")["Files of a run"]), real)
    assert event_lists.delay_names([600_000_000]) == ["delay_0.6s"]


def test_every_column_of_the_results():
    text = sections(REFERENCE / "files.md")["results.h5"]
    arrays = image_columns(row_columns(iter(())), NO_LABELS, PulseFacts(), None)
    assert set(UNITS) <= set(arrays)
    units = {name: UNITS.get(name, "") for name in arrays}
    assert {r[0].strip("`"): r[1] for r in rows(text) if len(r) == 3} == units
    same([r[0].strip("`") for r in rows(text) if len(r) == 2], event_arrays(()))


def test_every_column_and_file_of_other_techniques():
    page = sections(REFERENCE / "files.md")
    table = rows(page["Columns of other techniques"])
    run = new_run(announcement=announced(announcement("u")))
    found = GRID_FILES.columns(run, NO_LABELS)
    units = {name: GRID_FILES.units.get(name, "") for name in found}
    assert {r[0].strip("`"): r[1] for r in table if len(r) == 3} == units
    assert not set(found) & set(
        image_columns(row_columns(iter(())), NO_LABELS, PulseFacts(), None)
    )
    others = page["Files of other techniques"]
    same(names(others), {grid_files.TABLE, grid_files.picture_name(0)})
    assert grid_files.picture_name(1) in others
    assert all(
        f"`{grade.name.lower()}`" in page["Columns of other techniques"]
        for grade in AngleGrade
    )


def test_every_fault():
    documented = names(sections(REFERENCE / "simulator.md")["Faults"])
    same([n.split("=")[0] for n in documented], [f.name for f in fields(Faults)])


def test_every_key_of_the_truth_file():
    run = SimulatedRun(number=1, images=1, rate_hz=1.0)
    nothing = np.zeros((1, 1), np.uint16)
    artefacts = {"ice": True, "salt": True, "zingers": 1, "jet": {}, "ring": True}
    still = Still(
        *("hit", nothing, (), ()),
        artefacts=artefacts,
        forms=(0, 1),
        geometry=default_geometry(),
    )
    frame = SimpleNamespace(kind="hit", orientations=(), artefacts=still.truth)
    series: Any = SimpleNamespace(frame=lambda _: frame)
    plan = make_plan(run.event_chains, 1, Faults(), 1)
    fate = fates(Faults(), plan.due_ns, 1)[0]
    entry = truth_entry(plan, series.frame(0), 0, 0, fate, 0)
    entry |= well_entry(SimulatedChip(), (0, 0, 0), 0)
    same(names(sections(REFERENCE / "simulator.md")["Truth file"]), entry)


def test_every_setting_of_a_simulated_chip():
    table = rows(sections(REFERENCE / "simulator.md")["Chip"])
    documented = {row[0].strip("`"): row[1].strip("`") for row in table}
    same(list(documented), [f.name for f in fields(SimulatedChip)])
    spelt = ",".join(f"{name}={value}" for name, value in documented.items())
    assert parse_chip(spelt) == SimulatedChip()


def test_every_table_and_column_of_the_database():
    page = sections(REFERENCE / "ispyb.md")
    documented = {
        title.split(" (")[0]: names(text)
        for title, text in page.items()
        if re.search(r" \(S.*\)$", title)
    }
    real = {
        name: [column.name for column in table.columns]
        for name, table in ALL_TABLES.items()
    }
    same(documented, real)
    for name, columns in real.items():
        same(documented[name], columns)


def test_rights_are_those_of_the_grants():
    text = (DOCS / "how-to" / "beamline-host.md").read_text(encoding="utf-8")
    granted = {
        table: rights
        for rights, table in re.findall(
            r"^GRANT ([A-Z, ]+)(?: \(\w+\))? ON ispyb\.(\w+)", text, re.M
        )
    }
    initial = {"S": "SELECT", "I": "INSERT", "U": "UPDATE"}
    documented = {}
    for title in sections(REFERENCE / "ispyb.md"):
        if match := re.match(r"(\w+) \(([SIU, ]+)\)$", title):
            rights = [initial[letter] for letter in match[2].split(", ")]
            documented[match[1]] = ", ".join(rights)
    assert granted == documented
    needed: dict[str, set[str]] = defaultdict(set)
    for group in RIGHTS.values():
        for table, letters in group.items():
            needed[table.name].update(letters, "S")
    assert documented == {
        name: ", ".join(initial[letter] for letter in "SIU" if letter in letters)
        for name, letters in needed.items()
    }


def test_every_status_in_the_database():
    text = (REFERENCE / "ispyb.md").read_text(encoding="utf-8")
    assert collections.RUN_STATUS.keys() == {*RunStatus} - {RunStatus.RUNNING}
    for status, shown in collections.RUN_STATUS.items():
        theirs = mx_dialect.PROGRAM_STATUS[status], diamond.PROGRAM_STATUS[status]
        program = " | ".join(f"`{value}`" for value in theirs)
        assert f"| {status} | `{shown}` | {program} |" in text


def test_every_capability_is_explained():
    text = sections(REFERENCE / "ispyb.md")["What may be missing"]
    same(names(text), Capability)


# -- labels --------------------------------------------------------------------


def label_examples() -> list[tuple[str, list[list[str]]]]:
    """Chains and the table after them."""
    text = (DOCS / "explanations" / "labels.md").read_text(encoding="utf-8")
    found = re.findall(
        r"^```json\n([^`]*)^```\n\n((?:\|[^\n]*\n)+)", text, re.MULTILINE
    )
    return [(chains, rows(table)) for chains, table in found]


def test_worked_examples_of_labels():
    assert len(label_examples()) == 4
    for chains, table in label_examples():
        labels = label_images(
            np.arange(len(table)),
            parse_chains({"event_chains": json.loads(chains)}),
            CapturedTriggers(),
        ).labels
        for n, row in enumerate(table):
            dark_n, delay = int(labels.dark_n[n]), int(labels.delay_ns[n])
            real = [
                str(n),
                str(PUMPS[labels.pump[n]]),
                "-" if dark_n == NO_DARK_N else str(dark_n),
                "-" if delay == NO_DELAY else f"{delay / 1e9:g}",
                str(labels.slot[n]),
            ]
            assert row == real, chains


def test_every_evidence_is_explained():
    found = sections(DOCS / "explanations" / "labels.md")["Evidence"]
    same(names(found), [str(item) for item in EVIDENCES])


# -- rooms ---------------------------------------------------------------------


def test_every_room_is_listed_in_the_order_of_its_imports():
    text = sections(DOCS / "explanations" / "architecture.md")["Rooms"]
    listed = [row[0].strip("`") for row in rows(text)]
    real = {path.parent.name for path in (ROOT / "recorder").glob("*/__init__.py")}
    same(listed, real)
    layers = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    first = layers["tool"]["importlinter"]["contracts"][0]["layers"]
    order = {
        room.strip(): n for n, line in enumerate(first) for room in line.split("|")
    }
    assert [order[room] for room in listed] == sorted(order[room] for room in listed)


def test_no_file_is_too_long():
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in (ROOT / "recorder").rglob("*.py")
    }
    assert lengths
    assert {path: n for path, n in lengths.items() if n > 300} == {}


# -- all pages -----------------------------------------------------------------


def slug(title: str) -> str:
    """The anchor that a heading gets."""
    return re.sub(r"[^\w\- ]", "", title.lower().replace("`", "")).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=PAGE_IDS)
def test_links_lead_somewhere(page: Path):
    text = re.sub(
        r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.M
    )
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        assert "://" not in target, f"{target}: documents link to nothing outside"
        path, _, anchor = target.partition("#")
        place = page if not path else (page.parent / path).resolve()
        assert place.is_file(), f"{target}: no such file"
        if anchor:
            titles = re.findall(r"^#+ (.+)$", place.read_text(encoding="utf-8"), re.M)
            assert anchor in map(slug, titles), f"{target}: no such heading"


@pytest.mark.parametrize("page", PAGES, ids=PAGE_IDS)
def test_no_page_leads_to_the_internet(page: Path):
    """Packages are named by name; a page needs no host but the reader's own.

    Names that are reserved for examples stand for one of the reader's site.
    """
    text = page.read_text(encoding="utf-8")
    hosts = re.findall(r"https?://([^/\s)`\"]+)", text)
    theirs = re.compile(r"(127\.0\.0\.1.*|localhost|([\w-]+\.)*example\.org)(:\d+)?")
    assert [host for host in hosts if not theirs.fullmatch(host)] == []


@pytest.mark.parametrize(
    "page", [p for p in PAGES if p.parent.name == "decisions"], ids=lambda p: p.stem
)
def test_decisions_have_their_parts(page: Path):
    text = page.read_text(encoding="utf-8")
    assert "**Status**:" in text
    assert {"Context", "Decision", "Rejected", "Consequences"} <= set(sections(page))
    assert len(re.findall(r"^\* \*\*", sections(page)["Rejected"], re.M)) >= 2


def test_every_page_can_be_reached():
    reached, todo = set(), [ROOT / "README.md"]
    while todo:
        page = todo.pop()
        if page in reached:
            continue
        reached.add(page)
        links = re.findall(
            r"\]\(([^)\s#]+\.md)[^)]*\)", page.read_text(encoding="utf-8")
        )
        todo += [(page.parent / target).resolve() for target in links]
    assert set(PAGES) <= reached


def test_changelog_knows_the_version():
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    version = re.search(r'^version = "(.+)"', project, re.M)
    assert version
    assert f"## [{version[1]}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
