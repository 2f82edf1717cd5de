"""Walks through py-ISPyB's API as one who tries everything."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import product
from typing import Any
from urllib.parse import quote

import jsonschema

from recorder.records.access import Rights
from recorder.web.callers import Caller, Kind
from recorder.web.pyispyb.call import Call
from recorder.web.pyispyb.calls import CALLS, openapi
from recorder.web.pyispyb.frame import ROOT
from tests.asgi import ALL as ALL_SCOPES
from tests.asgi import Asgi
from tests.reading import NAMES

READING = tuple(call for call in CALLS if call.method == "GET" and call.scope)
PERMISSIONS = frozenset(call.permission for call in CALLS if call.permission)
IDS = (1, 2, 3)
"""Numbers of most things."""
VALUES: dict[str, tuple[Any, ...]] = {
    "proposal": ("mx2345", "MX9999", "mx1"),
    "session": ("mx2345-1",),
    "dataCollectionIds": ("[1,2,3,4,5,6,7]",),
    "sessionId": (11, 12, 21),
    "blSampleId": (101, 102, 103, 201, 301),
    "dataCollectionId": (1, 6, 7),
    "search": ("s", "m", "1"),
    "beamLineName": ("id29", "ID23"),
}
_TOKENS = re.compile(r"smp\d+|prt\d+|cmp\d+|mx\d+|Mia|Carl|Otto")
_DOCUMENT = openapi()


def caller(rights: Rights, permissions: frozenset[str] = frozenset()) -> Caller:
    """Somebody with these rights, who may manage what is said."""
    found = Rights(
        rights.login,
        everything=rights.everything,
        beamlines=rights.beamlines,
        sessions=rights.sessions,
        proposals=rights.proposals,
        proposal_ids=rights.proposal_ids,
        permissions=permissions,
        only=rights.only,
    )
    return Caller(Kind.SESSION, found, ALL_SCOPES)


def addresses(call: Call) -> Iterator[str]:
    """With each value of each parameter, one at a time; of the path all."""
    inside = [one for one in call.parameters if one.place == "path"]
    for values in product(*(_values(one) for one in inside)):
        path = call.path
        for one, value in zip(inside, values, strict=True):
            path = path.replace("{" + one.name + "}", str(value))
        yield f"{ROOT}{path}"
        for one in call.parameters:
            if one.place == "query" and one.name not in ("skip", "limit"):
                for value in _values(one):
                    text = quote(str(value), safe="")
                    more = "&runId=1" if one.name == "beamLineName" else ""
                    yield f"{ROOT}{path}?{one.name}={text}{more}"


def _values(one: Any) -> tuple[Any, ...]:
    if one.name in VALUES:
        if one.name == "dataCollectionIds" and "[" not in one.schema["pattern"]:
            return ("1,2,3,4,5,6,7",)
        return VALUES[one.name]
    kind = one.schema["type"]
    if "enum" in one.schema:
        return tuple(one.schema["enum"])
    return {"integer": IDS, "boolean": ("true",)}.get(kind, ("x",))


def walk(
    app: Any,
    rights: Rights,
    permissions: frozenset[str],
    calls: Iterable[Call] = READING,
) -> set[str]:
    """Names that somebody finds; each answer is as the document says."""
    asgi = Asgi(app, caller(rights, permissions))
    found: set[str] = set()
    for call in calls:
        if call.permission is not None and call.permission not in permissions:
            continue
        for address in addresses(call):
            answer = asgi.get(address)
            assert answer.status in (200, 404, 403, 422), (address, answer.body)
            check = _checker(call.path, str(int(answer.status)))
            for error in check.iter_errors(answer.json):
                raise AssertionError(f"{address}: {error.message}")
            if answer.status == 200:
                found |= set(_TOKENS.findall(answer.body.decode()))
            else:
                assert not _TOKENS.findall(answer.body.decode()), address
    return found


@cache
def _checker(path: str, status: str) -> Any:
    """What says whether an answer is as the document has it."""
    operation = _DOCUMENT["paths"][f"{ROOT}{path}"]["get"]
    schema = operation["responses"][status]["content"]["application/json"]["schema"]
    whole = {**schema, "components": _DOCUMENT["components"]}
    return jsonschema.validators.validator_for(whole)(whole)


def expected(rights: Rights, permissions: frozenset[str]) -> set[str]:
    """What they may find."""
    everybody = {"Mia", "Carl", "Otto"} if "manage_persons" in permissions else set()
    return NAMES[rights.login] | everybody
