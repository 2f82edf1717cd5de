"""The OpenAPI 3.1 document of py-ISPyB's API, made from what each call declares."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import TypeAdapter

from recorder import __version__
from recorder.records import Json
from recorder.web.pyispyb.call import Call
from recorder.web.pyispyb.problems import Detail, Refused
from recorder.web.pyispyb.root import ROOT

_REF = "#/components/schemas/{model}"
_BEARER = "bearer"
_TIME = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?$"


def document(calls: Iterable[Call]) -> Json:
    """The whole document."""
    listed = list(calls)
    inputs: list[Any] = [
        ("Detail", "serialization", TypeAdapter(Detail)),
        ("Refused", "serialization", TypeAdapter(Refused)),
    ]
    for call in listed:
        inputs.append((_answer(call), "serialization", TypeAdapter(call.returns)))
        if call.body is not None:
            inputs.append((_body(call), "validation", TypeAdapter(call.body)))
    made, shared = TypeAdapter.json_schemas(inputs, ref_template=_REF)
    schemas = {name: schema for (name, _), schema in made.items()}
    for schema in (*schemas.values(), shared):
        _local_times(schema)
    found: Json = dict(shared.get("$defs", {}))
    for name in ("Detail", "Refused"):
        if schemas[name] != {"$ref": _REF.format(model=name)}:
            found[name] = schemas[name]
    paths: dict[str, Json] = {}
    for call in listed:
        paths.setdefault(f"{ROOT}{call.path}", {})[call.method.lower()] = _operation(
            call, schemas
        )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "recorder: py-ISPyB's API",
            "version": __version__,
            "description": "What py-ISPyB's page and clients ask, with live numbers of "
            "the recorder's own runs. See docs/reference/pyispyb-api.md.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": dict(sorted(found.items())),
            "securitySchemes": {_BEARER: {"type": "http", "scheme": "bearer"}},
        },
    }


def _local_times(schema: Any) -> None:
    """Say of times what they are: the facility's, without the zone of a date-time."""
    if isinstance(schema, list):
        for item in schema:
            _local_times(item)
    if isinstance(schema, dict):
        if schema.get("format") == "date-time":
            del schema["format"]
            schema |= {"pattern": _TIME, "description": "Local time of the facility."}
        for item in schema.values():
            _local_times(item)


def _answer(call: Call) -> str:
    return f"{call.operation} answers"


def _body(call: Call) -> str:
    return f"{call.operation} takes"


def _operation(call: Call, schemas: Json) -> Json:
    found: Json = {
        "operationId": call.operation,
        "summary": call.about,
        "parameters": [one.described() for one in call.parameters],
        "responses": _responses(call, schemas),
    }
    if call.body is not None:
        found["requestBody"] = {"required": True, **_content(schemas[_body(call)])}
    if call.reads_body:
        found["requestBody"] = {"required": True, **_content({})}
    if call.scope is not None:
        found["security"] = [{_BEARER: []}]
    return found


def _responses(call: Call, schemas: Json) -> Json:
    done: Json = {"description": "It."}
    if call.media:
        done["content"] = {media: {} for media in call.media}
    elif call.status != 204:
        done |= _content(schemas[_answer(call)])
    found: Json = {str(call.status): done}
    if call.method == "GET":
        found["304"] = {"description": "What the client has is still so."}
    for status, about in _problems(call).items():
        name = "Refused" if status == "422" else "Detail"
        ref = {"$ref": _REF.format(model=name)}
        found[status] = {"description": about, **_content(ref)}
    return found


def _content(schema: Json) -> Json:
    return {"content": {"application/json": {"schema": schema}}}


def _problems(call: Call) -> dict[str, str]:
    """What may go wrong, by status."""
    found = {
        "421": "The host's name is none of ours.",
        "500": "A defect.",
        "503": "The database is away, or too many ask.",
    }
    if call.scope is not None:
        found |= {"401": "Nobody is signed in.", "403": "They may not."}
    if call.parameters or call.body is not None:
        found["422"] = "A parameter or the body cannot be read."
    if any(one.place == "path" for one in call.parameters) or call.may_miss:
        found["404"] = "There is none, or none that they may see."
    return found | {str(status): about for status, about in call.problems}
