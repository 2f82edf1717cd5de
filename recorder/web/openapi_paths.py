"""The addresses of the read API, as its OpenAPI document lists them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from recorder.records import Json
from recorder.web.runs import CLASSES, IMAGES, MAX_IMAGES, MAX_RUNS, RUNS

REF = "#/components/schemas/{model}"
_OBJECT: Json = {"type": "object"}
_LARGEST = 10**18
"""Whole numbers of 18 digits; see ``parameters.py``."""


def paths() -> Json:
    """All of them."""
    return {**_moments(), **_runs(), **_pictures(), **_sayings(), **_watching()}


def _ref(name: str) -> Json:
    return {"$ref": REF.format(model=name)}


def _said(what: str, schema: Json, kind: str = "application/json") -> Json:
    return {"description": what, "content": {kind: {"schema": schema}}}


def _problem(what: str) -> Json:
    return _said(what, _ref("Problem"), "application/problem+json")


_ALL = {
    "400": "A parameter cannot be read.",
    "401": "Nobody is signed in, or the session or token is over.",
    "403": "This way in is not made for that: the scope is missing.",
    "413": "The body is too long.",
    "421": "The host's name is none of ours.",
    "500": "A defect, or a report that cannot be read.",
    "503": "It cannot be answered now: `detail` says why.",
}


def _get(
    name: str,
    what: str,
    answer: Json,
    parameters: Sequence[Json] = (),
    missing: str | None = None,
) -> Json:
    problems = _ALL if missing is None else {**_ALL, "404": missing}
    return {
        "get": {
            "operationId": name,
            "summary": what,
            "parameters": list(parameters),
            "responses": {
                "200": answer,
                "304": {"description": "As the client has it (ETag)."},
                **{status: _problem(text) for status, text in problems.items()},
            },
        }
    }


def _number(name: str, what: str, low: int = 0, high: int = _LARGEST) -> Json:
    schema: Json = {"type": "integer", "minimum": low, "maximum": high}
    return {"name": name, "in": "query", "description": what, "schema": schema}


def _text(name: str, what: str, **schema: Any) -> Json:
    found = {"type": "string", **schema}
    return {"name": name, "in": "query", "description": what, "schema": found}


def _path(name: str, what: str, **schema: Any) -> Json:
    found = {"type": "string", "minLength": 1, **schema}
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": what,
        "schema": found,
    }


_RUN = _path("uid", "Uid of the run, its beginning, or its number (the latest of it).")


def _moments() -> Json:
    stream = _said("Events `now` and `slow`.", {"type": "string"}, "text/event-stream")
    now = _said("This moment.", _ref("Now"))
    slow = _said("What changes more slowly.", _ref("Slow"))
    run = _text("run", "All those of a run, also of one that is over.")
    return {
        "/api/v1/me": _get(
            "me", "Who is signed in, and what they see", _said("It.", _ref("Me"))
        ),
        "/api/v1/live": _get("live", "Live stream, server-sent events", stream),
        "/api/v1/now": _get("now", "The event `now`", now),
        "/api/v1/slow": _get("slow", "The event `slow`", slow),
        "/api/v1/status": _get(
            "status", "As `recorder status --json`", _said("The daemon.", _OBJECT)
        ),
        "/api/v1/alarms": _get(
            "alarms",
            "Alarms that stand, or all of a run",
            _said("Alarms.", _ref("AlarmList")),
            [run],
            missing="No such run.",
        ),
        "/api/v1/spool": _get(
            "spool",
            "As `recorder spool ls --json`",
            _said("By sink.", {"type": "array", "items": _OBJECT}),
        ),
    }


def _runs() -> Json:
    limit = _number("limit", f"At most so many; {RUNS} if not given.", 1, MAX_RUNS)
    before = _number("before", "`next` of the answer before.")
    experiment = _text("experiment", "Only of one: name or DataCollectionGroup id.")
    missing = "No such run, or no such image in it."
    images = [
        _RUN,
        _number("from", "Lowest image_id."),
        _number("to", "Highest image_id."),
        _text("class", "Only of a class.", enum=list(CLASSES)),
        _number("limit", f"At most so many; {IMAGES} if not given.", 1, MAX_IMAGES),
    ]
    one = _path("image_id", "Counted from 0.", pattern="^[0-9]{1,18}$")
    run = "/api/v1/runs/{uid}"
    return {
        "/api/v1/experiments": _get(
            "experiments",
            "Experiments",
            _said("The one that began last first.", _ref("ExperimentList")),
            [limit, before],
        ),
        "/api/v1/runs": _get(
            "runs",
            "Runs in short",
            _said("Latest first.", _ref("RunList")),
            [experiment, limit, before],
        ),
        run: _get(
            "run", "Report of a run", _said("It.", _ref("RunReport")), [_RUN], missing
        ),
        f"{run}/images": _get(
            "images", "Images", _said("By id.", _ref("ImageList")), images, missing
        ),
        f"{run}/images/{{image_id}}": _get(
            "image", "As `recorder why`", _said("All.", _OBJECT), [_RUN, one], missing
        ),
        f"{run}/chip": _get(
            "chip", "Chip or scan by well", _said("Wells.", _OBJECT), [_RUN], missing
        ),
    }


def _pictures() -> Json:
    png = _said("A picture.", {"type": "string"}, "image/png")
    missing = "None was made."
    kinds = ["last", "hit", "indexed", "unindexed", "powder"]
    which = _path("which", "Which image, or the virtual powder.", enum=kinds)
    return {
        "/api/v1/preview/{which}.png": _get(
            "picture", "Picture of an image", png, [which], missing
        ),
        "/api/v1/preview/{which}.json": _get(
            "about_picture", "Its spots", _said("They.", _OBJECT), [which], missing
        ),
        "/api/v1/peakogram": _get(
            "peakogram",
            "Spots by resolution and intensity",
            _said("Counts.", _OBJECT),
            missing=missing,
        ),
    }


def _sayings() -> Json:
    return {
        "/api/v1/alarms/{alarm}/seen": _post(
            "seen", "Mark an alarm as seen", _path("alarm", "Its id."), "SeenBody"
        ),
        "/api/v1/alarms/{alarm}/normal": _post(
            "normal",
            "Take the level of an alarm as the normal one",
            _path("alarm", "Its id."),
            "SeenBody",
        ),
        "/api/v1/runs/{uid}/targets": _post(
            "targets", "Set targets of time points", _RUN, "Targets"
        ),
    }


def _post(name: str, what: str, parameter: Json, body: str) -> Json:
    problems = {
        **_ALL,
        "403": "Not from our own page, not from this host, or the scope is missing.",
        "404": "There is none.",
        "408": "The body did not come in time.",
        "409": "As things are the daemon would refuse it.",
        "415": "It is no JSON.",
        "422": "The body cannot be read.",
    }
    return {
        "post": {
            "operationId": name,
            "summary": what,
            "parameters": [parameter],
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": _ref(body)}},
            },
            "responses": {
                "202": _said("It is passed on to the daemon.", _ref("Said")),
                **{status: _problem(text) for status, text in problems.items()},
            },
        }
    }


def _watching() -> Json:
    well = _said("It works.", _ref("Health"))
    text = _said("Metrics.", {"type": "string"}, "text/plain")
    return {
        "/healthz": _get("healthz", "Does this process work", well),
        "/readyz": _get("readyz", "Can the journal be read", well),
        "/metrics": _get("metrics", "For Prometheus", text),
    }
