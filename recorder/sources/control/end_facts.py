"""What the end of a run says of a scan: read leniently, taken as it is."""

from __future__ import annotations

from typing import Any

from recorder.errors import shown
from recorder.foreign_text import is_name
from recorder.records.limits import MAX_NAME, MAX_POINTS
from recorder.records.readings import EndFacts, Found, ReadingFiles, ScanResult
from recorder.sources.control.readings import is_number

_FOUND = ("energy", "f_prime", "f_double_prime")
_PLACES = ("peak", "inflection", "remote")
_FILES = ("scan", "efs", "plot", "fit", "report")


def end_facts(item: dict[str, Any]) -> EndFacts:
    """``points``, ``flux_end``, ``result`` and ``files`` of an end.

    What cannot be used is left out and named in ``problems``.
    """
    problems: list[str] = []
    points = item.get("points")
    if points is not None and not _is_count(points):
        problems.append(_why("points", points, f"a count up to {MAX_POINTS}"))
        points = None
    return EndFacts(
        points=points,
        flux=_number("flux_end", item.get("flux_end"), problems, least=0.0),
        result=_result(item.get("result"), problems),
        files=_files(item.get("files"), problems),
        problems=tuple(problems),
    )


def _is_count(value: Any) -> bool:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return whole and 0 <= value <= MAX_POINTS


def _why(where: str, value: Any, wanted: str) -> str:
    text = shown(value)
    return f"collection/end: {where}: {text} is left out: it must be {wanted}"


def _number(
    where: str, value: Any, problems: list[str], least: float | None = None
) -> float | None:
    if value is None:
        return None
    if is_number(value) and (least is None or value >= least):
        return float(value)
    wanted = "a number" if least is None else f"a number from {least:g}"
    problems.append(_why(where, value, wanted))
    return None


def _result(value: Any, problems: list[str]) -> ScanResult | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        problems.append(_why("result", value, f"an object with {', '.join(_PLACES)}"))
        return None
    problems += _unknown("result", value, _PLACES)
    found = {place: _found(place, value.get(place), problems) for place in _PLACES}
    return ScanResult(**found) if any(found.values()) else None


def _found(place: str, value: Any, problems: list[str]) -> Found | None:
    """A number alone is the energy."""
    where = f"result.{place}"
    if value is None:
        return None
    if not isinstance(value, dict):
        energy = _number(where, value, problems, least=0.0)
        return None if energy is None else Found(energy)
    problems += _unknown(where, value, _FOUND)
    numbers = {
        name: _number(f"{where}.{name}", value.get(name), problems) for name in _FOUND
    }
    if all(number is None for number in numbers.values()):
        return None
    return Found(**numbers)


def _files(value: Any, problems: list[str]) -> ReadingFiles | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        problems.append(_why("files", value, f"an object with {', '.join(_FILES)}"))
        return None
    problems += _unknown("files", value, _FILES)
    found: dict[str, str] = {}
    for name in _FILES:
        path = value.get(name)
        if isinstance(path, str) and path and is_name(path) and len(path) <= MAX_NAME:
            found[name] = path
        elif path is not None:
            wanted = f"a path of one line and at most {MAX_NAME} characters"
            problems.append(_why(f"files.{name}", path, wanted))
    return ReadingFiles(**found) if found else None


def _unknown(where: str, value: dict[str, Any], known: tuple[str, ...]) -> list[str]:
    """Keys that nobody reads: perhaps one that is spelt otherwise."""
    return [
        f"collection/end: {where}.{shown(key)[:MAX_NAME]} is no key of it and is not "
        "used"
        for key in sorted(set(value) - set(known))[:5]
    ]
