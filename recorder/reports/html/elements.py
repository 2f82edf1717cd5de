"""Elements of a page: all text in them is escaped, whoever wrote it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from itertools import zip_longest

from recorder.foreign_text import plain

VOID = {"meta", "line", "rect", "polyline", "polygon", "br"}
"""Elements that have no content here."""


@dataclass(frozen=True, slots=True)
class Element:
    """A finished piece of a page."""

    text: str


Child = Element | str | None


def el(name: str, /, *children: Child, **attributes: object) -> Element:
    """An element; texts and values are escaped, None is left out.

    Args:
        name: Of the element.
        children: Elements and texts.
        attributes: ``class_`` is ``class``; an underscore within stands for a dash.
    """
    told = "".join(
        f' {_name(key)}="{escape(plain(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in VOID and not children:
        return Element(f"<{name}{told}/>")
    return Element(f"<{name}{told}>{joined(children).text}</{name}>")


def joined(children: Iterable[Child]) -> Element:
    """Pieces one after the other."""
    return Element("".join(map(_content, children)))


def _content(child: Child) -> str:
    if isinstance(child, Element):
        return child.text
    return "" if child is None else escape(plain(child))


def _name(key: str) -> str:
    return key.rstrip("_").replace("_", "-") if key != "viewBox" else key


def table(head: Iterable[str], rows: Iterable[Iterable[Child]]) -> Element:
    """A table; nothing where it has no row.

    The name of a column stands where the numbers of its first row do.
    """
    listed = [tuple(row) for row in rows]
    if not listed:
        return Element("")
    body = [
        el("tr", *(el("td", cell, class_=_kind(cell)) for cell in row))
        for row in listed
    ]
    names = zip_longest(head, map(_kind, listed[0]), fillvalue="")
    first = el("tr", *(el("th", n, scope="col", class_=k or None) for n, k in names))
    whole = el("table", el("thead", first), el("tbody", *body))
    return el("div", whole, class_="wide")


def _kind(cell: Child) -> str | None:
    """Numbers stand at the right."""
    number = isinstance(cell, str) and cell[:1] in "0123456789+-" and bool(cell)
    return "n" if number else None


def pairs(rows: Iterable[tuple[str, Child]]) -> Element:
    """Names and values; those without a value are left out."""
    told = [(name, value) for name, value in rows if value not in (None, "")]
    cells = [el("div", el("dt", name), el("dd", value)) for name, value in told]
    return el("dl", *cells) if cells else Element("")
