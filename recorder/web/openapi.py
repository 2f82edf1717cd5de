"""The OpenAPI 3.1 document of the read API, made from the types that are answered."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from recorder import __version__
from recorder.records import Json
from recorder.records.run_report import RunReport
from recorder.web import shapes
from recorder.web.openapi_paths import REF, paths
from recorder.web.said import SeenBody, Targets

_ANSWERS: dict[str, Any] = {
    "Now": shapes.Now,
    "Slow": shapes.Slow,
    "RunReport": RunReport,
    "RunList": shapes.RunList,
    "ExperimentList": shapes.ExperimentList,
    "ImageList": shapes.ImageList,
    "AlarmList": shapes.AlarmList,
    "Said": shapes.Said,
    "Health": shapes.Health,
    "Me": shapes.Me,
    "Problem": shapes.Problem,
    "SeenBody": SeenBody,
    "Targets": Targets,
}


def openapi() -> Json:
    """The whole document."""
    schemas = _schemas()
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "recorder",
            "version": __version__,
            "description": "What is recorded, and what happens now. Read only, but for "
            "what people say on the page. See docs/reference/api.md.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths(),
        "components": {"schemas": schemas},
    }


def _schemas() -> Json:
    inputs = [(n, "serialization", TypeAdapter(kind)) for n, kind in _ANSWERS.items()]
    made, document = TypeAdapter.json_schemas(inputs, ref_template=REF)  # type: ignore[arg-type]
    found: Json = dict(document.get("$defs", {}))
    for (name, _), schema in made.items():
        if schema != {"$ref": REF.format(model=name)}:
            found[name] = schema
    return dict(sorted(found.items()))
