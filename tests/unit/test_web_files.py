"""Dashboard, alert rules and OpenAPI document name what is there."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from recorder.records.live import (
    LiveAlarm,
    LiveJournal,
    LivePool,
    LiveRun,
    LiveSink,
    LiveSource,
)
from recorder.records.live import LiveState as State
from recorder.records.live_node import LiveNode
from recorder.web.app import make_app
from recorder.web.feed import Feed
from recorder.web.metrics import Metrics
from recorder.web.openapi import openapi
from recorder.web.place import place_of
from recorder.web.shapes import Now, Slow
from tests.unit.test_docs import names, sections

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "config"
METRICS_PAGE = ROOT / "docs" / "reference" / "metrics.md"


@pytest.fixture
def rendered(settings) -> str:
    """All metrics, of a state that has everything."""
    feed = Feed(place_of(settings()))
    live = State(
        sources=(LiveSource("eiger", age_ms=5.0),),
        sinks=(LiveSink("ispyb"),),
        pool=LivePool(nodes=(LiveNode("a", "b", "ok"),)),
        journal=LiveJournal(disk_free=1),
        alarms=(LiveAlarm("a", "hit_rate", "red"), LiveAlarm("b", cleared_ns=1)),
        run=LiveRun(1, "u", newest_age_s=0.1),
        id=1,
    )
    feed.now_state = Now("ok", 0.1, live)
    feed.slow_state = Slow(1, complete=True)
    metrics = Metrics(feed)
    metrics.note(feed.now_state)
    metrics.answered(200)
    return metrics.render().decode()


def samples(text: str) -> dict[str, set[str]]:
    """Names of all samples, and the labels of each."""
    found: dict[str, set[str]] = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, _, labels = line.rpartition(" ")[0].partition("{")
            found.setdefault(name, set()).update(re.findall(r'(\w+)="', labels))
    return found


def test_the_page_lists_each_metric_with_its_labels(rendered):
    listed = set(
        names(
            sections(METRICS_PAGE)["Metrics"]
            if "Metrics" in sections(METRICS_PAGE)
            else METRICS_PAGE.read_text()
        )
    )
    there = {
        re.sub(r"_(bucket|sum|count)$", "", name)
        for name in samples(rendered)
        if not name.endswith("_created")
    }
    assert there == listed


def test_no_label_names_a_run_or_a_person(rendered):
    labels = set().union(*samples(rendered).values())
    assert labels <= {
        *("class", "source", "sink", "state", "status", "name", "severity", "le"),
        *("version", "node", "host"),
    }


def expressions() -> list[str]:
    board = json.loads((CONFIG / "grafana-dashboard.json").read_text())
    rules = yaml.safe_load((CONFIG / "prometheus-alerts.yml").read_text())
    return [
        *(t["expr"] for panel in board["panels"] for t in panel["targets"]),
        *(rule["expr"] for group in rules["groups"] for rule in group["rules"]),
    ]


@pytest.mark.parametrize("expression", expressions())
def test_dashboard_and_rules_ask_for_metrics_that_exist(rendered, expression):
    known = samples(rendered)
    asked = re.findall(r"\brecorder_\w+", expression)
    assert asked
    for name in asked:
        assert name in known, name
    for name, matched in re.findall(r"\b(recorder_\w+)\{(\w+)=", expression):
        assert matched in known[name]


def test_alarms_are_counted_while_they_stand(rendered):
    assert 'recorder_alarm{name="hit_rate",severity="red"} 1.0' in rendered
    assert 'severity="amber"' not in rendered


def test_the_committed_document_is_the_served_one():
    committed = json.loads((CONFIG / "openapi.json").read_text())
    assert committed == openapi(), "run `make schemas`"


NOT_LISTED = ("/sign-in", "/sign-out", "/account/", "/ispyb/")
"""What people's browsers do, and the API that has a document of its own."""


def test_the_document_lists_the_addresses_that_are_served(settings):
    routes = make_app(place_of(settings())).routes
    served = {
        (method.lower(), route.path.replace(":path", ""))
        for route in routes
        for method in getattr(route, "methods", None) or ()
        if method != "HEAD" and not route.path.startswith(NOT_LISTED)
        if route.path not in ("/", "/account", "/api/v1/openapi.json")
    }
    document = openapi()["paths"]
    listed = {(method, path) for path, item in document.items() for method in item}
    assert served == listed


def test_the_schemas_of_the_document_hold_together():
    def references(value: Any) -> set[str]:
        if isinstance(value, dict):
            own = {value["$ref"]} if "$ref" in value else set()
            return own.union(*map(references, value.values()))
        return (
            set().union(*map(references, value)) if isinstance(value, list) else set()
        )

    document = openapi()
    schemas = document["components"]["schemas"]
    for name in references(document):
        assert name.rpartition("/")[2] in schemas
    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)
