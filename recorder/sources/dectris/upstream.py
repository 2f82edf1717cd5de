"""What a stream's own analysis says of an image: Jungfraujoch's keys, as far as sent.

Of these keys only ``indexing_result`` and ``indexing_unit_cell`` are confirmed by
other consumers; the rest is read where it is there and never required
(docs/reference/streams.md).
"""

from __future__ import annotations

from typing import Any

from recorder.records import Cell, Upstream
from recorder.sources.dectris.checks import MAX_ID, finite

_CELL = ("a", "b", "c", "alpha", "beta", "gamma")


def read_upstream(body: dict[str, Any]) -> Upstream | None:
    """The analysis in an image message or an entry of a metadata message.

    Returns:
        None if it says neither how many spots there are nor whether they index.
    """
    indexed = body.get("indexing_result")
    spots = _count(body.get("spot_count"))
    if spots is None and isinstance(body.get("spots"), list):
        spots = len(body["spots"])
    told = isinstance(indexed, bool | int)
    if not told and spots is None:
        return None
    return Upstream(
        indexed=bool(indexed) if told else False,
        spots=spots,
        cell=_cell(body.get("indexing_unit_cell")),
        vectors=_numbers(body.get("indexing_lattice"), 9),
        background=_number(body.get("bkg_estimate")),
        resolution=_number(body.get("resolution_estimate")),
        saturated_pixels=_count(body.get("saturated_pixel_count")) or 0,
    )


def _number(value: Any) -> float | None:
    return None if isinstance(value, bool) else finite(value)


def _count(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value <= MAX_ID else None


def _numbers(value: Any, count: int) -> tuple[float, ...] | None:
    if not isinstance(value, list) or len(value) != count:
        return None
    found = tuple(_number(item) for item in value)
    return tuple(v for v in found if v is not None) if None not in found else None


def _cell(value: Any) -> Cell | None:
    if isinstance(value, dict):
        value = [value.get(name) for name in _CELL]
    numbers = _numbers(value, 6)
    if numbers is None or min(numbers) <= 0:
        return None
    a, b, c, alpha, beta, gamma = numbers
    return (a, b, c, alpha, beta, gamma)
